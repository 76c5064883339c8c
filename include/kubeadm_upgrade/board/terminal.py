"""A board in a terminal: the JSON that its page shows, as lines that fit into 80 columns.

What it says comes from hosts, APIs and people: it is never taken for markup, and what is no letter of it never reaches
the terminal, which would obey it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from kubeadm_upgrade.board.view import Tone
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, WORKER_NODE

Json = Mapping[str, Any]

STYLES: Mapping[str, str] = {
    Tone.GOOD: "green",
    Tone.BUSY: "cyan",
    Tone.WAITS: "yellow",
    Tone.PERSON: "bold red",
    Tone.BAD: "bold red",
}
_QUIET = "bright_black"
MOST_NODES = 30  # in full; of more, those that need no look are counted
_MOST_LINES = 8  # of what a host has said
_FOLDED = ("done", "queued", "untouched")

# A cell's state -> its sign; one that is not here has not come yet.
_SIGNS: Mapping[str, tuple[str, str]] = {
    "done": ("✓", "green"),
    "unchanged": ("✓", _QUIET),
    "marked": ("?", "yellow"),
    "skipped": ("-", _QUIET),
    "running": ("●", "cyan"),
    "waiting": ("●", "yellow"),
    "retrying": ("↻", "yellow"),
    "failed": ("✗", "bold red"),
}
_NOT_YET = ("·", _QUIET)
_TURNS = ("running", "waiting")
_ROW_STYLES = {
    "done": "green",
    "failed": "bold red",
    "given_up": "red",
    "marked": "yellow",
    "waiting": "yellow",
    "moving": "cyan",
}
_STAGE_SIGNS = {"done": ("✓", "green"), "now": ("●", "cyan")}
_LEVEL_STYLES = {"block": "red", "bad": "red", "warn": "yellow", "mind": _QUIET}


@dataclass(frozen=True)
class Signs:
    """One sign a task. Under the eyes of somebody who watches, those that are at work turn."""

    states: tuple[str, ...]  # of cells; "" leaves a gap between two groups
    turning: bool = False
    names: tuple[str, ...] = ()  # of the tasks, where it is not a column that says them

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        frame = str(Spinner("dots").render(console.get_time())) if self.turning else ""
        text = Text()
        for name, state in zip_longest(self.names, self.states):
            sign, style = _SIGNS.get(state, _NOT_YET) if state else (" ", "")
            if name:
                text.append(f"{plain(name)} ", "" if state in _SIGNS else _QUIET)
            text.append(frame if frame and state in _TURNS else sign, style).append(" " if name else "")
        yield text

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = sum(len(name) + 2 for name in self.names) + len(self.states)
        return Measurement(min(width, options.max_width), width)


def shown(board: Json, now: datetime, *, every_node: bool = False, live: bool = False) -> RenderableType:
    """The whole board. `live`: it is drawn again and again, so a node is one line, and what is at work turns."""
    parts: Iterable[RenderableType | None] = (
        _head(board, now),
        _run_tasks(board, live=live),
        _path(board),
        _nodes(board, every_node=every_node, live=live),
        *map(_trouble, failed_cells(board)),
        _findings(board),
    )
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in parts if part is not None))


def plain(text: object) -> str:
    """In one line, and nothing that a terminal takes for an order."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def _head(board: Json, now: datetime) -> RenderableType:
    style = STYLES.get(board["tone"], "")
    title = Table.grid(expand=True)
    title.add_column(no_wrap=True, overflow="ellipsis")
    title.add_column(justify="right", no_wrap=True)
    title.add_row(Text(plain(f"{board['cluster']}  {board['run_id']}"), "bold"), Text(_elapsed(board, now), _QUIET))
    done, of = board["progress"]["done"], board["progress"]["of"]
    bar = Table.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
    bar.add_column(ratio=1)
    bar.add_column(justify="right", no_wrap=True)
    bar.add_row(ProgressBar(max(of, 1), done, complete_style=style, finished_style=style), f"{done} of {of} nodes")
    return Group(title, Text(plain(board["sentence"]), style), *([bar] if of else []))


