"""What does a control plane node look like from outside while its kubelet, or kubeadm, replaces its static Pods?"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import ClusterSpec, Lab, LabCluster, Latency
from lab.api_door import Phase
from lab.control_plane import COMPONENTS
from lab.releases import Release
from test_lab.conftest import SMALL, Ssh, core, eventually
from test_lab.observed import answer, changes, in_order
from test_lab.test_api import READER, evict, pods
from test_lab.test_kubeadm import install

CP = "demo-a-cp1"
RESTART = "sudo -n systemctl restart kubelet"


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Ssh]:
    """Every phase lasts long enough to be seen over the wire."""
    latency = Latency(
        static_pods_linger=0.3, static_pods_down=0.15, api_forbids=0.2, api_unready=0.2, node_authorizer=0.3
    )
    with Lab(tmp_path, [SMALL], latency) as lab:
        yield Ssh(lab, lab.clusters["demo-a"])


def apply(ssh: Ssh, node: str = CP) -> None:
    install(ssh, node, "1.29.15")
    assert ssh(node, "sudo -n kubeadm upgrade apply v1.29.15 --yes").returncode == 0


def static(cluster: LabCluster, component: str, node: str = CP) -> tuple[str, str, str]:
    """uid, config.hash and Ready ("?" where nobody has told)."""
    pod = cluster.object("Pod", "kube-system", f"{component}-{node}")
    assert pod is not None
    ready = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}.get("Ready", "?")
    return pod["metadata"]["uid"], pod["metadata"]["annotations"]["kubernetes.io/config.hash"], ready


def through(cluster: LabCluster, node: str = CP) -> Callable[[], bool]:
    plane, door = cluster.simulated.control_plane, cluster.simulated.door
    return lambda: cluster.node_state(node).ready and not plane.disturbed(node) and door.phase is Phase.SERVING


def test_a_kubelet_of_the_next_minor_makes_the_static_pods_anew(slow: Ssh) -> None:
    """golden/kubelet-restart-control-plane-1.33-to-1.34-timeline.txt, from 20:10:34 on."""
    apply(slow)
    install(slow, CP, "1.29.15", "kubelet")
    before = {component: static(slow.cluster, component) for component in COMPONENTS}
    slow(CP, RESTART)
    eventually(lambda: slow.cluster.node_state(CP).ready and slow.cluster.node_state(CP).kubelet == "v1.29.15")
    assert {component: static(slow.cluster, component) for component in COMPONENTS} == before
    seen = changes(lambda: pods_seen(slow.cluster), through(slow.cluster))
    for place, component in enumerate(COMPONENTS):
        uid, digest, _ = before[component]
        new = static(slow.cluster, component)
        assert new[0] != uid
        assert new[1] != digest
        states = [one[place] for one in seen if isinstance(one, tuple) and one]
        assert list(dict.fromkeys(states)) == [
            *((uid, digest, ready) for ready in ("True", "False")),
            *((*new[:2], ready) for ready in ("?", "False", "True")),
        ]


def pods_seen(cluster: LabCluster) -> tuple[tuple[str, str, str], ...]:
    """All of one moment; nothing while one is being replaced by another."""
    try:
        return tuple(static(cluster, component) for component in COMPONENTS)
    except AssertionError:
        return ()


def test_a_kubelet_of_the_same_minor_leaves_them_alone(ssh: Ssh, small: LabCluster) -> None:
    before = pods_seen(small)
    count = len(small.timeline)
    ssh(CP, RESTART)
    eventually(lambda: len(small.timeline) >= count + 2 and small.node_state(CP).ready)
    assert changes(lambda: pods_seen(small), patience(0.3)) == [before]
    assert answer(small, "/readyz") == (200, "")


def patience(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def test_an_apiserver_that_comes_back_refuses_forbids_is_unready_and_serves(slow: Ssh) -> None:
    """The same, and golden/README.md's last section: 403 to everybody, then 500 on /readyz, then 200."""
    slow.cluster.apply(READER)
    path = slow.cluster.service_account_kubeconfig("kube-system", "reader")
    token = yaml.safe_load(path.read_text())["users"][0]["user"]["token"]
    user = 'User "system:serviceaccount:kube-system:reader"'
    apply(slow)
    install(slow, CP, "1.29.15", "kubelet")
    slow(CP, RESTART)
    ready = changes(lambda: answer(slow.cluster, "/readyz", token), through(slow.cluster))
    unready = "[-]poststarthook/rbac/bootstrap-roles failed: reason withheld"
    no_path = f'forbidden: {user} cannot get path "/readyz"'
    assert in_order(ready, [(200, ""), (0, "refused"), (403, no_path), (500, unready), (200, "")])


def test_what_was_allowed_is_forbidden_for_a_while(slow: Ssh) -> None:
    slow.cluster.apply(READER)
    path = slow.cluster.service_account_kubeconfig("kube-system", "reader")
    token = yaml.safe_load(path.read_text())["users"][0]["user"]["token"]
    slow.cluster.faults.api_down(0.1)
    pods = changes(lambda: answer(slow.cluster, "/api/v1/pods", token), patience(1.0))
    text = 'pods is forbidden: User "system:serviceaccount:kube-system:reader" cannot list resource "pods" in API group'
    assert pods == [(0, "refused"), (403, f'{text} "" at the cluster scope'), (200, "")]


