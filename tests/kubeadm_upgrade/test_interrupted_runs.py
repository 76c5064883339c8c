"""What a run meets that another one has left: found by test_histories.py, and told here as small as it gets."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from in_memory.cluster import FAILED, RUNNING, Cluster, Seat, UnitHere, package
from in_memory.states import control_plane_node
from kubeadm_upgrade.actions import GiveSlotBack, NoteFailed, NotePin, RepeatPreflight, TakeSlot
from kubeadm_upgrade.admission.admit import Admit
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS, ControlPlaneFacts
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.errors import StepRefused, UnitFailed
from kubeadm_upgrade.etcd import EtcdFacts
from kubeadm_upgrade.etcd_gate import before_the_gate
from kubeadm_upgrade.facts import PACKAGES, Facts, HostFacts, NodeFacts, OsRelease
from kubeadm_upgrade.hop import Hop, Repository, Source
from kubeadm_upgrade.ledger.changes import changed
from kubeadm_upgrade.ledger.ledger import CONTROL_PLANE, WORKER, Holder, Ledger, Slot
from kubeadm_upgrade.planning.plan import control_plane_order
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.procedure import DrainNode, KubeadmUpgrade
from kubeadm_upgrade.ready import ControlPlaneReady, StaticPodsReady
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.steps import Progress
from kubeadm_upgrade.version import Version

OLD, NEW = Version(1, 33, 9), Version(1, 34, 9)
NOW = datetime(2026, 11, 25, 20, tzinfo=UTC)
RUN, EARLIER = RunId("now"), RunId("earlier")
HOP = Hop("prod", OLD, NEW, {}, ("cp1", "cp2"), ("w1", "w2"))
ETCD = "3.6.50-0"
SOURCES = {"deb": Source(Repository("", ""), dict.fromkeys(PACKAGES, package(NEW)))}


def ledger(**slots: str) -> Ledger:
    """Slots of an earlier run, by node and lane."""
    return Ledger(Holder(RUN, NOW), {name: Slot(lane, EARLIER) for name, lane in slots.items()})


def node(name: str, **changes: object) -> NodeFacts:
    return replace(NodeFacts(name, OLD, ready=True, control_plane=name.startswith("cp")), **changes)


def control_plane(*at_the_target: str, etcd: str = "3.5.9-0") -> ControlPlaneFacts:
    pods = tuple(
        StaticPod(component, name, NEW.tag if name in at_the_target else OLD.tag, ready=True)
        for name in HOP.control_plane
        for component in CONTROL_PLANE_COMPONENTS
    )
    members = tuple(StaticPod("etcd", name, etcd, ready=True) for name in HOP.control_plane)
    return ControlPlaneFacts((*pods, *members), NEW if at_the_target else OLD, {})


def at_the_gates(group: str, name: str, nodes: dict[str, NodeFacts], ledger: Ledger, *at_the_target: str) -> Facts:
    """What a node of a task group sees of its lane."""
    lane = lane_of(group, HOP, RUN, RolloutPolicy(), tuple(nodes.values()), control_plane(*at_the_target), ledger)
    return Facts(nodes[name], RUN, NOW, policy=RolloutPolicy(), ledger=ledger, lane=lane)


def may_go(*args) -> bool:
    return why_wait(at_the_gates(*args), HOP, GATES_OF_THE_LANE) is None


def test_a_node_is_finished_in_a_hop_through_etcds_gate_only_with_its_etcd():
    """Nothing else of it moves: taken for finished, it would get no slot, and kubeadm is not run without one."""
    hop = replace(HOP, came_from=NEW, etcd_pin=ETCD)
    nodes = [node("cp1"), node("cp2")]
    for tag, finished in (("3.6.37-0", False), (ETCD, True)):
        plane = control_plane("cp1", "cp2", etcd=tag)
        lane = lane_of("control_plane", hop, RUN, RolloutPolicy(), nodes, plane, ledger())
        assert lane.is_finished("cp1") is finished


@pytest.mark.parametrize(
    "action",
    [
        GiveSlotBack("w1"),
        NoteFailed("w1", "kubeadm-upgrade-v1.34.9", "no space"),
        TakeSlot(WORKER, "w2"),
        NotePin(None),
    ],
    ids=str,
)
def test_a_run_that_has_lost_the_cluster_changes_nothing_in_the_ledger(action):
    """A node that is gone and a unit that has failed are written down without a rule being asked."""
    there = replace(ledger(w1=WORKER), holder=Holder(EARLIER, NOW), etcd_pin=ETCD)
    assert changed(there, action, RUN, NOW) == there
    assert changed(there, action, EARLIER, NOW) != there


@pytest.mark.parametrize(("group", "name"), [("control_plane", "cp1"), ("workers", "w1")])
def test_an_earlier_runs_slot_is_taken_also_where_its_node_is_at_the_target(group, name):
    """It may tell of a kubeadm that was cut off at its end; and whoever comes next waits for it for ever."""
    lane_name = CONTROL_PLANE if group == "control_plane" else WORKER
    there = {one: node(one, kubelet=NEW) for one in (*HOP.control_plane, *HOP.workers)}
    facts = at_the_gates(group, name, there, ledger(**{name: lane_name}), "cp1", "cp2")
    assert not facts.lane.is_finished(name)
    assert why_wait(facts, HOP, GATES_OF_THE_LANE) is None
    assert at_the_gates(group, name, there, ledger(), "cp1", "cp2").lane.is_finished(name)


def test_a_control_plane_node_left_cordoned_is_in_no_apiservers_way():
    """Its apiserver is through and its slot given back; its kubelet's turn comes after the last apiserver only."""
    nodes = {"cp1": node("cp1", unschedulable=True, cordoned_by="prod/v1.33.9"), "cp2": node("cp2")}
    assert may_go("control_plane", "cp2", nodes, ledger(), "cp1")
    assert not may_go("control_plane_kubelets", "cp2", nodes, ledger(), "cp1", "cp2")


