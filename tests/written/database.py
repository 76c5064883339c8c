"""A database of Airflow's own making, and rows put into it as Airflow puts them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dag import DagModel, DagTag
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import Connection, Engine, bindparam, create_engine, delete, insert, select

BUNDLE = "dags-folder"

Row = Mapping[str, Any]


def empty_database() -> Engine:
    """Airflow's own tables, in memory."""
    import_all_models()
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    return engine


def write_dag(database: Connection, dag_id: str, tags: Iterable[str] = (), **columns: Any) -> None:
    """A DAG as the DAG processor writes it down; `columns` go over what most DAGs have."""
    if not database.scalar(select(DagBundleModel.name).where(DagBundleModel.name == BUNDLE)):
        database.execute(insert(DagBundleModel.__table__).values(name=BUNDLE, active=True))
    plain = {"dag_id": dag_id, "bundle_name": BUNDLE, "is_paused": False, "is_stale": False, "timetable_type": "none"}
    given = {"fileloc": "cluster_upgrades.py", "relative_fileloc": "cluster_upgrades.py", "max_active_tasks": 16}
    needed = {"max_consecutive_failed_dag_runs": 0, "has_task_concurrency_limits": False, "partition_mapper_info": {}}
    database.execute(insert(DagModel.__table__).values(**{**plain, **given, **needed, **columns}))
    for tag in tags:
        database.execute(insert(DagTag.__table__).values(dag_id=dag_id, name=tag))


def write_run(database: Connection, dag_id: str, run_id: str, state: str, **columns: Any) -> int:
    """A run without tasks; returns its number."""
    now = datetime.now(UTC)
    plain = {"dag_id": dag_id, "run_id": run_id, "state": state, "run_type": "manual", "run_after": now}
    written = database.execute(insert(DagRun.__table__).values(**{**plain, "start_date": now, "conf": {}, **columns}))
    (number,) = written.inserted_primary_key
    return int(number)


def write_tasks(database: Connection, dag_id: str, run_id: str, tasks: Iterable[Row]) -> None:
    """Task instances: `task_id`, and what else is not as at a task's beginning."""
    same = {"dag_id": dag_id, "run_id": run_id, "map_index": -1, "state": None, "try_number": 0, "max_tries": 2}
    empty = {"start_date": None, "end_date": None, "pool": "default_pool", "pool_slots": 1}
    now = datetime.now(UTC)
    rows = [{**same, **empty, "updated_at": now, **task, "id": uuid4()} for task in tasks]
    database.execute(insert(TaskInstance.__table__), rows)


def write_xcoms(database: Connection, dag_id: str, run_id: str, xcoms: Iterable[Row]) -> None:
    """XComs: `task_id`, `key` and `value`, of a run that is already there. One that is there is deleted first."""
    number = database.scalar(select(DagRun.id).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    same = {"dag_id": dag_id, "run_id": run_id, "dag_run_id": number, "map_index": -1, "timestamp": datetime.now(UTC)}
    rows = [{**same, **xcom} for xcom in xcoms]
    identity = (XComModel.dag_run_id, XComModel.task_id, XComModel.map_index, XComModel.key)
    table = XComModel.__table__
    database.execute(
        delete(table).where(*(column == bindparam(f"its_{column.key}") for column in identity)),
        [{f"its_{column.key}": row[column.key] for column in identity} for row in rows],
    )
    database.execute(insert(table), rows)
