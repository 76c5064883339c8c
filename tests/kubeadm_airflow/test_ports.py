"""Workers that wait at the gates of a lab, in one triggerer: one look serves them all, and each acts by its own."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harness.waiters import RUN, asked, hop_of, waiting
from kubeadm_airflow.hooks import shared_look
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_ledger import change_ledger
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_airflow.hooks.ports import FromAfar
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.errors import Unreachable, UpgradeError
from kubeadm_upgrade.inventory import directory
from kubeadm_upgrade.ledger.ledger import WORKER
from kubeadm_upgrade.procedure import STEPS
from lab import ClusterSpec

WORKERS = 12


@pytest.fixture
def walker(walk):
    return walk(ClusterSpec("wait", workers=WORKERS, workloads=(), pdbs=()))


@pytest.fixture
def hop(walker):
    return hop_of(walker)


async def slots(walker):
    async with ClusterApi.open(walker.cluster.kubernetes_conn_id) as api:
        return sorted((await api.ledger())[0].slots)


async def be_through(walker, node):
    """A worker that nobody waits for any more: its kubelet stays as it is, so it is given up."""
    await change_ledger(
        walker.cluster, lambda ledger: replace(ledger.given_back(node), given_up={**ledger.given_up, node: "a test"})
    )


@pytest.mark.parametrize("others", [1, WORKERS - 1])
def test_who_waits_together_asks_together(walker, hop, others, monkeypatch):
    """As many looks for eleven as for one; and Nodes are listed again only when the ledger has changed."""
    monkeypatch.setattr("kubeadm_airflow.triggers.POLL_SECONDS", 0.2)
    requests = asked(monkeypatch)

    async def wait():
        async with waiting(walker, hop, hop.workers[: 1 + others]) as tasks:
            await tasks["wait-w1"]
            await asyncio.sleep(0.5)
            requests.clear()
            await asyncio.sleep(2)
            return requests.total(), requests["GET /api/v1/nodes"]

    every, lists = asyncio.run(wait())
    assert every <= 12
    assert lists == 0


def test_they_are_let_in_one_after_the_other(walker, hop):
    """In the plan's order, and never one more than may be out of service."""

    async def wait():
        seen = []
        async with waiting(walker, hop, hop.workers) as tasks:
            for node in hop.workers:
                await asyncio.wait_for(tasks[node], 30)
                seen.append(await slots(walker))
                await be_through(walker, node)
        return seen

    assert asyncio.run(wait()) == [[node] for node in hop.workers]


@pytest.mark.parametrize(
    "close",
    [
        pytest.param(lambda ledger: replace(ledger, paused="incident 4711"), id="paused"),
        pytest.param(lambda ledger: ledger.taken("wait-w2", WORKER, RUN, datetime.now(UTC)), id="no slot is free"),
        pytest.param(lambda ledger: replace(ledger, aborted="too late"), id="aborted"),
        pytest.param(lambda ledger: replace(ledger, given_up={"wait-w1": "its disk"}), id="given up"),
        pytest.param(lambda ledger: ledger.claimed(RunId("another"), datetime.now(UTC)), id="another run has it"),
    ],
)
@pytest.mark.parametrize("node", ["wait-w1", "wait-w3"])
def test_what_is_seen_from_afar_is_what_it_would_see_itself(walker, hop, close, node):
    """To the word, whether it waits or may not go on."""
    work = Assignment("wait", RUN, hop, "workers", "admit", node)

    async def said(port):
        try:
            async with port as opened:
                result = await perform(STEPS["admit"], hop, opened)
                return getattr(result, "reason", result)
        except UpgradeError as error:
            return type(error), error.what

    async def both():
        async with waiting(walker, hop, ()):
            await change_ledger(walker.cluster, close)
            far, near = FromAfar.open(walker.cluster, work, 2), NodeConnection.open(walker.cluster, work)
            return await said(far), await said(near)

    far, near = asyncio.run(both())
    assert far == near


