"""Reading a YAML file that holds a mapping, with a sentence for what is wrong with it before its keys are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class UnreadableError(ValueError):
    """There is nothing in the file that could be looked at; a sentence without the file's name."""


def read_mapping(path: Path, holds: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """What the file says, and a sentence, with its name, on each key that it says twice."""
    try:
        plain, twice = _read(path)
    except FileNotFoundError as error:
        raise UnreadableError(f"there is no such file in {path.parent}") from error
    except OSError as error:
        raise UnreadableError(f"not readable: {error.strerror}") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnreadableError(f"not readable as YAML: {_why(error)}") from error
    if not isinstance(plain, dict):
        raise UnreadableError(f"must be a mapping with {holds}")
    return plain, twice


class _Loader(yaml.SafeLoader):
    """Notes the keys that a mapping has twice, as after a bad merge: yaml takes the last without a word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[tuple[str, int, int]] = []  # key, line of the first and of this one

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if (first := lines.setdefault(key.value, line)) != line:
                    self.twice.append((key.value, first, line))
        return super().construct_mapping(node, deep)


def _read(path: Path) -> tuple[Any, tuple[str, ...]]:
    loader = _Loader(path.read_text())
    try:
        plain = loader.get_single_data()
    finally:
        loader.dispose()
    twice = (
        f"{path.name}: {key}: is there twice, in line {first} and in line {line}: remove one of them"
        for key, first, line in sorted(loader.twice, key=lambda one: one[2])
    )
    return plain, tuple(twice)


def _why(error: Exception) -> str:
    """In one line: yaml writes three, with a picture of the place."""
    mark: Any = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {getattr(error, 'problem', error)}" if mark else str(error)
