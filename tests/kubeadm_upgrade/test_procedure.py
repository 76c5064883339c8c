"""The procedure: its runbook as a reviewer reads it, its refusals, and what it never does."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from in_memory.examples import NEW, OLD, on_host, static_pods
from kubeadm_upgrade.actions import PatchNode
from kubeadm_upgrade.facts import PodFacts, UpgradePlan
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.policy import DrainPolicy
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.steps import rehearse

RUNBOOK = Path(__file__).resolve().parents[1] / "golden" / "runbook-1.28-to-1.29.md"


def runbook(facts_of, hop) -> str:
    parts = ["# 1.28.15 to 1.29.15, as it is printed by a dry run", ""]
    for title, name in (("First control plane node", "cp1"), ("Other control plane node", "cp2"), ("Worker", "w1")):
        facts = facts_of(name)
        facts = replace(facts, lane=replace(facts.lane, order=(name,)))
        parts += [f"## {title}", ""]
        groups = WORKER_NODE if name == "w1" else CONTROL_PLANE_NODE
        steps = [step for group in groups for step in GROUPS[group]]
        for outcome in rehearse(steps, facts, hop):
            parts += [f"### {outcome.step}", "", *(f"    {line}" for line in outcome.actions or ("(nothing)",)), ""]
    return "\n".join(parts)


def test_the_runbook_is_what_was_reviewed(facts_of, hop):
    """A change of any command shows in a diff of the golden file."""
    text = runbook(facts_of, hop)
    if os.environ.get("UPDATE_GOLDEN"):
        RUNBOOK.write_text(text)
    assert text == RUNBOOK.read_text()


def test_nothing_is_forced(facts_of, hop):
    """No downgrade, no skipped preflight, no deleted Pod, no shell."""
    text = runbook(facts_of, hop)
    for word in (
        "--allow-downgrades",
        "--force ",
        "--ignore-preflight-errors",
        "delete",
        "sh -c",
        "|",
        "--disable-eviction",
    ):
        assert word not in text.replace("--force-confold", "")


def test_kubeadm_is_not_asked_again_once_an_apiserver_has_moved(facts_of, hop):
    """It compares with the apiserver's version and offers nothing, also in an apply that was interrupted."""
    facts = kubeadm_installed(facts_of("cp1"), hop)
    moved = replace(facts, control_plane=replace(facts.control_plane, static_pods=static_pods(hop, NEW)))
    step = STEPS["kubeadm_upgrade_plan"]
    assert step.done(on_host(moved, upgrade_plan=UpgradePlan(())), hop)
    assert not step.done(on_host(facts, upgrade_plan=UpgradePlan(())), hop)


def kubeadm_installed(facts, hop):
    return on_host(facts, packages={**facts.host.packages, "kubeadm": hop.sources["deb"].packages["kubeadm"]})


