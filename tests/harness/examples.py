"""The shell examples of a page of the documentation, as somebody would type them: one shell, one after the other."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_SECTION = re.compile(r"^## (?P<heading>.+)$", re.MULTILINE)
_EXAMPLE = re.compile(r"^```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(page: str) -> Mapping[str, tuple[str, ...]]:
    """Heading -> the examples below it, in their order."""
    _, *parts = _SECTION.split(page)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    found = {heading: tuple(one["text"] for one in _EXAMPLE.finditer(text)) for heading, text in sections.items()}
    return {heading: texts for heading, texts in found.items() if texts}


class Reader:
    """Somebody who has opened a shell, and types what the page says."""

    def __init__(self, page: Path, shell: subprocess.Popen[str]) -> None:
        self._examples = examples(page.read_text())
        self._shell = shell
        self._typed: set[tuple[str, int]] = set()
        self._ends = count(1)

    def types(self, heading: str, number: int = 0) -> str:
        """What the example prints. Raises AssertionError where a command of it fails."""
        self._typed.add((heading, number))
        assert self._shell.stdin
        assert self._shell.stdout
        end = f"--- the end of {next(self._ends)} ---"  # one of its own: a reader may have given one up
        self._shell.stdin.write(f"{self._examples[heading][number]}echo '{end}'\n")
        self._shell.stdin.flush()
        printed = []
        for line in self._shell.stdout:
            if line.strip() == end:
                return "".join(printed)
            printed.append(line)
        raise AssertionError(f"{heading}: the shell has ended:\n{''.join(printed)}")

    @property
    def left(self) -> set[str]:
        """The headings of examples that were not typed."""
        every = {(heading, number) for heading, texts in self._examples.items() for number in range(len(texts))}
        return {heading for heading, _ in every - self._typed}


@contextmanager
def reading(page: Path, directory: Path, environment: Mapping[str, str]) -> Iterator[Reader]:
    """A shell in an empty directory, which ends at the first command that fails."""
    shell = subprocess.Popen(
        ["bash", "-euo", "pipefail"],
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Reader(page, shell)
    finally:
        assert shell.stdin
        shell.stdin.close()
        shell.wait(timeout=30)
