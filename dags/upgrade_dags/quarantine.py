"""The DAG that stands in for a cluster whose file is broken: never a missing DAG, never a broken fleet."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.sdk import DAG, BaseOperator, Context

from kubeadm_airflow.endings import leaving
from kubeadm_airflow.notifiers import ReportSoFar
from kubeadm_upgrade.errors import NeedsPerson, several
from kubeadm_upgrade.inventory import InventoryError, name_of
from upgrade_dags.cluster import TAGS
from upgrade_dags.documentation import with_documentation


class BrokenInventoryFile(NeedsPerson):
    """A cluster's file must be mended before the cluster can be upgraded."""

    then = "then its cluster has its own DAG again: start the run there"


class SayWhatIsBrokenOperator(BaseOperator):
    """Fail with the problems of a cluster's file."""

    def __init__(self, *, path: str, problems: list[str], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.problems = problems

    def execute(self, context: Context) -> None:
        with leaving():
            raise BrokenInventoryFile(several(self.problems), do=f"mend {self.path}")


def build_quarantine_dag(dag_id: str, error: InventoryError, ignored: Sequence[str] = ()) -> DAG:
    """Same dag_id as the cluster's own DAG would have; its docs and its only task say what is wrong."""
    problems = [*error.problems, *ignored]
    rows = "\n".join(f"- {problem}" for problem in problems)
    with DAG(
        dag_id,
        description=f"{error.path.name} is broken: {error.problems[0]}",
        doc_md=f"**{error.path.name} cannot be used.** Mend it, and the cluster has its own DAG again.\n\n{rows}\n",
        schedule=None,
        tags=[*TAGS, "quarantine"],
    ) as dag:
        SayWhatIsBrokenOperator(
            task_id="inventory_file_is_broken",
            path=str(error.path),
            problems=problems,
            retries=0,
            on_failure_callback=ReportSoFar(cluster=name_of(error.path) or error.path.stem),
        )
    return with_documentation(dag)
