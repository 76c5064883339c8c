"""What every DAG of ours is given last: words for Airflow's own pages, and tasks that cost no more than they must."""

from __future__ import annotations

import inspect

from airflow.sdk import DAG
from airflow.sdk.definitions.param import ParamsDict

# Airflow's pages have a <base>, so these lead to it wherever it is served.
BOARD, FLEET = "dags/{dag_id}/plugin/board", "plugin/fleet"


def finished(dag: DAG) -> DAG:
    """Every task has some documentation, and no parameters but its own: those of its DAG are its DAG's.

    Airflow copies them into each task, and validates every copy, and the schema it goes by, some ten times whenever it
    serialises the DAG (3.3.2): nine tenths of what a fleet costs the DAG processor. Nothing is lost by leaving them
    out: what a task is given when it runs begins with its DAG's (`process_params`). A question's form stays: it is the
    task's own.
    """
    for task in dag.tasks:
        task.params = ParamsDict.filter_params_by_source(task.params, source="task")
        if not task.doc_md:
            # the first paragraph of its operator's docstring
            task.doc_md = inspect.cleandoc(type(task).__doc__ or "").partition("\n\n")[0]
    return dag
