"""What one pass of Airflow's scheduler over a run costs, by how many workers it maps and how many tasks each has.

Run by make bench, with the machine left alone. docs/scale.md shows the figures, and what follows from them.
"""

from __future__ import annotations

import time

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskmap import TaskMap
from airflow.serialization.serialized_objects import DagSerialization
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.procedure import TASKS
from kubeadm_upgrade.version import TargetVersion
from upgrade_dags import cluster as shape
from written.database import empty_database, write_dag, write_run, write_tasks, write_xcoms
from written.run import MadeUpRun

pytestmark = pytest.mark.bench

RUN = "night"
TODAY = len(TASKS["workers"])


@pytest.mark.parametrize("tasks", [TODAY, TODAY - 1])
@pytest.mark.parametrize("workers", [50, 80, 100, 200, 500])
def test_one_pass(workers, tasks, monkeypatch, capsys):
    """All workers wait in their first task, as they do when the run has come to them."""
    made_up = MadeUpRun("large", workers, done=0, moving=0)
    # of a worker's tasks the first ones: which they are is all the same to a scheduler
    monkeypatch.setattr(shape, "TASKS", {**TASKS, "workers": TASKS["workers"][:tasks]})
    dag = shape.build_cluster_dag(Cluster("large", "k", "s", TargetVersion.parse("1.29")))
    rows = [row for row in made_up.tasks() if row["task_id"] in dag.task_dict]
    rows += [{"task_id": name, "state": "success"} for name in ("due", "approve", "window")]
    nodes = {"control_plane_nodes": made_up.hop.control_plane, "worker_nodes": made_up.hop.workers}
    engine, queries = empty_database(), []
    with engine.begin() as database:
        write_dag(database, made_up.dag_id)
        number = write_run(database, made_up.dag_id, RUN, "running")
        write_tasks(database, made_up.dag_id, RUN, rows)
        told = [{"task_id": name, "key": "return_value", "value": list(some)} for name, some in nodes.items()]
        write_xcoms(database, made_up.dag_id, RUN, told)
        mapped = {"dag_id": made_up.dag_id, "run_id": RUN, "map_index": -1, "keys": None}
        lengths = [{**mapped, "task_id": name, "length": len(some)} for name, some in nodes.items()]
        database.execute(insert(TaskMap.__table__), lengths)
    event.listen(engine, "before_cursor_execute", lambda *_: queries.append(1))
    with Session(engine) as session:
        run = session.scalar(select(DagRun).where(DagRun.id == number))
        run.dag = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        began = time.process_time()
        decisions = run.task_instance_scheduling_decisions(session=session)
        spent = time.process_time() - began
    assert decisions.schedulable_tis == []
    with capsys.disabled():
        print(f"\n{workers} workers with {tasks} tasks each: {spent:.2f} CPU-seconds, {len(queries):,} queries")