def test_a_swapped_apiserver_comes_back_in_the_same_way(slow: Ssh) -> None:
    """golden/kubelet-restart-control-plane-1.33-to-1.34-timeline.txt, 20:08:39 to 20:09:18."""
    plane = slow.cluster.simulated.control_plane
    begin(slow, plane.swap(CP, "kube-apiserver", "registry.k8s.io/kube-apiserver:v1.29.15"))
    codes = changes(lambda: answer(slow.cluster, "/readyz")[0], patience(1.0))
    assert in_order(codes, [0, 403, 500, 200])


def begin(ssh: Ssh, work: Coroutine[Any, Any, None]) -> None:
    async def spawn() -> None:
        ssh.cluster.simulated.spawn(work)

    ssh.lab.run(spawn())


def test_behind_a_load_balancer_nobody_sees_one_that_starts(ssh_high: Ssh, high: LabCluster) -> None:
    plane = high.simulated.control_plane
    begin(ssh_high, plane.swap("demo-b-cp1", "kube-apiserver", "registry.k8s.io/kube-apiserver:v1.29.15"))
    assert set(changes(lambda: answer(high, "/readyz"), patience(0.5))) == {(200, "")}


def test_kubeadm_on_a_worker_is_refused_until_it_is_known_again(slow: Ssh) -> None:
    """golden/README.md, last section: failed once, and worked seconds later."""
    slow.cluster.faults.api_down(0.05)
    eventually(lambda: answer(slow.cluster, "/readyz")[0] == 500)
    refused = slow("demo-a-w1", "sudo -n kubeadm upgrade node")
    assert refused.returncode == 1
    assert 'configmaps "kubeadm-config" is forbidden: User "system:node:demo-a-w1" cannot get' in refused.stderr
    assert "no relationship found between node 'demo-a-w1' and this object" in refused.stderr
    eventually(lambda: slow("demo-a-w1", "sudo -n kubeadm upgrade node").returncode == 0)


def test_controllers_come_back_last(tmp_path: Path) -> None:
    """golden/README.md, last section: evicted Pods were not made anew for 30 to 40 s."""
    with Lab(tmp_path, [SMALL], Latency(controllers_return=0.6)) as lab:
        cluster = lab.clusters["demo-a"]
        begin(Ssh(lab, cluster), cluster.simulated.control_plane.swap(CP, "kube-scheduler", "scheduler:v1.29.15"))
        names = {pod["metadata"]["name"] for pod in cluster.objects("Pod", "shop")}
        api = core(cluster.admin_kubeconfig)
        evict(api, pods(api, "batch")[0])
        eventually(lambda: len(cluster.objects("Pod", "shop")) == len(names) - 1)
        assert len(changes(lambda: len(cluster.objects("Pod", "shop")), patience(0.2))) == 1
        eventually(lambda: len(cluster.objects("Pod", "shop")) == len(names))


NEXT_KUBELET = "control plane nodes demo-b-cp1 and demo-b-cp2 are disrupted at once"
QUORUM = "etcd has lost its quorum: 1 of 3 members are up"


def high_apart(tmp_path: Path, **latency: float) -> Lab:
    return Lab(tmp_path, [ClusterSpec("demo-b", 3, 1, version="1.29.15")], Latency(**latency))


def test_who_goes_on_as_soon_as_the_node_is_ready_takes_two_down_at_once(tmp_path: Path) -> None:
    """golden/apiservers-ha-1.33-to-1.34-timeline.txt, 20:03:37 to 20:03:53."""
    with high_apart(tmp_path, static_pods_linger=0.1, static_pods_down=0.8) as lab:
        cluster = lab.clusters["demo-b"]
        for node in ("demo-b-cp1", "demo-b-cp2"):
            restart(lab, node)
            eventually(lambda node=node: cluster.node_state(node).kubelet == "v1.30.14")
            eventually(lambda node=node: cluster.node_state(node).ready)
        eventually(lambda: QUORUM in cluster.violations)
        assert NEXT_KUBELET in cluster.violations
        assert answer(cluster, "/readyz") == (0, "refused")
        eventually(lambda: answer(cluster, "/readyz") == (200, ""))


def test_who_waits_for_the_static_pods_breaks_no_rule(tmp_path: Path) -> None:
    with high_apart(tmp_path) as lab:
        cluster = lab.clusters["demo-b"]
        for node in ("demo-b-cp1", "demo-b-cp2", "demo-b-cp3"):
            restart(lab, node)
            eventually(through(cluster, node))
        assert not [one for one in cluster.violations if "at once" in one or "quorum" in one]


def test_kubeadm_beside_a_kubelet_that_makes_its_static_pods_anew(tmp_path: Path) -> None:
    with high_apart(tmp_path, static_pods_linger=0.05, static_pods_down=0.8) as lab:
        cluster = lab.clusters["demo-b"]
        plane = cluster.simulated.control_plane
        restart(lab, "demo-b-cp1")
        eventually(lambda: "demo-b-cp1" in plane.fallen)
        begin(Ssh(lab, cluster), plane.swap("demo-b-cp2", "etcd", "registry.k8s.io/etcd:3.5.16-0"))
        eventually(lambda: {NEXT_KUBELET, QUORUM} <= set(cluster.violations))


def restart(lab: Lab, node: str) -> None:
    """A kubelet of the next minor starts."""

    async def start() -> None:
        cluster = lab.clusters["demo-b"].simulated
        cluster.kubelets[node].start(Release.parse("1.30.14"))

    lab.run(start())


def test_a_whole_restart_is_fast(ssh: Ssh, small: LabCluster) -> None:
    """Whoever tests a product with the lab waits for it many times."""
    install(ssh, CP, "1.29.15", "kubelet")
    ssh(CP, RESTART)
    begin_at = time.monotonic()
    eventually(through(small))
    assert time.monotonic() - begin_at < 0.6
