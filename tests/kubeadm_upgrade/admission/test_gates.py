"""Gates: every reason to wait is a sentence, and the first of them is what is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from in_memory.examples import RUN, an_etcd
from kubeadm_upgrade.admission.gates import (
    GATES,
    GATES_OF_THE_LANE,
    approved,
    control_plane_healthy,
    controllers_lead,
    in_window,
    its_turn,
    not_paused,
    others_in_service,
    slot_free,
    why_wait,
)
from kubeadm_upgrade.admission.lane import Lane, Member
from kubeadm_upgrade.approval.policy import ApprovalPolicy, When
from kubeadm_upgrade.ledger.ledger import Failed
from kubeadm_upgrade.ledger.wire import OBJECT
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.roles import without_label
from kubeadm_upgrade.rollout.gates import group_has_room, groups_turn, not_halted, outside_ready, soaked
from kubeadm_upgrade.rollout.health import daemon_sets_rolled, query_passes, workloads_as_before
from kubeadm_upgrade.rollout.placement import Placed
from kubeadm_upgrade.rollout.strategy import Health, Query, Strategy
from kubeadm_upgrade.rollout.workload import Workload
from kubeadm_upgrade.unseen import UNSEEN
from kubeadm_upgrade.waits import Wait
from kubeadm_upgrade.windows.calendar import Calendar, Once


def with_lane(facts, holders=(), **members):
    found = {"w1": Member(True), "w2": Member(False), **members}
    return replace(facts, lane=Lane("worker", 1, ("w1", "w2"), found, frozenset(holders), group="workers"))


def in_groups(facts, soak=timedelta(), limit=1, **members):
    """w1 is the canary, whose soak has begun half an hour ago."""
    lane = with_lane(facts, **members).lane
    groups = (Placed("canary", ("w1",), soak=soak), Placed("rest", ("w2", "w3"), 1, depends_on=("canary",)))
    ledger = facts.ledger.soaking("canary", "1.29.15", facts.now - timedelta(minutes=30))
    return replace(facts, lane=replace(lane, groups=groups, limit=limit), ledger=ledger)


def with_limit(facts, limit, **members):
    return replace(facts, lane=replace(with_lane(facts, **members).lane, limit=limit))


PROXY = Workload("DaemonSet", "kube-system", "kube-proxy", 5, 5, 5)
SHOP = Workload("Deployment", "shop", "web", 3, 3)


def with_workloads(facts, *workloads, health, says=""):
    policy = replace(facts.policy, strategy=Strategy(health=health))
    return replace(with_lane(facts), policy=policy, workloads=workloads, query_says=says)


def with_failed(facts, *names):
    ledger = replace(facts.ledger, failed_nodes=dict.fromkeys(names, Failed(RUN, "its disk is full")))
    lane = replace(with_lane(facts, **{name: Member(True) for name in names}).lane, failed=frozenset(names))
    return replace(facts, lane=lane, ledger=ledger)


TONIGHT = Calendar(once=(Once(datetime(2026, 11, 23, 22, tzinfo=UTC), timedelta(hours=4)),))
LIMIT = "1 worker node may be out of service at a time"
HALTS = "success_criteria.max_failed allows 0: mend it and clear the failed tasks, or give it up (kubeadm_steer.prod)"
OUTSIDE = (
    "w9, which this run does not come to, has ceased to be Ready since it began: mend it, or give it up "
    "(kubeadm_steer.prod)"
)
CLOSED = {
    not_paused: (
        lambda f: replace(f, ledger=replace(f.ledger, paused="incident 7")),
        f"the upgrade is paused (incident 7): start kubeadm_steer.prod with resume, or take `paused` out of {OBJECT}",
    ),
    not_halted: (
        lambda f: with_failed(f, "w3"),
        f"the rollout is halted: w3 has failed (its disk is full), and {HALTS}",
    ),
    groups_turn: (lambda f: in_groups(f, w1=Member(False)), "the group canary comes first: w1 is not done"),
    its_turn: (lambda f: with_lane(f, w1=Member(False)), "it is the turn of w1"),
    soaked: (
        lambda f: in_groups(f, soak=timedelta(hours=1)),
        "the group canary soaks for 1h, until Mon 23 Nov 04:30 (UTC)",
    ),
    group_has_room: (
        lambda f: in_groups(f, limit=2, w3=Member(True, ready=False)),
        "of the group rest 1 node may be out of service at a time, and w3 is",
    ),
    slot_free: (
        lambda f: with_lane(f, holders=["w3"], w3=Member(False)),
        f"{LIMIT}, and w3 is",
    ),
    others_in_service: (
        lambda f: with_lane(f, w1=Member(True, ready=False), w3=Member(True, in_service=False)),
        f"{LIMIT}, and w1 is not Ready, w3 is cordoned: mend them, or give them up (kubeadm_steer.prod)",
    ),
    outside_ready: (
        lambda f: with_limit(f, 2, w9=Member(False, ready=False, not_ready_since=f.now)),
        OUTSIDE,
    ),
    approved: (
        lambda f: replace(f, policy=replace(f.policy, approval=ApprovalPolicy(When.ALWAYS))),
        "an approval of the hop (1.28.15 to 1.29.15), and there is none: clear the task approve, to have it asked for",
    ),
    in_window: (
        lambda f: replace(f, policy=replace(f.policy, calendar=TONIGHT)),
        "its maintenance window: it opens on Mon 23 Nov 22:00 (UTC)",
    ),
    control_plane_healthy: (
        lambda f: replace(f, control_plane=replace(f.control_plane, failing_checks=("etcd",))),
        "the control plane is not healthy: readyz check etcd fails",
    ),
    controllers_lead: (
        lambda f: replace(f, leaders=f.leaders[:1]),
        "the controllers are not back: no kube-scheduler leads",
    ),
    daemon_sets_rolled: (
        lambda f: with_workloads(f, replace(PROXY, updated=2), health=Health(daemon_sets=True)),
        "the DaemonSets of kube-system to be rolled out: DaemonSet kube-system/kube-proxy has 5 of 5",
    ),
    workloads_as_before: (
        lambda f: with_workloads(f, replace(SHOP, available=2), health=Health(workloads=True)),
        "workloads that were well before this run: Deployment shop/web has 2 of 3",
    ),
    query_passes: (
        lambda f: with_workloads(f, health=Health(query=Query("prom", "up")), says="it is 0 for {job=shop}"),
        "the query of prom to pass: it is 0 for {job=shop}",
    ),
}


def test_every_gate_is_tested_here():
    """Whoever adds a gate adds what closes it, in its order."""
    assert tuple(CLOSED) == tuple(GATES)


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.__name__)
def test_a_gate_says_why_it_is_closed(facts_of, hop, gate):
    """And nothing else is closed by it."""
    close, sentence = CLOSED[gate]
    facts = close(with_lane(facts_of("w2")))
    assert gate(facts, hop) == sentence
    assert [other for other in GATES if other(facts, hop)] == [gate]
    assert STEPS["admit"].awaits(facts, hop) is GATES[gate]
    assert why_wait(facts, hop) == sentence


def test_with_all_gates_open_a_node_goes(facts_of, hop):
    assert why_wait(with_lane(facts_of("w2")), hop) is None


@pytest.mark.parametrize("last", range(1, len(GATES)))
def test_the_first_closed_gate_is_what_is_said(facts_of, hop, last):
    """A person's word before the others' turn, and that before what costs most to ask."""
    facts = with_lane(facts_of("w2"))
    for gate in reversed(list(GATES)[: last + 1]):
        close, _ = CLOSED[gate]
        closed = close(facts)
        lane = closed.lane if gate in (its_turn, slot_free, others_in_service) else facts.lane
        facts = replace(closed, lane=lane)
    assert why_wait(facts, hop) == CLOSED[not_paused][1]


def test_whoever_waits_in_its_lane_needs_no_look_at_the_control_plane(facts_of, hop):
    """Hundreds may wait: the last gates are asked only where all others are open."""
    facts = with_lane(facts_of("w2"), w1=Member(False))
    unseen = dict.fromkeys(("control_plane", "etcd", "leaders", "workloads", "query_says"), UNSEEN)
    blind = replace(facts, **unseen)
    assert tuple(GATES)[: len(GATES_OF_THE_LANE)] == tuple(GATES_OF_THE_LANE)
    assert why_wait(blind, hop) == "it is the turn of w1"
    admit = STEPS["admit"]
    assert (admit.done(blind, hop), admit.refuse(blind, hop), list(admit.actions(blind, hop))) == (False, None, [])
    assert (admit.pending(blind, hop), admit.awaits(blind, hop)) == ("a slot: it is the turn of w1", Wait.TURN)


def test_etcds_members_matter_to_control_plane_nodes_only(facts_of, hop):
    """A worker's host could not ask etcd, and its upgrade takes no member down."""
    sick = an_etcd("cp2")
    worker = replace(with_lane(facts_of("w2")), etcd=UNSEEN)
    assert control_plane_healthy(worker, hop) is None
    assert control_plane_healthy(replace(facts_of("cp2"), etcd=sick), hop) == (
        "the control plane is not healthy: cp1 is no member of etcd"
    )


