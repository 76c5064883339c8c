"""Standing rules: what must be so before every action of every step, each a sentence with the way out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.examples import EARLIER, NAMESAKE, NEW, NOW, OLD, RUN, a_control_plane, a_hop, a_ledger
from kubeadm_upgrade.actions import Evict, EvictOrDelete, GiveSlotBack, NoteBegun, Run, cordon
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.drain.marks import uncordon
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.standing import rules
from kubeadm_upgrade.standing.rules import REFUSED, RULES, Standing, verdicts
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.waits import Wait
from kubeadm_upgrade.windows.calendar import Calendar, Exclusion, Once, Scope

HOP = a_hop()
LEDGER = a_ledger()
WELL = Standing(RUN, "w1", HOP, LEDGER, newest=OLD, kubelet=OLD)
OBJECT = "ConfigMap kube-system/kubeadm-fleet-ledger"
LATER = Version(1, 30, 2)


def stands(ledger=None, **changes):
    return replace(WELL, ledger=ledger or LEDGER, **changes)


def with_slot(**changes):
    return replace(LEDGER.taken("w1", "worker", RUN, NOW), **changes)


def with_a_pod_at(component, version):
    plane = a_control_plane(HOP)
    first = next(pod for pod in plane.static_pods if pod.component == component)
    moved = replace(plane, static_pods=(*plane.static_pods, replace(first, node="cp9", image_tag=version.tag)))
    return stands(newest=moved.newest)


DAY = timedelta(days=1)
SHUT = Calendar(once=(Once(NOW + timedelta(hours=18), timedelta(hours=4)),))
CORDON = cordon("w1", "7", "prod/v1.29.15")
WAITS = "its maintenance window: it opens on Mon 23 Nov 22:00 (UTC)"


def outside(action, group="workers", step="drain_node", **changes):
    """A node that has its slot; its window is not open."""
    node = "cp1" if group == "control_plane" else "w1"
    slot = LEDGER.taken(node, "a lane", RUN, NOW)
    begun = {"action": action, "group": group, "step": step, "calendar": SHUT, "now": NOW, "ledger": slot}
    return replace(WELL, node=node, **{**begun, **changes})


def on_the_plane(action, step="kubeadm_upgrade", **changes):
    return outside(action, "control_plane", step, **changes)


DOING = LEDGER.taken("cp1", "a lane", RUN, NOW).begun("cp1", "kubeadm-upgrade-v1.29.15")
APPLY = Run(("kubeadm", "upgrade", "apply"), unit="kubeadm-upgrade-v1.29.15")
EVICT = Evict("shop", "web", "u1")
EITHER = EvictOrDelete("shop", "web", "u1", None, "approved by ann")

MOVED_ON = f"the cluster is at {LATER} already, and this run is for {NEW}: start a new run"

CASES = [
    (rules.in_window, "a cordon", outside(CORDON), WAITS),
    (rules.in_window, "a cordon in a window", outside(CORDON, now=NOW + timedelta(hours=18)), None),
    (
        rules.in_window,
        "a cordon, and too little is left",
        outside(CORDON, now=NOW + timedelta(hours=22, seconds=-90)),
        "its maintenance window: none is ever long enough, since w1 takes about 2 minutes: lengthen one",
    ),
    (rules.in_window, "a cordon where windows are ignored", outside(CORDON, hop=replace(HOP, ignore_window="x")), None),
    (rules.in_window, "a node that we have cordoned is drained", outside(EVICT, cordoned_by_us=True), None),
    (rules.in_window, "one that a person has cordoned is not", outside(EVICT), WAITS),
    (rules.in_window, "nor where its Pods may be deleted", outside(EITHER), WAITS),
    (rules.in_window, "a kubelet of a node in flight", outside(Run(("x",)), step="restart_kubelet"), None),
    (
        rules.in_window,
        "an uncordon",
        outside(uncordon(NodeFacts("w1", NEW, ready=True, cordoned_by="prod/v1.29.15")), step="uncordon_node"),
        None,
    ),
    (rules.in_window, "a slot", outside(GiveSlotBack("w1"), step="uncordon_node"), None),
    (rules.in_window, "packages", outside(Run(("apt-get",)), "stage", "stage_packages"), None),
    (rules.in_window, "a backup", on_the_plane(Run(("tar",)), "back_up"), WAITS),
    (rules.in_window, "a backup of a node that needs no slot", on_the_plane(APPLY, ledger=LEDGER), None),
    (rules.in_window, "kubeadm is noted", on_the_plane(NoteBegun("cp1", "x")), WAITS),
    (rules.in_window, "kubeadm", on_the_plane(APPLY), WAITS),
    (rules.in_window, "kubeadm, noted and never begun", on_the_plane(APPLY, ledger=DOING), WAITS),
    (rules.in_window, "kubeadm, half-way", on_the_plane(APPLY, ledger=DOING, moved=True), None),
    (
        rules.in_window,
        "kubeadm, cleared after it had failed",
        on_the_plane(APPLY, ledger=DOING.failed("cp1", "kubeadm-upgrade-v1.29.15", "x", NOW)),
        None,
    ),
    (
        rules.in_window,
        "what changes the minor release, in a freeze",
        on_the_plane(APPLY, calendar=Calendar(exclusions=(Exclusion(NOW, NOW + DAY, Scope.MINOR, "year end"),))),
        "its maintenance window: year end (exclusion) until Tue 24 Nov 04:00 (UTC)",
    ),
    (
        rules.in_window,
        "a patch, in a freeze of minor releases",
        outside(
            CORDON, kubelet=NEW, calendar=Calendar(exclusions=(Exclusion(NOW, NOW + DAY, Scope.MINOR, "year end"),))
        ),
        None,
    ),
    (rules.run_holds_the_cluster, "it holds it", WELL, None),
    (rules.run_holds_the_cluster, "released by itself, and cleared", stands(LEDGER.released(NOW)), None),
    (
        rules.run_holds_the_cluster,
        "held by another",
        stands(a_ledger(EARLIER)),
        f"{EARLIER} holds this cluster, not {RUN}: what is left is for it, or for a new run",
    ),
    (
        rules.run_holds_the_cluster,
        "released by another, who came after it",
        stands(a_ledger(EARLIER).released(NOW)),
        "run run-0 of https://airflow.example has upgraded this cluster since, not run run-1",
    ),
    (
        rules.run_holds_the_cluster,
        "held by one of the same name, of another Airflow",
        stands(a_ledger(NAMESAKE)),
        "run run-1 of https://other.example holds this cluster",
    ),
    (
        rules.run_holds_the_cluster,
        "held by a later run of the same name",
        stands(a_ledger(replace(RUN, began="2026-11-24"))),
        "run run-1 of https://airflow.example holds this cluster",
    ),
    (
        rules.run_holds_the_cluster,
        "held by nobody",
        stands(Ledger()),
        f"no run holds this cluster any more ({OBJECT}): start a new run",
    ),
    (rules.cluster_not_past_the_target, "before it", WELL, None),
    (rules.cluster_not_past_the_target, "at it", stands(newest=NEW, kubelet=NEW), None),
    (rules.cluster_not_past_the_target, "an apiserver", with_a_pod_at("kube-apiserver", LATER), MOVED_ON),
    (rules.cluster_not_past_the_target, "a scheduler", with_a_pod_at("kube-scheduler", LATER), MOVED_ON),
    (
        rules.cluster_not_past_the_target,
        "kubeadm-config",
        stands(newest=replace(a_control_plane(HOP), cluster_version=LATER).newest),
        MOVED_ON,
    ),
    (rules.cluster_not_past_the_target, "this kubelet", stands(kubelet=LATER), MOVED_ON),
    (
        rules.cluster_not_past_the_target,
        "by a patch",
        stands(newest=Version(1, 29, 16)),
        "the cluster is at 1.29.16 already",
    ),
    (
        rules.not_given_up,
        "given up",
        stands(replace(LEDGER, given_up={"w1": "its disk"})),
        "it was given up (its disk): a later run takes it; for this one, start kubeadm_steer.prod with take_back, or",
    ),
    (
        rules.not_given_up,
        "given up with a slot",
        stands(with_slot(given_up={"w1": "its disk"})),
        "it was given up (its disk)",
    ),
    (
        rules.not_given_up,
        "a control plane node cannot be",
        replace(stands(replace(LEDGER, given_up={"cp1": "its disk"})), node="cp1"),
        None,
    ),
    (
        rules.not_aborted,
        "aborted with a slot of an earlier run",
        stands(replace(LEDGER.taken("w1", "worker", EARLIER, NOW), aborted="incident 7")),
        "this run was aborted (incident 7): start a new run for what is left",
    ),
    (rules.not_given_up, "another was given up", stands(replace(LEDGER, given_up={"w2": "its disk"})), None),
    (
        rules.not_aborted,
        "aborted without a slot",
        stands(replace(LEDGER, aborted="too late")),
        "this run was aborted (too late): start a new run for what is left",
    ),
    (rules.not_aborted, "aborted with a slot", stands(with_slot(aborted="too late")), None),
    (
        rules.not_paused,
        "paused without a slot",
        stands(replace(LEDGER, paused="incident 7")),
        f"the upgrade is paused (incident 7): start kubeadm_steer.prod with resume, or take `paused` out of {OBJECT}",
    ),
    (rules.not_paused, "paused with a slot", stands(with_slot(paused="incident 7")), None),
    (
        rules.not_paused,
        "paused with a slot of an earlier run",
        stands(replace(LEDGER.taken("w1", "worker", EARLIER, NOW), paused="incident 7")),
        "the upgrade is paused (incident 7): start kubeadm_steer.prod with resume, or take `paused` out of ConfigMap",
    ),
    (
        rules.nobody_else_at_work,
        "kubeadm is at work",
        stands(at_work=("kubeadm upgrade apply v1.29.14 --yes", "kubeadm token list")),
        "'kubeadm upgrade apply v1.29.14 --yes' is at work on w1",
    ),
]


def test_every_rule_is_tested_here():
    """Whoever adds a rule adds what it refuses, and what it lets pass."""
    assert {rule for rule, *_, said in CASES if said} == set(RULES)


@pytest.mark.parametrize(("rule", "standing", "said"), [pytest.param(r, s, t, id=i) for r, i, s, t in CASES])
def test_a_rule_is_a_sentence(rule, standing, said):
    """And no other rule speaks of the same."""
    found = rule(standing)
    assert (found is None) if said is None else found.startswith(said)
    assert [sentence for _, sentence in verdicts(standing)] == ([found] if found else [])


def test_what_ends_by_itself_is_waited_for_and_the_rest_refuses():
    """Nobody has to clear a task because somebody has paused."""
    waits = {rule.__name__: wait for rule, wait in RULES.items() if wait is not REFUSED}
    assert waits == {"not_paused": Wait.PAUSE, "in_window": Wait.WINDOW, "nobody_else_at_work": Wait.OTHERS}


@given(st.permutations(list(RULES.items())))
def test_refusals_come_before_waits(order):
    """A loser must not wait for a pause to end before it is told, wherever somebody writes a new rule."""
    both = stands(replace(a_ledger(EARLIER), paused="incident 7"), at_work=("kubeadm join",))
    assert [wait for wait, _ in verdicts(both)] == [REFUSED, Wait.PAUSE, Wait.OTHERS]
    first, *rest = (wait for wait, _ in verdicts(both, dict(order)))
    assert (first, set(rest)) == (REFUSED, {Wait.PAUSE, Wait.OTHERS})


@given(st.builds(RunId, *[st.sampled_from(["a", "b"])] * 3), st.booleans())
def test_of_all_runs_only_the_holder_passes(other, released):
    """Whatever of an identity is the same."""
    ledger = a_ledger(other)
    ledger = ledger.released(NOW) if released else ledger
    holder = RunId("a", "a", "a")
    assert (rules.run_holds_the_cluster(stands(ledger, run=holder)) is None) is (other == holder)
