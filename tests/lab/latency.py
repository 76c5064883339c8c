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
    #: A kubelet of another minor: how long it leaves the static Pods alone once the Node is Ready, how long they are
    #: only said to be not Ready, how long they are down, and when the new ones have started and are Ready.
    static_pods_linger: float = 0.05
    static_pods_stop: float = 0.02
    static_pods_down: float = 0.05
    static_pods_start: float = 0.03
    static_pods_ready: float = 0.04
    #: The only apiserver has started: how long it answers 403, then 500 on /readyz, and how long after that nodes
    #: are still strangers to it.
    api_forbids: float = 0.05
    api_unready: float = 0.05
    node_authorizer: float = 0.05
    #: After every controller manager or scheduler was down.
    controllers_return: float = 0.05
    snapshot: float = 0.0
    #: A restarted kubelet: how long the Node still says Ready with the old version, then NotReady.
    kubelet_silent: float = 0.05
    kubelet_not_ready: float = 0.1
    #: How long systemd waits before it starts a kubelet again that did not stay up.
    kubelet_restart: float = 0.05
    heartbeat: float = 0.2
    #: A kubelet silent for this long makes the node Unknown.
    node_grace: float = 3.0
    #: How long a machine is off when it is rebooted.
    reboot: float = 0.1
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
            static_pods_linger=0.25,
            static_pods_stop=0.25,
            static_pods_down=0.6,
            static_pods_start=1.0,
            static_pods_ready=1.7,
            api_forbids=0.5,
            api_unready=0.3,
            node_authorizer=1.0,
            controllers_return=7.0,
            snapshot=0.5,
            kubelet_silent=1.5,
            kubelet_not_ready=2.5,
            kubelet_restart=2.0,
            heartbeat=2.0,
            node_grace=40.0,
            reboot=6.0,
            eviction_grace=1.5,
            pod_start=1.0,
            lock_second=1.0,
        )
