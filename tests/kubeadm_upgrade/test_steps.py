"""The engine: look, decide, act, look again, over a cluster in memory and with crashes anywhere."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory import examples
from in_memory.examples import EARLIER, NAMESAKE, NEW, OLD, RUN, applied, on_host, static_pods, with_kubeadm, with_slot
from in_memory.golden import FOLDER
from in_memory.walk import NODES, PATIENCE, begin, persevere, rehearsed, steps_of, turns, upgrade
from in_memory.world import CONFLICT, FAILED, JOURNAL, RUNNING, SUCCEEDED, Crash, OneByOne, World, remembered
from kubeadm_upgrade.actions import (
    Evict,
    EvictOrDelete,
    GiveSlotBack,
    NoteBegun,
    NoteEnded,
    NoteFailed,
    PatchNode,
    RepeatPreflight,
    Run,
    TakeClusterAgain,
    TakeSlot,
)
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.errors import CommandFailed, NotToAct, StepNotDone, StepRefused, UnitFailed, Unreachable
from kubeadm_upgrade.ledger.permit import PermittedPod
from kubeadm_upgrade.procedure import GROUPS, STEPS
from kubeadm_upgrade.steps import Outcome, Pending, Progress, Step, unit_of
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.unseen import UNSEEN, NotLookedAt
from kubeadm_upgrade.waits import Wait


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("slow", [0, 3])
def test_an_upgrade_ends_at_the_target(hop, node, slow):
    """Ready at the target, uncordoned, packages held, the slot given back; each step knew all that it judged by."""
    world = begin(hop, node, slow)
    asyncio.run(upgrade(hop, world))
    facts = world.facts
    assert (facts.node.kubelet, facts.node.ready, facts.node.unschedulable) == (NEW, True, False)
    assert hop.sources["deb"].packages.items() <= facts.host.packages.items()
    assert facts.host.held == set(facts.host.packages)  # with the dependencies that come with them
    assert facts.ledger.slots == {}


@pytest.mark.parametrize("node", NODES)
def test_a_second_run_acts_on_nothing(hop, node):
    """Every step is unchanged, and the log stays as it was."""
    world = begin(hop, node)
    asyncio.run(upgrade(hop, world))
    acted = len(world.log)
    outcomes = asyncio.run(upgrade(hop, world))
    assert {outcome.status for outcome in outcomes} == {"unchanged"}
    assert len(world.log) == acted


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_crash_after_anything_and_run_again_completes(data):
    """Whatever dies between any two lines, the upgrade completes; no unit starts twice, one kubelet restart."""
    node, slow = data.draw(st.sampled_from(NODES)), data.draw(st.integers(0, 2))
    hop = examples.a_hop()
    world = begin(hop, node, slow)
    for crash_in in data.draw(st.lists(st.integers(1, 80), max_size=8)):
        world.crash_in = crash_in
        try:
            asyncio.run(upgrade(hop, world))
        except Crash:
            continue
    world.crash_in = -1
    asyncio.run(upgrade(hop, world))
    assert_upgraded_once(world, hop, node)


def assert_upgraded_once(world, hop, node):
    units = {step.unit(hop) for step in steps_of(hop, node)} - {None, STEPS["configure_etcd"].unit(hop)}
    assert {unit: world.started(unit) for unit in units} == dict.fromkeys(units, 1)
    assert world.commands.count("sudo -n systemctl restart kubelet") == 1
    assert (world.facts.node.kubelet, world.facts.node.unschedulable) == (NEW, False)
    assert world.facts.ledger.slots == {}


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_loss_of_power_anywhere_costs_no_more_than_one_more_run(data):
    """systemd forgets everything, and what ran has no end; the upgrade completes, and says so in the ledger."""
    node, hop = data.draw(st.sampled_from(NODES)), examples.a_hop()
    world = begin(hop, node, data.draw(st.integers(0, 2)))
    for crash_in in data.draw(st.lists(st.integers(1, 80), max_size=3)):
        world.crash_in = crash_in
        try:
            asyncio.run(upgrade(hop, world))
        except Crash:
            world.lose_power()
    world.crash_in = -1
    asyncio.run(upgrade(hop, world))
    assert (world.facts.node.kubelet, world.facts.node.unschedulable) == (NEW, False)
    assert world.facts.ledger.slots == {}


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("start", ["fresh", "half-way", "leftover failed unit", "nothing held"])
def test_a_rehearsal_prints_what_is_then_done(hop, node, start):
    """The dry run's lines are the real run's commands, in order, whatever state the node is found in."""
    world = begin(hop, node)
    if start == "half-way":
        for step in itertools.islice(turns(hop, world), len(steps_of(hop, node)) // 2):
            asyncio.run(persevere(step, hop, world))
        world.log.clear()
    elif start == "leftover failed unit":
        world.units = remembered(STEPS["upgrade_kubeadm"].unit(hop), FAILED)
    elif start == "nothing held":
        world.facts = on_host(world.facts, held=frozenset())
    told = [line for outcome in rehearsed(hop, world) for line in outcome.actions]
    planned = [line for line in told if not line.startswith("  writes: ")]
    asyncio.run(upgrade(hop, world))
    done = [str(action) for action in world.log if not isinstance(action, NoteEnded)]  # what comes after a unit's end
    assert planned == done


@pytest.mark.parametrize("node", NODES)
def test_every_step_keeps_its_promise(facts_of, hop, node):
    """done(promise(facts)) for every step that was not done: what dry runs are built on."""
    facts = facts_of(node)
    for step in steps_of(hop, node):
        if not step.done(facts, hop):
            facts = step.promise(facts, hop)
            assert step.done(facts, hop), step.name


@st.composite
def found_nodes(draw, node, hop):
    """Any state that people, crashes and earlier runs may have left a node in."""
    facts = examples.facts_of(hop, node)
    names = sorted(hop.sources["deb"].packages)
    ended = st.sampled_from([FAILED, SUCCEEDED])
    host = replace(
        facts.host,
        packages={name: draw(st.sampled_from(["1.28.15-1.1", hop.sources["deb"].packages[name]])) for name in names},
        held=draw(st.frozensets(st.sampled_from(names))),
        sources=draw(st.sampled_from([{}, facts.host.sources, {"/etc/apt/sources.list.d/k8s.sources": ""}])),
        keyrings=draw(st.sampled_from([frozenset(), facts.host.keyrings])),
        kubelet_started=draw(st.sampled_from([None, facts.host.kubelet_started])),
        kubelet_outdated=draw(st.booleans()),
        kubelet_restarting=draw(st.booleans()),
    )
    cordoned_by = draw(st.sampled_from([None, "prod/v1.29.15"]))
    api = replace(
        facts.node,
        kubelet=draw(st.sampled_from([OLD, NEW])),
        ready=draw(st.booleans()),
        unschedulable=cordoned_by is not None or draw(st.booleans()),
        cordoned_by=cordoned_by,
    )
    pods = tuple(replace(pod, terminating=draw(st.booleans())) for pod in facts.pods if draw(st.booleans()))
    plane = replace(facts.control_plane, cluster_version=draw(st.sampled_from([OLD, NEW])))
    units = {
        name: replace(unit, name=name)
        for name, unit in draw(st.dictionaries(st.sampled_from(units_of(hop)), ended)).items()
    }
    facts = replace(facts, node=api, host=host, pods=pods, control_plane=plane, units=units)
    holder = draw(st.sampled_from([None, RUN, EARLIER]))
    facts = with_slot(facts, holder) if holder else facts
    doing = draw(st.sampled_from(["", STEPS["kubeadm_upgrade"].unit(hop)]))
    return replace(facts, ledger=facts.ledger.begun(node, doing))


def units_of(hop):
    return sorted({step.unit(hop) for step in STEPS.values()} - {None})


@pytest.mark.parametrize("node", NODES)
@given(data=st.data())
def test_every_step_that_would_act_keeps_its_promise(node, data):
    """However the node is found."""
    hop = examples.a_hop()
    facts = data.draw(found_nodes(node, hop))
    for step in steps_of(hop, node):
        would_act = not step.done(facts, hop) and step.refuse(facts, hop) is None and list(step.actions(facts, hop))
        if (would_act or step.name == "node_ready") and not step.done(facts, hop):
            assert step.done(step.promise(facts, hop), hop), step.name


@pytest.mark.parametrize("node", NODES)
@given(data=st.data())
def test_a_step_judges_only_by_what_it_needs(node, data):
    """What its `needs` do not name is UNSEEN in what the world shows, and raises when it is asked for."""
    hop = examples.a_hop()
    world = World(data.draw(found_nodes(node, hop)), hop)
    for step in turns(hop, world):
        seen = asyncio.run(world.look(step))
        step.details(seen, hop)
        step.turns(seen, hop)
        if not step.done(seen, hop) and step.refuse(seen, hop) is None and not list(step.actions(seen, hop)):
            assert step.pending(seen, hop)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda unseen: unseen.ailing, id="an attribute"),
        pytest.param(list, id="a list"),
        pytest.param(bool, id="whether there is any"),
        pytest.param(all, id="whether all are well"),
    ],
)
def test_what_was_not_looked_at_never_looks_healthy(ask):
    """Nothing about it is true, false or empty."""
    with pytest.raises(NotLookedAt, match="was not looked at: name it in the step's needs"):
        ask(UNSEEN)


STEP = STEPS["upgrade_kubeadm"]
APPLY = STEPS["kubeadm_upgrade"]


def test_a_unit_that_fails_in_this_attempt_is_this_attempts_failure(hop):
    """With node, unit, exit status and the journal's end."""
    world = begin(hop, "w1")
    world.fail_next.add(STEP.unit(hop))
    with pytest.raises(
        CommandFailed, match=r"w1: upgrade_kubeadm: .*no space left.* \(unit upgrade-kubeadm-v1.29.15, exit status 1\)"
    ) as e:
        asyncio.run(persevere(STEP, hop, world))
    assert e.value.do == "mend what it says (on w1: journalctl -u upgrade-kubeadm-v1.29.15)"
    assert e.value.progress.told == tuple(world.commands)
    assert e.value.progress.units == {STEP.unit(hop)}


