"""The procedure: its runbook as a reviewer reads it, its refusals, and what it never does."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from in_memory.examples import (
    EARLIER,
    NEW,
    NOW,
    OLD,
    STARTED,
    a_backup,
    an_etcd,
    applied,
    on_host,
    static_pods,
    with_kubeadm,
    with_slot,
)
from in_memory.walk import groups_of
from kubeadm_upgrade.actions import NoteBegun, NoteEnded, PatchNode, Run
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.engine import rehearse
from kubeadm_upgrade.etcd import EtcdFacts, EtcdMember
from kubeadm_upgrade.facts import UpgradePlan
from kubeadm_upgrade.leases import Lease
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.procedure import GROUPS, STEPS
from kubeadm_upgrade.rollout.strategy import Strategy

RUNBOOK = Path(__file__).resolve().parents[1] / "golden" / "runbook-1.28-to-1.29.md"


def runbook(facts_of, hop) -> str:
    parts = ["# 1.28.15 to 1.29.15, as it is printed by a dry run", ""]
    for title, name in (("First control plane node", "cp1"), ("Other control plane node", "cp2"), ("Worker", "w1")):
        facts = facts_of(name)
        facts = replace(facts, lane=replace(facts.lane, order=(name,)))
        parts += [f"## {title}", ""]
        steps = [step for group in groups_of(hop, name) for step in GROUPS[group]]
        for outcome in rehearse(steps, facts, hop):
            parts += [f"### {outcome.step}", "", *(f"    {line}" for line in outcome.actions or ("(nothing)",)), ""]
    return "\n".join(parts)


def test_a_dry_run_shows_what_kubeadm_is_asked(facts_of, hop):
    """It is a step that changes nothing, and no less of a command."""
    (planned,) = rehearse([STEPS["kubeadm_upgrade_plan"]], facts_of("cp1"), hop)
    assert planned.actions == ()
    assert planned.details == ("asks: sudo -n kubeadm upgrade plan v1.29.15",)


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


def test_kubeadm_ignores_what_the_hop_names_on_every_node(facts_of, hop):
    """In one order, whatever the file's is."""
    ignored = {"SystemVerification": "cgroup v1 until spring", "CreateJob": "no node takes it"}
    text = runbook(facts_of, replace(hop, ignore_preflight_errors=ignored))
    told = "--ignore-preflight-errors=CreateJob,SystemVerification"
    assert [line.partition(" -- ")[2] for line in text.splitlines() if " -- kubeadm upgrade " in line] == [
        f"kubeadm upgrade apply v1.29.15 --yes {told}",
        f"kubeadm upgrade node {told}",
        f"kubeadm upgrade node {told}",
    ]


def test_kubeadm_is_not_asked_again_once_an_apiserver_has_moved(facts_of, hop):
    """It compares with the apiserver's version and offers nothing, also in an apply that was interrupted."""
    facts = with_kubeadm(facts_of("cp1"), hop)
    moved = replace(facts, control_plane=replace(facts.control_plane, static_pods=static_pods(hop, NEW)))
    step = STEPS["kubeadm_upgrade_plan"]
    assert step.done(on_host(moved, upgrade_plan=UpgradePlan(())), hop)
    assert not step.done(on_host(facts, upgrade_plan=UpgradePlan(())), hop)