@pytest.mark.parametrize(
    ("step", "node", "change", "words"),
    [
        pytest.param(
            "switch_package_repository",
            "w1",
            lambda f, h: on_host(
                f,
                sources={p: apt.source_text(p, h.sources["deb"].repository) for p in ("/etc/a.list", "/etc/b.sources")},
            ),
            "more than one file offers Kubernetes packages (/etc/a.list, /etc/b.sources): remove all but one",
            id="two files",
        ),
        pytest.param(
            "switch_package_repository",
            "w1",
            lambda f, h: on_host(
                f,
                sources={
                    "/etc/a.list": apt.source_text("/etc/a.list", h.sources["deb"].repository)
                    + "deb http://other x y\n"
                },
            ),
            "/etc/a.list also holds 'deb http://other x y', which would be lost",
            id="a foreign line",
        ),
        pytest.param(
            "kubeadm_upgrade_plan",
            "cp1",
            lambda f, h: f,
            "kubeadm is 1.28.15-1.1, not 1.29.15-1.1",
            id="plan by the old kubeadm",
        ),
        pytest.param(
            "kubeadm_upgrade_plan",
            "cp1",
            lambda f, h: on_host(f, upgrade_plan=UpgradePlan(())),
            "kubeadm upgrade plan offers nothing, not v1.29.15",
            id="plan offers nothing",
        ),
        pytest.param(
            "kubeadm_upgrade_plan",
            "cp1",
            lambda f, h: on_host(f, upgrade_plan=UpgradePlan((NEW.tag,), ("kubelet.config.k8s.io",))),
            "needs an upgrade by hand first: kubelet.config.k8s.io",
            id="configuration by hand",
        ),
        pytest.param("kubeadm_upgrade", "cp1", lambda f, h: f, "kubeadm is 1.28.15-1.1", id="apply by the old kubeadm"),
        pytest.param(
            "kubeadm_upgrade",
            "cp2",
            kubeadm_installed,
            "cp1 comes first, and has not applied v1.29.15 yet",
            id="other before the first",
        ),
        pytest.param(
            "kubeadm_upgrade",
            "cp1",
            lambda f, h: replace(
                kubeadm_installed(f, h), control_plane=replace(f.control_plane, nodes_ready={"cp2": False})
            ),
            "the control plane is not healthy: control plane node cp2 is not Ready",
            id="sick control plane",
        ),
        pytest.param(
            "kubeadm_upgrade",
            "cp1",
            lambda f, h: replace(
                kubeadm_installed(f, h), control_plane=replace(f.control_plane, failing_checks=("etcd",))
            ),
            "readyz check etcd fails",
            id="sick etcd",
        ),
        pytest.param(
            "drain_node",
            "w1",
            lambda f, h: f,
            "it holds no slot of worker: clear its admit task as well",
            id="drain without a slot",
        ),
        pytest.param(
            "upgrade_kubelet_and_kubectl",
            "w1",
            lambda f, h: f,
            "the node is not cordoned: clear its drain_node task as well",
            id="kubelet before drain",
        ),
        pytest.param(
            "upgrade_kubelet_and_kubectl",
            "w1",
            lambda f, h: replace(f, node=replace(f.node, unschedulable=True)),
            "the node is not drained, shop/web-w1 is still on it",
            id="kubelet before the Pods have gone",
        ),
        pytest.param(
            "restart_kubelet",
            "w1",
            lambda f, h: f,
            "kubelet is 1.28.15-1.1, not 1.29.15-1.1",
            id="restart of the old kubelet",
        ),
        pytest.param(
            "uncordon_node",
            "w1",
            lambda f, h: replace(f, node=replace(f.node, ready=False, ready_reason="R", ready_message="why")),
            "it is not Ready (R: why)",
            id="uncordon a sick node",
        ),
        pytest.param(
            "uncordon_node", "w1", lambda f, h: f, "it runs kubelet 1.28.15, not 1.29.15", id="uncordon an old node"
        ),
        pytest.param(
            "back_up",
            "cp1",
            lambda f, h: replace(f, control_plane=replace(f.control_plane, static_pods=())),
            "a snapshot of an external etcd is not supported yet",
            id="external etcd",
        ),
    ],
)
def test_refusals_are_sentences(facts_of, hop, step, node, change, words):
    """Acting now would be wrong; the sentence says why, and often what to do."""
    assert words in STEPS[step].refuse(change(facts_of(node), hop), hop)


def test_a_node_cordoned_by_somebody_else_is_not_uncordoned(facts_of, hop):
    """Invariant I7: only the slot is given back."""
    facts = facts_of("w1")
    facts = replace(
        facts,
        node=replace(facts.node, kubelet=NEW, unschedulable=True),
        lane=replace(facts.lane, holders=frozenset({"w1"})),
    )
    actions = list(STEPS["uncordon_node"].actions(facts, hop))
    assert not any(isinstance(action, PatchNode) for action in actions)
    assert [str(action) for action in actions] == ["give back the worker slot of w1"]


def test_a_cordon_by_us_is_marked_and_guarded(facts_of, hop):
    """The annotation says who; the resourceVersion refuses if the Node changed since it was looked at."""
    facts = facts_of("w1")
    facts = replace(facts, node=replace(facts.node, resource_version="7"))
    cordon = next(iter(STEPS["drain_node"].actions(facts, hop)))
    assert cordon.patch["spec"] == {"unschedulable": True}
    assert cordon.patch["metadata"] == {
        "annotations": {"kubeadm-fleet.io/cordoned-by": "prod/v1.29.15"},
        "resourceVersion": "7",
    }


def test_an_upgraded_node_is_not_drained_again(facts_of, hop):
    """Uncordoning undoes a drain, so it is also done when its purpose is."""
    facts = facts_of("w1")
    assert STEPS["drain_node"].done(replace(facts, node=replace(facts.node, kubelet=NEW)), hop)
    assert not STEPS["drain_node"].done(replace(facts, node=replace(facts.node, kubelet=OLD)), hop)


