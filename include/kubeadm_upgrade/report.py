"""Write down what a run did: Markdown for people, JSON for machines, both from the same plain values."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from kubeadm_upgrade.board.last_look import LastLook
from kubeadm_upgrade.drain import quarantine
from kubeadm_upgrade.kubeadm_preflight import told_to_ignore
from kubeadm_upgrade.ledger.permit import deletions_in
from kubeadm_upgrade.times import table

DIRECTORY_VARIABLE = "KUBEADM_UPGRADE_REPORTS"
LAST_LOOKS = "last-looks"  # the folder beside those of the DAGs, whose ids all begin otherwise

# Airflow's states in words. A task in any other has not been reached.
_UNDER_WAY = {
    "queued": "is about to start",
    "running": "is under way",
    "deferred": "is waiting",
    "awaiting_input": "is waiting for somebody's answer",
    "up_for_retry": "will be tried again",
}
_WORDS = {"failed": "has failed", **_UNDER_WAY}


def directory() -> Path:
    """Where reports are: one directory that tasks write to and the API server reads from."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or Path(os.environ.get("AIRFLOW_HOME", ".")) / "reports")


def paths(dag_id: str, run_id: str) -> tuple[Path, Path]:
    """Where the Markdown and the JSON of a run's report are."""
    folder, stem = directory() / _file_name(dag_id), _file_name(run_id)
    return folder / f"{stem}.md", folder / f"{stem}.json"


def plan_path(dag_id: str, run_id: str) -> Path:
    """Where the page of a run's plan is, from the moment it was planned."""
    markdown, _ = paths(dag_id, run_id)
    return markdown.with_name(f"{markdown.stem}.plan.md")


def last_look_path(cluster: str) -> Path:
    """Where it is written what was last seen of a cluster."""
    return directory() / LAST_LOOKS / f"{_file_name(cluster)}.json"


