"""Removes what runs have left behind that ended long ago."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.configuration import conf

from kubeadm_upgrade import report, retention
from kubeadm_upgrade.retention import Record


class RemoveOldFilesOperator(BaseOperator):
    """Returns how many files it has removed. One that cannot be removed fails the task, and the others go all the same.

    Whether a run is under way is asked right before its files go: somebody may have cleared a task of an old run.
    """

    def __init__(self, *, days: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.days = days

    def records(self) -> Iterator[Record]:
        """Those that may go once they are old."""
        raise NotImplementedError

    def root(self) -> Path:
        """The directory that they are in, which stays."""
        raise NotImplementedError

    def execute(self, context: Context) -> int:
        before = datetime.now(UTC) - timedelta(days=self.days)
        removed, failed = 0, []
        for record in retention.old(self.records(), before):
            if self._under_way(context, record):
                self.log.info("%s %s is under way: its files stay", record.dag_id, record.run_id)
                continue
            for path in record.files:
                try:
                    path.unlink(missing_ok=True)
                    removed += 1
                except OSError as error:
                    failed.append(f"{path}: {error.strerror}")
            _remove_empty(record, self.root())
        self.log.info("%s: %d files from before %s are removed", self.root(), removed, f"{before:%Y-%m-%d %H:%M} UTC")
        if failed:
            raise OSError(f"{len(failed)} files cannot be removed, the first of them {failed[0]}")
        return removed

    @staticmethod
    def _under_way(context: Context, record: Record) -> bool:
        if record.run_id is None:
            return False
        ti, states = context["ti"], ["queued", "running"]
        return ti.get_dr_count(dag_id=record.dag_id, run_ids=[record.run_id], states=states) > 0


class RemoveOldLogsOperator(RemoveOldFilesOperator):
    """What tasks have logged, and Airflow's own components."""

    def records(self) -> Iterator[Record]:
        return retention.logs(self.root())

    def root(self) -> Path:
        return Path(conf.get_mandatory_value("logging", "base_log_folder"))


class RemoveOldReportsOperator(RemoveOldFilesOperator):
    """Reports of runs, but the last of each cluster."""

    def records(self) -> Iterator[Record]:
        return retention.but_the_last(retention.reports(self.root()))

    def root(self) -> Path:
        return report.directory()


def _remove_empty(record: Record, root: Path) -> None:
    """The directories that its files were in, upwards, as long as nothing is left in them."""
    for directory in {path.parent for path in record.files}:
        for one in (directory, *directory.parents):
            if one == root or not one.is_relative_to(root):
                break
            with suppress(OSError):
                one.rmdir()
