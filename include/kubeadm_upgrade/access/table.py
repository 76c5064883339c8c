"""A check in a terminal: a table that fills while hosts answer, and below it what is not ok, in two parts each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kubeadm_upgrade.access import hosts
from kubeadm_upgrade.access.api import API, right
from kubeadm_upgrade.access.line import Line, State, Trouble, by_number, troubles
from kubeadm_upgrade.access.permissions import permissions
from kubeadm_upgrade.wording import count, shortened

_STYLES = {
    State.OK: "green",
    State.MIND: "yellow",
    State.WRONG: "bold red",
    State.UNKNOWN: "bold red",
    State.NOT_REACHED: "dim",
}
_NOT_YET = Text("…", style="dim")
_WAITING_SHOWN = 3
# short enough for 80 columns
_HEADINGS = {hosts.HOST_KEY: "KEY", hosts.PACKAGES: "PKGS", hosts.SUDO_LIST: "LIST", hosts.REPOSITORY: "REPO"}
# where an answer says more than that it is ok, in as many characters
_TOLD = {hosts.ADDRESS: 60, hosts.PACKAGES: 3, hosts.REPOSITORY: 14}


class CheckTable:
    """A watcher that shows what it is told. In a terminal the table is there from the start, elsewhere at the end."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._lines: dict[tuple[str, str], Line] = {}
        self._hosts: list[str] = []
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
            self._refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()
        if value is None:
            self._console.print(*self._tables(), sep="\n")
            self._print_troubles()

    def expect(self, names: Sequence[str]) -> None:
        self._hosts = list(names)
        self._refresh()

    def add(self, lines: Sequence[Line]) -> None:
        self._lines |= {(line.subject, line.question): line for line in lines}
        self._refresh()

    def _refresh(self) -> None:
        if self._live.is_started:
            self._live.update(Group(*self._tables(), self._progress()), refresh=True)

    def _tables(self) -> Iterator[Table | Text]:
        yield Text(f"{self._title}\n", style="bold")
        yield self._api()
        if self._hosts:
            yield Text()
            yield self._of_hosts()

    def _api(self) -> Table:
        """Rights in one row: those that are missing are named below."""
        table = _table("KUBERNETES API", "", "")
        rights = {right(one) for one in permissions()}
        mine = [line for line in self._lines.values() if line.subject == API]
        granted = [line for line in mine if line.question in rights]
        told = False
        for line in mine:
            if line.question not in rights:
                said = line.what if line.state is State.OK else ""
                table.add_row(line.question, _word(line.state), Text(said, overflow="fold"))
            elif not told:
                table.add_row("rights", *_of_rights(granted))
                told = True
        return table

    def _of_hosts(self) -> Table:
        table = _table("HOST", *(_HEADINGS.get(question, question.upper()) for question in hosts.QUESTIONS))
        for name in self._hosts:
            cells = ((question, self._lines.get((name, question))) for question in hosts.QUESTIONS)
            table.add_row(name, *(_cell(question, line) for question, line in cells))
        return table

    def _progress(self) -> Text:
        """Who is waited for, at the bottom and gone at the end."""
        waiting = [name for name in self._hosts if (name, hosts.REPOSITORY) not in self._lines]
        if not self._hosts:
            return Text("\nasking the API", style="dim")
        if not waiting:
            return Text()
        done = len(self._hosts) - len(waiting)
        return Text(
            f"\n{done} of {len(self._hosts)} hosts; waiting for {shortened(waiting, _WAITING_SHOWN)}", style="dim"
        )

    def _in_order(self) -> list[Line]:
        """The API's first, then by host, whoever answered first."""
        return sorted(self._lines.values(), key=lambda line: (line.subject != API, by_number(line.subject)))

    def _print_troubles(self) -> None:
        found = sorted(troubles(self._in_order()), key=lambda one: one.state is not State.MIND)
        for trouble in found:
            self._console.print()
            for line in _told(trouble):
                self._console.print(line, soft_wrap=True, highlight=False)
        self._console.print(f"\n[bold]{_sum(self._lines.values(), found)}[/]", highlight=False, soft_wrap=True)


def _told(trouble: Trouble) -> Iterator[str]:
    """Unwrapped: what is to be typed is to be copied."""
    style = _STYLES[trouble.state]
    yield f"[{style}]{trouble.state}[/]  [bold]{escape(trouble.where)}[/]"
    first, *others = trouble.what.splitlines() or [""]
    yield f"  what  {escape(first)}"
    yield from (f"        {escape(other)}" for other in others)
    yield f"  do    {escape(trouble.do)}"


def _sum(lines: Iterable[Line], found: Sequence[Trouble]) -> str:
    wrong = [one for one in found if one.state is not State.MIND]
    unreached = sum(line.state is State.NOT_REACHED for line in lines)
    if not wrong:
        return "A run is possible."
    behind = f"; {count(unreached, 'question')} behind that could not be asked" if unreached else ""
    return f"A run is not possible yet: {count(len(wrong), 'thing')} to mend{behind}."


def _of_rights(granted: Sequence[Line]) -> tuple[Text, str]:
    number = sum(line.state is State.OK for line in granted)
    states = {line.state for line in granted}
    worst = next(state for state in (State.WRONG, State.UNKNOWN, State.NOT_REACHED, State.OK) if state in states)
    return _word(worst), f"{number} of {len(permissions())} in docs/rbac.yaml"


def _cell(question: str, line: Line | None) -> Text:
    if line is None:
        return _NOT_YET
    if line.state is State.OK and question in _TOLD:
        said = line.what.rpartition(": ")[2] if question == hosts.REPOSITORY else line.what
        return Text(said[: _TOLD[question]], style=_STYLES[State.OK])
    return _word(line.state)


def _word(state: State) -> Text:
    return Text("-" if state is State.NOT_REACHED else str(state), style=_STYLES[state])


def _table(*headings: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        # names and addresses are folded where there is no room, and never cut
        table.add_column(heading, overflow="fold", no_wrap=number > 1 and bool(heading))
    return table
