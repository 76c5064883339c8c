"""What is told of a run that has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade import report
from kubeadm_upgrade.board.words import lasting
from kubeadm_upgrade.telling.events import Event, Kind
from kubeadm_upgrade.wording import count

Json = Mapping[str, Any]


def finished(cluster: str, written: Json) -> Event:
    """Of a run that has kept its promise; once, however often its report is written."""
    return Event(Kind.FINISHED, cluster, "; ".join(_summary(written)), report.in_short(written))


def failed(cluster: str, what: str, do: str, written: Json | None, again: str) -> Event:
    """`written`: the report; None: there is none. `again`: what tells this end from an earlier one that was cleared."""
    more = report.in_short(written) if written else ""
    return Event(Kind.FAILED, cluster, f"the run has failed: {_first_failure(written) or what}", more, do, key=again)


def _summary(written: Json) -> Iterator[str]:
    hop = written.get("hop") or {}
    way = f": {hop['came_from']} to {hop['to']}" if hop else ""
    yield f"the upgrade is {written['result'].lower()}{way}"
    if hop:
        nodes = (*hop["control_plane"], *hop["workers"])
        took = _took(written)
        yield f"{count(len(nodes), 'node')}{f' in {took}' if took else ''}"
    if given_up := written.get("given_up"):
        yield f"left for a later run: {', '.join(sorted(given_up))}"
    if following := written.get("next_run"):
        yield f"the path goes on in run {following}"


def _first_failure(written: Json | None) -> str:
    """As a person would say it first: a node's before the run's, and that of a task before what came of it."""
    tasks = [task for task in (written or {}).get("unfinished", ()) if task.get("why")]
    for task in sorted(tasks, key=lambda task: task.get("node") is None):
        where = f"{task['node']}: " if task.get("node") else ""
        return f"{where}{task['task']}: {task['why'].splitlines()[0]}"
    return next(iter((written or {}).get("broken_promises", ())), "")


def _took(written: Json) -> str:
    try:
        began, ended = (_moment(written[name]) for name in ("started", "ended"))
    except (KeyError, ValueError):
        return ""
    return lasting((ended - began).total_seconds())


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