def test_a_unit_that_failed_before_is_tried_again_under_a_name_of_its_own(hop):
    """Systemd refuses a name that it remembers, and nothing is stopped or forgotten to make one free."""
    world = begin(hop, "w1")
    world.units = remembered(STEP.unit(hop), FAILED)
    assert asyncio.run(persevere(STEP, hop, world)).status == "changed"
    assert [action.unit for action in world.log if isinstance(action, Run) and action.unit] == [
        f"{STEP.unit(hop)}.try-2"
    ]
    assert not [line for line in world.commands if "reset-failed" in line or "systemctl stop" in line]


def test_a_running_unit_is_attached_to(hop):
    """Nothing is started; the outcome says that this attempt took part."""
    world = begin(hop, "w1")
    world.units = remembered(STEP.unit(hop), replace(RUNNING, journal="Get:1 kubeadm"))
    world.running = {STEP.unit(hop): (("true",), 5)}
    result = asyncio.run(perform(STEP, hop, world))
    assert result == Pending(
        "unit upgrade-kubeadm-v1.29.15 is running: Get:1 kubeadm",
        Progress(("attach to unit upgrade-kubeadm-v1.29.15",), frozenset({"upgrade-kubeadm-v1.29.15"}), ended=""),
        kind=Wait.COMMAND,
    )
    assert world.log == []


@pytest.mark.parametrize("number", [2, 11])
def test_a_running_unit_of_a_later_try_is_attached_to_as_well(hop, number):
    """Whichever attempt, run or Airflow has started it. The newest is the one that counts: 11 after 9."""
    world, name = begin(hop, "w1"), f"{STEP.unit(hop)}.try-{number}"
    earlier = [STEP.unit(hop), *(f"{STEP.unit(hop)}.try-{n}" for n in range(2, number))]
    world.units = {one: replace(FAILED, name=one) for one in earlier} | {name: replace(RUNNING, name=name)}
    world.running = {name: (("true",), 5)}
    result = asyncio.run(perform(STEP, hop, world))
    assert result.progress.units == {name}
    assert world.log == []


