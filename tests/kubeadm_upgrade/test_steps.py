"""The engine: look, decide, act, look again, over a cluster in memory and with crashes anywhere."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory import examples
from in_memory.examples import NEW, OLD, on_host, static_pods
from in_memory.world import FAILED, RUNNING, SUCCEEDED, Crash, World
from kubeadm_upgrade.actions import Evict, GiveSlotBack, PatchNode, Run, TakeSlot
from kubeadm_upgrade.errors import CommandFailed, StepNotDone, StepRefused, Unreachable
from kubeadm_upgrade.facts import PodFacts, UpgradePlan
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.steps import Need, Outcome, Pending, Step, perform, rehearse
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
    assert hop.sources["deb"].packages.items() <= facts.host.packages.items()
    assert facts.host.held == set(facts.host.packages)  # with the dependencies that come with them
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
        units=draw(st.dictionaries(st.sampled_from(units_of(hop)), ended)),
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
    lane = replace(facts.lane, holders=draw(st.sampled_from([frozenset(), frozenset({node})])))
    return replace(facts, node=api, host=host, pods=pods, control_plane=plane, lane=lane)


def units_of(hop):
    return sorted({step.unit(hop) for step in STEPS.values()} - {None})


@pytest.mark.parametrize("node", NODES)
@given(data=st.data())
def test_every_step_that_would_act_keeps_its_promise(node, data):
    """However the node is found."""
    hop = examples.a_hop()
    facts = data.draw(found_nodes(node, hop))
    for step in steps_of(hop, node):
        would_act = step.refuse(facts, hop) is None and list(step.actions(facts, hop))
        only_waits = step.name == "node_ready"
        if (would_act or only_waits) and not step.done(facts, hop):
            assert step.done(step.promise(facts, hop), hop), step.name


class NotLookedAt:
    """Judging by it would be judging by nothing."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} was judged by, and is not among the step's needs")

    def __iter__(self):
        raise AssertionError("the Pods were judged by, and are not among the step's needs")


PART_OF = {Need.HOST: "host", Need.PODS: "pods", Need.CONTROL_PLANE: "control_plane", Need.LANE: "lane"}


@pytest.mark.parametrize("node", NODES)
@given(data=st.data())
def test_a_step_judges_only_by_what_it_needs(node, data):
    """What its `needs` do not name is not looked at, and must not be taken for empty."""
    hop = examples.a_hop()
    facts = data.draw(found_nodes(node, hop))
    for step in steps_of(hop, node):
        unseen = {part: NotLookedAt() for need, part in PART_OF.items() if need not in step.needs}
        seen = replace(facts, **unseen)
        step.details(seen, hop)
        if not step.done(seen, hop) and step.refuse(seen, hop) is None and not list(step.actions(seen, hop)):
            assert step.pending(seen, hop)


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
    world.facts = on_host(world.facts, packages=dict(hop.sources["deb"].packages), units={step.unit(hop): SUCCEEDED})
    result = asyncio.run(perform(step, hop, world.look, world.act))
    assert isinstance(result, Pending)
    assert "to show v1.29.15 on cp1" in result.reason
    assert world.log == []


@pytest.mark.parametrize(("node", "argv"), [("cp1", "upgrade apply v1.29.15 --yes"), ("cp2", "upgrade node")])
def test_an_upgrade_that_fails_after_its_static_pods_is_no_success(facts_of, hop, node, argv):
    """CoreDNS, kube-proxy and the kubelet's configuration come last: golden/kubeadm-upgrade-apply.txt."""
    plane = replace(facts_of(node).control_plane, static_pods=static_pods(hop, NEW), cluster_version=NEW)
    facts = on_host(replace(facts_of(node), control_plane=plane), packages=dict(hop.sources["deb"].packages))
    step = STEPS["kubeadm_upgrade"]
    world = World(on_host(facts, units={step.unit(hop): FAILED}), hop)
    with pytest.raises(CommandFailed, match="fatal: no space left"):
        asyncio.run(perform(step, hop, world.look, world.act, [f"attach to unit {step.unit(hop)}"]))
    assert world.log == []

    outcome = asyncio.run(persevere(step, hop, world))
    assert outcome.status == "changed"
    assert [line for line in world.commands if argv in line] == world.commands[1:]
    assert asyncio.run(perform(step, hop, world.look, world.act)).status == "unchanged"


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