def test_a_node_left_cordoned_does_not_wait_for_those_that_wait_for_it():
    """cp1 is first in the order, and waits until cp2 is back in service."""
    nodes = {"cp1": node("cp1"), "cp2": node("cp2", unschedulable=True, cordoned_by="prod/v1.33.9")}
    assert not may_go("control_plane_kubelets", "cp1", nodes, ledger(), "cp1", "cp2")
    assert may_go("control_plane_kubelets", "cp2", nodes, ledger(), "cp1", "cp2")


def test_more_workers_left_out_of_service_than_may_be_by_now_wait_not_for_each_other():
    """max_unavailable was lowered after they were drained."""
    nodes = {name: node(name, unschedulable=True, cordoned_by="prod/v1.33.9") for name in HOP.workers}
    left = ledger(w1=WORKER, w2=WORKER)
    assert all(may_go("workers", name, nodes, left) for name in HOP.workers)
    assert not may_go("workers", "w3", {**nodes, "w3": node("w3")}, left)


def test_a_run_that_loses_the_cluster_after_its_cordon_evicts_nothing():
    """The evictions of a drain are one act, and the cordon before them another one."""
    cluster = Cluster(control_plane=1, workers=1, at=NEW, lag=1)
    hop = replace(HOP, control_plane=("cp1",), workers=("w1",))
    cluster.edit_ledger(lambda ledger: ledger.claimed(RUN, NOW).taken("w1", WORKER, RUN, NOW))
    drain = perform(DrainNode(), hop, Seat(cluster, Assignment("prod", RUN, hop, "workers", "drain_node", "w1")))
    drain.send(None)  # it has looked
    drain.send(None)
    assert cluster.nodes["w1"].cordoned_by
    cluster.edit_ledger(lambda ledger: ledger.claimed(RunId("later"), NOW))
    with pytest.raises(StepRefused, match="run later holds this cluster"):
        drain.send(None)
    assert not any(pod.terminating for pod in cluster.nodes["w1"].pods.values())


def test_an_earlier_runs_slot_on_a_worker_in_service_takes_nobodys_place():
    """That run may do nothing any more; and the worker itself is no more out of service than any other."""
    nodes = {name: node(name) for name in HOP.workers}
    left = ledger(w1=WORKER, w2=WORKER)
    assert may_go("workers", "w1", nodes, left)
    drained = {**nodes, "w2": node("w2", unschedulable=True, cordoned_by="prod/v1.33.9")}
    assert not may_go("workers", "w1", drained, left)
    assert may_go("workers", "w2", drained, left)


def test_the_slot_of_a_node_that_has_left_goes_before_another_is_taken():
    """Another machine may join under its name while somebody else is out of service: each would wait for the other."""
    there = {name: node(name) for name in ("cp2", "w1", "w2")}
    facts = at_the_gates("control_plane", "cp2", there, ledger(cp1=CONTROL_PLANE, w9=WORKER))
    plane = replace(control_plane(), nodes_ready={"cp2": True})
    plane = replace(plane, static_pods=tuple(pod for pod in plane.static_pods if pod.node == "cp2"))
    facts = replace(facts, control_plane=plane, etcd=EtcdFacts())
    assert list(Admit().actions(facts, HOP)) == [RepeatPreflight()]
    facts = replace(facts, ledger=facts.ledger.judged(NOW))
    assert list(Admit().actions(facts, HOP)) == [GiveSlotBack("cp1"), TakeSlot(CONTROL_PLANE, "cp2")]


