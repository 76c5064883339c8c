"""Every moment comes in a hop that nobody strikes, walked without an Airflow: what never came would never be struck."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chaos.components import ETCD
from chaos.conftest import LATENCY
from chaos.judges import violations
from chaos.points import cordoned_in, points_of
from chaos.story import cordon, evidence_of
from chaos.witness import Watched, Witness
from harness.walk import join
from lab import ClusterSpec, Lab

pytestmark = pytest.mark.timeout(400)


@contextmanager
def let_go_on(witness: Witness) -> Iterator[list[Watched]]:
    """Whatever comes is let go on at once: the network first, then the step."""
    came: list[Watched] = []
    over = threading.Event()

    def let_go() -> None:
        while not over.is_set():
            if watched := witness.next(0.1):
                witness.let_go(watched, step=False)
                time.sleep(0.1)
                witness.let_go(watched, step=True)
                came.append(watched)

    thread = threading.Thread(target=let_go)
    thread.start()
    try:
        yield came
    finally:
        over.set()
        thread.join()


def test_every_moment_comes_and_no_judge_minds(tmp_path, monkeypatch):
    """And each of them once, on the node that was chosen."""
    spec = ClusterSpec("c", *ETCD.shape)
    with Lab(tmp_path / "lab", [spec], LATENCY) as lab:
        walker, cluster = join(lab, tmp_path / "inventory", monkeypatch)["c"], lab.clusters["c"]
        cordon(cluster, cordoned_in(spec))
        points = points_of(ETCD, spec, "1")
        witness = Witness(cluster, points)

        async def run() -> list[str]:
            hop = await walker.plan()
            await walker.preflight(hop)
            await walker.upgrade(hop)
            return await walker.shortcomings(hop)

        with let_go_on(witness) as came:
            assert asyncio.run(run()) == []
        assert [str(watched.point) for watched in witness.waiting] == []
        assert sorted(str(watched.point) for watched in came) == sorted(map(str, points))
        assert violations(evidence_of(cluster, witness, cordoned_in(spec), "run-1")) == []
