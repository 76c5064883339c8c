"""Reading a command's arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


class UsageError(Exception):
    """An option the simulated command does not have."""


@dataclass
class Options:
    """``values`` keeps every value of an option, in order."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)
    operands: list[str] = field(default_factory=list)

    def has(self, *names: str) -> bool:
        return any(name in self.flags or name in self.values for name in names)

    def last(self, *names: str, default: str = "") -> str:
        found = [self.values[name][-1] for name in names if name in self.values]
        return found[-1] if found else default

    def all(self, *names: str) -> list[str]:
        return [value for name in names for value in self.values.get(name, [])]


def parse(arguments: Sequence[str], valued: Iterable[str] = (), stop_at_operand: bool = False) -> Options:
    """Split into flags, options with a value and operands; ``--name=value`` needs no declaration."""
    options, takes, rest = Options(), set(valued), list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--" or (stop_at_operand and not word.startswith("-")):
            options.operands += rest if word == "--" else [word, *rest]
            break
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            _take(options, name, value if equals else None, takes, rest)
        elif word.startswith("-") and len(word) > 1:
            _short(options, word, takes, rest)
        else:
            options.operands.append(word)
    return options


def _short(options: Options, word: str, takes: set[str], rest: list[str]) -> None:
    """``-p X``, ``-pX`` and bundles such as ``-czf X``; long names after one dash (``-name``) if declared."""
    if word in takes:
        _take(options, word, None, takes, rest)
        return
    for place, letter in enumerate(word[1:], start=2):
        name = f"-{letter}"
        if name in takes:
            _take(options, name, word[place:] or None, takes, rest)
            return
        options.flags.add(name)


def _take(options: Options, name: str, value: str | None, takes: set[str], rest: list[str]) -> None:
    if value is None and name in takes:
        if not rest:
            raise UsageError(f"option requires an argument -- '{name.lstrip('-')}'")
        value = rest.pop(0)
    if value is None:
        options.flags.add(name)
    else:
        options.values.setdefault(name, []).append(value)
