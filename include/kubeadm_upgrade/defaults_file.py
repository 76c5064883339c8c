"""`_defaults.yaml`: options of all clusters beside it, each of which a cluster's own file may say otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kubeadm_upgrade.cluster_file import ClusterFile, problems
from kubeadm_upgrade.yaml_mapping import State, UnreadableError, read_mapping, state_of

FILE = "_defaults.yaml"
NAME = "_defaults"  # which no cluster may have
_REQUIRED = frozenset(name for name, field in ClusterFile.model_fields.items() if field.is_required())
_OF_EACH = "name"


@dataclass(frozen=True)
class Defaults:
    """Options by their names, and sentences on what is wrong, each with the file's name before it."""

    options: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def defaults_in(directory: Path) -> Defaults:
    """None without a file. One that is only meant to be it is a mistake: a fleet would lose its windows by it."""
    path = directory / FILE
    try:
        state = state_of(path)
    except OSError as error:
        if path.is_symlink() or not isinstance(error, FileNotFoundError):
            return Defaults(problems=(f"{FILE}: not readable: {error.strerror}",))
        return Defaults(problems=tuple(f"{other}: is not read: rename it to {FILE}" for other in strays_in(directory)))
    return _read(path, state)


def strays_in(directory: Path) -> Iterator[str]:
    """Files that somebody may take for the defaults, as _defaults.yml."""
    names = (path.name for path in directory.iterdir()) if directory.is_dir() else ()
    yield from sorted(name for name in names if name.lower().startswith(NAME) and _is_stray(name))


def _is_stray(name: str) -> bool:
    return name != FILE and name.lower().strip().removesuffix(".txt").endswith((".yaml", ".yml"))


@lru_cache(maxsize=16)  # of a fleet each cluster asks, and each time that its file is read
def _read(path: Path, _state: State) -> Defaults:
    try:
        options, twice = read_mapping(path, "options of a cluster's file")
    except UnreadableError as error:
        return Defaults(problems=(f"{FILE}: {error}",))
    wrong = [*_problems(path, options), *twice]
    if _OF_EACH in options:
        wrong.insert(0, f"{FILE}: {_OF_EACH}: belongs into the file of each cluster: remove it here")
    return Defaults({key: value for key, value in options.items() if key != _OF_EACH}, tuple(wrong))


def _problems(path: Path, options: Mapping[str, Any]) -> Iterator[str]:
    """Of what is there; the rest is said by the clusters' own files."""
    try:
        ClusterFile.model_validate(options)
    except ValidationError as error:
        yield from problems(path, error, {_OF_EACH, *(_REQUIRED - options.keys())})
