"""What falls ill while a cluster is upgraded, and that the upgrade waits for it, says so, and goes on."""

from __future__ import annotations

import time

import pytest

from e2e.records import applies, commands, control_plane, most_out_of_service
from harness.rest import wait_for

pytestmark = [pytest.mark.trouble, pytest.mark.timeout(900)]

TARGET = "v1.29.15"
DAG = "kubeadm_upgrade.{}"


def began(cluster, node: str, *argv: str) -> bool:
    return any(record.node == node and record.argv[: len(argv)] == argv for record in cluster.log)


def touched(cluster, node: str) -> set[str]:
    """What was done to a node beyond staging: kubeadm and kubelet, drained or upgraded."""
    done = {
        word
        for line in commands(cluster).get(node, ())
        for word in ("kubeadm upgrade", "restart kubelet")
        if word in line
    }
    return done | ({"cordoned"} if any(s.node == node and not s.schedulable for s in cluster.timeline) else set())


def etcd_pod(cluster, node: str) -> str | None:
    """The mirror Pod of a member by its uid: another one is another Pod."""
    pod = cluster.object("Pod", "kube-system", f"etcd-{node}")
    return pod["metadata"]["uid"] if pod else None


def waits_for(site, run, task_id: str, node: str, words: str) -> None:
    """A task of the node waits, and its log says what for."""
    task = site.api.wait_for_task(*run, task_id, node, ["deferred"], 120)
    wait_for(lambda: words in site.log_text(*run, task), f"{task_id} to say {words!r}", 60)


def test_whatever_is_ill_elsewhere_holds_the_control_plane(site):
    """Static Pods missing and not Ready, then a member of etcd that does not answer: nobody else is touched (I3)."""
    cluster, run = site.cluster("ha"), site.start("ha")
    wait_for(lambda: cluster.node_state("ha-cp1").apiserver == TARGET, "ha-cp1 to move", 240)
    missing = cluster.faults.static_pod_missing("ha-cp3", "kube-scheduler")
    with missing, cluster.faults.static_pod_not_ready("ha-cp2", "kube-controller-manager"):
        words = "kube-scheduler on ha-cp3 is missing; kube-controller-manager on ha-cp2 is not Ready"
        waits_for(site, run, "control_plane.control_plane_ready", "ha-cp1", words)
        assert touched(cluster, "ha-cp2") == set()

    # not before its own member is back: with two of three away it would be the fault that costs the quorum
    old = etcd_pod(cluster, "ha-cp1")
    wait_for(lambda: etcd_pod(cluster, "ha-cp1") not in (old, None), "etcd on ha-cp1 to be made anew", 300)
    with cluster.faults.etcd_member_unhealthy("ha-cp3"):
        words = "etcd member ha-cp3 is not healthy"
        waits_for(site, run, "control_plane_kubelets.static_pods_ready", "ha-cp1", words)
        assert touched(cluster, "ha-cp2") & {"cordoned", "restart kubelet"} == set()

    assert site.api.wait_for_run(*run, patience=400) == "success", site.trouble(*run)
    assert cluster.violations == []
    assert applies(cluster) == 1
    assert most_out_of_service(cluster, control_plane(cluster)) <= 1
    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {TARGET}


def test_hosts_that_speak_german_are_understood(site):
    """A file in Latin-1 is read; whoever holds dpkg's lock is named; the run ends well."""
    cluster = site.cluster("german")
    for node in cluster.nodes:
        cluster.faults.german(node)
        cluster.put_file(node, "/etc/apt/sources.list.d/drucker.list", "# Druckertreiber für Büro\n".encode("latin-1"))
    with cluster.faults.apt_lock("german-w1"):
        run = site.start("german")
        waits_for(site, run, "stage.stage_packages", "german-w1", "unattended-upgr")
    assert site.api.wait_for_run(*run, patience=400) == "success", site.trouble(*run)
    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {TARGET}
    assert cluster.violations == []


def test_power_that_is_lost_in_mid_apply_is_made_good(site):
    """systemd has forgotten the unit and static Pods may be at the target: apply runs again, to its end (I6)."""
    cluster = site.cluster("reboot")
    cluster.faults.slow("reboot-cp1", "kubeadm upgrade apply", 5)
    run = site.start("reboot")
    wait_for(lambda: applies(cluster) == 1, "apply on reboot-cp1", 240)
    time.sleep(1)
    cluster.reboot("reboot-cp1")
    assert site.api.wait_for_run(*run, patience=400) == "success", site.trouble(*run)
    assert applies(cluster) == 2
    proxy = cluster.object("DaemonSet", "kube-system", "kube-proxy")
    assert proxy["spec"]["template"]["spec"]["containers"][0]["image"].endswith(TARGET)
    assert cluster.violations == []


def test_nodes_that_leave_and_join_are_reconciled(site):
    """w3 is deleted while w1 is upgraded, w4 joins: nobody waits for the one, the next run takes the other."""
    cluster = site.cluster("moving")
    cluster.faults.slow("moving-w1", "kubeadm upgrade node", 5)
    dag_id, run_id = site.start("moving")
    wait_for(lambda: began(cluster, "moving-w1", "kubeadm", "upgrade", "node"), "moving-w1 to be upgraded", 300)
    cluster.delete_node("moving-w3")
    cluster.join_node("moving-w4", "1.28.15")
    assert site.api.wait_for_run(dag_id, run_id, patience=400) == "success", site.trouble(dag_id, run_id)
    page = site.report_page(dag_id, run_id)
    assert "**Done and verified**" in page
    assert "moving-w4 joined while the run was under way" in page
    assert {one["status"] for one in site.report(dag_id, run_id)["outcomes"] if one["node"] == "moving-w3"} >= {"gone"}
    state = site.api.wait_for_run(dag_id, f"{run_id}~2", patience=400)
    assert state == "success", site.trouble(dag_id, f"{run_id}~2")
    assert cluster.node_state("moving-w4").kubelet == TARGET
    assert cluster.violations == []
