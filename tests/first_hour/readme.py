"""The commands of README.md, in their order: what a newcomer copies."""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.settings import REPOSITORY

_BLOCK = re.compile(r"^(?P<indent> *)```sh\n(?P<lines>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


# CI runs it by itself, beside others
NOT_PLAYED = "make test"


def played(typed: Iterable[str]) -> tuple[str, ...]:
    """Without what would begin anew all that is under way."""
    return tuple(command for command in typed if command != NOT_PLAYED)


def commands() -> tuple[str, ...]:
    """Every line of a block marked as sh, without the comment behind it."""
    text = (REPOSITORY / "README.md").read_text()
    lines = (line.strip() for block in _BLOCK.finditer(text) for line in block["lines"].splitlines())
    return tuple(re.sub(r"\s+# .*$", "", line) for line in lines if line and not line.startswith("#"))