def restarted(seconds: int) -> Facts:
    """cp1, whose kubelet an earlier run has restarted so long ago; its apiserver is through, and all looks well."""
    age = timedelta(seconds=seconds)
    host = HostFacts(OsRelease("debian"), {}, kubelet_started=NOW - age, kubelet_age=age)
    plane = replace(control_plane("cp1", "cp2"), nodes_ready={"cp1": True, "cp2": True})
    there = ledger().taken("cp1", CONTROL_PLANE, RUN, NOW)
    return Facts(node("cp1", kubelet=NEW), RUN, NOW, ledger=there, host=host, control_plane=plane, etcd=EtcdFacts())


@pytest.mark.parametrize(("seconds", "gives_back"), [(10, []), (60, []), (180, [GiveSlotBack("cp1")])])
def test_a_kubelet_that_an_earlier_run_has_restarted_is_waited_for(seconds, gives_back):
    """Its static Pods go down seconds after its Node is Ready: whoever is let go on then takes a second member (I3)."""
    facts = restarted(seconds)
    assert list(ControlPlaneReady().actions(facts, HOP)) == gives_back
    if not gives_back:
        assert ControlPlaneReady().pending(facts, HOP) == "the kubelet of cp1 to be through with its static Pods"
    assert ControlPlaneReady().done(ControlPlaneReady().promise(facts, HOP), HOP)


def to_its_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    while True:
        try:
            coroutine.send(None)
        except StopIteration as end:
            return end.value


def after_a_failure(began: datetime, *, remembered: bool = True) -> tuple[Cluster, Coroutine[Any, Any, Any]]:
    """A run that has got the slot of one whose apply has failed, at its own apply."""
    cluster = Cluster(control_plane=1, workers=1, at=OLD)
    unit = "kubeadm-upgrade-v1.34.9"
    here = cluster.nodes["cp1"]
    here.packages["kubeadm"] = package(NEW)
    here.static["kube-apiserver"].tag = NEW.tag  # it was half way
    if remembered:
        here.units[unit] = UnitHere(unit, FAILED, kubeadm=True)
    run = RunId("now", "a", began.isoformat())
    failed = Ledger().taken("cp1", CONTROL_PLANE, EARLIER, NOW).begun("cp1", unit).failed("cp1", unit, "no space", NOW)
    cluster.edit_ledger(lambda ledger: failed.claimed(run, NOW).taken("cp1", CONTROL_PLANE, run, NOW))
    return cluster, again(cluster, run)


def again(cluster: Cluster, run: RunId, progress: Progress | None = None) -> Coroutine[Any, Any, Any]:
    hop = replace(HOP, control_plane=("cp1",), sources=SOURCES)
    seat = Seat(cluster, Assignment("prod", run, hop, "control_plane", "kubeadm_upgrade", "cp1"))
    return perform(KubeadmUpgrade(), hop, seat, progress)


def at_work(cluster: Cluster) -> list[str]:
    return [name for name, unit in cluster.nodes["cp1"].units.items() if unit.state == RUNNING]


@pytest.mark.parametrize("remembered", [True, False], ids=["its unit is there", "its host was started anew"])
def test_a_run_that_waited_while_another_failed_tells_it_and_runs_nothing(remembered):
    """Whoever started it knew of no failure: `kubeadm upgrade apply` is run again on a person's word only."""
    cluster, upgrade = after_a_failure(NOW - timedelta(hours=1), remembered=remembered)
    with pytest.raises(UnitFailed, match="has failed while this run was waiting: no space"):
        to_its_end(upgrade)
    assert at_work(cluster) == []
    assert cluster.ledger.slots["cp1"].failure.told


def test_a_run_that_was_started_after_a_failure_runs_it_again():
    """Who starts a run has seen how the last one ended."""
    cluster, upgrade = after_a_failure(NOW + timedelta(minutes=1))
    to_its_end(upgrade)
    assert at_work(cluster) == ["kubeadm-upgrade-v1.34.9.try-2"]


def test_a_failure_under_another_target_is_told_before_anything_is_run():
    """Its run was killed before it could: the one that comes is for a later patch, and has a unit of its own."""
    cluster, upgrade = after_a_failure(NOW + timedelta(minutes=1))
    here, unit = cluster.nodes["cp1"], "kubeadm-upgrade-v1.34.8"
    here.units = {unit: UnitHere(unit, FAILED, kubeadm=True)}
    slot = Slot(CONTROL_PLANE, RunId("now", "a", (NOW + timedelta(minutes=1)).isoformat()), NOW, doing=unit)
    cluster.edit_ledger(lambda ledger: replace(ledger, slots={"cp1": slot}))
    with pytest.raises(UnitFailed, match=rf"it said so \(unit {unit}, exit status 1\)"):
        to_its_end(upgrade)
    assert at_work(cluster) == []
    assert cluster.ledger.slots["cp1"].failure.unit == unit