def reluctant(world, kind, times=1):
    """An API that answers the first actions of a kind with: not yet."""
    left = iter(range(times))

    async def act(action):
        if isinstance(action, kind) and next(left, None) is not None:
            return "somebody else changed it meanwhile"
        return await world.act(action)

    return act


def with_slot(facts):
    return replace(facts, lane=replace(facts.lane, holders=frozenset({facts.node.name})))


def test_a_slot_is_kept_until_the_node_is_uncordoned(facts_of, hop):
    """A patch that meets a conflict stops what builds on it: the next node must not go while this one is out (I1)."""
    world = begin(facts_of, hop, "w1")
    node = replace(world.facts.node, kubelet=NEW, unschedulable=True, cordoned_by="prod/v1.29.15")
    world.facts = with_slot(replace(world.facts, node=node))
    step, act = STEPS["uncordon_node"], reluctant(world, PatchNode)
    result = asyncio.run(perform(step, hop, world.look, act))
    assert isinstance(result, Pending)
    assert (world.facts.lane.holders, world.log) == (frozenset({"w1"}), [])
    assert asyncio.run(perform(step, hop, world.look, act, result.actions)).status == "changed"
    assert (world.facts.lane.holders, world.facts.node.unschedulable) == (frozenset(), False)


def test_nothing_is_evicted_from_a_node_that_is_not_cordoned_yet(facts_of, hop):
    """It would come back."""
    world = begin(facts_of, hop, "w1")
    world.facts = with_slot(world.facts)
    result = asyncio.run(perform(STEPS["drain_node"], hop, world.look, reluctant(world, PatchNode)))
    assert (result.reason, world.log) == ("somebody else changed it meanwhile", [])


def test_one_budget_does_not_hold_up_the_other_pods(facts_of, hop):
    """Every Pod is asked for in every round; what the API says of the blocked one is what is waited for."""
    world = begin(facts_of, hop, "w1", slow=1)
    pods = (*world.facts.pods, PodFacts("shop", "api-w1", "u4", "ReplicaSet"))
    world.facts = with_slot(replace(world.facts, pods=pods))
    result = asyncio.run(perform(STEPS["drain_node"], hop, world.look, reluctant(world, Evict)))
    assert result.reason == "somebody else changed it meanwhile"
    assert [action.pod for action in world.log if isinstance(action, Evict)] == ["api-w1"]
    assert asyncio.run(persevere(STEPS["drain_node"], hop, world)).status == "changed"


def test_a_leftover_failure_is_not_taken_for_this_attempts(facts_of, hop):
    """Also when the connection breaks before it is forgotten, and the attempt goes on with what it has told."""
    world = begin(facts_of, hop, "w1")
    world.facts = on_host(world.facts, units={STEP.unit(hop): FAILED})

    async def lost(action):
        if "reset-failed" in str(action):
            raise Unreachable("w1 does not answer")
        return await world.act(action)

    with pytest.raises(Unreachable) as caught:
        asyncio.run(perform(STEP, hop, world.look, lost))
    assert caught.value.told == ()
    result = asyncio.run(perform(STEP, hop, world.look, world.act, caught.value.told))
    assert f"sudo -n systemctl reset-failed {STEP.unit(hop)}" in result.actions


@pytest.mark.parametrize("step", ["upgrade_kubeadm", "upgrade_kubelet_and_kubectl"])
def test_what_a_failed_install_let_go_is_held_again(facts_of, hop, step):
    """apt drops the hold of what it has unpacked; nobody must find it without one, whether or not we try again."""
    world = begin(facts_of, hop, "w1")
    world.facts = replace(with_slot(world.facts), node=replace(world.facts.node, unschedulable=True), pods=())
    world.fail_next.add(STEPS[step].unit(hop))
    with pytest.raises(CommandFailed, match="no space left"):
        asyncio.run(persevere(STEPS[step], hop, world))
    assert {*STEPS[step].packages} & world.lost_holds, "the install failed before it changed anything"
    assert {"kubeadm", "kubelet", "kubectl"} <= world.facts.host.held


