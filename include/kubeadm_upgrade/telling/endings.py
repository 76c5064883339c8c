"""What is told of a run that has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade import report, to_be_continued
from kubeadm_upgrade.board.words import lasting
from kubeadm_upgrade.telling.events import Event, Kind
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.wording import agreeing, count

_GO_ON = "start a run for the rest, where windows open none (open_runs)"

Json = Mapping[str, Any]


def ended(cluster: str, written: Json) -> Event:
    """Of a run that has not failed; once, however often its report is written.

    One of which nothing more fitted into its window has not finished: it is told as a window that has closed on nodes.
    """
    if written["result"] != to_be_continued.RESULT:
        return Event(Kind.FINISHED, cluster, "; ".join(_summary(written)), report.in_short(written))
    why = (written.get("left") or {}).get("why") or to_be_continued.RESULT
    text = "; ".join(_left(written, why))
    return Event(Kind.WINDOW_CLOSED, cluster, text, report.in_short(written), _GO_ON, key=why)


def failed(cluster: str, what: str, do: str, written: Json | None, again: str) -> Event:
    """`written`: the report; None: there is none. `again`: what tells this end from an earlier one that was cleared."""
    more = report.in_short(written) if written else ""
    return Event(Kind.FAILED, cluster, f"the run has failed: {_first_failure(written) or what}", more, do, key=again)


def _left(written: Json, why: str) -> Iterator[str]:
    yield f"the upgrade is {why[:1].lower()}{why[1:]}"
    if hop := written.get("hop"):
        done, everybody, took = _done(written), _everybody(hop), _took(written)
        how_far = f"{len(done):,} of {count(len(everybody), 'node')} {agreeing(done, 'is', 'are')} done"
        yield f"{hop['came_from']} to {hop['to']}: {how_far}{f' after {took}' if took else ''}"


def _summary(written: Json) -> Iterator[str]:
    hop = written.get("hop") or {}
    way = f": {hop['came_from']} to {hop['to']}" if hop else ""
    yield f"the upgrade is {written['result'].lower()}{way}"
    if hop:
        done, everybody, took = _done(written), _everybody(hop), _took(written)
        some = f"{len(done):,} of " if len(done) != len(everybody) else ""
        yield f"{some}{count(len(everybody), 'node')}{f' in {took}' if took else ''}"
    if given_up := written.get("given_up"):
        yield f"left for a later run: {', '.join(sorted(given_up))}"
    if following := written.get("next_run"):
        yield f"the path goes on in run {following}"


def _everybody(hop: Json) -> tuple[str, ...]:
    return (*hop["control_plane"], *hop["workers"])


def _done(written: Json) -> tuple[str, ...]:
    """Without who was left, and without who is not in the cluster any more."""
    to, left = Version.parse(written["hop"]["to"]), (written.get("left") or {}).get("nodes", ())
    there = {node["name"] for node in written["nodes"] if Version.parse(node["kubelet"]) >= to}
    return tuple(name for name in _everybody(written["hop"]) if name in there and name not in left)


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
