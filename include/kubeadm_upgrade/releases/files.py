"""Files of release facts, read and checked: pydantic stands at this border only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from kubeadm_upgrade.releases.release import Release, ReleaseFactsError

SUFFIX = ".yaml"


def read_releases(directories: Sequence[Path]) -> tuple[Release, ...]:
    """One file per release, `1.29.yaml`; what a later directory says goes over what an earlier one says.

    Raises ReleaseFactsError that names every file and field that is wrong.
    """
    facts: dict[str, Any] = {}
    said_by: dict[str, Path] = {}
    for path in (path for directory in directories for path in _files(directory)):
        facts[path.stem] = merged(facts.get(path.stem), _plain(path))
        said_by[path.stem] = path
    found: list[Release] = []
    problems: list[str] = []
    for name, plain in facts.items():
        try:
            found.append(_release(name, plain))
        except ValidationError as error:
            problems += _problems(said_by[name], error)
        except ValueError as error:
            problems.append(f"{said_by[name]}: {error}")
    if problems:
        raise ReleaseFactsError("; ".join(problems))
    return tuple(found)


def merged(ours: Any, theirs: Any) -> Any:
    """Mappings are merged key by key; anything else is replaced."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return {**ours, **{key: merged(ours.get(key), value) for key, value in theirs.items()}}
    return theirs


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a file, for editors."""
    schema = _ADAPTER.json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _files(directory: Path) -> Iterator[Path]:
    if not directory.is_dir():
        raise ReleaseFactsError(f"{directory} is not a directory with files of release facts")
    yield from sorted(path for path in directory.glob(f"1.*{SUFFIX}") if path.stem.removeprefix("1.").isdecimal())


def _plain(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ReleaseFactsError(f"{path}: not readable as YAML: {error}") from error


def _release(name: str, plain: Any) -> Release:
    release = _ADAPTER.validate_python(plain)
    if release.release != name:
        raise ValueError(f"release: is {release.release!r}, but the file is named {name!r}: make them the same")
    if not release.support.released < release.support.maintenance <= release.support.end_of_life:
        raise ValueError("support: released, maintenance and end_of_life must be in this order")
    return release


def _problems(path: Path, error: ValidationError) -> Iterator[str]:
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "file"
        yield f"{path}: {where}: {_SENTENCES.get(item['type'], item['msg'])}"


# where pydantic speaks of our code
_SENTENCES = {
    "unexpected_keyword_argument": "unknown key: check its spelling, or remove it",
    "dataclass_type": "must be a mapping, with the keys that docs/releases.md shows",
    "missing": "is missing",
}
_ADAPTER = TypeAdapter(Release)
