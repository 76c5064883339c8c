"""Every cluster as the record that the fleet is made of: what is known of it without asking it.

Read for all clusters at once, whoever asks: of a cluster at rest nothing is read twice.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from kubeadm_airflow.pages import fleet_rows
from kubeadm_airflow.pages.calendars import calendar_of
from kubeadm_airflow.pages.fleet_rows import DagRow, NewestRun
from kubeadm_airflow.pages.run_record import RunReader, cluster_of
from kubeadm_upgrade import report
from kubeadm_upgrade.board.cluster_record import ClusterRecord
from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.labels import labels_in
from kubeadm_upgrade.procedure import GROUPS

log = logging.getLogger(__name__)

QUARANTINE = "quarantine"  # the tag of a DAG that stands in for a broken file


class FleetReader:
    """Reads all clusters again and again. Not for two threads at once."""

    def __init__(self) -> None:
        self._readers: dict[tuple[str, str], RunReader] = {}
        self._at_rest: dict[str, tuple[NewestRun, RunRecord]] = {}
        self._plans: dict[str, RunRecord] = {}
        self._targets: dict[str, tuple[str, str | None]] = {}

    def read(self, session: Session, now: datetime) -> list[ClusterRecord]:
        """Every cluster that has a DAG."""
        records = list(self._read(session, now))
        under_way = {(one.dag_id, one.run.run_id) for one in records if one.run and not one.run.is_over}
        self._readers = {run: reader for run, reader in self._readers.items() if run in under_way}
        for kept in (self._at_rest, self._plans, self._targets):
            for gone in kept.keys() - {one.dag_id for one in records}:
                del kept[gone]
        return records

    def _read(self, session: Session, now: datetime) -> Iterator[ClusterRecord]:
        dags = fleet_rows.dags(session)
        ids = [dag.dag_id for dag in dags]
        tags, runs = fleet_rows.tags(session, ids), fleet_rows.newest_runs(session, ids)
        plans, versions = fleet_rows.newest_plans(session, ids), fleet_rows.versions(session, ids)
        for dag in dags:
            labelled = ClusterRecord(
                name=cluster_of(dag.dag_id),
                dag_id=dag.dag_id,
                labels=labels_in(tags.get(dag.dag_id, ())),
                calendar=calendar_of(cluster_of(dag.dag_id)),
                broken=_broken(dag, tags.get(dag.dag_id, ())),
            )
            newest = (runs.get(dag.dag_id), plans.get(dag.dag_id), versions.get(dag.dag_id))
            yield self._cluster(session, labelled, *newest, now)

    def _cluster(
        self,
        session: Session,
        labelled: ClusterRecord,
        newest: NewestRun | None,
        plan: str | None,
        version: str | None,
        now: datetime,
    ) -> ClusterRecord:
        """One that cannot be read says so, and hides no other."""
        dag_id = labelled.dag_id
        try:
            run = self._run(session, dag_id, newest, now)
            return replace(
                labelled,
                target=self._target(session, dag_id, version),
                run=run,
                planned=self._planned(session, dag_id, plan, run, now),
                look=report.last_look(labelled.name),
                report=_newest_report(run),
                board=_page("board", dag_id, run.run_id) if run else None,
            )
        except Exception as error:
            log.exception("%s could not be read", dag_id)
            if isinstance(error, SQLAlchemyError):
                session.rollback()  # a transaction in which a query has failed answers no more
            return replace(labelled, unread=f"{type(error).__name__}: {error}")

    def _run(self, session: Session, dag_id: str, newest: NewestRun | None, now: datetime) -> RunRecord | None:
        """One that is over is read once, and of one that has ended well the tasks of nodes are not kept.

        Its own tasks are: whether its report has proven it is judged by them.
        """
        if newest is None:
            return None
        known = self._at_rest.get(dag_id)
        if known is not None and known[0] == newest:
            return known[1]
        record = self._reader(dag_id, newest.run_id).read(session, now)
        if record is not None and record.is_over:
            if record.state == "success":
                record = replace(record, tasks=tuple(task for task in record.tasks if task.group not in GROUPS))
            self._at_rest[dag_id] = (newest, record)
        return record

    def _reader(self, dag_id: str, run_id: str) -> RunReader:
        return self._readers.setdefault((dag_id, run_id), RunReader(dag_id, run_id))

    def _planned(
        self, session: Session, dag_id: str, run_id: str | None, newest: RunRecord | None, now: datetime
    ) -> RunRecord | None:
        """The newest run that has planned, where it is another than the newest."""
        if run_id is None or (newest is not None and newest.run_id == run_id):
            return None
        known = self._plans.get(dag_id)
        if known is None or known.run_id != run_id:
            read = RunReader(dag_id, run_id).read(session, now)
            if read is None:
                return None
            known = self._plans[dag_id] = replace(read, tasks=())
        return known

    def _target(self, session: Session, dag_id: str, version: str | None) -> str | None:
        if version is None:
            return None
        known = self._targets.get(dag_id)
        if known is None or known[0] != version:
            found = fleet_rows.default_of(session, dag_id, version, "target_version")
            known = self._targets[dag_id] = (version, str(found) if found else None)
        return known[1]


def _broken(dag: DagRow, tags: Collection[str]) -> str | None:
    return (dag.description or "its file is broken") if QUARANTINE in tags else None


def _newest_report(run: RunRecord | None) -> str | None:
    return _page("reports", run.dag_id, run.run_id) if run and run.report else None


def _page(kind: str, dag_id: str, run_id: str) -> str:
    """As an address below where Airflow is."""
    return f"/kubeadm-upgrade/{kind}/{quote(dag_id, safe='')}/{quote(run_id, safe='')}"