def test_two_that_count_a_try_at_the_same_time_start_one(hop):
    """systemd refuses the second, who is attached to the first one's."""
    world = begin(hop, "w1", slow=3)
    world.units = remembered(STEP.unit(hop), FAILED)
    other = World(world.facts, hop)
    other.units = dict(world.units)
    (theirs,) = [action for action in asyncio.run(first_actions(STEP, hop, other)) if isinstance(action, Run)]
    asyncio.run(perform(STEP, hop, world))
    asyncio.run(world.act(theirs))
    assert world.started(STEP.unit(hop)) == 1


async def first_actions(step, hop, world):
    await perform(step, hop, world)
    return world.log[:1]


def test_the_rules_of_a_unit_of_another_target_are_those_of_any_kubeadm_at_work(hop):
    """While kubeadm-upgrade-v1.29.15 runs, a hop to 1.29.14 starts no second one beside it."""
    world = ready_to_apply(hop)
    world.at_work = ("kubeadm upgrade apply v1.29.14 --yes",)
    result = asyncio.run(perform(APPLY, hop, world))
    assert result.reason == "'kubeadm upgrade apply v1.29.14 --yes' is at work on cp1"
    assert not [action for action in world.log if isinstance(action, Run)]
    world.at_work = ()
    assert asyncio.run(persevere(APPLY, hop, world)).status == "changed"


def ready_to_apply(hop, node="cp1", slow=0) -> World:
    """The step before `kubeadm upgrade`: its kubeadm is there, the node has its slot and a backup."""
    world = begin(hop, node, slow)
    facts = with_slot(with_kubeadm(world.facts, hop))
    found = World(on_host(facts, backups=(examples.a_backup(),)), hop, slow)
    found.group = "control_plane"
    return found


def test_an_apply_that_has_succeeded_is_waited_for_and_not_repeated(hop):
    """The API is slower to show the new static Pods than the unit to end."""
    world = ready_to_apply(hop)
    world.units = remembered(APPLY.unit(hop), SUCCEEDED)
    world.facts = replace(world.facts, ledger=world.facts.ledger.begun("cp1", APPLY.unit(hop)))
    result = asyncio.run(perform(APPLY, hop, world))
    assert isinstance(result, Pending)
    assert "the API to show v1.29.15 on cp1" in result.reason
    assert world.log == []


def test_a_unit_that_an_earlier_hop_has_left_is_not_this_ones(hop):
    """Downgraded by hand and upgraded again: its success says nothing of this run, whose ledger knows of none."""
    world = ready_to_apply(hop)
    world.units = remembered(APPLY.unit(hop), SUCCEEDED)
    assert asyncio.run(persevere(APPLY, hop, world)).status == "changed"
    assert world.started(APPLY.unit(hop)) == 1


@pytest.mark.parametrize(("node", "argv"), [("cp1", "upgrade apply v1.29.15 --yes"), ("cp2", "upgrade node")])
def test_a_failed_kubeadm_upgrade_is_for_a_person(hop, node, argv):
    """Told once, never run again unseen; and run again once a person was told."""
    world = ready_to_apply(hop, node)
    world.fail_next.add(APPLY.unit(hop))
    with pytest.raises(UnitFailed, match=r"mend what it says \(on .*: journalctl -u .*\): it is not run again"):
        asyncio.run(persevere(APPLY, hop, world))
    failure = world.facts.ledger.slots[node].failure
    assert (failure.unit, failure.why, failure.told) == (APPLY.unit(hop), "fatal: no space left", True)
    assert world.started(APPLY.unit(hop)) == 1

    outcome = asyncio.run(persevere(APPLY, hop, world))
    assert outcome.status == "changed"
    assert [line.split(" -- ")[1] for line in world.commands] == [f"kubeadm {argv}"] * 2
    assert world.log[-1] == NoteEnded(node)
    assert world.facts.ledger.slots[node] == replace(world.facts.ledger.slots[node], doing="", failure=None)
    assert asyncio.run(perform(APPLY, hop, world)).status == "unchanged"


def test_a_failure_that_nobody_was_told_of_is_told_and_not_repeated(hop):
    """The worker died before it could: whoever comes next tells it, and runs nothing."""
    world = ready_to_apply(hop)
    world.units = remembered(APPLY.unit(hop), FAILED)
    with pytest.raises(UnitFailed, match="fatal: no space left"):
        asyncio.run(persevere(APPLY, hop, world))
    assert [type(action) for action in world.log] == [NoteFailed]
    assert asyncio.run(persevere(APPLY, hop, world)).status == "changed"


def test_what_kubeadm_itself_says_comes_before_its_journal(hop):
    """A report shows the first line; the journal behind it has no colours either."""
    world = ready_to_apply(hop)
    journal = (FOLDER / "kubeadm-upgrade-apply-1.34-to-1.35-cgroup-v1.txt").read_text()
    world.units = remembered(APPLY.unit(hop), replace(FAILED, journal=journal))
    with pytest.raises(UnitFailed) as failed:
        asyncio.run(persevere(APPLY, hop, world))
    first, *rest = str(failed.value).splitlines()
    assert first.startswith("cp1: kubeadm_upgrade: [ERROR SystemVerification]: cgroups v1 support is deprecated")
    assert first.endswith(f" (unit {APPLY.unit(hop)}, exit status 1)")
    assert rest[0] == "its journal ends:"
    assert "KERNEL_VERSION: 6.18.44-fc-v857" in rest
    assert "\x1b" not in str(failed.value)


def test_the_last_line_of_a_running_unit_is_told_without_colours(hop):
    """It is what the board shows while one waits."""
    world = ready_to_apply(hop)
    world.units = remembered(APPLY.unit(hop), replace(RUNNING, journal="\x1b[0;37mOS\x1b[0m: \x1b[0;32mLinux\x1b[0m"))
    result = asyncio.run(perform(APPLY, hop, world))
    assert isinstance(result, Pending)
    assert result.reason == f"unit {APPLY.unit(hop)} is running: OS: Linux"