def test_whoever_waits_has_no_connection_of_its_own(walker, hop, monkeypatch):
    opened, real = [], ClusterApi.open.__func__

    @asynccontextmanager
    async def counted(cls, conn_id):
        opened.append(conn_id)
        async with real(cls, conn_id) as api:
            yield api

    async def wait():
        async with waiting(walker, hop, hop.workers[:1]) as tasks:
            await tasks["wait-w1"]
        monkeypatch.setattr(ClusterApi, "open", classmethod(counted))
        async with waiting(walker, hop, hop.workers[1:]):
            opened.clear()
            await asyncio.sleep(1)
            return len(opened)

    assert asyncio.run(wait()) == 1


def test_all_wait_while_the_api_is_away_and_none_takes_anothers_error(walker, hop, monkeypatch):
    """One look fails for all of them; each goes on with its own progress, and the next look is for all again."""
    ask, away = ClusterApi._ask, [False]

    async def sometimes(api, *request):
        if away[0]:
            raise Unreachable("the API is away")
        return await ask(api, *request)

    monkeypatch.setattr(ClusterApi, "_ask", sometimes)

    async def wait():
        async with waiting(walker, hop, hop.workers) as tasks:
            await tasks["wait-w1"]
            away[0] = True
            await asyncio.sleep(1)
            nobody = [node for node, task in tasks.items() if task.done()]
            away[0] = False
            await be_through(walker, "wait-w1")
            event = await asyncio.wait_for(tasks["wait-w2"], 30)
            return nobody, event.xcoms["return_value"]["status"]

    assert asyncio.run(wait()) == (["wait-w1"], "changed")


def test_a_file_that_is_being_edited_stops_nobody(walker, hop):
    """And a change of it holds from the next look on: two may be out of service."""

    async def wait():
        file = directory() / "wait.yaml"
        good = file.read_text()
        async with waiting(walker, hop, hop.workers[:3]) as tasks:
            await tasks["wait-w1"]
            file.write_text("name: [")
            await asyncio.sleep(0.5)
            nobody = [node for node, task in tasks.items() if task.done()]
            file.write_text(re.sub("^max_unavailable.*$", "", good, flags=re.MULTILINE) + "\nmax_unavailable: 2\n")
            await asyncio.wait_for(tasks["wait-w2"], 30)
            return nobody, await slots(walker)

    assert asyncio.run(wait()) == (["wait-w1"], ["wait-w1", "wait-w2"])


@pytest.mark.parametrize(("shared_for", "looks"), [(60, 1), (None, WORKERS)], ids=["together", "each for itself"])
def test_who_is_out_of_service_shares_what_is_seen_of_the_control_plane(walker, hop, monkeypatch, shared_for, looks):
    """It takes a list of all Nodes. Of itself, its Pods and the ledger each sees what is so now."""
    requests = asked(monkeypatch)

    async def look():
        async with AsyncExitStack() as stack:
            works = [Assignment("wait", RUN, hop, "workers", "drain_node", node) for node in hop.workers]
            opened = [NodeConnection.open(walker.cluster, work, shared_for) for work in works]
            ports = [await stack.enter_async_context(port) for port in opened]
            facts = await asyncio.gather(*(port.look(STEPS["drain_node"]) for port in ports))
            return {one.control_plane.ailing for one in facts}, [one.node.name for one in facts]

    assert asyncio.run(look()) == ({()}, list(hop.workers))
    assert (requests["GET /readyz"], requests["GET /api/v1/nodes"]) == (looks, looks)
    assert requests["GET /api/v1/pods"] == WORKERS


def test_nothing_is_kept_of_a_cluster_that_nobody_waits_at(walker):
    async def look():
        look = shared_look.shared_line("wait")
        async with look.used():
            seen = await look.newest(60)
            assert await look.newest(60) is seen
        async with look.used():
            assert await look.newest(60) is not seen

    asyncio.run(look())
