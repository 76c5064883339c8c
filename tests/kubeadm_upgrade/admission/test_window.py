"""What a node wants to begin when it is admitted, and what becomes of it where its window has closed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from in_memory.examples import NEW, NOW, RUN, a_control_plane, a_hop, a_ledger, facts_of, node_of
from in_memory.walk import begin
from kubeadm_upgrade.actions import RepeatPreflight, TakeSlot
from kubeadm_upgrade.admission.admit import Admit
from kubeadm_upgrade.admission.first import first_hold
from kubeadm_upgrade.admission.gates import in_window
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.admission.window import hold_of, job_of
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.ledger.ledger import CONTROL_PLANE, WORKER
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.steps import Outcome, Pending
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.waits import Wait
from kubeadm_upgrade.windows.calendar import Calendar, Exclusion, Once, Scope, WhenOver, Work
from kubeadm_upgrade.windows.need import need

HOP = a_hop()
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
OPEN = Calendar(once=(Once(NOW - HOUR, 5 * HOUR),))
SHUT = Calendar(once=(Once(NOW + 6 * HOUR, 5 * HOUR),))
NEEDS = {group: need({}, (step.name for step in steps)) for group, steps in GROUPS.items()}


def lane(group, ledger=None, plane=None, **kubelets):
    nodes = [node_of(HOP, name) for name in (*HOP.control_plane, *HOP.workers)]
    nodes = [replace(one, kubelet=kubelets.get(one.name, one.kubelet)) for one in nodes]
    return lane_of(group, HOP, RUN, RolloutPolicy(), nodes, plane or a_control_plane(HOP), ledger or a_ledger())


def has_moved(*names):
    plane = replace(a_control_plane(HOP), cluster_version=NEW)
    pods = (
        replace(pod, image_tag=NEW.tag) if pod.node in names and pod.component != "etcd" else pod
        for pod in plane.static_pods
    )
    return replace(plane, static_pods=tuple(pods))


PATCH = Version(1, 29, 3)
BOTH = Work(changes_minor=True, drains=True)


@pytest.mark.parametrize(
    ("node", "of", "needed", "work", "who"),
    [
        pytest.param(
            "cp1",
            lane("control_plane"),
            2 * NEEDS["control_plane"],
            Work(changes_minor=True),
            "2 control plane nodes take",
            id="the first of a hop: the whole control plane",
        ),
        pytest.param(
            "cp2",
            lane("control_plane", plane=has_moved("cp1")),
            NEEDS["control_plane"],
            Work(changes_minor=True),
            "cp2 takes",
            id="the second: its own, for the first is done",
        ),
        pytest.param(
            "cp2",
            lane("control_plane", a_ledger().taken("cp1", CONTROL_PLANE, RUN, NOW)),
            NEEDS["control_plane"],
            Work(changes_minor=True),
            "cp2 takes",
            id="the second: its own, for the first has begun",
        ),
        pytest.param(
            "cp1", lane("control_plane_kubelets"), NEEDS["control_plane_kubelets"], BOTH, "cp1 takes", id="a kubelet"
        ),
        pytest.param("w1", lane("workers"), NEEDS["workers"], BOTH, "w1 takes", id="a worker"),
        pytest.param(
            "w1", lane("workers", w1=PATCH), NEEDS["workers"], Work(drains=True), "w1 takes", id="a patch of it"
        ),
    ],
)
def test_what_is_begun_with_a_node(node, of, needed, work, who):
    job = job_of(node, of, a_ledger())
    assert (job.need, job.work, job.who) == (needed, work, who)


def test_what_was_measured_here_goes_before_guesses():
    ledger = replace(a_ledger(), durations={"drain_node": (3600.0,)})
    assert job_of("w1", lane("workers"), ledger).need > HOUR


def facts(name, calendar, **changes):
    found = facts_of(HOP, name)
    return replace(found, policy=replace(found.policy, calendar=calendar), **changes)


@pytest.mark.parametrize(
    ("calendar", "reason", "waits"),
    [
        pytest.param(OPEN, "", False, id="open"),
        pytest.param(SHUT, "", True, id="shut"),
        pytest.param(SHUT, "an exploit", False, id="shut, and ignored"),
        pytest.param(
            Calendar(exclusions=(Exclusion(NOW, NOW + HOUR, Scope.MINOR),)), "", True, id="a freeze of minors"
        ),
        pytest.param(
            Calendar(exclusions=(Exclusion(NOW, NOW + HOUR, Scope.NODES),)), "", True, id="a freeze of drains"
        ),
        pytest.param(Calendar(exclusions=(Exclusion(NOW, NOW + HOUR),)), "", True, id="a freeze"),
    ],
)
def test_a_worker_waits_for_a_window(calendar, reason, waits):
    assert bool(in_window(facts("w1", calendar), replace(HOP, ignore_window=reason))) is waits


def test_the_control_plane_moves_while_drains_are_frozen():
    assert in_window(facts("cp1", Calendar(exclusions=(Exclusion(NOW, NOW + HOUR, Scope.NODES),))), HOP) is None


def admitted(world):
    return asyncio.run(perform(Admit(), HOP, world))


def world(name, calendar, **ledger):
    there = begin(HOP, name)
    there.facts = replace(
        there.facts,
        policy=replace(there.facts.policy, calendar=calendar),
        ledger=replace(there.facts.ledger, **ledger),
    )
    return there


def test_who_waits_for_a_window_says_so_and_looks_seldom():
    found = admitted(world("w1", SHUT))
    assert isinstance(found, Pending)
    assert found.waits_for == (Wait.WINDOW, "a slot: its maintenance window: it opens on Mon 23 Nov 10:00 (UTC)")
    assert 10 < found.turns <= 25


def test_a_slot_that_is_held_waits_for_nothing():
    there = world("w1", SHUT)
    there.facts = replace(there.facts, ledger=there.facts.ledger.taken("w1", WORKER, RUN, NOW))
    assert admitted(there).status == "unchanged"


def test_a_node_that_is_done_waits_for_nothing():
    there = world("w1", SHUT)
    there.facts = replace(there.facts, node=replace(there.facts.node, kubelet=NEW))
    assert admitted(there).status == "unchanged"


@pytest.mark.parametrize(
    ("ago", "repeats"),
    [
        pytest.param(20 * MINUTE, False, id="within this window"),
        pytest.param(HOUR + MINUTE, True, id="before it, and over an hour ago"),
    ],
)
def test_a_judgement_is_of_this_window(ago, repeats):
    there = world("w1", OPEN, holder=replace(a_ledger().holder, judged=NOW - ago))
    assert admitted(there).status == "changed"
    assert [type(action) for action in there.log] == [*[RepeatPreflight] * repeats, TakeSlot]


def test_a_judgement_of_before_the_window_is_made_again_however_young():
    """Its run began half an hour before, for the plan and the packages."""
    opens = Calendar(once=(Once(NOW - 5 * MINUTE, 5 * HOUR),))
    there = world("w1", opens, holder=replace(a_ledger().holder, judged=NOW - 10 * MINUTE))
    admitted(there)
    assert [type(action) for action in there.log] == [RepeatPreflight, TakeSlot]


def test_where_a_run_stops_with_its_window_a_node_is_left():
    found = admitted(world("w1", replace(SHUT, when_over=WhenOver.STOP)))
    assert isinstance(found, Outcome)
    assert found.status == "left"
    assert found.details == ("to be continued: its maintenance window: it opens on Mon 23 Nov 10:00 (UTC)",)


def test_and_so_is_one_that_waits_for_its_turn_behind_it():
    """Else it would wait for somebody who never begins."""
    there = world("w2", replace(SHUT, when_over=WhenOver.STOP))
    there.others = {"w1": node_of(HOP, "w1")}
    assert admitted(there).status == "left"


def test_one_behind_a_node_that_is_left_is_left_though_its_own_work_would_fit():
    """A freeze of minor releases, and only the first has one to go."""
    frozen = Calendar(exclusions=(Exclusion(NOW, NOW + 24 * HOUR, Scope.MINOR),), when_over=WhenOver.STOP)
    there = world("w2", frozen)
    there.facts = replace(there.facts, node=replace(there.facts.node, kubelet=PATCH))
    there.others = {"w1": node_of(HOP, "w1")}
    assert in_window(replace(there.facts, lane=there.lane("workers")), HOP) is None
    assert admitted(there).status == "left"


def test_a_pause_is_told_before_the_window():
    found = admitted(world("w1", SHUT, paused="incident 7"))
    assert found.kind is Wait.PAUSE


def of_the_hop(plane=None, calendar=SHUT, run=RUN, **kubelets):
    nodes = [node_of(HOP, name) for name in (*HOP.control_plane, *HOP.workers)]
    nodes = [replace(one, kubelet=kubelets.get(one.name, one.kubelet)) for one in nodes]
    policy = RolloutPolicy(calendar=calendar)
    return first_hold(HOP, run, policy, nodes, plane or a_control_plane(HOP), a_ledger(), NOW)


def test_a_run_waits_with_its_first_node():
    assert of_the_hop() == hold_of("cp1", lane("control_plane"), HOP, RolloutPolicy(calendar=SHUT), a_ledger(), NOW)
    assert of_the_hop(calendar=OPEN) is None


def test_a_run_of_which_nothing_is_left_waits_for_no_window():
    everybody = dict.fromkeys((*HOP.control_plane, *HOP.workers), NEW)
    assert of_the_hop(a_control_plane(HOP, NEW), **everybody) is None


def test_a_path_that_is_to_stop_with_its_window_waits_for_its_first_one():
    """What goes on with it has had one: it waits for no other, and its nodes say that they are left."""
    stops = replace(SHUT, when_over=WhenOver.STOP)
    assert of_the_hop(calendar=stops) == of_the_hop()
    assert of_the_hop(calendar=stops, run=replace(RUN, dag_run=f"{RUN.dag_run}~2")) is None
    assert of_the_hop(run=replace(RUN, dag_run=f"{RUN.dag_run}~2")) == of_the_hop()
