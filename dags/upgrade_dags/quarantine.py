"""The DAG of a cluster whose file is broken: never a missing DAG, never a broken fleet, never a run destroyed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import DAG, BaseOperator, Context

from kubeadm_airflow.endings import leaving
from kubeadm_airflow.notifiers import ReportSoFar
from kubeadm_upgrade.cluster_file import may_be_named
from kubeadm_upgrade.errors import NeedsPerson, several
from kubeadm_upgrade.inventory import InventoryError
from upgrade_dags.cluster import TAGS, build_upgrade_dag, dag_id_of, run_parameters
from upgrade_dags.finish import finished

GO_ON = "No task begins until it is mended; then clear what has failed, and a run goes on from there."
_LONGEST_TITLE = 250  # what somebody wrote is repeated in it, at whatever length
BEGIN = "Mend it, and the cluster has a DAG of its own."


class BrokenInventoryFile(NeedsPerson):
    """A cluster's file must be mended before the cluster can be upgraded."""

    then = "then its cluster has its own DAG: start the run there"


class SayWhatIsBrokenOperator(BaseOperator):
    """Fail with the problems of a cluster's file."""

    def __init__(self, *, path: str, problems: list[str], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.problems = problems

    def execute(self, context: Context) -> None:
        with leaving():
            raise BrokenInventoryFile(several(self.problems), do=f"mend {self.path}")


def build_quarantine_dag(name: str, error: InventoryError, ignored: Sequence[str] = ()) -> DAG:
    """With the dag_id that the cluster's own DAG has; its list, its page and its tasks say what is wrong.

    It has the shape of that DAG, since a run may be under way: its tasks read the file themselves, so those that begin
    fail, and go on once it is mended. It has no target_version: what a form sends of one that is not known would stay
    with the run. Where no cluster may have the name, no run was ever of it, and one task is enough.
    """
    problems = [*error.problems, *ignored]
    settings: dict[str, Any] = {
        "description": f"{error.path.name} is broken: {error.problems[0]}",
        # lists and pages of Airflow show this one, and a description behind a click
        "dag_display_name": f"{dag_id_of(name)}: {several(error.problems).splitlines()[0]}"[:_LONGEST_TITLE],
        "tags": [*TAGS, "quarantine"],
    }
    head, rows = f"**{error.path.name} cannot be used.**", "".join(f"- {problem}\n" for problem in problems)
    if may_be_named(name):
        notice = f"{head} {GO_ON}\n\n{rows}\n"
        return build_upgrade_dag(name, notice=notice, params=run_parameters(), schedule=None, **settings)
    with DAG(dag_id_of(name), doc_md=f"{head} {BEGIN}\n\n{rows}", schedule=None, **settings) as dag:
        SayWhatIsBrokenOperator(
            task_id="inventory_file_is_broken",
            path=str(error.path),
            problems=problems,
            retries=0,
            on_failure_callback=ReportSoFar(cluster=name),
        )
    return finished(dag)
