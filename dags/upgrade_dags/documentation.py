"""What Airflow's own pages say of a DAG's parts: tasks in the words of their operators, and links between pages."""

from __future__ import annotations

import inspect

from airflow.sdk import DAG

# Airflow's pages have a <base>, so these lead to it wherever it is served.
BOARD, FLEET = "dags/{dag_id}/plugin/board", "plugin/fleet"


def with_documentation(dag: DAG) -> DAG:
    """Every task has some: the first paragraph of its operator's docstring, where it has none of its own."""
    for task in dag.tasks:
        if not task.doc_md:
            task.doc_md = inspect.cleandoc(type(task).__doc__ or "").partition("\n\n")[0]
    return dag