def _elapsed(board: Json, now: datetime) -> str:
    """Minutes and seconds, as a stopwatch shows them."""
    if not board["started"]:
        return ""
    until = datetime.fromisoformat(board["ended"]) if board["ended"] else now
    seconds = max(0, int((until - datetime.fromisoformat(board["started"])).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _run_tasks(board: Json, *, live: bool) -> RenderableType | None:
    """What a run does beside its nodes."""
    cells = board["run_tasks"]
    states, names = tuple(cell["state"] for cell in cells), tuple(cell["task"] for cell in cells)
    return Signs(states, live, names) if cells else None


def _path(board: Json) -> RenderableType | None:
    """Where there is more than one hop."""
    if len(board["path"]) < 2:
        return None
    text = Text(plain(board["path"][0]["from"]))
    for stage in board["path"]:
        sign, style = _STAGE_SIGNS.get(stage["state"], _NOT_YET)
        text.append(" → ", _QUIET).append(plain(stage["to"]), style).append(f" {sign}", style)
    return text


def _nodes(board: Json, *, every_node: bool, live: bool) -> RenderableType | None:
    rows = board["nodes"]
    if not rows:
        return None
    folds = len(rows) > MOST_NODES and not every_node
    folded = [row for row in rows if folds and row["state"] in _FOLDED]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=_QUIET, expand=True)
    for heading in ("node", "kubelet", "steps"):
        table.add_column(heading, no_wrap=True)
    table.add_column("", ratio=1, no_wrap=live, overflow="ellipsis" if live else "fold")
    steps = {group["name"]: [step["name"] for step in group["steps"]] for group in board["groups"]}
    for row in rows:
        if not (folds and row["state"] in _FOLDED):
            table.add_row(*_row(row, steps, live=live))
    return Group(table, _counted(folded)) if folded else table


def _row(row: Json, steps: Mapping[str, list[str]], *, live: bool) -> tuple[RenderableType, ...]:
    style = _ROW_STYLES.get(row["state"], _QUIET)
    said = row["sentence"] or ("" if row["state"] in ("untouched", "moving") else row["state"])
    moved = row["kubelet"] != row["before"]
    return (
        Text(plain(row["name"])),
        Text(plain(row["kubelet"]), "green" if moved else ""),
        Signs(tuple(_states(row, steps)), live),
        Text(plain(said), style),
    )


def _states(row: Json, steps: Mapping[str, list[str]]) -> Iterator[str]:
    """A sign for every step that a node of its role goes through; cells that say nothing are left out of the JSON."""
    told = {cell["task"]: cell["state"] for cell in row["cells"]}
    groups = WORKER_NODE if row["role"] == "worker" else CONTROL_PLANE_NODE
    for number, group in enumerate(groups):
        if number:
            yield ""
        yield from (told.get(f"{group}.{step}", "none") for step in steps.get(group, ()))


def _counted(rows: Iterable[Json]) -> Text:
    states = Counter(row["state"] for row in rows)
    counts = ", ".join(f"{states[state]} {state}" for state in _FOLDED if states[state])
    return Text(f"and {counts}: --all shows them too", _QUIET)


def failed_cells(board: Json) -> Iterator[tuple[str, Json]]:
    """The tasks that have failed, with the node or cluster that they are of."""
    everybody = [(board["cluster"], board["run_tasks"]), *((row["name"], row["cells"]) for row in board["nodes"])]
    return ((name, cell) for name, cells in everybody for cell in cells if cell.get("failure"))


def _trouble(failed: tuple[str, Json]) -> RenderableType:
    """What is wrong, what to do, and what the host has said."""
    name, cell = failed
    failure = cell["failure"]
    why = failure["why"] if failure["why"].startswith(f"{name}: ") else f"{name}: {cell['task']}: {failure['why']}"
    text = Text().append("✗ ", "bold red").append(plain(why))
    text.append("\nWhat to do: ", "bold").append(plain(failure["do"]))
    for line in failure["said"][-_MOST_LINES:]:
        text.append(f"\n  {plain(line)}", _QUIET)
    return text


def _findings(board: Json) -> RenderableType | None:
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for note in board["findings"]:
        table.add_row(Text(plain(note["level"]), _LEVEL_STYLES.get(note["level"], "")), Text(plain(note["text"])))
    return table if table.row_count else None
