"""The commands of README.md, in their order: what a newcomer copies."""

from __future__ import annotations

import re

from harness.settings import REPOSITORY

_BLOCK = re.compile(r"^(?P<indent> *)```sh\n(?P<lines>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


def commands() -> tuple[str, ...]:
    """Every line of a block marked as sh, without the comment behind it."""
    text = (REPOSITORY / "README.md").read_text()
    lines = (line.strip() for block in _BLOCK.finditer(text) for line in block["lines"].splitlines())
    return tuple(re.sub(r"\s+# .*$", "", line) for line in lines if line and not line.startswith("#"))