def test_a_unit_under_another_target_that_still_runs_is_waited_for():
    """Before the ledger says of anything else that it was begun here."""
    cluster, upgrade = after_a_failure(NOW + timedelta(minutes=1))
    here, unit = cluster.nodes["cp1"], "kubeadm-upgrade-v1.34.8"
    here.units = {unit: UnitHere(unit, RUNNING, kubeadm=True)}
    cluster.edit_ledger(lambda ledger: ledger.begun("cp1", unit))
    assert to_its_end(upgrade).reason.startswith(f"unit {unit} is running")
    assert cluster.ledger.slots["cp1"].doing == unit


def test_a_task_that_is_left_over_does_not_take_the_cluster_again():
    """Its run was marked failed and has given the cluster back; a triggerer that was taken for dead goes on with it."""
    cluster, upgrade = after_a_failure(NOW + timedelta(minutes=1))
    cluster.edit_ledger(lambda ledger: ledger.released(NOW))
    run = cluster.ledger.holder.run
    with pytest.raises(StepRefused, match="run now of a has ended meanwhile: clear this task, if it is to go on"):
        to_its_end(again(cluster, run, Progress(ended="")))
    assert cluster.ledger.holder.released
    to_its_end(upgrade)  # cleared: it has begun after that end
    assert cluster.ledger.holder.released is None


def test_a_member_from_before_etcds_gate_that_has_joined_stops_the_apply():
    """Its kubeadm brings its own etcd, once our tag is out of kubeadm-config."""
    hop = replace(HOP, etcd_minimum="3.5.26", lifts_etcd_pin=True)
    facts = Facts(node("cp1"), RUN, NOW)
    through = replace(control_plane(etcd="3.5.26-0"), nodes_ready={"cp1": True, "cp2": True})
    old = StaticPod("etcd", "cp2", "3.5.24-0", ready=True)
    joined = replace(through, static_pods=(*(pod for pod in through.static_pods if pod.node != "cp2"), old))
    words = "etcd on cp2 is older than 3.5.26, which every member must be at before 1.34.9 brings its own"
    assert before_the_gate(replace(facts, control_plane=joined), hop).startswith(words)
    assert before_the_gate(replace(facts, control_plane=through), hop) is None
    assert before_the_gate(replace(facts, control_plane=joined), replace(hop, etcd_minimum=None)) is None


def test_a_member_that_is_newer_than_our_tag_has_arrived():
    """kubeadm never puts an older etcd in the place of a newer one: to wait for that would be to wait for ever."""
    hop = replace(HOP, came_from=NEW, etcd_pin=ETCD)
    for tag, there in (("3.6.60-0", True), (ETCD, True), ("3.6.49-0", False), ("theirs", False)):
        assert control_plane("cp1", "cp2", etcd=tag).arrived("cp2", hop.to, hop.etcd_pin) is there


def test_the_hop_of_another_release_of_this_tool_is_refused():
    """In XCom since before it was updated: what it does not know would not be asked."""
    plain = HOP.to_json()
    assert Hop.from_json(plain) == HOP
    older = {name: value for name, value in plain.items() if name != "etcd_minimum"}
    for other in (older, {**plain, "surge": 2}):
        with pytest.raises(StepRefused, match="another release of kubeadm-fleet has planned this: start a new run"):
            Hop.from_json(other)


def test_of_control_plane_nodes_left_behind_the_one_with_a_slot_comes_first():
    """The other is cordoned only, and would wait for that slot, while its holder waits for its turn."""
    cordoned = replace(control_plane_node("cp1", "1.33.9"), cordoned_by_us=True, schedulable=False)
    holder = replace(control_plane_node("cp2", "1.33.9"), holds_slot=True)
    order = control_plane_order(State(OLD, (control_plane_node("cp0", "1.33.9"), cordoned, holder)), NEW)
    assert [node.name for node in order] == ["cp2", "cp1", "cp0"]


def test_kubelets_that_were_left_a_minor_behind_are_waited_for_as_in_their_own_hop():
    """They make their static Pods anew, whatever the control plane came from: half a minute is too soon."""
    finishing = replace(HOP, came_from=NEW, kubelet_minor=OLD.minor)
    started = NOW - timedelta(minutes=1)
    host = HostFacts(OsRelease("debian"), {}, kubelet_started=started, kubelet_age=NOW - started)
    plane = replace(control_plane("cp1", "cp2"), nodes_ready={"cp1": True, "cp2": True})
    seen = Facts(node("cp1", kubelet=NEW), RUN, NOW, host=host, control_plane=plane, etcd=EtcdFacts())
    assert not StaticPodsReady().done(seen, finishing)
    assert StaticPodsReady().done(seen, replace(finishing, kubelet_minor=NEW.minor))