@pytest.mark.parametrize("node", ["cp1", "cp2"])
def test_an_upgrade_that_fails_after_its_static_pods_is_no_success(hop, node):
    """CoreDNS, kube-proxy and the kubelet's configuration come last: golden/kubeadm-upgrade-apply.txt."""
    world = ready_to_apply(hop, node)
    world.fail_late.add(APPLY.unit(hop))
    with pytest.raises(UnitFailed, match="fatal: no space left"):
        asyncio.run(persevere(APPLY, hop, world))
    assert world.facts.control_plane.arrived(node, NEW)
    assert asyncio.run(persevere(APPLY, hop, world)).status == "changed"
    assert world.started(APPLY.unit(hop)) == 2


def test_power_that_is_lost_in_mid_apply_leaves_it_undone(hop):
    """The unit is forgotten and the static Pods are at the target; only the ledger knows it had no end."""
    world = ready_to_apply(hop, slow=3)
    asyncio.run(perform(APPLY, hop, world))
    assert world.log[0] == NoteBegun("cp1", APPLY.unit(hop))
    world.lose_power()
    here = tuple(replace(pod, image_tag=NEW.tag) for pod in static_pods(hop, NEW))
    here = tuple(replace(pod, image_tag="3.5.9-0") if pod.component == "etcd" else pod for pod in here)
    plane = replace(world.facts.control_plane, static_pods=here, cluster_version=NEW)
    world.facts = replace(world.facts, control_plane=plane)
    assert not APPLY.done(asyncio.run(world.look(APPLY)), hop)
    outcome = asyncio.run(persevere(APPLY, hop, world))
    assert (outcome.status, world.started(APPLY.unit(hop)), world.log[-1]) == ("changed", 2, NoteEnded("cp1"))
    assert world.facts.ledger.slots["cp1"].doing == ""


def test_an_interrupted_apply_needs_no_second_backup(hop):
    """Its cluster is half way: what was backed up before it is what counts, however old it has become."""
    world = ready_to_apply(hop)
    world.facts = replace(world.facts, ledger=world.facts.ledger.begun("cp1", APPLY.unit(hop)))
    world.later(timedelta(days=1))
    with pytest.raises(StepRefused, match="there is no fresh backup of this run"):
        asyncio.run(persevere(APPLY, hop, world))  # nothing has moved: it stopped in its own preflight
    plane = world.facts.control_plane
    moved = (replace(pod, image_tag=NEW.tag) if pod.component == "kube-apiserver" else pod for pod in plane.static_pods)
    world.facts = replace(world.facts, control_plane=replace(plane, static_pods=tuple(moved)))
    assert asyncio.run(persevere(APPLY, hop, world)).status == "changed"


def test_what_a_person_was_told_of_stays_in_every_later_sentence(hop):
    """The first failure is the cause of much that comes after it, and its journal is in another try's log."""
    world = ready_to_apply(hop)
    ledger = world.facts.ledger.failed("cp1", APPLY.unit(hop), "[ERROR CoreDNS]: no", world.facts.now)
    sick = replace(world.facts.control_plane, failing_checks=("etcd",))
    world.facts = replace(world.facts, ledger=ledger, control_plane=sick)
    cause = "(before that, kubeadm-upgrade-v1.29.15 had failed: [ERROR CoreDNS]: no)"
    waiting = asyncio.run(perform(APPLY, hop, world))
    assert waiting.reason == f"the control plane to be healthy: readyz check etcd fails {cause}"
    world.facts = on_host(world.facts, packages={**world.facts.host.packages, "kubeadm": "1.28.15-1.1"})
    with pytest.raises(StepRefused, match=r"kubeadm is 1.28.15-1.1.*before that, .* had failed: \[ERROR CoreDNS\]: no"):
        asyncio.run(perform(APPLY, hop, world))


def test_an_effect_that_does_not_come_tells_the_first_failure_as_well(hop):
    world, step = World(with_slot(begin(hop, "w1").facts), hop), PromiseNobodyKeeps()
    ledger = world.facts.ledger.failed("w1", "kubeadm-upgrade-v1.29.15", "no space", world.facts.now)
    world.facts = replace(world.facts, ledger=ledger)
    with pytest.raises(
        StepNotDone, match=r"changed nothing.*before that, kubeadm-upgrade-v1.29.15 had failed: no spac"
    ):
        asyncio.run(persevere(step, hop, world))


def test_a_refusal_changes_nothing(hop):
    """Its message names node, step and reason."""
    world = begin(hop, "w1")
    with pytest.raises(StepRefused, match=r"w1: kubeadm_upgrade_node: kubeadm is 1.28.15-1.1, not 1.29.15-1.1"):
        asyncio.run(persevere(STEPS["kubeadm_upgrade_node"], hop, world))
    assert world.log == []


def test_actions_without_effect_end(hop):
    """A step whose actions succeed and change nothing stops, and says what it did."""
    world = begin(hop, "w1")
    world._run = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(StepNotDone, match="w1: switch_package_repository: done twice and without effect: sudo -n apt-"):
        asyncio.run(persevere(STEPS["switch_package_repository"], hop, world))


def test_units_are_read_as_systemd_prints_them():
    """Running, succeeded and failed are told apart; an unknown unit is none of them."""
    unknown = Unit()
    assert [(u.running, u.succeeded, u.failed) for u in (RUNNING, SUCCEEDED, FAILED, unknown)] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (False, False, False),
    ]


class Between(OneByOne):
    """Stands between the engine and a world, and may answer an action itself."""

    def __init__(self, world, answer):
        self.world, self.answer = world, answer
        self.look, self.standing = world.look, world.standing

    async def act(self, action):
        obstacle = self.answer(action)
        return obstacle or await self.world.act(action)


def reluctant(world, kind, times=1):
    """An API that answers the first actions of a kind with: not yet."""
    left = iter(range(times))
    return Between(world, lambda one: CONFLICT if isinstance(one, kind) and next(left, None) is not None else None)


