"""Reading a YAML file that holds a mapping, with a sentence for what is wrong with it before its keys are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

State = tuple[int, ...]


class UnreadableError(ValueError):
    """There is nothing in the file that could be looked at; a sentence without the file's name."""


def state_of(path: Path) -> State:
    """What changes when somebody writes the file, puts another in its place or takes a right away.

    Raises OSError where there is none, or nobody may know.
    """
    seen = path.stat()
    return seen.st_ino, seen.st_ctime_ns, seen.st_mtime_ns, seen.st_size


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
    """Notes the keys that a mapping has twice, as after a bad merge: yaml takes the last without a word.

    As it is written: once values are made of it, keys that come from another mapping by `<<` are among its own.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[tuple[str, yaml.Mark, yaml.Mark]] = []  # key, where the first is and where this one

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        firsts: dict[str, yaml.Mark] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in firsts:
                    self.twice.append((key.value, firsts[key.value], key.start_mark))
                firsts.setdefault(key.value, key.start_mark)
        return node


def _read(path: Path) -> tuple[Any, tuple[str, ...]]:
    loader = _Loader(path.read_text())
    try:
        plain = loader.get_single_data()
    finally:
        loader.dispose()
    twice = (
        f"{path.name}: {key}: is there twice, in {_place(first)} and in {_place(this)}: remove one of them"
        for key, first, this in sorted(loader.twice, key=lambda one: one[2].index)
    )
    return plain, tuple(twice)


def _place(mark: yaml.Mark) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _why(error: Exception) -> str:
    """In one line: yaml writes three, with a picture of the place."""
    mark: Any = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {getattr(error, 'problem', error)}" if mark else str(error)
