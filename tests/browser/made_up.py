"""A board and a fleet as their functions make them, with something of everything in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.fleet_view import ClusterRow, Fleet, LastRun
from kubeadm_upgrade.board.fleet_view import State as ClusterState
from kubeadm_upgrade.board.record import Failure, Marks, NodeRecord, RunRecord, TaskRecord
from kubeadm_upgrade.board.view import Progress
from kubeadm_upgrade.board.xcoms import waiting_in
from written.run import MadeUpRun

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
RUN = MadeUpRun("prod", workers=24, done=8, moving=2)

# What pages know the words of, or read as times and versions: whatever else is text may be anything.
_WORDS = ("state", "tone", "role", "level", "id", "needs", "method", "task")
_TIMES = ("since", "started", "ended", "as_of", "looked_at", "next_window", "window_until", "end_of_life", "version")
_KNOWN = frozenset((*_WORDS, *_TIMES))


def _board() -> dict[str, Any]:
    nodes = (*RUN.hop.control_plane, *RUN.hop.workers)
    record = RunRecord(
        cluster=RUN.cluster,
        dag_id=RUN.dag_id,
        run_id="to-1.29",
        state="running",
        started=RUN.began,
        hop=RUN.hop.to_json(),
        path=RUN.path(),
        nodes=tuple(NodeRecord(name, "1.28.15", name in RUN.hop.control_plane) for name in nodes),
        findings=("warn: etcd has not been defragmented for 90 days",),
        tasks=tuple(_tasks()),
        marks=Marks(given_up={RUN.hop.workers[20]: "its disk"}, at=NOW),
        next_run="to-1.29~2",
    )
    return board_of(record, NOW).to_json() | {"version": "v-1", "since": None}


def _tasks() -> Iterator[TaskRecord]:
    """One drain has failed; the other waits."""
    told = {(one["task_id"], one.get("map_index", -1)): one["value"] for one in RUN.xcoms() if one["key"] == "waiting"}
    for row in RUN.tasks():
        task = TaskRecord(
            row["task_id"],
            row.get("map_index", -1),
            row.get("state"),
            row.get("try_number", 0),
            row.get("start_date"),
            row.get("end_date"),
        )
        if (task.task_id, task.map_index) == ("workers.drain_node", RUN.done):
            waits = waiting_in(told[task.task_id, task.map_index])
            said = ("Nov 26 02:58:01 kubelet[812]: E1126 eviction failed", "and one line more")
            yield replace(
                task,
                state="failed",
                ended=NOW,
                failure=Failure("its Pod does not go", "see to the Pod", said, waits.done),
            )
        elif task.state == "deferred":
            yield replace(task, waiting=waiting_in(told[task.task_id, task.map_index]))
        else:
            yield task


def _fleet() -> dict[str, Any]:
    rows = tuple(
        ClusterRow(
            name=f"cluster-{state}",
            dag_id=f"kubeadm_upgrade.cluster-{state}",
            state=state,
            sentence=f"It is {state}.",
            labels={"env": "prod"},
            version="1.29.15",
            worst_kubelet="1.28.15",
            days_left=40,
            end_of_life=NOW.date(),
            target="1.32",
            hops_left=3,
            progress=Progress(1, 4),
            last_run=LastRun("to-1.29", "running", NOW),
            board="/kubeadm-upgrade/board/x/y",
            report="/kubeadm-upgrade/reports/x/y",
            looked_at=NOW,
        )
        for state in ClusterState
    )
    return Fleet(NOW, rows).to_json()


def with_texts(data: Any, texts: Iterable[str]) -> Any:
    """The same, with other texts in the place of those that somebody else may have said: names, reasons, addresses.

    What was the same text before is the same afterwards, and what was another is another.
    """
    others, said = cycle(texts), dict[str, str]()

    def put(value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            return value if name in _KNOWN or not value else said.setdefault(value, f"{next(others)} {len(said)}")
        if isinstance(value, Mapping):
            return {put(key) if name == "labels" else key: put(item, key) for key, item in value.items()}
        return [put(item, name) for item in value] if isinstance(value, list) else value

    # headings are ours, and cells are found by the names beside them
    return put({name: value for name, value in data.items() if name != "groups"}) | {"groups": data.get("groups")}


BOARD_DATA, FLEET_DATA = _board(), _fleet()
