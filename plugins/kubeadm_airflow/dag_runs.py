"""Other runs of this Airflow, as a task may ask for them."""

from __future__ import annotations

from typing import Any


def dag_run(dag_id: str, run_id: str) -> Any:
    """A DagRun with its conf. The Task SDK has a message for it and no public function (1.3)."""
    from airflow.sdk.execution_time.comms import GetDagRun
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    return SUPERVISOR_COMMS.send(GetDagRun(dag_id=dag_id, run_id=run_id))
