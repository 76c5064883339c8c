"""How long does everything take?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Latency:
    """Seconds per action; the defaults are what a test wants: next to nothing, but in the right order."""

    apt_update: float = 0.0
    apt_install: float = 0.0
    image_pull: float = 0.0
    kubeadm_plan: float = 0.0
    kubeadm_preflight: float = 0.0
    kubeadm_node: float = 0.0
    kubeadm_addons: float = 0.0
    etcd_swap: float = 0.02
    apiserver_swap: float = 0.02
    static_pod_swap: float = 0.0
    snapshot: float = 0.0
    #: A restarted kubelet: how long the Node still says Ready with the old version, then NotReady.
    kubelet_silent: float = 0.05
    kubelet_not_ready: float = 0.1
    heartbeat: float = 0.2
    #: A kubelet silent for this long makes the node Unknown.
    node_grace: float = 3.0
    eviction_grace: float = 0.02
    pod_start: float = 0.02
    #: How long one second of apt's own lock timeout lasts.
    lock_second: float = 0.02

    @classmethod
    def none(cls) -> Latency:
        return cls()

    @classmethod
    def human(cls) -> Latency:
        """Pleasant to watch: golden/README.md's durations divided by about five."""
        return cls(
            apt_update=1.0,
            apt_install=1.5,
            image_pull=1.5,
            kubeadm_plan=0.6,
            kubeadm_preflight=1.2,
            kubeadm_node=0.5,
            kubeadm_addons=0.8,
            etcd_swap=3.5,
            apiserver_swap=2.0,
            static_pod_swap=1.2,
            snapshot=0.5,
            kubelet_silent=1.5,
            kubelet_not_ready=2.5,
            heartbeat=2.0,
            node_grace=40.0,
            eviction_grace=1.5,
            pod_start=1.0,
            lock_second=1.0,
        )
