"""What Airflow's database holds of all clusters at once: plain column queries, one a kind, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from airflow.models.dag import DagModel, DagTag
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import and_, exists, func, not_, select, tuple_
from sqlalchemy.orm import Session

from kubeadm_airflow.pages.run_record import PLAN, UPGRADE

CLAIM = "claim"


class DagRow(NamedTuple):
    """The DAG of a cluster."""

    dag_id: str
    description: str | None


class NewestRun(NamedTuple):
    """A run, and when its row was last written: nothing of a run that is over changes without that."""

    run_id: str
    state: str
    written: datetime | None


def dags(session: Session) -> list[DagRow]:
    """Those of the clusters that have a file now."""
    found = select(DagModel.dag_id, DagModel.description).where(
        DagModel.dag_id.startswith(UPGRADE, autoescape=True), DagModel.is_stale.is_(False)
    )
    return [DagRow(*row) for row in session.execute(found.order_by(DagModel.dag_id))]


def tags(session: Session, dag_ids: Collection[str]) -> dict[str, list[str]]:
    read: dict[str, list[str]] = {}
    for dag_id, name in session.execute(select(DagTag.dag_id, DagTag.name).where(DagTag.dag_id.in_(dag_ids))):
        read.setdefault(dag_id, []).append(name)
    return read


def newest_runs(session: Session, dag_ids: Collection[str]) -> dict[str, NewestRun]:
    newest = select(func.max(DagRun.id)).where(DagRun.dag_id.in_(dag_ids)).group_by(DagRun.dag_id)
    found = select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.updated_at).where(DagRun.id.in_(newest))
    return {dag_id: NewestRun(*row) for dag_id, *row in session.execute(found)}


def newest_that_acted(session: Session, dag_ids: Collection[str]) -> dict[str, str]:
    """The newest run of each that was not one of a schedule with nothing to do: such a one has not even claimed."""
    claim = (TaskInstance.dag_id == DagRun.dag_id, TaskInstance.run_id == DagRun.run_id, TaskInstance.task_id == CLAIM)
    skipped = exists().where(*claim, TaskInstance.state == "skipped")
    newest = (
        select(func.max(DagRun.id))
        .where(DagRun.dag_id.in_(dag_ids), not_(and_(DagRun.state == "success", skipped)))
        .group_by(DagRun.dag_id)
    )
    found = session.execute(select(DagRun.dag_id, DagRun.run_id).where(DagRun.id.in_(newest)))
    return {row.dag_id: row.run_id for row in found}


def runs(session: Session, wanted: Mapping[str, str]) -> dict[str, NewestRun]:
    """By DAG, this run of it."""
    these = tuple_(DagRun.dag_id, DagRun.run_id).in_(list(wanted.items()))
    found = select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.updated_at).where(these)
    return {dag_id: NewestRun(*row) for dag_id, *row in session.execute(found)} if wanted else {}


def newest_plans(session: Session, dag_ids: Collection[str]) -> dict[str, str]:
    """The newest run of each that has planned a path."""
    task_id, _ = PLAN
    planned = (
        select(func.max(XComModel.dag_run_id))
        .where(XComModel.dag_id.in_(dag_ids), XComModel.task_id == task_id, XComModel.key == "path")
        .group_by(XComModel.dag_id)
    )
    found = session.execute(select(DagRun.dag_id, DagRun.run_id).where(DagRun.id.in_(planned)))
    return {row.dag_id: row.run_id for row in found}


def versions(session: Session, dag_ids: Collection[str]) -> dict[str, str]:
    """The newest version of each DAG, by the hash of what it is made of."""
    columns = (SerializedDagModel.dag_id, SerializedDagModel.dag_hash)
    found = select(*columns).where(SerializedDagModel.dag_id.in_(dag_ids)).order_by(SerializedDagModel.last_updated)
    return {row.dag_id: row.dag_hash for row in session.execute(found)}


def default_of(session: Session, dag_id: str, version: str, parameter: str) -> Any:
    """What a run of the DAG goes by that says nothing else; None where its file is broken.

    A version is 100 KB of JSON: to be asked for once. Airflow's own reader would build every task of it.
    """
    found = select(SerializedDagModel).where(
        SerializedDagModel.dag_id == dag_id, SerializedDagModel.dag_hash == version
    )
    serialized = session.scalar(found.order_by(SerializedDagModel.last_updated.desc()).limit(1))
    try:
        return dict(serialized.data["dag"]["params"])[parameter]["default"] if serialized else None
    except (KeyError, TypeError, ValueError):
        return None
