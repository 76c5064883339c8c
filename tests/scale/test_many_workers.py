"""One large cluster, its workers in groups of a hundred and a tenth of them at a time, the durations skewed.

Three figures beside each other: the schedule that is ideal for those durations, ours, and that of batches of the same
size, each of which ends with its slowest. The machine is left alone. WORKERS="50 500" says how many workers, GROUP how
many are in one, and SECONDS_EACH how long their kubelets take to come back, on average. BATCHES=1 plays batches in the
place of our slots: a group for each of them, all of it at once.
"""

from __future__ import annotations

import heapq
import os
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest

from harness.airflow import TRIGGERER
from harness.site import Clusters, open_site
from lab.records import Sample
from scale.measured import REAL_HEARTBEATS, Spent, by_lab, family_of, many_at_once, most_memory

pytestmark = [pytest.mark.scale, pytest.mark.timeout(14400)]

SIZES = [int(size) for size in os.environ.get("WORKERS", "50 500").split()]
MEAN = float(os.environ.get("SECONDS_EACH", "60"))
GROUP = int(os.environ.get("GROUP", "100"))
AT_ONCE = GROUP // 10
BATCHES = bool(os.environ.get("BATCHES"))
NAME = "large"
#: As docs/scale.md has it for so many: between two of its looks the scheduler leaves the machine to others.
UNHURRIED = {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": os.environ.get("IDLE_SLEEP", "1")}


def durations(workers: int) -> list[float]:
    """In seconds: most are short, some take four times as long as most."""
    dice = random.Random(workers)
    drawn = [dice.lognormvariate(0.0, 0.6) for _ in range(workers)]
    return [one * MEAN * workers / sum(drawn) for one in drawn]


def ideal(lasts: Sequence[float]) -> float:
    """One group after the other; in each, whoever comes next takes the slot that is free first."""
    total = 0.0
    for group in _groups(lasts):
        free = [0.0] * AT_ONCE
        for one in group:
            heapq.heappush(free, heapq.heappop(free) + one)
        total += max(free)
    return total


def in_batches(lasts: Sequence[float]) -> float:
    return sum(max(batch) for group in _groups(lasts) for batch in _batches(group, AT_ONCE))


def _groups(lasts: Sequence[float]) -> list[Sequence[float]]:
    return _batches(lasts, GROUP)


def _batches(lasts: Sequence[float], size: int) -> list[Sequence[float]]:
    return [lasts[first : first + size] for first in range(0, len(lasts), size)]


@pytest.mark.parametrize("size", SIZES)
def test_a_rollout(size, tmp_path, capsys):
    lasts = durations(size)
    together, share = (AT_ONCE, "100%") if BATCHES else (GROUP, "10%")
    zones = [f"zone-{number}" for number in range(len(_batches(lasts, together)))]
    rollout = {"groups": [{"name": zone, "selector": {"zone": zone}} for zone in zones]}
    file = {"max_unavailable": share, "workers_per_run": GROUP, "rollout": rollout, "timeouts": {"ready": 1800}}
    clusters: Clusters = {NAME: (1, size, file)}
    with (
        many_at_once(**UNHURRIED) as settings,
        open_site(tmp_path, clusters, {}, latency=REAL_HEARTBEATS, intervals=settings) as site,
    ):
        cluster = site.cluster(NAME)
        for index, seconds in enumerate(lasts):
            node = f"{NAME}-w{index + 1}"
            cluster.set_label(node, "zone", zones[index // together])
            cluster.faults.slow(node, "systemctl restart kubelet", seconds)
        before, lab, asked = Spent.now(site.airflow), by_lab(), cluster.requests
        run = site.start(NAME)
        for number in range(len(_groups(lasts))):
            name = run[1] if number == 0 else f"{run[1]}~{number + 1}"
            assert site.api.wait_for_run(run[0], name, patience=7200) == "success", site.trouble(run[0], name)
        spent, lab = Spent.now(site.airflow).since(before), by_lab() - lab
        memory = most_memory(family_of(site.airflow, TRIGGERER))
        asked = cluster.requests - asked
        absences = _absences(cluster.timeline)
        assert cluster.violations == []
        assert all(cluster.node_state(f"{NAME}-w{number + 1}").kubelet == "v1.29.15" for number in range(size))
    began, ended = [one[1] for one in absences], [one[2] for one in absences]
    lasted = max(ended) - min(began)
    beside = sum(ended) - sum(began) - sum(lasts)
    with capsys.disabled():
        print(f"\n{size} workers, {AT_ONCE} at a time, {MEAN:.0f} s each on average:", end=" ")
        print(f"ideal {ideal(lasts):.0f} s, in batches {in_batches(lasts):.0f} s;", end=" ")
        print(f"{'batches' if BATCHES else 'ours'}, as they ran: {lasted:.0f} s;", end=" ")
        print(f"a worker is away for {beside / size:.1f} s more than its own, and none is for", end=" ")
        print(f"{_pauses(absences, len(_groups(lasts))):.0f} s between two runs;", end=" ")
        print(f"{spent.total / size:.1f} CPU-seconds a worker ({spent}), {asked / size:.0f} requests a node,", end=" ")
        print(f"triggerer {memory:.0f} MiB at most; the lab beside it {lab:.0f} CPU-seconds in all")
    assert len(absences) == size


Absence = tuple[str, float, float]


def _absences(timeline: Sequence[Sample]) -> list[Absence]:
    """Node, and from when to when it was out of service; of workers."""
    since: dict[str, float] = {}
    found = []
    for one in timeline:
        if f"{NAME}-w" in one.node and not one.schedulable:
            since.setdefault(one.node, one.time)
        elif one.node in since:
            found.append((one.node, since.pop(one.node), one.time))
    return found


def _pauses(absences: Sequence[Absence], runs: int) -> float:
    """Seconds for which nobody is away, the longest of them, between one run and the next, on average."""
    moments = sorted(moment for _, *both in absences for moment in both)
    gaps = sorted(
        (
            later - before
            for before, later in pairwise(moments)
            if not any(a <= before and later <= b for _, a, b in absences)
        ),
        reverse=True,
    )
    return sum(gaps[: runs - 1]) / max(1, runs - 1)
