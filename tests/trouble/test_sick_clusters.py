"""What falls ill while a cluster is upgraded, and that the upgrade waits for it, says so, and goes on."""

from __future__ import annotations

import time

import pytest

from e2e.records import applies, commands, control_plane, most_out_of_service
from harness.rest import wait_for

pytestmark = pytest.mark.trouble

TARGET = "v1.29.15"
DAG = "kubeadm_upgrade.{}"


@pytest.fixture(scope="module")
def started(site):
    """All runs at once: most of the time they wait. What each of them meets is broken before it begins."""
    ha = site.cluster("ha")
    ha.faults.slow("ha-cp1", "kubeadm upgrade apply", 8)
    ha.faults.slow("ha-cp1", "systemctl restart kubelet", 6)
    german = site.cluster("german")
    for node in german.nodes:
        german.faults.german(node)
        german.put_file(node, "/etc/apt/sources.list.d/drucker.list", "# Druckertreiber für Büro\n".encode("latin-1"))
    german.faults.apt_lock("german-w1", 120)
    site.cluster("reboot").faults.slow("reboot-cp1", "kubeadm upgrade apply", 10)
    site.cluster("moving").faults.slow("moving-w1", "kubeadm upgrade node", 12)
    return {name: site.start(name) for name in ("ha", "german", "reboot", "moving")}


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


def test_a_static_pod_that_is_missing_elsewhere_holds_the_control_plane(site, started):
    """cp1 has moved; kube-scheduler of cp3 is gone: cp2 is not touched until it is back (I3)."""
    cluster = site.cluster("ha")
    wait_for(lambda: applies(cluster) == 1, "apply on ha-cp1", 240)
    fault = cluster.faults.static_pod_missing("ha-cp3", "kube-scheduler")
    task = site.api.wait_for_task(*started["ha"], "control_plane.control_plane_ready", "ha-cp1", ["deferred"], 120)
    wait_for(lambda: "kube-scheduler on ha-cp3 is missing" in site.log_text(*started["ha"], task), "the reason", 60)
    assert touched(cluster, "ha-cp2") == set()
    fault.lift()
    wait_for(lambda: began(cluster, "ha-cp2", "kubeadm", "upgrade", "node"), "ha-cp2 to be upgraded", 120)


def test_a_member_of_etcd_that_is_ill_holds_the_kubelets(site, started):
    """The kubelet of cp1 has restarted; cp3's member does not answer: nobody else's kubelet is touched (I3)."""
    cluster = site.cluster("ha")
    wait_for(lambda: began(cluster, "ha-cp1", "systemctl", "restart", "kubelet"), "cp1's kubelet to restart", 300)
    fault = cluster.faults.etcd_member_unhealthy("ha-cp3")
    task = site.api.wait_for_task(
        *started["ha"], "control_plane_kubelets.static_pods_ready", "ha-cp1", ["deferred"], 120
    )
    wait_for(lambda: "etcd member ha-cp3 is not healthy" in site.log_text(*started["ha"], task), "the reason", 60)
    assert touched(cluster, "ha-cp2") & {"cordoned", "restart kubelet"} == set()
    fault.lift()
    assert site.api.wait_for_run(*started["ha"], patience=400) == "success", site.trouble(*started["ha"])
    assert cluster.violations == []
    assert applies(cluster) == 1
    assert most_out_of_service(cluster, control_plane(cluster)) <= 1
    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {TARGET}


def test_hosts_that_speak_german_are_understood(site, started):
    """A file in Latin-1 is read; whoever holds dpkg's lock is named; the run ends well."""
    cluster = site.cluster("german")
    assert site.api.wait_for_run(*started["german"], patience=400) == "success", site.trouble(*started["german"])
    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {TARGET}
    assert cluster.violations == []
    staged = [t for t in site.api.task_instances(*started["german"]) if t.task_id == "stage.stage_packages"]
    assert any("unattended-upgr" in site.log_text(*started["german"], task) for task in staged)


def test_power_that_is_lost_in_mid_apply_is_made_good(site, started):
    """systemd has forgotten the unit and static Pods may be at the target: apply runs again, to its end (I6)."""
    cluster = site.cluster("reboot")
    wait_for(lambda: applies(cluster) == 1, "apply on reboot-cp1", 240)
    time.sleep(2)
    cluster.reboot("reboot-cp1")
    assert site.api.wait_for_run(*started["reboot"], patience=400) == "success", site.trouble(*started["reboot"])
    assert applies(cluster) == 2
    proxy = cluster.object("DaemonSet", "kube-system", "kube-proxy")
    assert proxy["spec"]["template"]["spec"]["containers"][0]["image"].endswith(TARGET)
    assert cluster.violations == []


def test_nodes_that_leave_and_join_are_reconciled(site, started):
    """w3 is deleted while w1 is upgraded, w4 joins: nobody waits for the one, the next run takes the other."""
    cluster, (dag_id, run_id) = site.cluster("moving"), started["moving"]
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
