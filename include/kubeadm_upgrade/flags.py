"""How does a component of Kubernetes read its command line? As Go's pflag does: `--v=3`, `--v 3`, `-v 3`, `-v3`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

Flags = Mapping[str, tuple[str, ...]]  # name without dashes -> its values, in the order in which they were given

_NUMBER = re.compile(r"-?\d")  # --oom-score-adj -999: what follows is no flag
_FALSE = ("0", "f", "false")


def read_flags(words: Iterable[str]) -> Flags:
    """The flags of a command line; one that stands alone has an empty value.

    Which flags are boolean, and take no word after them, only the component knows: a word that looks like no flag is
    the value of the flag before it. That is what was meant, and components refuse to start where it is not.
    """
    found: dict[str, tuple[str, ...]] = {}
    left = list(words)
    while left and (word := left.pop(0)) != "--":
        if len(word) < 2 or not word.startswith("-"):
            continue
        name, value = _parted(word)
        if value is None:
            value = left.pop(0) if left and _is_value(left[0]) else ""
        found[name] = (*found.get(name, ()), value)
    return found


def name_of(flag: str) -> str:
    """Kubernetes takes `_` in the name of a flag for `-`."""
    return flag.lstrip("-").replace("_", "-")


def last(flags: Flags, name: str) -> str | None:
    """The value that holds where a flag takes one: whoever comes last."""
    return flags[name][-1] if name in flags else None


def listed(flags: Flags, name: str) -> tuple[str, ...]:
    """The values of a flag that takes a list: all that were given add up."""
    parts = (part.strip() for value in flags.get(name, ()) for part in value.split(","))
    return tuple(part for part in parts if part)


def gates(flags: Flags) -> tuple[str, ...]:
    """The names of the feature gates that are set, on or off; `kube:` before one names the component that is meant."""
    return tuple(gate.partition("=")[0].strip().rpartition(":")[2] for gate in listed(flags, "feature-gates"))


def gates_off(flags: Flags) -> tuple[str, ...]:
    """Those that are set to false; of two settings of one the last holds."""
    states = {gates({"feature-gates": (gate,)})[0]: gate.partition("=")[2] for gate in listed(flags, "feature-gates")}
    return tuple(name for name, value in states.items() if is_false(value.strip()))


def is_false(value: str) -> bool:
    """As Go's strconv.ParseBool."""
    return value.lower() in _FALSE


def _parted(word: str) -> tuple[str, str | None]:
    """Name and value; None where a value would be the word after it."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name_of(name), value if equals else None
    return word[1], word[2:].removeprefix("=") if word[2:] else None


def _is_value(word: str) -> bool:
    return not word.startswith("-") or word == "-" or _NUMBER.match(word) is not None
