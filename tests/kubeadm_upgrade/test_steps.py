"""The engine: look, decide, act, look again, over a cluster in memory and with crashes anywhere."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory import examples
from in_memory.examples import NEW, on_host
from in_memory.world import FAILED, RUNNING, SUCCEEDED, Crash, World
from kubeadm_upgrade.errors import CommandFailed, StepNotDone, StepRefused
from kubeadm_upgrade.facts import UpgradePlan
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.steps import Outcome, Pending, perform, rehearse
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.version import Version

NODES = ["cp1", "cp2", "w1"]
PATIENCE = 200


def steps_of(hop, node):
    groups = CONTROL_PLANE_NODE if node in hop.control_plane else WORKER_NODE
    return [step for group in groups for step in GROUPS[group]]


async def persevere(step, hop, world) -> Outcome:
    """What operator and trigger do: perform until an outcome."""
    told: tuple[str, ...] = ()
    for _ in range(PATIENCE):
        result = await perform(step, hop, world.look, world.act, told)
        if isinstance(result, Outcome):
            return result
        told = result.actions
    raise AssertionError(f"{step.name} is still {result}")


async def upgrade(hop, world) -> list[Outcome]:
    return [await persevere(step, hop, world) for step in steps_of(hop, world.facts.node.name)]


def begin(facts_of, hop, node, slow=0) -> World:
    """A world in which it is this node's turn: kubeadm offers the upgrade, and the first node has applied."""
    facts = on_host(facts_of(node), upgrade_plan=UpgradePlan((NEW.tag,)))
    if node == "cp2":
        facts = replace(facts, control_plane=replace(facts.control_plane, cluster_version=NEW))
    lane = replace(facts.lane, order=(node,))
    return World(replace(facts, lane=lane), hop, slow)


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("slow", [0, 3])
def test_an_upgrade_ends_at_the_target(facts_of, hop, node, slow):
    """Ready at the target, uncordoned, packages held, the slot given back."""
    world = begin(facts_of, hop, node, slow)
    asyncio.run(upgrade(hop, world))
    facts = world.facts
    assert (facts.node.kubelet, facts.node.ready, facts.node.unschedulable) == (NEW, True, False)
    assert facts.host.packages == hop.packages
    assert facts.host.held == set(hop.packages)
    assert facts.lane.holders == frozenset()


