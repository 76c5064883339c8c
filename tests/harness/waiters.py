"""Workers of a lab that wait to be admitted, each in its trigger and all of them in one event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.walk import OfOneStep, Walker
from in_memory.examples import a_hop
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_claim import claim, note_judgement
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.hop import Hop

RUN = RunId("night")

Waiters = dict[str, "asyncio.Task[Any]"]


def hop_of(walker: Walker) -> Hop:
    """Every worker's, without a look at five hundred hosts."""
    spec = walker.lab.spec
    return replace(a_hop(), cluster=walker.name, control_plane=spec.control_plane_nodes, workers=spec.worker_nodes)


@asynccontextmanager
async def waiting(walker: Walker, hop: Hop, nodes: Iterable[str]) -> AsyncIterator[Waiters]:
    """Their triggers, at work; those that still wait are ended."""
    assert await claim(walker.cluster, RUN, "", ()) is None
    await note_judgement(walker.cluster, RUN)
    tasks = {node: asyncio.create_task(_admitted(walker, hop, node)) for node in nodes}
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def _admitted(walker: Walker, hop: Hop, node: str) -> Any:
    work = Assignment(walker.name, RUN, hop, "workers", "admit", node).to_json()
    began = datetime.now(UTC).isoformat()
    return await anext(aiter(OfOneStep(work=work, progress={"told": [], "units": []}, began=began).run()))


def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What the API is asked from now on, as `verb path`, with how often."""
    requests: Counter[str] = Counter()
    ask = ClusterApi._ask

    async def counted(api: ClusterApi, method: str, path: str, *rest: Any) -> tuple[int, str]:
        requests[f"{method} {path}"] += 1
        return await ask(api, method, path, *rest)

    monkeypatch.setattr(ClusterApi, "_ask", counted)
    return requests