def cordoned_by_us(world):
    """At the target, and all that is left is to bring it back."""
    node = replace(world.facts.node, kubelet=NEW, unschedulable=True, cordoned_by="prod/v1.29.15")
    world.facts = with_slot(replace(world.facts, node=node))
    return world


def test_a_slot_is_kept_until_the_node_is_uncordoned(hop):
    """A patch that meets a conflict stops what builds on it: the next node must not go while this one is out (I1)."""
    world = cordoned_by_us(begin(hop, "w1"))
    step, port = STEPS["uncordon_node"], reluctant(world, PatchNode)
    result = asyncio.run(perform(step, hop, port))
    assert isinstance(result, Pending)
    assert (set(world.facts.ledger.slots), world.log) == ({"w1"}, [])
    assert asyncio.run(perform(step, hop, port, result.progress)).status == "changed"
    assert (world.facts.ledger.slots, world.facts.node.unschedulable) == ({}, False)


def test_nothing_is_evicted_from_a_node_that_is_not_cordoned_yet(hop):
    """It would come back."""
    world = begin(hop, "w1")
    world.enter("workers")
    world.facts = with_slot(world.facts)
    result = asyncio.run(perform(STEPS["drain_node"], hop, reluctant(world, PatchNode)))
    assert (result.reason, world.log) == (CONFLICT, [])


def test_one_budget_does_not_hold_up_the_other_pods(hop):
    """Every Pod is asked for in every round; what the API says of the blocked one is what is waited for."""
    world = begin(hop, "w1", slow=1)
    world.enter("workers")
    pods = (*world.facts.pods, PodFacts("shop", "api-w1", "u4", "ReplicaSet"))
    world.facts = with_slot(replace(world.facts, pods=pods))
    result = asyncio.run(perform(STEPS["drain_node"], hop, reluctant(world, Evict)))
    assert result.reason == CONFLICT
    assert [action.pod for action in world.log if isinstance(action, Evict)] == ["api-w1"]
    assert asyncio.run(persevere(STEPS["drain_node"], hop, world)).status == "changed"


def test_a_leftover_failure_is_not_taken_for_this_attempts(hop):
    """Also when the connection breaks before the next try is started, and the attempt goes on with what it has told."""
    world = begin(hop, "w1", slow=1)
    world.units = remembered(STEP.unit(hop), FAILED)

    def lost(action):
        raise Unreachable("w1 does not answer")

    with pytest.raises(Unreachable) as caught:
        asyncio.run(perform(STEP, hop, Between(world, lost)))
    assert caught.value.progress == Progress(ended="")
    result = asyncio.run(perform(STEP, hop, world, caught.value.progress))
    assert result.progress.units == {f"{STEP.unit(hop)}.try-2"}


@pytest.mark.parametrize("step", ["upgrade_kubeadm", "upgrade_kubelet_and_kubectl"])
def test_what_a_failed_install_let_go_is_held_again(hop, step):
    """apt drops the hold of what it has unpacked; nobody must find it without one, whether or not we try again."""
    world = begin(hop, "w1")
    world.enter("workers")
    world.facts = replace(with_slot(world.facts), node=replace(world.facts.node, unschedulable=True), pods=())
    world.fail_next.add(STEPS[step].unit(hop))
    with pytest.raises(CommandFailed, match="no space left"):
        asyncio.run(persevere(STEPS[step], hop, world))
    assert {*STEPS[step].packages} & world.lost_holds, "the install failed before it changed anything"
    assert {"kubeadm", "kubelet", "kubectl"} <= world.facts.host.held


def test_amends_wait_for_a_lock_as_anything_does(hop):
    """The failure is told once they are made."""
    world = begin(hop, "w1")
    world.fail_next.add(STEP.unit(hop))
    locked = Between(world, lambda one: "somebody holds the lock" if "apt-mark" in str(one) else None)

    async def attempt():
        started = await perform(STEP, hop, locked)
        return await perform(STEP, hop, locked, started.progress)

    failed = asyncio.run(attempt())
    assert failed.reason == "somebody holds the lock"
    with pytest.raises(CommandFailed, match="no space left"):
        asyncio.run(perform(STEP, hop, world, failed.progress))
    assert "kubeadm" in world.facts.host.held


class Moody(OneByOne):
    """A port in front of a world: now well, now not yet, now lost; it watches the order of things."""

    def __init__(self, world, moods):
        self.world, self.moods = world, iter(moods)
        self.look, self.standing = world.look, world.standing

    async def act(self, action):
        mood = next(self.moods, "well")
        if mood == "lost":
            raise Unreachable("before")
        if mood == "not yet" and not isinstance(action, Run):
            return "not yet"
        self.watch(action)
        answer = await self.world.act(action)
        if mood == "lost after":
            raise Unreachable("after")
        return answer

    def watch(self, action):
        facts = self.world.facts
        match action:
            case Evict():
                assert facts.node.unschedulable, "evicted before it was cordoned"
            case GiveSlotBack() if facts.node.kubelet == NEW:
                assert not facts.node.unschedulable, "the slot was given back while the node was cordoned"
            case Run(unit=str(name)):
                assert name not in self.world.units, "systemd refuses a name that it remembers"
                if name.startswith("kubeadm-upgrade") and facts.node.control_plane:
                    assert facts.ledger.slots[facts.node.name].doing == name, "begun without a note of it"

    async def go_on(self, step, hop):
        """What operator and trigger do when a connection breaks."""
        progress = Progress()
        for _ in range(PATIENCE):
            try:
                result = await perform(step, hop, self, progress)
            except Unreachable as error:
                progress = error.progress
                continue
            if isinstance(result, Outcome):
                return
            progress = result.progress
        raise AssertionError(f"{step.name} is not done")


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_conflicts_and_lost_connections_delay_and_never_harm(data):
    """Answers of `not yet` and broken connections anywhere: it completes, nothing runs twice or out of order."""
    node, hop = data.draw(st.sampled_from(NODES)), examples.a_hop()
    world = begin(hop, node, data.draw(st.integers(0, 2)))
    moods = data.draw(st.lists(st.sampled_from(["well", "not yet", "lost", "lost after"]), max_size=60))
    port = Moody(world, moods)
    for step in turns(hop, world):
        asyncio.run(port.go_on(step, hop))
    assert_upgraded_once(world, hop, node)