@pytest.mark.parametrize(
    ("step", "node", "change", "words"),
    [
        pytest.param(
            "switch_package_repository",
            "w1",
            lambda f, h: on_host(
                f,
                sources={
                    p: apt.source_text(p, h.sources["deb"].repository)
                    for p in (f"{apt.SOURCES}/a.list", f"{apt.SOURCES}/b.sources")
                },
            ),
            "packages (/etc/apt/sources.list.d/a.list, /etc/apt/sources.list.d/b.sources): remove all but one",
            id="two files",
        ),
        pytest.param(
            "switch_package_repository",
            "w1",
            lambda f, h: on_host(
                f,
                sources={
                    "/etc/apt/sources.list.d/a.list": apt.source_text("a.list", h.sources["deb"].repository)
                    + "deb http://other x y\n"
                },
            ),
            "/etc/apt/sources.list.d/a.list also holds 'deb http://other x y', which would be lost",
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
            with_kubeadm,
            "cp1 comes first, and has not applied v1.29.15 yet",
            id="other before the first",
        ),
        pytest.param(
            "kubeadm_upgrade",
            "cp1",
            with_kubeadm,
            "it holds no slot of this run: clear its drain_node task as well",
            id="apply without a slot",
        ),
        pytest.param(
            "kubeadm_upgrade",
            "cp1",
            lambda f, h: with_slot(with_kubeadm(f, h), EARLIER),
            "it holds no slot of this run",
            id="apply with the slot of another run",
        ),
        pytest.param(
            "kubeadm_upgrade",
            "cp1",
            lambda f, h: with_slot(with_kubeadm(f, h)),
            "there is no fresh backup of this run: clear its back_up task as well",
            id="apply without a backup",
        ),
        pytest.param(
            "admit",
            "w1",
            lambda f, h: replace(f, ledger=replace(f.ledger, given_up={"w1": "disk"})),
            "it was given up (disk): a later run takes it; for this one, start kubeadm_steer.prod with take_back, or",
            id="given up",
        ),
        pytest.param(
            "admit",
            "w1",
            lambda f, h: replace(f, lane=replace(f.lane, members={"w2": f.lane.members["w2"]})),
            "it was planned as a worker node and is none any more: see its labels, start a new run",
            id="its role has changed",
        ),
        pytest.param(
            "drain_node",
            "w1",
            lambda f, h: f,
            "it holds no slot of this run: clear its drain_node task as well",
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
            lambda f, h: replace(applied(f, h), node=replace(f.node, unschedulable=True)),
            "the node is not drained, shop/web-w1 is still on it",
            id="kubelet before the Pods have gone",
        ),
        pytest.param(
            "drain_node",
            "w1",
            lambda f, h: with_slot(f),
            "kube-apiserver on cp1 is not at 1.29.15 yet: start a new run, which moves it",
            id="drain while an apiserver is older (I5)",
        ),
        pytest.param(
            "stage_packages",
            "w1",
            lambda f, h: on_host(f, packages={**f.host.packages, "kubelet": "1.30.2-1.1"}),
            "kubelet is 1.30.2-1.1, newer than 1.29.15-1.1",
            id="a newer kubelet, when packages are staged",
        ),
        pytest.param(
            "upgrade_kubeadm",
            "cp1",
            lambda f, h: on_host(f, packages={**f.host.packages, "kubeadm": "1.30.2-1.1"}),
            "kubeadm is 1.30.2-1.1, newer than 1.29.15-1.1",
            id="a newer kubeadm",
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
    facts = with_slot(facts_of("w1"))
    facts = replace(facts, node=replace(facts.node, kubelet=NEW, unschedulable=True))
    actions = list(STEPS["uncordon_node"].actions(facts, hop))
    assert not any(isinstance(action, PatchNode) for action in actions)
    assert [str(action) for action in actions] == ["give back the slot of w1"]


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


def test_a_drain_says_who_holds_a_pod_that_does_not_go(facts_of, hop):
    """A finalizer may hold it for ever, and nobody would look for it."""
    facts = with_slot(applied(facts_of("w1"), hop))
    since = facts.now - timedelta(minutes=5)
    held = {"terminating": True, "terminating_since": since, "due": since, "finalizers": ("example.org/keep",)}
    pod = PodFacts("shop", "web", "u", "ReplicaSet", **held)
    drained = replace(facts, pods=(pod,), node=replace(facts.node, unschedulable=True))
    assert STEPS["drain_node"].pending(drained, hop) == (
        "pods to go from w1: shop/web (terminating since 2026-11-23 03:55:00 UTC, held by finalizer example.org/keep)"
    )
    assert list(STEPS["drain_node"].actions(drained, hop)) == []


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
    facts = with_slot(applied(facts_of("w1"), hop))
    facts = replace(facts, pods=(pod,), policy=replace(facts.policy, drain=policy))
    reason = STEPS["drain_node"].refuse(facts, hop)
    assert (reason is None) if words is None else (words in reason)


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
        pytest.param({"kubelet": OLD}, {}, "w1 is Ready, with kubelet 1.28.15", id="the old kubelet's word"),
        pytest.param({"heartbeat": "before"}, {}, "a heartbeat of w1 from after", id="Ready from before the restart"),
        pytest.param({"heartbeat": None}, {}, "a heartbeat of w1 from after", id="no heartbeat"),
        pytest.param({}, {"kubelet_started": None}, "a heartbeat of w1 from after", id="its kubelet does not run"),
        pytest.param(
            {"ready": False, "ready_reason": "R", "pressures": ("DiskPressure (no room)",)},
            {"kubelet_journal": "E eviction manager"},
            "w1 is not Ready: R; DiskPressure (no room), with kubelet 1.29.15; the journal of its kubelet ends: E evic",
            id="not Ready, with all that is said of it",
        ),
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


def test_a_kubelet_is_restarted_only_with_a_slot(facts_of, hop):
    """Somebody took it out by hand after the drain: the node counts as out of service for nobody."""
    facts = on_host(facts_of("w1"), packages=dict(hop.sources["deb"].packages), kubelet_outdated=True)
    facts = replace(facts, node=replace(facts.node, unschedulable=True), pods=())
    assert "it holds no slot of this run" in STEPS["restart_kubelet"].refuse(facts, hop)
    assert STEPS["restart_kubelet"].refuse(with_slot(facts), hop) is None


def test_a_kubelet_of_the_right_version_may_still_be_the_old_binary(facts_of, hop):
    """1.29.15-1.2 over 1.29.15-1.1: the version that the API shows is the same."""
    facts = facts_of("w1")
    facts = with_slot(on_host(replace(facts, node=replace(facts.node, kubelet=NEW)), kubelet_outdated=True))
    assert not STEPS["restart_kubelet"].done(facts, hop)
    assert STEPS["restart_kubelet"].done(on_host(facts, kubelet_outdated=False), hop)


@pytest.mark.parametrize("step", ["upgrade_kubelet_and_kubectl", "restart_kubelet"])
@pytest.mark.parametrize(
    ("host", "node", "stays"),
    [
        pytest.param({}, {}, True, id="a new revision of the package, or a unit to be loaded again"),
        pytest.param({}, {"unschedulable": True}, False, id="it is cordoned"),
        pytest.param({"kubelet_started": None}, {}, False, id="its kubelet does not run"),
    ],
)
def test_a_node_in_service_at_the_target_is_left_alone(facts_of, hop, step, host, node, stays):
    """No slot was taken for it and nothing is drained: to ask for either would go round for ever."""
    facts = facts_of("w1")
    facts = replace(facts, node=replace(facts.node, **({"kubelet": NEW} | node)))
    older = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), "1.29.15-1.0")
    facts = on_host(facts, packages=older, kubelet_outdated=True, **host)
    assert STEPS[step].done(facts, hop) is stays


def test_a_stopped_kubelet_at_the_target_is_started_in_service(facts_of, hop):
    """Its Pods go on running meanwhile: nothing is disturbed by it."""
    facts = facts_of("w1")
    facts = replace(facts, node=replace(facts.node, kubelet=NEW))
    facts = on_host(facts, packages=dict(hop.sources["deb"].packages), kubelet_started=None)
    assert STEPS["restart_kubelet"].refuse(facts, hop) is None
    assert [str(action) for action in STEPS["restart_kubelet"].actions(facts, hop)] == [
        "sudo -n systemctl daemon-reload",
        "sudo -n systemctl restart kubelet",
    ]


@pytest.mark.parametrize("step", ["upgrade_kubelet_and_kubectl", "restart_kubelet"])
def test_a_control_plane_kubelet_waits_for_what_falls_ill_after_its_admission(facts_of, hop, step):
    """A drain may have taken an hour: its static Pods go down with it, and a second member of etcd is down (I3)."""
    facts = with_slot(facts_of("cp1"))
    facts = replace(facts, node=replace(facts.node, unschedulable=True), pods=())
    packages = {} if step == "upgrade_kubelet_and_kubectl" else dict(hop.sources["deb"].packages)
    facts = on_host(facts, packages={**facts.host.packages, **packages}, kubelet_outdated=True)
    facts = applied(facts, hop)
    assert list(STEPS[step].actions(facts, hop))
    sick = EtcdFacts((EtcdMember("cp1", leads=True), EtcdMember("cp2", healthy=False)))
    ill = replace(facts, etcd=sick)
    assert list(STEPS[step].actions(ill, hop)) == []
    assert STEPS[step].pending(ill, hop) == "the control plane to be healthy: etcd member cp2 is not healthy"
    assert list(STEPS[step].actions(on_host(ill, kubelet_started=None), hop)), "one that is down is started"


def test_what_was_marked_as_done_keeps_its_slot(facts_of, hop):
    """kubeadm has failed after its static Pods, and a person marks its task as success: the rest must not be lost."""
    facts = applied(with_slot(facts_of("cp1")), hop)
    facts = replace(facts, ledger=facts.ledger.begun("cp1", "kubeadm-upgrade-v1.29.15"))
    words = "kubeadm-upgrade-v1.29.15 is not known to have ended well: clear its kubeadm_upgrade task as well"
    assert STEPS["control_plane_ready"].refuse(facts, hop) == words
    assert STEPS["control_plane_ready"].refuse(with_slot(facts_of("cp1")), hop) is None


def one_pod_sick(facts):
    sick, *others = facts.control_plane.static_pods
    return plane(facts, static_pods=(replace(sick, ready=False), *others))


def plane(facts, **changes):
    return replace(facts, control_plane=replace(facts.control_plane, **changes))


AILMENTS = pytest.mark.parametrize(
    ("ail", "words"),
    [
        pytest.param(one_pod_sick, "etcd on cp1 is not Ready", id="a Pod"),
        pytest.param(
            lambda f: plane(f, static_pods=f.control_plane.static_pods[1:]), "etcd on cp1 is missing", id="no Pod"
        ),
        pytest.param(lambda f: plane(f, nodes_ready={"cp1": True, "cp2": False}), "node cp2 is not Ready", id="a Node"),
        pytest.param(lambda f: plane(f, failing_checks=("etcd",)), "readyz check etcd fails", id="a check"),
        pytest.param(lambda f: replace(f, etcd=an_etcd("cp2")), "cp1 is no member of etcd", id="a member of etcd"),
    ],
)


@AILMENTS
def test_nobody_goes_on_while_any_part_of_the_control_plane_ails(facts_of, hop, ail, words):
    """Invariant I3: the slot is kept, and the next node neither gets it nor starts."""
    facts, step = applied(facts_of("cp1"), hop), STEPS["control_plane_ready"]
    well = with_slot(facts)
    assert [str(action) for action in step.actions(well, hop)] == ["give back the slot of cp1"]
    assert not step.done(ail(facts), hop)
    assert list(step.actions(ail(well), hop)) == []
    assert words in step.pending(ail(well), hop)


@AILMENTS
def test_an_apply_waits_for_a_control_plane_that_ails(facts_of, hop, ail, words):
    """A blip is not final; nothing is refused, and nothing is begun."""
    facts, step = (
        on_host(with_slot(with_kubeadm(facts_of("cp1"), hop)), backups=(a_backup(),)),
        STEPS["kubeadm_upgrade"],
    )
    assert [type(action) for action in step.actions(facts, hop)] == [NoteBegun, Run]
    assert (step.refuse(ail(facts), hop), list(step.actions(ail(facts), hop))) == (None, [])
    assert words in step.pending(ail(facts), hop)


def test_a_worker_waits_for_the_control_plane_and_not_for_etcds_members(facts_of, hop):
    """It reads its configuration from an apiserver; and has no etcd that it could have looked at."""
    facts, step = with_kubeadm(facts_of("w1"), hop), STEPS["kubeadm_upgrade_node"]
    assert list(step.actions(replace(facts, etcd=an_etcd("cp2")), hop))
    sick = one_pod_sick(facts)
    assert (step.refuse(sick, hop), list(step.actions(sick, hop))) == (None, [])
    assert step.pending(sick, hop) == "the control plane to be healthy: etcd on cp1 is not Ready"


def test_an_apply_is_done_when_kubeadm_has_written_it_down(facts_of, hop):
    """Its static Pods come first: killed in between, addons and configuration are still to be done."""
    facts = facts_of("cp1")
    pods_only = replace(facts.control_plane, static_pods=static_pods(hop, NEW))
    step = STEPS["kubeadm_upgrade"]
    assert not step.done(replace(facts, control_plane=pods_only), hop)
    assert step.done(replace(facts, control_plane=replace(pods_only, cluster_version=NEW)), hop)


def test_an_apply_that_was_begun_is_done_only_once_its_end_was_seen(facts_of, hop):
    """After a loss of power everything that can be looked at says that it is done."""
    facts = with_slot(applied(with_kubeadm(facts_of("cp1"), hop), hop))
    step = STEPS["kubeadm_upgrade"]
    assert step.done(facts, hop)
    begun = replace(facts, ledger=facts.ledger.begun("cp1", step.unit(hop)))
    assert not step.done(begun, hop)
    assert [str(action) for action in step.actions(begun, hop)][1].endswith("-- kubeadm upgrade apply v1.29.15 --yes")
    ended = step.promise(begun, hop)
    assert step.done(ended, hop)


def test_a_fixed_etcd_has_a_unit_of_its_own_and_is_waited_for(facts_of, hop):
    """The same version is applied twice, so the unit of the first time says nothing about the second."""
    gate, step = replace(hop, came_from=NEW, etcd_pin="3.5.26-0"), STEPS["kubeadm_upgrade"]
    assert step.unit(gate) == "kubeadm-upgrade-v1.29.15-etcd-3.5.26-0"
    assert not step.done(applied(facts_of("cp1"), hop), gate)
    assert step.done(step.promise(applied(facts_of("cp1"), hop), gate), gate)


@pytest.mark.parametrize(
    ("there", "first"),
    [
        pytest.param(("cp1", "cp2"), "cp1", id="both"),
        pytest.param(("cp2",), "cp2", id="the first has left the cluster"),
        pytest.param((), None, id="none"),
    ],
)
def test_the_first_control_plane_node_that_is_still_there_applies(hop, there, first):
    """One that was deleted in mid-run is not waited for."""
    assert hop.first_of(there) == first


# golden/kubelet-restart-control-plane-1.33-to-1.34-timeline.txt: the kubelet is restarted at 20:10:34
AT = [timedelta(seconds=seconds) for seconds in (1, 6, 11, 20)]


@pytest.mark.parametrize(
    ("age", "pods", "etcd", "minor", "waits_for"),
    [
        pytest.param(AT[0], ("old", True), "all", True, "to be through", id="Ready at the new version, Pods still old"),
        pytest.param(AT[0], ("old", False), "all", True, "etcd on cp1 is not Ready", id="taken down"),
        pytest.param(AT[1], ("new", False), "all", True, "etcd on cp1 is not Ready", id="made anew, not Ready yet"),
        pytest.param(AT[2], ("new", True), "one", True, "cp1 is no member of etcd", id="Ready, etcd not complete"),
        pytest.param(AT[3], ("new", True), "all", True, None, id="all is well"),
        pytest.param(timedelta(minutes=2), ("old", True), "all", True, "to be through", id="it takes its time"),
        pytest.param(timedelta(minutes=3), ("old", True), "all", True, None, id="it has left them as they are"),
        pytest.param(AT[2], ("old", True), "all", False, "to be through", id="same minor, not looked yet"),
        pytest.param(timedelta(seconds=30), ("old", True), "all", False, None, id="same minor, left as they are"),
        pytest.param(None, ("new", True), "all", True, "to be through", id="it does not run"),
    ],
)
def test_a_control_plane_kubelet_is_through_when_its_pods_are_anew_and_all_is_healthy(
    facts_of, hop, age, pods, etcd, minor, waits_for
):
    """Seconds after its Node is Ready it takes down an apiserver and a member of etcd."""
    made, ready = pods
    created = STARTED + timedelta(seconds=6) if made == "new" else STARTED - timedelta(days=1)
    facts = on_host(applied(facts_of("cp1"), hop), kubelet_age=age)
    mine = [replace(p, created=created, ready=ready) for p in facts.control_plane.static_pods if p.node == "cp1"]
    others = [p for p in facts.control_plane.static_pods if p.node != "cp1"]
    facts = plane(replace(facts, etcd=an_etcd(*(["cp1"] * (etcd == "all")), "cp2")), static_pods=(*mine, *others))
    hop = hop if minor else replace(hop, came_from=replace(NEW, patch=9))
    step = STEPS["static_pods_ready"]
    assert step.done(facts, hop) is (waits_for is None)
    assert waits_for is None or waits_for in step.pending(facts, hop)


def test_the_next_control_plane_node_waits_for_the_restart_of_the_one_before(hop):
    """Its slot is given back by the last step of its group, and that comes after its static Pods."""
    names = [step.name for step in GROUPS["control_plane_kubelets"]]
    assert names[-2:] == ["static_pods_ready", "uncordon_node"]


def restarted(facts_of, hop):
    """w1, Ready for ten minutes since its kubelet was restarted, and all that belongs to it as well."""
    facts = facts_of("w1")
    return replace(facts, node=replace(facts.node, kubelet=hop.to))


def with_daemon(facts, **changes):
    pods = tuple(replace(pod, **changes) if pod.owner_kind == "DaemonSet" else pod for pod in facts.pods)
    return replace(facts, pods=pods)


def ready_for(facts, minutes):
    policy = replace(facts.policy, strategy=Strategy(ready_for=timedelta(minutes=minutes)))
    return replace(facts, policy=policy)


LONG_BEFORE, JUST_NOW = STARTED - timedelta(days=1), NOW - timedelta(seconds=20)
DAEMON_SET = "DaemonSet Pods of w1 to be Ready again: kube-system/proxy-w1"
FOR_A_MINUTE = "w1 to have been Ready for 1m"


@pytest.mark.parametrize(
    ("change", "waits_for"),
    [
        pytest.param(lambda f: f, None, id="all is there"),
        pytest.param(lambda f: replace(f, lease=None), "the kubelet of w1 to renew its lease", id="no lease"),
        pytest.param(
            lambda f: replace(f, lease=Lease("w1", renewed=LONG_BEFORE)),
            "the kubelet of w1 to renew its lease after its restart",
            id="a lease from before",
        ),
        pytest.param(lambda f: with_daemon(f, ready=False, ready_changed=JUST_NOW), DAEMON_SET, id="gone since"),
        pytest.param(lambda f: with_daemon(f, ready=False), DAEMON_SET, id="not begun yet"),
        pytest.param(
            lambda f: with_daemon(f, ready=False, ready_changed=LONG_BEFORE), None, id="not Ready before either"
        ),
        pytest.param(lambda f: with_daemon(f, ready=False, terminating=True), None, id="being replaced"),
        pytest.param(lambda f: ready_for(f, 10), None, id="for long enough"),
        pytest.param(lambda f: ready_for(f, 11), "w1 to have been Ready for 11m", id="not for long enough"),
        pytest.param(
            lambda f: ready_for(replace(f, node=replace(f.node, ready_changed=JUST_NOW)), 1),
            FOR_A_MINUTE,
            id="the node was not Ready between",
        ),
        pytest.param(
            lambda f: ready_for(with_daemon(f, ready_changed=JUST_NOW), 1), FOR_A_MINUTE, id="a DaemonSet Pod was not"
        ),
    ],
)
def test_a_node_is_ready_with_its_lease_and_its_daemon_set_pods(facts_of, hop, change, waits_for):
    """For as long as the file says, by the host's own clock: whatever dies meanwhile, nothing is counted anew."""
    facts, step = change(restarted(facts_of, hop)), STEPS["node_ready"]
    assert step.done(facts, hop) is (waits_for is None)
    if waits_for:
        assert waits_for in step.pending(facts, hop)
    assert step.done(step.promise(facts, hop), hop)


def test_a_kubelet_that_does_not_stay_up_says_why(facts_of, hop):
    """Its journal; and one that systemd starts again by itself is not restarted five times more."""
    facts = on_host(
        facts_of("w1"),
        packages=dict(hop.sources["deb"].packages),
        kubelet_started=None,
        kubelet_restarting=True,
        kubelet_journal="E failed to load config",
    )
    step = STEPS["restart_kubelet"]
    assert list(step.actions(facts, hop)) == []
    assert step.pending(facts, hop) == "the kubelet of w1 does not stay up; its journal ends: E failed to load config"
    assert "does not stay up; its journal ends: E failed" in STEPS["node_ready"].pending(facts, hop)
    assert len(list(step.actions(on_host(facts, kubelet_restarting=False), hop))) == 2


def test_the_note_that_it_ended_comes_after_all_else(facts_of, hop):
    """Before it, a loss of power costs one more run; after it, there is nothing left to lose."""
    facts = with_slot(applied(with_kubeadm(facts_of("cp1"), hop), hop))
    step = STEPS["kubeadm_upgrade"]
    done = step.promise(facts, hop)
    unit = replace(done.units[step.unit(hop)], name=step.unit(hop))
    seen = replace(done, units={step.unit(hop): unit}, ledger=facts.ledger.begun("cp1", step.unit(hop)))
    assert list(step.actions(seen, hop)) == [NoteEnded("cp1")]
    assert list(step.actions(plane(seen, cluster_version=OLD), hop)) == []


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
    facts = with_slot(applied(replace(facts, node=replace(facts.node, unschedulable=True), pods=(back,)), hop))
    assert STEPS["drain_node"].done(facts, hop)
    assert STEPS["upgrade_kubelet_and_kubectl"].refuse(facts, hop) is None
    assert not STEPS["drain_node"].done(replace(facts, pods=(replace(back, undeterred=False),)), hop)