def test_amends_wait_for_a_lock_as_anything_does(facts_of, hop):
    """The failure is told once they are made."""
    world = begin(facts_of, hop, "w1")
    world.fail_next.add(STEP.unit(hop))

    async def locked(action):
        return "somebody holds the lock" if "apt-mark" in str(action) else await world.act(action)

    async def attempt():
        started = await perform(STEP, hop, world.look, locked)
        return await perform(STEP, hop, world.look, locked, started.actions)

    failed = asyncio.run(attempt())
    assert failed.reason == "somebody holds the lock"
    with pytest.raises(CommandFailed, match="no space left"):
        asyncio.run(perform(STEP, hop, world.look, world.act, failed.actions))
    assert "kubeadm" in world.facts.host.held


class Moody:
    """A port in front of a world: now well, now not yet, now lost; it watches the order of things."""

    def __init__(self, world, moods):
        self.world, self.moods = world, iter(moods)

    async def act(self, action):
        mood = next(self.moods, "well")
        if mood == "lost":
            raise Unreachable("before")
        if mood == "not yet" and isinstance(action, Evict | PatchNode | TakeSlot | GiveSlotBack):
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
                assert name not in facts.host.units, "systemd refuses a name that it remembers"

    async def go_on(self, step, hop):
        """What operator and trigger do when a connection breaks."""
        told: tuple[str, ...] = ()
        for _ in range(PATIENCE):
            try:
                result = await perform(step, hop, self.world.look, self.act, told)
            except Unreachable as error:
                told = error.told
                continue
            if isinstance(result, Outcome):
                return
            told = result.actions
        raise AssertionError(f"{step.name} is not done")


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_conflicts_and_lost_connections_delay_and_never_harm(data):
    """Answers of `not yet` and broken connections anywhere: it completes, nothing runs twice or out of order."""
    node, hop = data.draw(st.sampled_from(NODES)), examples.a_hop()
    world = begin(functools.partial(examples.facts_of, hop), hop, node, data.draw(st.integers(0, 2)))
    moods = data.draw(st.lists(st.sampled_from(["well", "not yet", "lost", "lost after"]), max_size=60))
    port = Moody(world, moods)
    for step in steps_of(hop, node):
        asyncio.run(port.go_on(step, hop))
    units = {step.unit(hop) for step in steps_of(hop, node)} - {None}
    assert {unit: world.started(unit) for unit in units} == dict.fromkeys(units, 1)
    assert world.commands.count("sudo -n systemctl restart kubelet") == 1
    assert (world.facts.node.kubelet, world.facts.node.unschedulable) == (NEW, False)
    assert world.facts.lane.holders == frozenset()


class PromiseNobodyKeeps(Step):
    """Its unit succeeds, and nothing comes of it: seen where rpm asked another database than dnf had written."""

    needs = frozenset({Need.HOST})

    def done(self, facts, hop):
        return False

    def actions(self, facts, hop):
        yield Run(("true",), unit=self.unit(hop))

    def unit(self, hop):
        return "in-vain"


def test_a_unit_that_succeeds_without_effect_is_not_started_again(hop, facts_of):
    """Not at every look for ever: the attempt ends, and Airflow counts it."""
    world, step = World(facts_of("w1"), hop, slow=1), PromiseNobodyKeeps()

    async def attempt():
        told = ()
        while True:
            told = (await perform(step, hop, world.look, world.act, told)).actions

    with pytest.raises(StepNotDone, match="w1: promise_nobody_keeps: unit in-vain has succeeded and changed nothing"):
        asyncio.run(attempt())
    assert [str(action) for action in world.log if isinstance(action, Run) and action.unit] == [
        str(Run(("true",), unit="in-vain"))
    ]
