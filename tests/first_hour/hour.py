"""The first hour as it is lived: terminals, what was typed in them, and a page that tells it with times."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from first_hour.terminal import Terminal

_MOST_LINES = 60  # of one screen on the page: the end of it


@dataclass(frozen=True)
class Moment:
    """What stood on a screen, in seconds since the hour began."""

    began: float
    ended: float
    terminal: str
    command: str
    screen: str
    most: int = _MOST_LINES


class Hour:
    """Entered, nothing has happened; left, everything that was started has ended."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._began = time.monotonic()
        self._terminals: dict[str, Terminal] = {}
        self.moments: list[Moment | str] = []  # a text stands between them

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for terminal in self._terminals.values():
            terminal.close()

    @property
    def url(self) -> str:
        """Of an Airflow that is started in one of the terminals."""
        return f"http://localhost:{self._environment['PORT']}"

    def terminal(self, name: str) -> Terminal:
        """One of this name, in the checkout; opened when it is first asked for."""
        if name not in self._terminals:
            self._terminals[name] = Terminal(name, self._folder, self._environment, self._began)
        return self._terminals[name]

    def run(self, name: str, command: str, patience: float) -> str:
        """A command to its successful end."""
        terminal = self.terminal(name)
        began = terminal.seconds
        shown = terminal.run(command, patience)
        self._note(began, terminal, command)
        return shown

    def start(self, name: str, command: str, pattern: str, patience: float, *, most: int = _MOST_LINES) -> str:
        """A command that stays, until it shows what is waited for; `most` of its lines go onto the page."""
        terminal = self.terminal(name)
        began = terminal.seconds
        terminal.start(command)
        shown = terminal.wait_for(pattern, patience)
        self.moments.append(Moment(began, terminal.seconds, name, command, shown, most))
        return shown

    def see(self, name: str, pattern: str, patience: float) -> str:
        """Wait until a command that stays shows something else."""
        terminal = self.terminal(name)
        began = terminal.seconds
        shown = terminal.wait_for(pattern, patience)
        self.moments.append(Moment(began, terminal.seconds, name, "", shown))
        return shown

    def answer(self, name: str, command: str, answers: Iterable[tuple[str, str]], patience: float) -> str:
        """A command that asks: each question, and what is typed at it; to its successful end."""
        terminal = self.terminal(name)
        began = terminal.seconds
        before = terminal.start(command)
        for question, answer in answers:
            terminal.wait_for(question, patience)
            terminal.type(f"{answer}\n")
        shown = terminal.ended(before, patience)
        self._note(began, terminal, command)
        return shown

    def _note(self, began: float, terminal: Terminal, command: str) -> None:
        """What has ended is told line by line, however wide the terminal is."""
        screen = "\n".join((f"$ {command}", *terminal.written()))
        self.moments.append(Moment(began, terminal.seconds, terminal.name, command, screen))

    def tell(self, text: str) -> None:
        """What a person did elsewhere, or is to know."""
        self.moments.append(text)

    def page(self, title: str, before: str) -> str:
        """As Markdown."""
        return "\n\n".join((f"# {title}", before, *self._told())) + "\n"

    def _told(self) -> Iterator[str]:
        for moment in self.moments:
            if isinstance(moment, str):
                yield moment
                continue
            yield f"**{_clock(moment.began)} to {_clock(moment.ended)}**, {moment.terminal}"
            yield f"```\n{_lines(moment)}\n```"


def _lines(moment: Moment) -> str:
    lines = moment.screen.removesuffix("\n$").splitlines()
    if len(lines) > moment.most:
        lines = [lines[0], f"... {len(lines) - moment.most} lines ...", *lines[-moment.most + 1 :]]
    return "\n".join(lines).replace("```", "'''")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:02}:{rest:02}"