def test_nothing_moves_on_while_a_node_runs_a_control_plane_without_its_label(facts_of, hop):
    """Workers neither: its apiserver may be behind. Its member of etcd is one to keep, and not one to remove."""
    plane = replace(facts_of("cp1").control_plane, nodes_ready={"cp1": True}, unlabelled={"cp2": ("etcd",)})
    for name in ("cp1", "w2"):
        facts = replace(facts_of(name), control_plane=plane, etcd=an_etcd("cp1", "cp2"))
        assert control_plane_healthy(facts, hop) == (
            f"the control plane is not healthy: {without_label('cp2', ('etcd',))}"
        )


def test_its_own_slot_and_its_own_state_are_in_nobodys_way(facts_of, hop):
    """A retry of a node that is out of service already goes on."""
    facts = with_lane(facts_of("w2"), holders=["w2"], w2=Member(False, ready=False, in_service=False))
    assert why_wait(facts, hop) is None


def test_a_run_of_a_rehearsal_needs_no_judgement(facts_of, hop):
    """Nobody holds the cluster then, and nothing is taken."""
    facts = with_lane(facts_of("w2"))
    free = replace(facts, ledger=replace(facts.ledger, holder=None))
    assert [str(action) for action in STEPS["admit"].actions(free, hop)] == ["take a worker slot for w2"]
    never = replace(facts, ledger=replace(facts.ledger, holder=replace(facts.ledger.holder, judged=None)))
    assert [str(action) for action in STEPS["admit"].actions(never, hop)] == [
        "repeat preflight: its last judgement is too old"
    ]
    assert facts.ledger.is_held_by(RUN)
