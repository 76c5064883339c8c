"""The demo in a terminal: what `status --watch` shows, below the doors to it. It fits into 80 columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.text import Text

from demo.door import Row
from kubeadm_upgrade.board import terminal
from kubeadm_upgrade.commands.watching import Json


def drawn(rows: Iterable[Row], board: Json, now: datetime) -> RenderableType:
    """What is cut off in a low terminal is cut off below."""
    table = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(style="bright_black", no_wrap=True)
    # never cut: what is copied from a terminal must be whole
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, Text(text, style=f"link {text}" if text.startswith("http") else ""))
    return Padding(Group(table, Text(), terminal.shown(board, now, live=True)), (1, 0, 0, 0))


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
