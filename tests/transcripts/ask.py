"""Asks the hosts of a cluster the table's questions while it is upgraded, over the product's own SSH."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from harness.walk import Walker, join
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.host import Host, address_of
from kubeadm_upgrade import objects, queries
from kubeadm_upgrade.hop import Hop
from lab import ClusterSpec, Lab
from transcripts.row import Answer, Kind, Place, Row, Source, Transcript, When

# By a row's name and the kind of host. An error is an answer too: it fails the row that it belongs to, not every row.
Answers = Mapping[tuple[str, Kind], Answer | Exception]


def ask_lab(directory: Path, rows: Sequence[Row]) -> Answers:
    """A cluster whose kubeadm prints what it printed for years, and one whose kubeadm is of today."""
    old = {Kind.APT: "lab-w1", Kind.CONTROL_PLANE: "lab-cp1"}
    return {
        **_ask_lab(directory / "old", rows, ClusterSpec("lab", workers=2), "1.29", old),
        **_ask_lab(
            directory / "new",
            rows,
            ClusterSpec("newer", workers=1, version="1.32.13"),
            "1.33",
            {Kind.NEWER: "newer-cp1"},
        ),
    }


def _ask_lab(
    directory: Path, rows: Sequence[Row], spec: ClusterSpec, target: str, hosts: Mapping[Kind, str]
) -> Answers:
    directory.mkdir()
    with Lab(directory / "lab", [spec]) as lab, pytest.MonkeyPatch.context() as monkeypatch:
        walker = join(lab, directory / "inventory", monkeypatch, target=target)[spec.name]
        return ask(Source.LAB, walker, hosts, rows)


def ask(source: Source, walker: Walker, hosts: Mapping[Kind, str], rows: Sequence[Row]) -> Answers:
    """Each host the rows that are of its kind, each in its situation."""
    wanted = [row for row in rows if set(row.kinds) & set(hosts)]

    async def ask_all() -> Answers:
        hop = await walker.plan()
        answers: dict[tuple[str, Kind], Answer | Exception] = {}
        for when in When:
            now = [row for row in wanted if row.when is when]
            if any(row.when >= when for row in wanted):
                await _bring_about(when, walker, hop)
            for kind, node in hosts.items():
                answers |= await _ask_host(source, walker, hop, kind, node, [row for row in now if kind in row.kinds])
        return answers

    return asyncio.run(ask_all())


async def _bring_about(when: When, walker: Walker, hop: Hop) -> None:
    """By the product's own steps."""
    match when:
        case When.STAGED:
            await walker.preflight(hop)
            for node in hop.nodes_of("stage"):
                await walker.walk(hop, "stage", node)
            for step in ("admit", "back_up"):
                await walker.step(hop, "control_plane", hop.control_plane[0], step)
        case When.KUBEADM_NEW:
            await walker.step(hop, "control_plane", hop.control_plane[0], "upgrade_kubeadm")
        case When.UPGRADED:
            await walker.upgrade(hop)


async def _ask_host(
    source: Source, walker: Walker, hop: Hop, kind: Kind, name: str, rows: Sequence[Row]
) -> dict[tuple[str, Kind], Answer | Exception]:
    cluster = walker.cluster
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        nodes = {node.name: node for node in map(objects.read_node, await api.nodes())}
    answers: dict[tuple[str, Kind], Answer | Exception] = {}
    async with Host.open(cluster, address_of(cluster, nodes[name])) as host:
        kubelet = await host.ask(queries.KUBELET)
        place = Place(name, hop, kubelet.pid)
        for row in rows:
            try:
                answers[row.name, kind] = await _answer(source, row, host, place, sorted(nodes))
            except Exception as error:  # whatever it is: the row's test raises it
                answers[row.name, kind] = error
    return answers


async def _answer(source: Source, row: Row, host: Host, place: Place, nodes: Sequence[str]) -> Answer:
    for run in row.before(place) if callable(row.before) else row.before:
        done = await host.run(run)
        assert done.exit_status == 0, f"{run}: {done}"
    look = row.look(place)
    completed = await host.run(look.run)
    return Answer(look, completed, Transcript(source, completed.stdout, nodes))