@pytest.mark.parametrize(
    ("pod", "policy", "words"),
    [
        pytest.param(PodFacts("shop", "bare", "u"), DrainPolicy(), "pod shop/bare has no controller", id="bare Pod"),
        pytest.param(PodFacts("shop", "bare", "u"), DrainPolicy(force=True), None, id="bare Pod, allowed"),
        pytest.param(
            PodFacts("shop", "tmp", "u", "ReplicaSet", empty_dir=True),
            DrainPolicy(),
            "keeps data in an emptyDir",
            id="emptyDir",
        ),
        pytest.param(
            PodFacts("shop", "tmp", "u", "ReplicaSet", empty_dir=True),
            DrainPolicy(delete_emptydir_data=True),
            None,
            id="emptyDir, allowed",
        ),
        pytest.param(
            PodFacts("shop", "ds", "u", "DaemonSet", empty_dir=True), DrainPolicy(), None, id="a DaemonSet's stays"
        ),
        pytest.param(PodFacts("shop", "job", "u", finished=True), DrainPolicy(), None, id="a finished one may go"),
        pytest.param(PodFacts("kube-system", "etcd", "u", mirror=True), DrainPolicy(), None, id="a mirror Pod stays"),
    ],
)
def test_a_drain_is_never_forced_unasked(facts_of, hop, pod, policy, words):
    """kubectl's filters, as a policy of the inventory."""
    facts = facts_of("w1")
    facts = replace(facts, pods=(pod,), lane=replace(facts.lane, holders=frozenset({"w1"})))
    reason = STEPS["drain_node"].refuse(facts, replace(hop, drain=policy))
    assert (reason is None) if words is None else (words in reason)


def test_the_backups_name_is_free_and_its_own(facts_of, hop):
    """An older backup is never written over; a retry of the same run goes on with its own."""
    from kubeadm_upgrade.facts import Backup

    def directory(*backups):
        facts = on_host(facts_of("cp1"), backups=backups)
        return next(iter(STEPS["back_up"].actions(facts, hop))).argv[-1].rsplit("/", 1)[1]

    assert directory() == "v1.28.15-to-v1.29.15.1"
    assert directory(Backup("v1.28.15-to-v1.29.15.1", "run-0")) == "v1.28.15-to-v1.29.15.2"
    assert directory(Backup("v1.28.15-to-v1.29.15.1", "run-0"), Backup("x.7", "run-1")) == "x.7"


def test_the_other_control_plane_nodes_rehearse_node_and_not_apply(facts_of, hop):
    """Also while the first has not applied, as it has not in a dry run: only the first ever applies."""
    steps = GROUPS["control_plane"]
    lines = [line for outcome in rehearse(steps, facts_of("cp2"), hop) for line in outcome.actions]
    assert [line.split(" -- ")[1] for line in lines if "--unit=kubeadm-upgrade" in line] == ["kubeadm upgrade node"]


def test_an_uncordon_is_guarded(facts_of, hop):
    """A person who cordons the node between our look and our patch keeps it cordoned (I7)."""
    facts = facts_of("w1")
    node = replace(facts.node, kubelet=NEW, unschedulable=True, cordoned_by="prod/v1.29.15", resource_version="7")
    uncordon = next(iter(STEPS["uncordon_node"].actions(replace(facts, node=node), hop)))
    assert uncordon.patch == {
        "spec": {"unschedulable": None},
        "metadata": {"annotations": {"kubeadm-fleet.io/cordoned-by": None}, "resourceVersion": "7"},
    }


@pytest.mark.parametrize(
    ("node", "host", "waits_for"),
    [
        pytest.param({}, {}, None, id="Ready since the restart"),
        pytest.param({"ready": False, "ready_reason": "R"}, {}, "w1 is not Ready: R", id="not Ready"),
        pytest.param({"kubelet": OLD}, {}, "w1 runs kubelet 1.28.15, not 1.29.15", id="the old kubelet's word"),
        pytest.param({"heartbeat": "before"}, {}, "a heartbeat of w1 from after", id="Ready from before the restart"),
        pytest.param({"heartbeat": None}, {}, "a heartbeat of w1 from after", id="no heartbeat"),
        pytest.param({}, {"kubelet_started": None}, "a heartbeat of w1 from after", id="its kubelet does not run"),
    ],
)
def test_a_node_is_ready_by_what_it_says_after_its_restart(facts_of, hop, node, host, waits_for):
    """The API shows the old Ready for 40 s after a kubelet has died."""
    facts = facts_of("w1")
    if node.get("heartbeat") == "before":
        node = {"heartbeat": facts.host.kubelet_started - timedelta(seconds=1)}
    facts = on_host(replace(facts, node=replace(facts.node, **({"kubelet": NEW} | node))), **host)
    assert STEPS["node_ready"].done(facts, hop) is (waits_for is None)
    if waits_for:
        assert waits_for in STEPS["node_ready"].pending(facts, hop)


