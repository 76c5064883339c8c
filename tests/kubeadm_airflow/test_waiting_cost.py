"""What workers that wait for their turn cost a triggerer and the cluster's API: run by make bench.

docs/scale.md shows the figures.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import psutil
import pytest

from harness.waiters import asked, hop_of, waiting
from kubeadm_airflow import triggers
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_upgrade.waits import A_TURN
from lab import ClusterSpec

pytestmark = pytest.mark.bench

WITHOUT_A_HOST = {"kubeletVersion": "v1.28.15", "operatingSystem": "linux", "osImage": "Debian GNU/Linux 12"}
SECONDS = 30
STARTED_SECONDS = 20


@pytest.mark.parametrize("workers", [50, 500])
@pytest.mark.parametrize(
    "each_looks", [pytest.param(True, id="each looks for itself"), pytest.param(False, id="one look for all")]
)
def test_waiting_for_a_turn(walk, monkeypatch, capsys, workers, each_looks):
    walker = walk(ClusterSpec("large", workers=1, workloads=(), pdbs=()))
    names = tuple(f"large-w{number}" for number in range(1, workers + 1))
    walker.lab.simulated.controllers.away = True  # they would look at all Nodes again for each that is new
    for name in names[1:]:
        walker.lab.register_node(name, WITHOUT_A_HOST)
    monkeypatch.setattr(triggers, "POLL_SECONDS", A_TURN.total_seconds())
    if each_looks:
        monkeypatch.setattr(triggers, "port_of", lambda cluster, work, _: NodeConnection.open(cluster, work))
    hop = replace(hop_of(walker), workers=names)
    requests, process = asked(monkeypatch), psutil.Process()

    async def wait():
        async with waiting(walker, hop, hop.workers[:1]) as first:
            await first[hop.workers[0]]
        before = process.memory_info().rss
        async with waiting(walker, hop, hop.workers[1:]):
            await asyncio.sleep(STARTED_SECONDS)
            requests.clear()
            spent = time.process_time()
            await asyncio.sleep(SECONDS)
            return time.process_time() - spent, process.memory_info().rss - before

    spent, grown = asyncio.run(wait())
    how, rate = "each looks for itself" if each_looks else "one look for all", requests.total() / SECONDS
    asks = f"{rate:.1f} requests a second, {rate / workers * 60:.2f} a minute and node"
    with capsys.disabled():
        print(
            f"\n{workers} workers that wait, {how}: {asks}, {spent / SECONDS * 100:.0f} % of a core with the lab's own "
            f"part, {grown / 1024**2:.0f} MiB more"
        )
