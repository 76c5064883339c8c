"""Runs that go through nights of maintenance windows: nobody sleeps, the clock is moved (invariant I2).

What is open is told here by hand, in UTC, and not by the calendar that the gates ask.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from in_memory.airflow import Airflow, DagRun, wish_for
from in_memory.cluster import Cluster
from kubeadm_upgrade import to_be_continued
from kubeadm_upgrade.actions import Evict, NoteBegun, PatchNode, RepeatPreflight, Run, TakeSlot
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.windows.calendar import Calendar, Exclusion, Once, OnDays, Scope, WhenOver
from kubeadm_upgrade.windows.need import need

NEW = Version(1, 31, 9)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC)


# Friday to Monday, 22:00 to 00:30 in Berlin; Saturday is frozen from 23:00 on, and Sunday until 23:30. On Sunday the
# clocks go back: Friday and Saturday are at UTC+2, the nights after that at UTC+1.
FREEZE = Exclusion(utc(24, 21), utc(25, 22, 30), Scope.ALL, "a sale")
FREEZE_NOW = Exclusion(utc(20, 0), utc(30, 0), Scope.ALL, "a sale")
NIGHTS = Calendar(
    "Europe/Berlin", (OnDays(("fri", "sat", "sun", "mon"), time(22), timedelta(hours=2, minutes=30)),), (), (FREEZE,)
)
OPEN = [
    (utc(23, 20), utc(23, 22, 30)),
    (utc(24, 20), utc(24, 21)),
    (utc(25, 22, 30), utc(25, 23, 30)),
    (utc(26, 21), utc(26, 23, 30)),
    *((utc(30, 21), utc(30, 23, 30)), (utc(31, 21), utc(31, 23, 30))),
]
# 25 minutes for a node of the control plane, 12 and a half for its kubelet, 22 for a worker
PACE = Ledger(
    durations={
        **dict.fromkeys(("upgrade_kubeadm", "back_up", "kubeadm_upgrade_plan", "configure_etcd"), (60.0,)),
        **dict.fromkeys(("kubeadm_upgrade", "drain_node"), (600.0,)),
        "control_plane_ready": (660.0,),
        "kubeadm_upgrade_node": (540.0,),
        **dict.fromkeys(("upgrade_kubelet_and_kubectl", "restart_kubelet", "node_ready"), (30.0,)),
        **dict.fromkeys(("static_pods_ready", "uncordon_node"), (30.0,)),
    }
)
A_WORKER = timedelta(minutes=22)
BETWEEN = 2 * MINUTE  # a look and what is decided by it: seconds, but this clock jumps by minutes
A_PLANE, A_KUBELET = timedelta(minutes=25), timedelta(minutes=12, seconds=30)


class Guard:
    """Sees every act, before it happens, and knows what is open."""

    def __init__(self, cluster: Cluster, opened: list[tuple[datetime, datetime]]) -> None:
        self.cluster, self.opened = cluster, opened
        self.admitted: list[tuple[str, str, datetime]] = []  # lane, node, when
        self.began: dict[tuple[str, str], datetime] = {}
        self.broken: list[str] = []
        self.acts: set[str] = set()
        self.judged: list[datetime] = []
        self.kubeadm: list[tuple[datetime, str]] = []
        self._before = cluster.watch.before
        cluster.watch.before = self.before

    def before(self, work, action) -> None:
        self._before(work, action)
        self.acts.add(type(action).__name__)
        if isinstance(action, RepeatPreflight):
            self.judged.append(self.cluster.clock)
        kubeadm = isinstance(action, Run) and action.argv[:2] == ("kubeadm", "upgrade") and "cp" in work.node
        if kubeadm:
            self.kubeadm.append((self.cluster.clock, work.node))
        cordon = isinstance(action, PatchNode) and action.verb == "cordon"
        begins = kubeadm or cordon or isinstance(action, NoteBegun | Evict)
        key = (work.group, work.node)
        if isinstance(action, TakeSlot):
            self.admitted.append((work.group, work.node, self.cluster.clock))
        elif begins and key not in self.began:
            self.began[key] = self.cluster.clock
            if self.left is None:
                self.broken.append(f"{work.node}: {action} at {self.cluster.clock}, outside")

    @property
    def jump(self) -> timedelta:
        """So far nothing can happen that is not to happen: minutes in a window, and an hour before one."""
        if self.left is not None:
            return MINUTE
        coming = (start - self.cluster.clock for start, _ in self.opened if start > self.cluster.clock)
        return min(HOUR, *coming) if self.opened[-1][0] > self.cluster.clock else HOUR

    @property
    def left(self) -> timedelta | None:
        now = self.cluster.clock
        return next((end - now for start, end in self.opened if start <= now < end), None)

    def left_at(self, moment: datetime) -> timedelta:
        return next((end - moment for start, end in self.opened if start <= moment < end), timedelta())


def a_cluster(calendar: Calendar = NIGHTS, slow: int = 0, **changes) -> tuple[Cluster, Guard]:
    cluster = Cluster(2, 12, slow=slow, max_unavailable=1, last=NEW, at=Version(1, 31, 2))
    cluster.inventory = replace(cluster.inventory, calendar=calendar, **changes)
    cluster.clock, cluster.ledger = utc(23, 9), PACE
    for node in cluster.nodes.values():
        node.kubelet_started = utc(1, 0)
        for pod in node.static.values():
            pod.created = utc(1, 0)
    return cluster, Guard(cluster, OPEN)


def travel(airflow: Airflow, guard: Guard, run, until: datetime, chance: random.Random | None = None) -> None:
    """Time passes; where nobody does anything it jumps, by no more than minutes. With `chance`, processes die."""
    cluster, quiet, told = airflow.cluster, 0, 0
    while run.live and cluster.clock < until:
        airflow.step()
        if chance and chance.random() < 0.02:
            for task in run.ready_tasks():
                if chance.random() < 0.5:
                    task.die()
        quiet = quiet + 1 if told == len(cluster.watch.log) else 0
        told = len(cluster.watch.log)
        if quiet > 60:
            cluster.clock += guard.jump
            quiet = 30


def check(cluster: Cluster, guard: Guard) -> None:
    """Every node was admitted inside a window with enough left, and nothing disruptive began outside."""
    assert not cluster.watch.violations
    assert not guard.broken
    for group, node, moment in guard.admitted:
        needed = {"workers": A_WORKER, "control_plane": A_PLANE, "control_plane_kubelets": A_KUBELET}[group]
        if (group, node) == ("control_plane", "cp1"):
            needed = 2 * A_PLANE  # the whole control plane
        assert guard.left_at(moment) >= needed - BETWEEN, f"{group} {node} at {moment}"


def all_are_there(cluster: Cluster) -> bool:
    return all(node.kubelet == NEW and not node.unschedulable for node in cluster.nodes.values())


def test_the_needs_are_what_is_told_above():
    """So that no test below asks the product how long something takes."""
    needs = [need(PACE.durations, (step.name for step in GROUPS[group])) for group in list(GROUPS)[1:]]
    assert needs == [A_PLANE, A_KUBELET, A_WORKER]


def test_twelve_workers_across_nights_with_a_freeze_and_a_change_of_clocks():
    """And before the first node of each night the cluster is judged anew."""
    cluster, guard = a_cluster(slow=6)
    airflow = Airflow(cluster, random.Random(1))
    run = airflow.trigger(wish_for(str(NEW)))
    travel(airflow, guard, run, utc(31, 23))
    check(cluster, guard)
    assert (run.where, all_are_there(cluster)) == ("success", True)
    nights = {moment.date() for group, _, moment in guard.admitted if group == "workers"}
    assert len(nights) >= 3
    assert len(guard.judged) >= len(nights)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 9999))
@pytest.mark.timeout(0)
def test_the_same_with_crashes_anywhere(chance):
    cluster, guard = a_cluster(slow=3)
    airflow = Airflow(cluster, random.Random(chance))
    run = airflow.trigger(wish_for(str(NEW)))
    travel(airflow, guard, run, utc(31, 23), random.Random(chance))
    check(cluster, guard)
    assert (run.where, all_are_there(cluster)) == ("success", True)


def until(airflow: Airflow, so: Callable[[], bool], steps: int = 20_000) -> None:
    """Without a jump of the clock."""
    for _ in range(steps):
        if so():
            return
        airflow.step()
    raise AssertionError("it has not come to that")


def after_the_plane(slow: int = 0, **changes) -> tuple[Airflow, Guard, DagRun]:
    """Of two workers, in a window that is open for some hours; nobody has got a slot."""
    cluster, guard = a_cluster(Calendar(once=(Once(utc(23, 20), 4 * HOUR), Once(utc(30, 20), 4 * HOUR))), slow)
    guard.opened = [(utc(23, 20), utc(24, 0)), (utc(30, 20), utc(31, 0))]
    cluster.inventory = replace(cluster.inventory, max_unavailable=1)
    for number in range(3, 13):
        cluster.remove_node(f"w{number}")
    cluster.ledger, cluster.clock = replace(PACE, **changes), utc(23, 20)
    airflow = Airflow(cluster, random.Random(2))
    run = airflow.trigger(wish_for(str(NEW)))
    until(
        airflow, lambda: run.where == "groups" and all(t.state == "success" for t in run.tasks if "cp" in t.work.node)
    )
    return airflow, guard, run


def test_a_node_in_flight_is_finished_and_the_next_one_waits():
    """However long it takes: steps were faster until then."""
    airflow, guard, run = after_the_plane(slow=30, durations={"drain_node": (5.0,)})
    cluster, w1 = airflow.cluster, airflow.cluster.nodes["w1"]
    until(airflow, lambda: w1.cordoned_by is not None)
    cluster.clock = utc(24, 0)
    until(airflow, lambda: w1.kubelet == NEW and not w1.unschedulable and "w1" not in cluster.ledger.slots)
    assert guard.left is None
    travel(airflow, guard, run, utc(31, 0))
    assert (guard.broken, run.where) == ([], "success")
    assert utc(30, 20) <= guard.began["workers", "w2"] < utc(31, 0)


def test_a_node_that_has_its_slot_and_that_nobody_came_to_waits():
    """As after a night in which Airflow was dead; what is open by then is open for long enough, or does not count."""
    airflow, guard, run = after_the_plane()
    cluster = airflow.cluster
    until(airflow, lambda: "w1" in cluster.ledger.slots)
    for task in run.ready_tasks():
        task.die()
    cluster.clock = utc(24, 9)
    travel(airflow, guard, run, utc(31, 0))
    assert (guard.broken, run.where) == ([], "success")
    assert utc(30, 20) <= guard.began["workers", "w1"] < guard.began["workers", "w2"] < utc(31, 0)


@pytest.mark.parametrize("last", ["TakeSlot", "NoteBegun"])
def test_nor_is_a_control_plane_node_begun_with(last):
    """Also where it was noted that kubeadm begins, and whoever was about to begin it has died."""
    cluster, guard = a_cluster()
    airflow = Airflow(cluster, random.Random(3))
    run = airflow.trigger(wish_for(str(NEW)))
    cluster.clock = utc(23, 20)
    until(airflow, lambda: last in guard.acts)
    for task in run.ready_tasks():
        task.die()
    # within the hour in which its backup is good
    cluster.inventory, guard.opened = replace(cluster.inventory, calendar=Calendar(exclusions=(FREEZE_NOW,))), []
    for _ in range(300):
        airflow.step()
    assert [node for _, node in guard.kubeadm] == []
    assert run.failed() == []
    assert any("a sale (exclusion) until" in task.said for task in run.ready_tasks())
    assert cluster.nodes["cp1"].static["kube-apiserver"].tag == "v1.31.2"


def test_a_run_that_is_to_stop_with_its_window_ends_as_to_be_continued():
    """Nobody is needed, nothing is called done, and the next run takes the rest."""
    cluster, guard = a_cluster(replace(NIGHTS, when_over=WhenOver.STOP), slow=6)
    airflow = Airflow(cluster, random.Random(7))
    cluster.clock = utc(23, 20)
    first = airflow.trigger(wish_for(str(NEW)))
    travel(airflow, guard, first, utc(24, 9))
    assert (first.where, first.failed()) == ("success", [])
    assert first.said.startswith(f"{to_be_continued.RESULT}: ")
    assert "opens on Sat 24 Oct 22:00 (Europe/Berlin)" in first.said
    done = [name for name, node in cluster.nodes.items() if node.kubelet == NEW]
    assert 2 < len(done) < 14
    left = first.said.partition(": ")[2].partition(" are left")[0].partition(" and ")[0].split(", ")
    assert left
    assert not set(left) & set(done)
    assert (cluster.ledger.slots, cluster.watch.violations) == ({}, [])
    for start, end in OPEN[1:]:
        cluster.clock = start
        travel(airflow, guard, airflow.trigger(wish_for(str(NEW))), end + HOUR)
        if all_are_there(cluster):
            break
    check(cluster, guard)
    assert all_are_there(cluster)


@pytest.mark.parametrize("began", [pytest.param(18, id="open_before"), pytest.param(9, id="by hand")])
def test_a_run_that_begins_before_the_window_that_it_is_to_stop_with_has_it(began):
    """Nothing is left before it has opened, and it does not stop before that is over."""
    cluster, guard = a_cluster(replace(NIGHTS, when_over=WhenOver.STOP), slow=6)
    airflow = Airflow(cluster, random.Random(6))
    cluster.clock = utc(23, began)
    run = airflow.trigger(wish_for(str(NEW)))
    travel(airflow, guard, run, utc(23, 20))
    assert (run.where, guard.admitted) == ("groups", [])
    assert "opens on Fri 23 Oct 22:00 (Europe/Berlin)" in run.said
    travel(airflow, guard, run, utc(24, 9))
    check(cluster, guard)
    assert (run.where, run.failed()) == ("success", [])
    assert run.said.startswith(f"{to_be_continued.RESULT}: ")
    assert sum(node.kubelet == NEW for node in cluster.nodes.values()) > 2


def test_a_run_that_ignores_windows_goes_on_at_once():
    cluster, guard = a_cluster()
    airflow = Airflow(cluster, random.Random(5))
    run = airflow.trigger(replace(wish_for(str(NEW)), ignore_window="an exploit is about"))
    until(airflow, lambda: not run.live, 60_000)
    assert (run.where, all_are_there(cluster)) == ("success", True)
    assert cluster.clock < utc(23, 20)
    assert guard.broken
