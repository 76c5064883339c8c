"""The demo in a terminal: a table of nodes and steps that moves. It fits into 80 columns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.status import Status
from rich.table import Table
from rich.text import Text

from demo.door import Row
from demo.progress import Mark, Progress
from demo.steps import AFTER, BEFORE, COLUMNS
from demo.stopwatch import elapsed

_STILL = {
    Mark.DONE: Text("✓", style="green"),
    Mark.FAILED: Text("✗", style="bold red"),
    Mark.NOT_YET: Text("·", style="bright_black"),
    Mark.ABSENT: Text(" "),
}
_MOVING = {Mark.RUNNING: "cyan", Mark.WAITING: "yellow"}
_STATUS_STYLE = {"Ready": "green", "cordoned": "yellow"}


class Screen:
    """Draws what it is shown; entered while a run is watched. `rows` are asked for anew at each look."""

    def __init__(
        self, console: Console, title: str, target: str, rows: Callable[[], Iterable[Row]] = lambda: ()
    ) -> None:
        self._console = console
        self._title = title
        self._target = target
        self._rows = rows
        self._started = time.monotonic()
        # one spinner of a kind: all of them turn together
        self._spinners = {mark: Spinner("dots", style=style) for mark, style in _MOVING.items()}
        self._live = Live(console=console, refresh_per_second=8, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: Progress, words: str) -> None:
        self._live.update(self.draw(progress, words))

    def draw(self, progress: Progress, words: str) -> RenderableType:
        below = Text(words, style="bright_black", no_wrap=True, overflow="ellipsis")
        # what is cut off in a low terminal is cut off below
        above = (self._head(progress), self._door(), self._table(progress), self._bar(progress))
        return Padding(Group(*(Padding(part, (0, 0, 1, 0)) for part in above), below), (1, 0, 1, 0))

    def _door(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        table.add_column(style="bright_black", no_wrap=True)
        # never cut: what is copied from a terminal must be whole
        table.add_column(overflow="fold")
        for name, text in self._rows():
            table.add_row(name, Text(text, style=f"link {text}" if text.startswith("http") else ""))
        return table

    def _head(self, progress: Progress) -> Table:
        row = Table.grid(expand=True)
        row.add_column()
        row.add_column(justify="right")
        row.add_row(self._where(progress), self._run_steps(progress))
        return row

    def _where(self, progress: Progress) -> Text:
        title = Text(self._title, style="bold")
        return title.append(f"\n{progress.journey.here}", style="not bold") if progress.journey.here else title

    def _run_steps(self, progress: Progress) -> Table:
        row = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
        cells: list[RenderableType] = []
        for step in (*BEFORE, *AFTER):
            mark = progress.mark_of(step)
            style = "bright_black" if mark is Mark.NOT_YET else ""
            cells += [Text(step, style=style), self._glyph(mark)]
        row.add_row(*cells)
        return row

    def _table(self, progress: Progress) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bright_black")
        for heading in ("node", "status", "version"):
            table.add_column(heading, no_wrap=True)
        for heading in COLUMNS:
            table.add_column(heading, justify="center", no_wrap=True)
        for node in progress.nodes:
            cells = [self._glyph(progress.cell(node.name, column)) for column in COLUMNS]
            status = Text(node.status, style=_STATUS_STYLE.get(node.status, "red"))
            table.add_row(Text(node.name), status, self._version(node.kubelet), *cells)
        return table

    def _version(self, kubelet: str) -> Text:
        version = kubelet.removeprefix("v")
        at_target = f"{version}.".startswith(f"{self._target}.")
        return Text(version, style="green" if at_target else "")

    def _bar(self, progress: Progress) -> Table:
        style = "red" if progress.run_state == "failed" else "green" if progress.finished else "cyan"
        done, in_all = progress.steps_done, progress.journey.steps
        row = Table.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
        row.add_column(ratio=1)
        row.add_column(justify="right", no_wrap=True)
        row.add_column(justify="right", no_wrap=True)
        bar = ProgressBar(in_all, done, complete_style=style, finished_style=style)
        row.add_row(bar, f"{done} of {in_all} steps", elapsed(self._started))
        return row

    def _glyph(self, mark: Mark) -> RenderableType:
        return self._spinners.get(mark) or _STILL[mark]


class Preparations:
    """What happens before there is a run to draw: one line, and a tick before it when it is over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._what = ""

    def say(self, what: str) -> None:
        self.done()
        self._what = what
        self._status = self._console.status(what, spinner="dots", spinner_style="cyan")
        self._status.start()

    def tell(self, rows: Iterable[Row]) -> None:
        """Above the line that turns, and there to stay."""
        for name, text in rows:
            self._console.print(f"  [bright_black]{name:<10}[/]{escape(text)}", soft_wrap=True, highlight=False)

    def done(self) -> None:
        self.abandon()
        if self._what:
            self._console.print(f"[green]✓[/] {self._what}", highlight=False)
        self._what = ""

    def abandon(self) -> None:
        """Stop turning, without a tick."""
        if self._status is not None:
            self._status.stop()
            self._status = None
