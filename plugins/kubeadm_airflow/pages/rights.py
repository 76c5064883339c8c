"""Who may see a page: Airflow's own rights decide, at every request. An Airflow page has no login of its own."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.batch_apis import IsAuthorizedDagRequest
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends

from kubeadm_airflow.pages.run_record import UPGRADE

LOGGED_IN = Depends(get_user)

# a report tells what a run has done
MAY_SEE_RUN = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))

# A board shows task instances, and what they have written into XComs: whoever may not see these in Airflow's own pages
# does not see them here.
_SHOWN = (DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)

# Of the DAG in the path of the address: where there is none, Airflow asks of any, or of one of the asker's choice.
MAY_SEE_RUNS = [Depends(requires_access_dag(method="GET", access_entity=entity)) for entity in _SHOWN]


def _readable_dags(user: GetUserDep, session: SessionDep) -> set[str]:
    """The DAGs of clusters of which somebody may see all that a board shows: the fleet tells its sentence."""
    manager = get_auth_manager()
    found = manager.get_authorized_dag_ids(user=user, method="GET", session=session)
    ids = [dag_id for dag_id in found if dag_id.startswith(UPGRADE)]
    teams = DagModel.get_dag_id_to_team_name_mapping(ids, session=session)

    def may_see(*dag_ids: str) -> bool:
        wanted: list[IsAuthorizedDagRequest] = [
            {"method": "GET", "access_entity": entity, "details": DagDetails(id=dag_id, team_name=teams.get(dag_id))}
            for dag_id in dag_ids
            for entity in _SHOWN
        ]
        return manager.batch_is_authorized_dag(wanted, user=user)

    return set(ids) if may_see(*ids) else {dag_id for dag_id in ids if may_see(dag_id)}


ReadableDags = Annotated[set[str], Depends(_readable_dags)]