class PromiseNobodyKeeps(Step):
    """Its unit succeeds, and nothing comes of it: seen where rpm asked another database than dnf had written."""

    def done(self, facts, hop):
        return False

    def actions(self, facts, hop):
        yield Run(("true",), unit=self.unit(hop))

    def unit(self, hop):
        return "in-vain"


def test_a_unit_that_succeeds_without_effect_is_not_started_again(hop, facts_of):
    """Not at every look for ever: the attempt ends, and Airflow counts it."""
    world, step = World(facts_of("w1"), hop, slow=1), PromiseNobodyKeeps()
    with pytest.raises(StepNotDone, match="w1: promise_nobody_keeps: unit in-vain has succeeded and changed nothing"):
        asyncio.run(persevere(step, hop, world))
    assert world.started("in-vain") == 1


# standing rules: no step knows of them, so whatever a step wants is held against them


def would_act(hop, world):
    """Every step of this node, at the moment at which it wants to do something."""
    for step in turns(hop, world):
        if not step.done(world.everything(), hop):
            yield step
        asyncio.run(persevere(step, hop, world))


def loses_the_cluster(facts):
    return replace(facts, ledger=replace(facts.ledger, holder=examples.a_ledger(NAMESAKE).holder))


def is_given_up(facts):
    return replace(facts, ledger=replace(facts.ledger, given_up={facts.node.name: "broken disk"}))


_LOST = "run run-1 of https://other.example holds this cluster, not run run-1 of https://airflow.example"


@pytest.mark.parametrize(
    ("node", "change", "words"),
    [
        *(pytest.param(node, loses_the_cluster, _LOST, id=f"{node} loses the cluster") for node in NODES),
        pytest.param("w1", is_given_up, "it was given up (broken disk)", id="w1 is given up"),
    ],
)
def test_the_rules_are_asked_before_every_action_of_every_step(hop, node, change, words):
    """A loser's actions are refused, whichever step it has come to, and nothing at all is done."""
    world = begin(hop, node)
    asked = 0
    for step in would_act(hop, world):
        before = world.facts
        world.facts = change(before)
        acted = len(world.log)
        try:
            result = asyncio.run(perform(step, hop, world))
            assert isinstance(result, Pending) or result.status == "unchanged", step.name
        except StepRefused as refused:
            asked += words in str(refused)
        assert len(world.log) == acted, step.name
        world.facts = replace(world.facts, ledger=before.ledger)
    assert asked >= 8


class Rules(OneByOne):
    """Watches what the engine asks for before what it does."""

    def __init__(self, world):
        self.world, self.look = world, world.look
        self.asked, self.told = [], []

    async def standing(self, action):
        self.asked.append(action)
        self.told.append(("asked", action))
        return await self.world.standing(action)

    async def act(self, action):
        self.told.append(("done", action))
        return await self.world.act(action)


@pytest.mark.parametrize("node", NODES)
def test_each_action_is_done_right_after_the_rules_were_asked_for_it(hop, node):
    """But for evictions: those of one drain are one act, and the rules are asked before the first of them."""
    world = begin(hop, node)
    pods = (*world.facts.pods, *(PodFacts("shop", f"api-{n}", f"u1{n}", "ReplicaSet") for n in range(5)))
    world.facts = replace(world.facts, pods=pods)
    rules = Rules(world)
    for step in turns(hop, world):
        asyncio.run(persevere(step, hop, rules))
    done = [action for what, action in rules.told if what == "done"]
    evictions = [action for action in done if isinstance(action, Evict)]
    assert len(evictions) == 6
    assert rules.asked == [action for action in done if action not in evictions[1:]]
    for place, (what, action) in enumerate(rules.told):
        if what == "done":
            assert rules.told[place - 1] == ("asked", action) or isinstance(action, Evict)


def test_the_rules_are_asked_before_each_pod_that_may_be_deleted(hop):
    """Also behind evictions that are refused: what somebody has agreed to is not held up by what nobody has."""
    world = begin(hop, "w1", slow=1)
    world.enter("workers")
    pods = tuple(PodFacts("shop", f"db-{n}", f"u1{n}", "StatefulSet") for n in range(4))
    agreed = [PermittedPod(f"u1{n}", f"shop/db-{n}", "ann", examples.NOW) for n in (0, 2)]
    facts = with_slot(replace(world.facts, pods=pods, node=replace(world.facts.node, unschedulable=True)))
    world.facts = replace(facts, ledger=facts.ledger.permitted("w1", RUN, agreed))
    rules = Rules(reluctant(world, Evict, times=2))
    result = asyncio.run(perform(STEPS["drain_node"], hop, rules))
    assert result.kind is Wait.PODS
    assert [action.pod for action in rules.asked] == ["db-1", "db-0", "db-2"]
    assert [action.pod for action in world.log] == ["db-0", "db-2"]
    done = [(what, action.pod) for what, action in rules.told if isinstance(action, EvictOrDelete)]
    assert done == [("asked", "db-0"), ("done", "db-0"), ("asked", "db-2"), ("done", "db-2")]


def test_a_drain_that_begins_with_an_eviction_asks_once(hop):
    """The cordon was done before; twenty blocked Pods must not ask twenty times every two seconds."""
    world = begin(hop, "w1", slow=9)
    world.enter("workers")
    pods = tuple(PodFacts("shop", f"api-{n}", f"u1{n}", "ReplicaSet") for n in range(20))
    world.facts = with_slot(replace(world.facts, pods=pods, node=replace(world.facts.node, unschedulable=True)))
    rules = Rules(world)
    asyncio.run(perform(STEPS["drain_node"], hop, rules))
    assert (len(rules.asked), len(world.log)) == (1, 20)


