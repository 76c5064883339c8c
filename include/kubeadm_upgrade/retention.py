"""Which files of runs that have ended are old enough to go: task logs, and reports."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

from kubeadm_upgrade.report import LAST_LOOKS

LOGS_VARIABLE = "KUBEADM_UPGRADE_KEEP_LOGS_DAYS"
REPORTS_VARIABLE = "KUBEADM_UPGRADE_KEEP_REPORTS_DAYS"

# as Airflow's default log_filename_template begins
_DAG, _RUN = "dag_id=", "run_id="


@dataclass(frozen=True)
class Record:
    """What one run has left behind; `run_id` is None for files that belong to no run."""

    dag_id: str
    run_id: str | None
    files: tuple[Path, ...]
    newest: datetime


def keep(variable: str, environment: Mapping[str, str] = os.environ) -> timedelta | None:
    """How long they are kept; None: for ever. Raises ValueError where the variable is no number of days."""
    text = environment.get(variable, "").strip() or "0"
    if not text.isdecimal():
        raise ValueError(f"{variable} is {text!r}: set it to a number of days, or to 0 to keep everything")
    return timedelta(days=int(text)) or None


def logs(root: Path) -> Iterator[Record]:
    """Those of each run, and those of Airflow's components one by one."""
    yield from _records(root, _whose_log)


def reports(root: Path) -> Iterator[Record]:
    """Those of each run: report, plan and data together. What was last seen of a cluster is of no run, and stays."""
    yield from (record for record in _records(root, _whose_report) if record.dag_id != LAST_LOOKS)


def old(records: Iterable[Record], before: datetime) -> Iterator[Record]:
    """Those that nobody has written to since."""
    return (record for record in records if record.newest < before)


def but_the_last(records: Iterable[Record]) -> Iterator[Record]:
    """All but the newest of each DAG: how a cluster was left is worth knowing however long ago it was."""
    by_dag = defaultdict(list)
    for record in records:
        by_dag[record.dag_id].append(record)
    for of_dag in by_dag.values():
        yield from sorted(of_dag, key=lambda record: record.newest)[:-1]


def _records(root: Path, whose: Callable[[Path], tuple[str, str | None]]) -> Iterator[Record]:
    found: dict[tuple[str, str | None, str], list[Path]] = defaultdict(list)
    for directory, _, names in os.walk(root):
        for path in (Path(directory, name) for name in names):
            dag_id, run_id = whose(path.relative_to(root))
            found[dag_id, run_id, "" if run_id else str(path)].append(path)
    for (dag_id, run_id, _), files in found.items():
        if (newest := max(map(_changed, files), default=None)) is not None:
            yield Record(dag_id, run_id, tuple(files), newest)


def _changed(path: Path) -> datetime:
    """Of the link, where it is one; somebody may remove it meanwhile, who has as good a reason as we."""
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, UTC)
    except FileNotFoundError:
        return datetime.now(UTC)


def _whose_log(path: Path) -> tuple[str, str | None]:
    dag, run, *_ = (*path.parts, "", "")
    if dag.startswith(_DAG) and run.startswith(_RUN):
        return dag.removeprefix(_DAG), run.removeprefix(_RUN)
    return "", None


def _whose_report(path: Path) -> tuple[str, str | None]:
    name = path.name.removesuffix(".json").removesuffix(".md").removesuffix(".plan")
    return unquote(path.parent.name), unquote(name)