@pytest.mark.parametrize(
    ("unschedulable", "words"),
    [
        pytest.param(False, "the node is not cordoned", id="in service"),
        pytest.param(True, "shop/web-w1 is still on it", id="workloads"),
    ],
)
def test_a_kubelet_is_restarted_only_on_a_drained_node(facts_of, hop, unschedulable, words):
    """Somebody uncordoned it after the packages were installed."""
    facts = on_host(facts_of("w1"), packages=dict(hop.sources["deb"].packages), kubelet_outdated=True)
    facts = replace(facts, node=replace(facts.node, unschedulable=unschedulable))
    assert words in STEPS["restart_kubelet"].refuse(facts, hop)


def test_a_kubelet_of_the_right_version_may_still_be_the_old_binary(facts_of, hop):
    """1.29.15-1.2 over 1.29.15-1.1: the version that the API shows is the same."""
    facts = facts_of("w1")
    facts = on_host(replace(facts, node=replace(facts.node, kubelet=NEW)), kubelet_outdated=True)
    assert not STEPS["restart_kubelet"].done(facts, hop)
    assert STEPS["restart_kubelet"].done(on_host(facts, kubelet_outdated=False), hop)


def one_pod_sick(plane):
    sick, *others = plane.static_pods
    return replace(plane, static_pods=(replace(sick, ready=False), *others))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(one_pod_sick, "etcd on cp1 is not Ready", id="a Pod"),
        pytest.param(
            lambda p: replace(p, nodes_ready={"cp1": True, "cp2": False}), "node cp2 is not Ready", id="a Node"
        ),
        pytest.param(lambda p: replace(p, failing_checks=("etcd",)), "readyz check etcd fails", id="a check"),
    ],
)
def test_nobody_goes_on_while_any_part_of_the_control_plane_ails(facts_of, hop, change, words):
    """Invariant I3: the slot is kept, and the next node neither gets it nor starts."""
    facts = facts_of("cp1")
    plane = replace(facts.control_plane, static_pods=static_pods(hop, NEW), cluster_version=NEW)
    facts = replace(facts, lane=replace(facts.lane, holders=frozenset({"cp1"})))
    well, step = replace(facts, control_plane=plane), STEPS["control_plane_ready"]
    assert [str(action) for action in step.actions(well, hop)] == ["give back the control-plane slot of cp1"]
    sick = replace(facts, control_plane=change(plane))
    assert not step.done(replace(sick, lane=replace(facts.lane, holders=frozenset())), hop)
    assert list(step.actions(sick, hop)) == []
    assert words in step.pending(sick, hop)


def test_an_apply_is_done_when_kubeadm_has_written_it_down(facts_of, hop):
    """Its static Pods come first: killed in between, addons and configuration are still to be done."""
    facts = facts_of("cp1")
    pods_only = replace(facts.control_plane, static_pods=static_pods(hop, NEW))
    step = STEPS["kubeadm_upgrade"]
    assert not step.done(replace(facts, control_plane=pods_only), hop)
    assert step.done(replace(facts, control_plane=replace(pods_only, cluster_version=NEW)), hop)


def test_an_offer_that_needs_a_person_first_is_none(facts_of, hop):
    """A component's configuration that kubeadm does not convert."""
    facts = on_host(facts_of("cp1"), upgrade_plan=UpgradePlan((NEW.tag,), ("kubelet.config.k8s.io",)))
    assert not STEPS["kubeadm_upgrade_plan"].done(facts, hop)


def test_units_of_systemd_are_read_anew_before_a_restart(facts_of, hop):
    """The package may have brought another unit file."""
    facts = on_host(facts_of("w1"), kubelet_outdated=True)
    told = [str(action) for action in STEPS["restart_kubelet"].actions(facts, hop)]
    assert told == ["sudo -n systemctl daemon-reload", "sudo -n systemctl restart kubelet"]


def test_a_pod_that_a_cordon_does_not_keep_away_is_let_be(facts_of, hop):
    """Evicted once, it came back: a drain that evicts it again never ends, and the kubelet is not held up by it."""
    facts = facts_of("w1")
    back = PodFacts("kube-system", "typha-2", "u2", "ReplicaSet", undeterred=True)
    facts = replace(facts, node=replace(facts.node, unschedulable=True), pods=(back,))
    assert STEPS["drain_node"].done(facts, hop)
    assert STEPS["upgrade_kubelet_and_kubectl"].refuse(facts, hop) is None
    assert not STEPS["drain_node"].done(replace(facts, pods=(replace(back, undeterred=False),)), hop)