def test_a_run_that_had_ended_takes_the_cluster_again(hop):
    """A task of it is cleared, and nobody came after it: the others are to see that somebody is at work again."""
    world = begin(hop, "w1")
    world.facts = replace(world.facts, ledger=world.facts.ledger.released(world.facts.now))
    assert asyncio.run(persevere(STEP, hop, world)).status == "changed"
    assert world.log[0] == TakeClusterAgain()
    assert world.log.count(TakeClusterAgain()) == 1
    assert world.facts.ledger.holder == replace(world.facts.ledger.holder, run=RUN, released=None)


class Overtaken(World):
    """Somebody writes to the ledger between every look and what comes of it."""

    async def look(self, step):
        facts = await super().look(step)
        self.facts = replace(self.facts, ledger=replace(self.facts.ledger, paused="an incident"))
        return facts


def test_nothing_is_evicted_where_the_cluster_could_not_be_taken_again(hop):
    """What stops the first eviction of a drain stops them all: the next look tells who has the cluster by now."""
    began = begin(hop, "w1")
    pods = tuple(PodFacts("shop", f"api-{n}", f"u1{n}", "ReplicaSet") for n in range(3))
    node = replace(began.facts.node, unschedulable=True)
    facts = with_slot(replace(applied(began.facts, hop), pods=pods, node=node))
    world = Overtaken(replace(facts, ledger=facts.ledger.released(facts.now)), hop)
    assert asyncio.run(perform(STEPS["drain_node"], hop, world)).reason == CONFLICT
    assert world.log == []


def test_a_run_that_has_nothing_left_to_do_takes_nothing(hop):
    """Only an action takes the cluster again: a look must not."""
    world = begin(hop, "w1")
    asyncio.run(upgrade(hop, world))
    world.facts = replace(world.facts, ledger=world.facts.ledger.released(world.facts.now))
    world.log.clear()
    asyncio.run(upgrade(hop, world))
    assert world.log == []


def test_a_failure_is_noted_only_by_the_run_that_may(hop):
    """A loser's note on the slot of the run that came after it would hide the failure from that run."""
    world = ready_to_apply(hop)
    world.units = remembered(APPLY.unit(hop), FAILED)
    taken = world.facts.ledger.claimed(EARLIER, world.facts.now).taken("cp1", "control-plane", EARLIER, world.facts.now)
    world.facts = replace(world.facts, ledger=taken)
    with pytest.raises(StepRefused, match=r"run run-0 .* holds this cluster"):
        asyncio.run(persevere(APPLY, hop, world))
    assert world.facts.ledger == taken


@pytest.mark.parametrize("hold", ["paused", "aborted"])
def test_a_node_that_is_out_of_service_is_finished_first(hop, hold):
    """Whoever pauses or aborts a run wants no node left half way."""
    world = begin(hop, "w1")
    world.enter("workers")
    asyncio.run(persevere(STEPS["admit"], hop, world))
    world.facts = replace(world.facts, ledger=replace(world.facts.ledger, **{hold: "incident 7"}))
    for step in GROUPS["workers"]:
        asyncio.run(persevere(step, hop, world))
    assert (world.facts.node.kubelet, world.facts.ledger.slots) == (NEW, {})


def test_a_paused_run_waits_and_goes_on(hop):
    """Without a refusal: nobody has to clear anything afterwards."""
    world = begin(hop, "w1")
    world.facts = replace(world.facts, ledger=replace(world.facts.ledger, paused="incident 7"))
    result = asyncio.run(perform(STEP, hop, world))
    assert result.reason.startswith("the upgrade is paused (incident 7): start kubeadm_steer.prod with resume, or ")
    assert world.log == []
    world.facts = replace(world.facts, ledger=replace(world.facts.ledger, paused=None))
    assert asyncio.run(persevere(STEP, hop, world)).status == "changed"


@pytest.mark.parametrize("paused", [pytest.param(None, id="aborted"), pytest.param("incident 6", id="paused before")])
def test_a_node_that_only_waits_ends_with_an_aborted_run(hop, paused):
    """Also behind the slot of a node that has failed, or a pause: what it waits for may never come."""
    world = begin(hop, "w2")
    ledger = world.facts.ledger.taken("w1", "worker", RUN, world.facts.now)
    world.facts = replace(world.facts, ledger=replace(ledger, aborted="incident 7", paused=paused))
    world.enter("workers")
    with pytest.raises(NotToAct, match=r"w2: admit: this run was aborted \(incident 7\): start a new run"):
        asyncio.run(perform(STEPS["admit"], hop, world))
    assert world.log == []


def test_what_has_begun_is_waited_for_also_in_an_aborted_run(hop):
    """The group of the first kubelets has no slot: after an apply the apiserver is away for a while, and comes back."""
    world = begin(hop, "cp1")
    world.enter("control_plane")
    ready = STEPS["control_plane_ready"]
    for step in GROUPS["control_plane"][: GROUPS["control_plane"].index(ready)]:
        asyncio.run(persevere(step, hop, world))
    plane = replace(world.facts.control_plane, failing_checks=("etcd",))
    world.facts = replace(
        world.facts, control_plane=plane, ledger=replace(world.facts.ledger, aborted="incident 7", slots={})
    )
    result = asyncio.run(perform(ready, hop, world))
    assert (type(result), result.kind) == (Pending, Wait.HEALTH)


@pytest.mark.parametrize("step", ["node_ready", "static_pods_ready", "control_plane_ready"])
def test_only_who_waits_at_the_gates_ends_with_an_aborted_run(hop, step):
    """Others only look on, at what somebody has begun."""
    assert STEPS["admit"].is_at_the_gates
    assert not STEPS[step].is_at_the_gates


# nodes that leave, and policies that change


@pytest.mark.parametrize("node", NODES)
def test_a_node_that_has_left_the_cluster_leaves_its_slot(hop, node):
    """At whatever step it is missed, there is nothing left to do with it, and nobody waits for it."""
    for step in steps_of(hop, node):
        world = World(with_slot(begin(hop, node).facts), hop)
        world.gone = True
        outcome = asyncio.run(persevere(step, hop, world))
        assert (outcome.status, outcome.details) == ("gone", (f"{node} is no longer in the cluster",))
        assert world.log == [GiveSlotBack(node)]
        assert world.facts.ledger.slots == {}