def last_look(cluster: str) -> LastLook | None:
    """What was last seen of a cluster; None where nothing was, or nothing that this release can read."""
    try:
        return LastLook.from_json(json.loads(last_look_path(cluster).read_text()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep_last_look(look: LastLook) -> None:
    """In the place of what was seen before."""
    write(last_look_path(look.cluster), json.dumps(look.to_json(), indent=2) + "\n")


def _file_name(text: str) -> str:
    """An id as a file name of its own: ids may hold slashes and colons, and must not lead out of the directory."""
    name = quote(text, safe="+")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def as_markdown(report: Mapping[str, Any]) -> str:
    """The report as a page: what happened, the nodes, what needs a person, and every command."""
    parts = (
        _head(report),
        _broken(report),
        _to_be_continued(report),
        _given_up(report),
        _failures(report),
        _unseen(report),
        _approval(report),
        _deletions(report),
        _findings(report),
        _nodes(report),
        _plan(report),
        table.as_markdown(report["outcomes"]),
        _actions(report),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def in_short(report: Mapping[str, Any]) -> str:
    """What a person wants to know of it at once, for mail and chats: not the plan, nor the commands."""
    parts = (_broken, _to_be_continued, _given_up, _failures, _unseen, _deletions, _findings, _nodes)
    return "\n\n".join(text for part in parts if (text := part(report)))


def _head(report: Mapping[str, Any]) -> str:
    hop = report.get("hop") or {}
    way = f"{hop['came_from']} → {hop['to']}" if hop else "not planned"
    mode = ", dry run: nothing was changed" if report.get("dry_run") else ""
    if any(task["state"] in _UNDER_WAY for task in report["unfinished"]):
        mode += ", and still under way when this was written"
    lines = (
        f"# {report['cluster']}: {way}",
        f"**{report['result']}**{mode}",
        f"Run `{report['run_id']}`, {report['started']} to {report['ended']}.",
    )
    going_on = (f"The path goes on in run `{report['next_run']}`.",) if report.get("next_run") else ()
    ignored = told_to_ignore(hop.get("ignore_preflight_errors") or {})
    windows = f"It did not wait for maintenance windows: {hop['ignore_window']}." if hop.get("ignore_window") else ""
    return "\n\n".join((*lines, *going_on, *filter(None, (ignored, windows))))


def _plan(report: Mapping[str, Any]) -> str:
    """The page of the plan, a level deeper."""
    page = report.get("plan") or ""
    return re.sub(r"^#", "##", page, flags=re.MULTILINE).strip()


def _broken(report: Mapping[str, Any]) -> str:
    """What the cluster itself shows to be missing, at the time of writing."""
    rows = [f"- {sentence}" for sentence in report.get("broken_promises", ())]
    return "\n".join(("## Not as promised", "", *rows)) if rows else ""


def _to_be_continued(report: Mapping[str, Any]) -> str:
    """What nothing was done to, since nothing more fitted into the window."""
    left = report.get("left")
    if not left:
        return ""
    rows = [f"- {node}" for node in left["nodes"]]
    return "\n".join(("## To be continued", "", f"{left['why']}.", "", *rows)).strip()


def _given_up(report: Mapping[str, Any]) -> str:
    """Who stays behind because somebody has decided so, and who came too late to be taken along."""
    rows = [f"- {quarantine.told(node, why)}. A later run takes it" for node, why in report.get("given_up", {}).items()]
    rows += [f"- {node} joined while the run was under way" for node in report.get("joined", ())]
    return "\n".join(("## Left for a later run", "", *rows)) if rows else ""


def _failures(report: Mapping[str, Any]) -> str:
    """By node, those with a failed task first: that is where somebody is needed."""
    by_node: dict[str | None, list[Mapping[str, Any]]] = {}
    for task in report["unfinished"]:
        by_node.setdefault(task["node"], []).append(task)
    order = sorted(by_node, key=lambda node: (_calm(by_node[node]), node is None))
    rows = [_not_done(node or "The run", by_node[node]) for node in order]
    return "\n\n".join(("## Not done", *rows)) if rows else ""


def _unseen(report: Mapping[str, Any]) -> str:
    """Why there are no nodes below. A run that has promised something says it among its broken promises."""
    why = report.get("unseen")
    return f"The cluster could not be looked at when this was written: {why}" if why and not report["hop"] else ""


def _calm(tasks: Sequence[Mapping[str, Any]]) -> bool:
    return all(task["state"] != "failed" for task in tasks)


def _not_done(who: str, tasks: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"- **{who}**"]
    for task in tasks:
        if task["state"] in _WORDS:
            lines += _stopped(task)
    if left := [f"`{task['task']}`" for task in tasks if task["state"] not in _WORDS]:
        lines.append(f"  - not reached: {', '.join(left)}")
    return "\n".join(lines)


def _stopped(task: Mapping[str, Any]) -> Iterator[str]:
    """The state in words, the reason behind it, what to do, and what a host has said as it stood there."""
    reason, *said = (task.get("why") or "").splitlines() or [""]
    yield f"  - `{task['task']}` {_WORDS[task['state']]}" + (f": {reason}" if reason else "")
    if task.get("do"):
        yield from ("", f"    **What to do:** {task['do']}")
    if said:
        yield from ("", "    ```", *(f"    {line}" for line in said), "    ```")


def _approval(report: Mapping[str, Any]) -> str:
    """Who has agreed to it, and what they let pass."""
    told = report.get("approval")
    if not told:
        return ""
    why, run = f": {told['why']}" if told.get("why") else "", told.get("run")
    carried = f", in run `{run}`" if run and run != report["run_id"] else ""
    rows = [f"Approved by {told['by']} at {told['at']}{carried} (`{told['plan']}`){why}."]
    rows += [f"- waived: `{check}`" for check in told.get("waived") or ()]
    return "\n\n".join(("## Approval", "\n".join(rows)))


def _deletions(report: Mapping[str, Any]) -> str:
    """What somebody has let drains delete. One that has failed since says it itself."""
    rows = [f"- {line}" for line in deletions_in(report.get("outcomes", ()))]
    return "\n".join(("## Deleted instead of evicted", "", *rows)) if rows else ""


def _findings(report: Mapping[str, Any]) -> str:
    rows = [f"- {finding}" for finding in report["findings"]]
    return "## Preflight findings\n\n" + "\n".join(rows) if rows else ""


def _nodes(report: Mapping[str, Any]) -> str:
    rows = [
        f"| {node['name']} | {node['role']} | {node['ready']} | {node['kubelet']} | {node['before'] or ''} |"
        for node in report["nodes"]
    ]
    if not rows:
        return ""
    head = ("## Nodes", "", "| Node | Role | Status | Kubelet | Before |", "| --- | --- | --- | --- | --- |")
    return "\n".join((*head, *rows))


def _actions(report: Mapping[str, Any]) -> str:
    by_node: dict[str, list[str]] = {}
    for outcome in report["outcomes"]:
        by_node.setdefault(outcome["node"], []).append(_outcome(outcome))
    sections = (f"### {node}\n\n" + "\n".join(lines) for node, lines in by_node.items())
    return "## Steps\n\n" + "\n\n".join(sections) if by_node else ""


def _outcome(outcome: Mapping[str, Any]) -> str:
    commands: Sequence[str] = outcome["actions"]
    lines = [f"- {outcome['step']}: {outcome['status']}", *(f"  - `{command}`" for command in commands)]
    return "\n".join((*lines, *(f"  - {detail}" for detail in outcome["details"])))


def write(path: Path, text: str) -> None:
    """Write a file as one change, so that a reader never sees half a report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # two containers may write it at once; not by tempfile, whose files nobody else may read
    unfinished = path.with_name(f".{path.name}.{token_hex(4)}")
    try:
        unfinished.write_text(text)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