@pytest.mark.parametrize("node", NODES)
def test_a_second_run_acts_on_nothing(facts_of, hop, node):
    """Every step is unchanged, and the log stays as it was."""
    world = begin(facts_of, hop, node)
    asyncio.run(upgrade(hop, world))
    members = {name: replace(member, finished=True) for name, member in world.facts.lane.members.items()}
    world.facts = replace(world.facts, lane=replace(world.facts.lane, members=members))
    acted = len(world.log)
    outcomes = asyncio.run(upgrade(replace(hop, run="run-1"), world))
    assert {outcome.status for outcome in outcomes} == {"unchanged"}
    assert len(world.log) == acted


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_crash_after_anything_and_run_again_completes(data):
    """Whatever dies between any two lines, the upgrade completes; no unit starts twice, one kubelet restart."""
    node, slow = data.draw(st.sampled_from(NODES)), data.draw(st.integers(0, 2))
    hop = examples.a_hop()
    world = begin(functools.partial(examples.facts_of, hop), hop, node, slow)
    for crash_in in data.draw(st.lists(st.integers(1, 60), max_size=8)):
        world.crash_in = crash_in
        try:
            asyncio.run(upgrade(hop, world))
        except Crash:
            continue
    world.crash_in = -1
    asyncio.run(upgrade(hop, world))
    units = {step.unit(hop) for step in steps_of(hop, node)} - {None}
    assert {unit: world.started(unit) for unit in units} == dict.fromkeys(units, 1)
    assert world.commands.count("sudo -n systemctl restart kubelet") == 1
    assert (world.facts.node.kubelet, world.facts.node.unschedulable) == (NEW, False)


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("start", ["fresh", "half-way", "leftover failed unit", "nothing held"])
def test_a_rehearsal_prints_what_is_then_done(facts_of, hop, node, start):
    """The dry run's lines are the real run's commands, in order, whatever state the node is found in."""
    world = begin(facts_of, hop, node)
    if start == "half-way":
        for step in steps_of(hop, node)[: len(steps_of(hop, node)) // 2]:
            asyncio.run(persevere(step, hop, world))
        world.log.clear()
    elif start == "leftover failed unit":
        world.facts = on_host(world.facts, units={STEPS["upgrade_kubeadm"].unit(hop): FAILED})
    elif start == "nothing held":
        world.facts = on_host(world.facts, held=frozenset())
    planned = [line for outcome in rehearse(steps_of(hop, node), world.facts, hop) for line in outcome.actions]
    asyncio.run(upgrade(hop, world))
    assert [line for line in planned if line.startswith("sudo")] == world.commands
    assert [line for line in planned if not line.startswith("sudo")] == [
        str(action) for action in world.log if str(action) not in world.commands
    ]


@pytest.mark.parametrize("node", NODES)
def test_every_step_keeps_its_promise(facts_of, hop, node):
    """done(promise(facts)) for every step that was not done: what dry runs are built on."""
    facts = begin(facts_of, hop, node).facts
    for step in steps_of(hop, node):
        if not step.done(facts, hop):
            facts = step.promise(facts, hop)
            assert step.done(facts, hop) or step.name == "kubeadm_upgrade_plan", step.name


STEP = STEPS["upgrade_kubeadm"]


def test_a_unit_that_fails_in_this_attempt_is_this_attempts_failure(facts_of, hop):
    """With node, unit, exit status and the journal's end."""
    world = begin(facts_of, hop, "w1")
    world.fail_next.add(STEP.unit(hop))
    with pytest.raises(
        CommandFailed, match=r"w1: upgrade_kubeadm: unit upgrade-kubeadm-v1.29.15 ended with exit status 1"
    ) as e:
        asyncio.run(persevere(STEP, hop, world))
    assert "no space left" in str(e.value)
    assert e.value.told == tuple(world.commands)


def test_a_unit_that_failed_before_is_forgotten_and_started_again(facts_of, hop):
    """systemd refuses a name that it remembers."""
    world = begin(facts_of, hop, "w1")
    world.facts = on_host(world.facts, units={STEP.unit(hop): FAILED})
    assert asyncio.run(persevere(STEP, hop, world)).status == "changed"
    assert f"sudo -n systemctl reset-failed {STEP.unit(hop)}" in world.commands


def test_a_running_unit_is_attached_to(facts_of, hop):
    """Nothing is started; the outcome says that this attempt took part."""
    world = begin(facts_of, hop, "w1")
    world.facts = on_host(world.facts, units={STEP.unit(hop): RUNNING})
    result = asyncio.run(perform(STEP, hop, world.look, world.act))
    assert result == Pending("unit upgrade-kubeadm-v1.29.15 is running", ("attach to unit upgrade-kubeadm-v1.29.15",))
    assert world.log == []


def test_an_apply_that_has_succeeded_is_waited_for_and_not_repeated(facts_of, hop):
    """The API is slower to show the new static Pods than the unit to end."""
    step = STEPS["kubeadm_upgrade"]
    world = begin(facts_of, hop, "cp1")
    world.facts = on_host(world.facts, packages=dict(hop.packages), units={step.unit(hop): SUCCEEDED})
    result = asyncio.run(perform(step, hop, world.look, world.act))
    assert isinstance(result, Pending)
    assert "to show v1.29.15 on cp1" in result.reason
    assert world.log == []


def test_a_refusal_changes_nothing(facts_of, hop):
    """Its message names node, step and reason."""
    world = begin(facts_of, hop, "w1")
    with pytest.raises(StepRefused, match=r"w1: kubeadm_upgrade_node: kubeadm is 1.28.15-1.1, not 1.29.15-1.1"):
        asyncio.run(persevere(STEPS["kubeadm_upgrade_node"], hop, world))
    assert world.log == []


def test_actions_without_effect_end(facts_of, hop):
    """A step whose actions succeed and change nothing stops after a few rounds."""
    world = begin(facts_of, hop, "w1")
    world._run = lambda *_: None  # type: ignore[method-assign]
    with pytest.raises(StepNotDone, match="switch_package_repository: not done after"):
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
    assert Version(1, 29, 15) == NEW
