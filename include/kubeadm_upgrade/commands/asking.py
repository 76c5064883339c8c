"""Questions to a person at a terminal; where there is none, the flag that would have answered is named."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.prompt import Confirm, Prompt

from kubeadm_upgrade.errors import NeedsPerson


@dataclass(frozen=True)
class Asking:
    """Whether there is somebody to ask."""

    terminal: bool

    @classmethod
    def of_terminal(cls) -> Asking:
        return cls(sys.stdin is not None and sys.stdin.isatty())

    def ask(self, question: str, flag: str, usual: str | None) -> str:
        """An answer. Raises NeedsPerson where there is nobody to give one."""
        if not self.terminal:
            raise NeedsPerson(f"{flag} is not given, and there is no terminal to ask at", do=f"say {flag}")
        answer = ""
        with _ended_by_hand():
            while not answer:
                answer = (Prompt.ask(question, default=usual) if usual else Prompt.ask(question)) or ""
        return answer.strip()

    def ask_or_leave(self, question: str, usual: str | None) -> str | None:
        """An answer, or what is usual; None for neither."""
        if not self.terminal:
            return usual
        with _ended_by_hand():
            answer = Prompt.ask(f"{question} (none: leave empty)", default=usual or "", show_default=bool(usual))
        return (answer or "").strip() or None

    def agrees(self, question: str) -> bool:
        with _ended_by_hand():
            return self.terminal and Confirm.ask(question, default=False)


@contextmanager
def _ended_by_hand() -> Iterator[None]:
    """Ctrl-D is no answer: it ends the command, as Ctrl-C does."""
    try:
        yield
    except EOFError:
        raise KeyboardInterrupt from None
