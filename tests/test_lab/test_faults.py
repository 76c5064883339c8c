"""Does every fault break what it says, and can it be lifted?"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3
from kubernetes.client.rest import ApiException

from lab import Lab, LabCluster, Latency
from lab.control_plane import COMPONENTS
from test_lab.conftest import SMALL, Ssh, core, eventually
from test_lab.test_api import evict, pods, raw

NODE = "demo-a-w1"


def refused(cluster: LabCluster) -> bool:
    try:
        return raw(cluster, "/readyz")[0] != 200
    except OSError:
        return True


def test_api_down(small: LabCluster) -> None:
    assert not refused(small)
    with small.faults.api_down():
        assert refused(small)
    eventually(lambda: not refused(small))
    small.faults.api_down(0.3)
    assert refused(small)
    eventually(lambda: not refused(small))


def test_a_dropped_session_kills_its_command_but_not_a_unit(ssh: Ssh, small: LabCluster) -> None:
    small.faults.drop_session(NODE, "sleep")
    assert ssh(NODE, "sudo -n sleep 5").returncode == 255
    eventually(lambda: small.log[-1].exit_code == 129)
    small.faults.drop_session(NODE, when_argv_starts_with=("kubeadm", "upgrade", "node"))
    start = "sudo -n systemd-run --unit=node --property=RemainAfterExit=yes -- kubeadm upgrade node"
    assert ssh(NODE, start).returncode == 255
    eventually(lambda: small.log[-1].exit_code == 0 and small.log[-1].unit == "node")
    assert ssh(NODE, "systemctl is-active node").stdout == "active\n"


def test_a_held_command_has_begun_and_does_nothing_until_it_is_let_go_on(ssh: Ssh, small: LabCluster) -> None:
    start = "sudo -n systemd-run --unit=node --property=RemainAfterExit=yes -- kubeadm upgrade node"
    fault = small.faults.held(NODE, "kubeadm upgrade node")
    assert ssh(NODE, start).returncode == 0
    time.sleep(0.2)
    assert (small.log[-1].unit, small.log[-1].exit_code) == ("node", None)
    fault.lift()
    eventually(lambda: small.log[-1].exit_code == 0)


def test_while_the_network_stalls_nothing_arrives_and_nothing_is_refused(ssh: Ssh, small: LabCluster) -> None:
    """A command that had come before runs on; its answer, and requests to the API, come late."""
    before = len(small.log)
    stall = small.faults.network_stalls()
    with ThreadPoolExecutor() as threads:
        command, request = threads.submit(ssh, NODE, "true"), threads.submit(raw, small, "/readyz")
        time.sleep(0.5)
        assert not command.done()
        assert not request.done()
        assert len(small.log) == before
        stall.lift()
        assert command.result(10).returncode == 0
        assert request.result(10)[0] == 200


def test_ssh_down(ssh: Ssh, small: LabCluster) -> None:
    """Sessions end and none begins; the machine, its units and its kubelet go on."""
    ssh(NODE, "sudo -n systemd-run --unit=long --property=RemainAfterExit=yes -- sleep 1")
    with ThreadPoolExecutor() as threads:
        session = threads.submit(ssh, NODE, "sleep 5")
        eventually(lambda: small.log[-1].argv == ("sleep", "5"))
        fault = small.faults.ssh_down(NODE)
        assert session.result(10).returncode == 255
    assert ssh(NODE, "true").returncode == 255
    assert small.node_state(NODE).ready
    fault.lift()
    eventually(lambda: ssh(NODE, "true").returncode == 0)
    eventually(lambda: ssh(NODE, "systemctl show -p SubState --value long").stdout == "exited\n")


def test_never_ready(ssh: Ssh, small: LabCluster) -> None:
    fault = small.faults.never_ready(NODE)
    ssh(NODE, "sudo -n systemctl restart kubelet")
    eventually(lambda: not small.node_state(NODE).ready)
    time.sleep(0.4)
    ready = small.object("Node", None, NODE)["status"]["conditions"][-1]
    assert "cni plugin not initialized" in ready["message"]
    assert ready["status"] == "False"
    fault.lift()
    eventually(lambda: small.node_state(NODE).ready)


def test_apt_lock(ssh: Ssh, small: LabCluster) -> None:
    install = "sudo -n apt-get install -y --allow-change-held-packages"
    with small.faults.apt_lock(NODE):
        locked = ssh(NODE, f"{install} kubelet=1.28.15-1.1")
        assert locked.returncode == 100
        assert "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process" in locked.stderr
        assert ssh(NODE, f"{install} -o DPkg::Lock::Timeout=5 kubelet=1.28.15-1.1").returncode == 100
    small.faults.apt_lock(NODE, seconds=20)
    assert ssh(NODE, f"{install} -o DPkg::Lock::Timeout=300 kubelet=1.28.15-1.1").returncode == 0


def test_budget_never_allows(small: LabCluster) -> None:
    api = core(small.admin_kubeconfig)
    with small.faults.budget_never_allows("shop", "api"):
        with pytest.raises(ApiException) as blocked:
            evict(api, pods(api, "api")[0])
        assert blocked.value.status == 429
    evict(api, pods(api, "api")[0])


def test_slow_and_slow_answer(ssh: Ssh, small: LabCluster) -> None:
    small.faults.slow(NODE, "hostname", 0.4)
    begin = time.monotonic()
    ssh(NODE, "hostname")
    assert time.monotonic() - begin > 0.4
    small.faults.lift_all()
    small.faults.slow_answer(NODE, "mkdir", 0.5)
    begin = time.monotonic()
    ssh(NODE, "mkdir /tmp/there")
    assert time.monotonic() - begin > 0.5
    assert time.time() - small.log[-1].time > 0.5


def test_fail_as_often_as_said(ssh: Ssh, small: LabCluster) -> None:
    small.faults.fail(NODE, "env DEBIAN_FRONTEND=noninteractive apt-get", 100, "E: mirror sync in progress", 2)
    command = "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get update"
    answers = [ssh(NODE, command) for _ in range(3)]
    assert [one.returncode for one in answers] == [100, 100, 0]
    assert answers[0].stderr == "E: mirror sync in progress\n"
    small.faults.fail(NODE, ["apt-get"], 100, times=None)
    assert [ssh(NODE, command).returncode for _ in range(2)] == [100, 100]


def test_a_machine_that_is_too_busy_for_the_lab_takes_no_node_down(lab: Lab, small: LabCluster) -> None:
    """Everything in it stands still then, and whoever counts the nodes that are out would count all."""
    lab._loop.call_soon_threadsafe(time.sleep, 3.0)  # twice as long as a silent kubelet is waited for
    time.sleep(4.0)
    assert all(sample.ready for sample in small.timeline)


def test_node_down(ssh: Ssh, small: LabCluster) -> None:
    with small.faults.node_down(NODE):
        assert ssh(NODE, "true").returncode == 255
        eventually(lambda: not small.node_state(NODE).ready)
        node = small.object("Node", None, NODE)
        assert {one["status"] for one in node["status"]["conditions"]} == {"Unknown"}
        eventually(lambda: "taints" in small.object("Node", None, NODE)["spec"])
        assert small.object("Node", None, NODE)["spec"]["taints"][0]["key"] == "node.kubernetes.io/unreachable"
    eventually(lambda: small.node_state(NODE).ready)
    eventually(lambda: ssh(NODE, "true").returncode == 0)


def test_a_single_control_plane_is_away_while_it_is_replaced(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """golden/api-availability.log"""
    with Lab(tmp_path, [SMALL], Latency(apiserver_swap=0.6)) as lab:
        cluster = lab.clusters["demo-a"]
        plane = cluster.simulated.control_plane
        assert set(plane.images["demo-a-cp1"]) == set(COMPONENTS)
        work = plane.swap("demo-a-cp1", "kube-apiserver", "registry.k8s.io/kube-apiserver:v1.29.15")

        async def begin() -> None:
            cluster.simulated.spawn(work)

        lab.run(begin())
        eventually(lambda: refused(cluster))
        with pytest.raises((urllib3.exceptions.HTTPError, ApiException)):
            core(cluster.admin_kubeconfig).list_node(_request_timeout=0.2)
        eventually(lambda: not refused(cluster))
        assert '"v1.29.15"' in raw(cluster, "/version")[1]
