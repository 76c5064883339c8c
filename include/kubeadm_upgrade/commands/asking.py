"""Questions to a person at a terminal; where there is none, the flag that would have answered is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.prompt import Prompt

from kubeadm_upgrade.errors import NeedsPerson

T = TypeVar("T")

_YES, _NO = ("y", "yes"), ("", "n", "no")


@dataclass(frozen=True)
class Asking:
    """Whether there is somebody to ask. An answer that `read` refuses, by NeedsPerson, is asked for again."""

    terminal: bool

    @classmethod
    def of_terminal(cls) -> Asking:
        return cls(sys.stdin is not None and sys.stdin.isatty())

    def ask(self, question: str, flag: str, usual: str | None, read: Callable[[str], T]) -> T:
        """An answer. Raises NeedsPerson where there is nobody to give one."""
        if not self.terminal:
            raise NeedsPerson(f"{flag} is not given, and there is no terminal to ask at", do=f"say {flag}")
        return _until_read(f"{question}{_offered(usual)}", lambda text: read(text) if text else None, usual)

    def ask_or_leave(self, question: str, usual: str | None, read: Callable[[str], T]) -> T | None:
        """An answer, or what is usual; None for neither."""
        if not self.terminal:
            return read(usual) if usual else None
        with _ended_by_hand():
            while True:
                offered = _offered(usual) or " (none: leave empty)"
                text = _answer(f"{question}{offered}") or usual
                try:
                    return read(text) if text else None
                except NeedsPerson as error:
                    _say(error)

    def agrees(self, question: str) -> bool:
        """By a letter or a word; by nothing, no."""
        return self.terminal and _until_read(f"{question} {escape('[y/N]')}", _yes_or_no, None)


def _until_read(question: str, read: Callable[[str], T | None], usual: str | None) -> T:
    with _ended_by_hand():
        while True:
            try:
                found = read(_answer(question) or usual or "")
            except NeedsPerson as error:
                _say(error)
            else:
                if found is not None:
                    return found


def _answer(question: str) -> str:
    return (Prompt.ask(question, default="", show_default=False) or "").strip()


def _offered(usual: str | None) -> str:
    """In brackets, as what an empty answer means."""
    return escape(f" [{usual}]") if usual else ""


def _yes_or_no(text: str) -> bool:
    if text.lower() not in (*_YES, *_NO):
        raise NeedsPerson(f"{text!r} is neither yes nor no")
    return text.lower() in _YES


def _say(error: NeedsPerson) -> None:
    do = f": {error.do}" if error.do else ""
    Console().print(f"[yellow]{escape(error.what)}{escape(do)}[/]", highlight=False, soft_wrap=True)


@contextmanager
def _ended_by_hand() -> Iterator[None]:
    """Ctrl-D is no answer: it ends the command, as Ctrl-C does."""
    try:
        yield
    except EOFError:
        raise KeyboardInterrupt from None
