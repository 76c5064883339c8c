"""Runs that go through nights of maintenance windows: nobody sleeps, the clock is moved (invariant I2).

What is open is told here by hand, in UTC, and not by the calendar that the gates ask.
"""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from in_memory.airflow import Airflow, wish_for
from in_memory.cluster import Cluster
from kubeadm_upgrade import to_be_continued
from kubeadm_upgrade.actions import Evict, NoteBegun, PatchNode, Run, TakeSlot
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.windows.calendar import Calendar, Exclusion, OnDays, Scope, WhenOver
from kubeadm_upgrade.windows.need import need

NEW = Version(1, 31, 9)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC)


# Friday to Monday, 22:00 to 00:30 in Berlin; Saturday is frozen from 23:00 on, and Sunday until 23:30. On Sunday the
# clocks go back: Friday and Saturday are at UTC+2, the nights after that at UTC+1.
FREEZE = Exclusion(utc(24, 21), utc(25, 22, 30), Scope.ALL, "a sale")
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
A_PLANE, A_KUBELET = timedelta(minutes=25), timedelta(minutes=12, seconds=30)


class Guard:
    """Sees every act, before it happens, and knows what is open."""

    def __init__(self, cluster: Cluster, opened: list[tuple[datetime, datetime]]) -> None:
        self.cluster, self.opened = cluster, opened
        self.admitted: list[tuple[str, str, datetime]] = []  # lane, node, when
        self.began: dict[tuple[str, str], datetime] = {}
        self.broken: list[str] = []
        self._before = cluster.watch.before
        cluster.watch.before = self.before

    def before(self, work, action) -> None:
        self._before(work, action)
        begins = isinstance(action, NoteBegun) or (isinstance(action, PatchNode) and action.verb == "cordon")
        begins = begins or (isinstance(action, Run) and action.argv[:2] == ("kubeadm", "upgrade") and "cp" in work.node)
        begins = begins or isinstance(action, Evict)
        key = (work.group, work.node)
        if isinstance(action, TakeSlot):
            self.admitted.append((work.group, work.node, self.cluster.clock))
        elif begins and key not in self.began:
            self.began[key] = self.cluster.clock
            if self.left is None:
                self.broken.append(f"{work.node}: {action} at {self.cluster.clock}, outside")

    @property
    def left(self) -> timedelta | None:
        now = self.cluster.clock
        return next((end - now for start, end in self.opened if start <= now < end), None)

    def left_at(self, moment: datetime) -> timedelta:
        return next((end - moment for start, end in self.opened if start <= moment < end), timedelta())


def a_cluster(calendar: Calendar = NIGHTS, slow: int = 0, **changes) -> tuple[Cluster, Guard]:
    cluster = Cluster(2, 12, slow=slow, max_unavailable=2, last=NEW, at=Version(1, 31, 2))
    cluster.inventory = replace(cluster.inventory, calendar=calendar, **changes)
    cluster.clock, cluster.ledger = utc(23, 9), PACE
    return cluster, Guard(cluster, OPEN)


def travel(airflow: Airflow, run, until: datetime, chance: random.Random | None = None) -> None:
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
        if quiet > 80:
            cluster.clock += timedelta(minutes=3)
            quiet = 40


def check(cluster: Cluster, guard: Guard) -> None:
    """Every node was admitted inside a window with enough left, and nothing disruptive began outside."""
    assert not cluster.watch.violations
    assert not guard.broken
    for group, node, moment in guard.admitted:
        needed = {"workers": A_WORKER, "control_plane": A_PLANE, "control_plane_kubelets": A_KUBELET}[group]
        if (group, node) == ("control_plane", "cp1"):
            needed = 2 * A_PLANE  # the whole control plane
        assert guard.left_at(moment) >= needed, f"{group} {node} at {moment}"


def all_are_there(cluster: Cluster) -> bool:
    return all(node.kubelet == NEW and not node.unschedulable for node in cluster.nodes.values())


def test_the_needs_are_what_is_told_above():
    """So that no test below asks the product how long something takes."""
    from kubeadm_upgrade.procedure import GROUPS

    needs = [need(PACE.durations, (step.name for step in GROUPS[group])) for group in list(GROUPS)[1:]]
    assert needs == [A_PLANE, A_KUBELET, A_WORKER]


def test_twelve_workers_across_nights_with_a_freeze_and_a_change_of_clocks():
    """Of two and a half hours that are open on Friday, the control plane takes its part."""
    cluster, guard = a_cluster(slow=40)
    airflow = Airflow(cluster, random.Random(1))
    run = airflow.trigger(wish_for(str(NEW)))
    travel(airflow, run, utc(31, 23))
    check(cluster, guard)
    assert (run.where, all_are_there(cluster)) == ("success", True)
    nights = {moment.date() for group, _, moment in guard.admitted if group == "workers"}
    assert len(nights) >= 3
    assert {night for _, _, moment in guard.admitted for night in [moment.date()]} <= {date(2026, 10, d) for d in range(23, 32)}


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 9999))
@pytest.mark.timeout(0)
def test_the_same_with_crashes_anywhere(chance):
    cluster, guard = a_cluster(slow=20)
    airflow = Airflow(cluster, random.Random(chance))
    run = airflow.trigger(wish_for(str(NEW)))
    travel(airflow, run, utc(31, 23), random.Random(chance))
    check(cluster, guard)
    assert (run.where, all_are_there(cluster)) == ("success", True)
