"""Clusters of five nodes, all at once: no step is lost and none is done twice; and what each of them costs.

The machine is left alone meanwhile. docs/scale.md shows the figures. CLUSTERS="1 10 100" says how many.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from harness.airflow import TRIGGERER
from harness.site import Clusters, Site, open_site
from kubeadm_upgrade.procedure import GROUPS
from lab import LabCluster
from scale.measured import REAL_HEARTBEATS, Spent, by_lab, family_of, many_at_once, most_memory

pytestmark = [pytest.mark.scale, pytest.mark.timeout(7200)]

SIZES = [int(size) for size in os.environ.get("CLUSTERS", "1 10 100").split()]
WORKERS = 4
PATIENCE = 6000.0


@pytest.mark.parametrize("size", SIZES)
def test_all_at_once(size, tmp_path, capsys):
    clusters: Clusters = {f"c{number:03}": (1, WORKERS, {}) for number in range(size)}
    with (
        many_at_once() as settings,
        open_site(tmp_path, clusters, {}, latency=REAL_HEARTBEATS, intervals=settings) as site,
    ):
        before, lab, began = Spent.now(site.airflow), by_lab(), time.monotonic()
        runs = [site.start(name) for name in clusters]
        ended = _all_at_their_end(site, runs)
        lasted = time.monotonic() - began
        spent, lab = Spent.now(site.airflow).since(before), by_lab() - lab
        memory = most_memory(family_of(site.airflow, TRIGGERER))
        wrong = [what for name, run in zip(clusters, runs, strict=True) for what in _wrong(site, name, run)]
    with capsys.disabled():
        print(f"\n{size} clusters: {lasted:.0f} s, {spent.total / size:.1f} CPU-seconds each ({spent}),", end=" ")
        print(f"triggerer {memory:.0f} MiB at most; the lab beside it {lab:.0f} CPU-seconds in all")
    assert ended == ["success"] * size
    assert wrong == []


def _all_at_their_end(site: Site, runs: list[tuple[str, str]]) -> list[str]:
    """Asked seldom, and only of those that go on: a hundred questions a round are a load of their own."""
    states, deadline = dict.fromkeys(runs, ""), time.monotonic() + PATIENCE
    while left := [run for run, state in states.items() if state not in ("success", "failed")]:
        assert time.monotonic() < deadline, f"{len(left)} of {len(runs)} runs have not ended in {PATIENCE:.0f} s"
        time.sleep(1 if len(runs) == 1 else 30)
        states |= {run: site.api.run_state(*run) for run in left}
    return list(states.values())


def _wrong(site: Site, name: str, run: tuple[str, str]) -> list[str]:
    """What the lab has seen of this cluster, and what its report tells: every step of every node once."""
    cluster = site.cluster(name)
    told = Counter((one["group"], one["step"], one["node"]) for one in site.report(*run)["outcomes"])
    nodes = {"control_plane": [f"{name}-cp1"], "workers": [f"{name}-w{number + 1}" for number in range(WORKERS)]}
    nodes |= {"control_plane_kubelets": nodes["control_plane"], "stage": nodes["control_plane"] + nodes["workers"]}
    steps = [(group, step.name) for group, some in GROUPS.items() for step in some]
    expected = Counter((group, step, node) for group, step in steps for node in nodes[group])
    lost = [f"{name}: {step} is told {told[step]} times" for step in expected | told if told[step] != expected[step]]
    return [*cluster.violations, *lost, *_done_twice(cluster)]


def _done_twice(cluster: LabCluster) -> list[str]:
    once = ("systemd-run --unit", "systemctl restart kubelet")
    done = Counter((one.node, one.command) for one in cluster.log if any(what in one.command for what in once))
    return [f"{node}: {command} was done {times} times" for (node, command), times in done.items() if times > 1]