def test_the_slot_of_a_node_that_has_left_is_given_back_also_after_a_conflict(hop):
    """Nobody else ever would."""
    world = World(with_slot(begin(hop, "w1").facts), hop)
    world.gone = True
    port = reluctant(world, GiveSlotBack)
    result = asyncio.run(perform(STEP, hop, port))
    assert isinstance(result, Pending)
    assert asyncio.run(perform(STEP, hop, port, result.progress)).status == "gone"
    assert world.facts.ledger.slots == {}


def test_a_changed_drain_policy_takes_effect_at_the_next_look(hop):
    """What the sentence says to do is done, and the very same run goes on."""
    world = begin(hop, "w1")
    world.enter("workers")
    data = (PodFacts("shop", "tmp-w1", "u4", "ReplicaSet", empty_dir=True),)
    world.facts = with_slot(replace(world.facts, pods=data))
    with pytest.raises(StepRefused, match=r"set drain.delete_emptydir_data in the inventory if it may go"):
        asyncio.run(persevere(STEPS["drain_node"], hop, world))
    drain = replace(world.facts.policy.drain, delete_emptydir_data=True)
    world.facts = replace(world.facts, policy=replace(world.facts.policy, drain=drain))
    assert asyncio.run(persevere(STEPS["drain_node"], hop, world)).status == "changed"


def test_a_run_can_be_slowed_down_while_it_is_under_way(hop):
    """Max_unavailable is read at each look, so an incident needs no other run."""
    world = begin(hop, "w2")
    world.enter("workers")
    world.others = {"w1": replace(examples.node_of(hop, "w1"), unschedulable=True, cordoned_by="prod/v1.29.15")}
    world.facts = replace(world.facts, ledger=world.facts.ledger.taken("w1", "worker", RUN, world.facts.now))
    admit = STEPS["admit"]
    assert "1 worker node may be out of service" in asyncio.run(perform(admit, hop, world)).reason
    world.facts = replace(world.facts, policy=replace(world.facts.policy, max_unavailable=2))
    assert asyncio.run(persevere(admit, hop, world)).status == "changed"


def test_an_old_judgement_is_repeated_before_a_node_is_taken_out_of_service(hop):
    """A wait may have lasted for days; one that is fresh is believed."""
    world = begin(hop, "w1")
    world.enter("workers")
    world.later(timedelta(hours=2))
    asyncio.run(persevere(STEPS["admit"], hop, world))
    assert [type(action) for action in world.log] == [RepeatPreflight, TakeSlot]
    fresh = begin(hop, "w1")
    asyncio.run(persevere(STEPS["admit"], hop, fresh))
    assert [type(action) for action in fresh.log] == [TakeSlot]


def test_a_slot_of_another_run_serves_nobody(hop):
    """One Airflow is enough; a run that was marked failed has left its slot, and this one takes it anew."""
    world = World(with_slot(begin(hop, "w1").facts, EARLIER), hop)
    world.enter("workers")
    assert not STEPS["admit"].done(world.everything(), hop)
    assert "holds no slot of this run" in STEPS["drain_node"].refuse(world.everything(), hop)
    asyncio.run(persevere(STEPS["admit"], hop, world))
    assert world.facts.ledger.slots["w1"].run == RUN


@pytest.mark.parametrize("group", ["control_plane", "control_plane_kubelets"])
@pytest.mark.parametrize(
    ("sick", "words"),
    [
        pytest.param(
            {
                "members": tuple(
                    replace(m, healthy=False) if m.name == "cp1" else m for m in examples.an_etcd("cp2", "cp1").members
                )
            },
            "etcd member cp1 is not healthy",
            id="a member",
        ),
        pytest.param({"members": examples.an_etcd("cp2").members}, "cp1 is no member of etcd", id="no member yet"),
        pytest.param({"alarms": ("NOSPACE on cp1",)}, "etcd raises an alarm: NOSPACE on cp1", id="an alarm"),
    ],
)
def test_no_control_plane_node_is_touched_while_etcd_ails(hop, group, sick, words):
    """In both groups; a kubelet of another minor restarts etcd, and quorum is lost."""
    world = begin(hop, "cp2")
    world.enter(group)
    world.facts = replace(world.facts, etcd=replace(world.facts.etcd, **sick))
    result = asyncio.run(perform(STEPS["admit"], hop, world))
    assert words in result.reason
    assert world.log == []
    world.facts = replace(world.facts, etcd=examples.an_etcd("cp1", "cp2"))
    assert asyncio.run(persevere(STEPS["admit"], hop, world)).status == "changed"


@pytest.mark.parametrize("node", NODES)
def test_an_old_run_that_is_cleared_acts_on_nothing(hop, node):
    """On apt: the cluster has moved on to 1.30, and each step that still wants something is refused."""
    world = World(begin(hop, node).facts, hop)
    newer = replace(NEW, minor=30)
    world.facts = replace(world.facts, control_plane=examples.a_control_plane(hop, newer))
    for step in turns(hop, world):
        try:
            asyncio.run(perform(step, hop, world))
        except StepRefused:
            continue
    assert world.log == []


def test_what_ended_well_is_told_by_the_ledger_and_not_by_the_journal(hop):
    """The first failure's words go once a later try has succeeded."""
    world = ready_to_apply(hop)
    world.fail_next.add(APPLY.unit(hop))
    with pytest.raises(UnitFailed):
        asyncio.run(persevere(APPLY, hop, world))
    asyncio.run(persevere(APPLY, hop, world))
    assert unit_of(APPLY, asyncio.run(world.look(APPLY)), hop).name == f"{APPLY.unit(hop)}.try-2"
    assert JOURNAL not in str(world.facts.ledger)
    assert applied(world.facts, hop).control_plane.cluster_version == NEW
