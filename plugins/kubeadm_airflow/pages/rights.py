"""Who may see a page: Airflow's own rights decide, at every request. An Airflow page has no login of its own."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from fastapi import Depends

LOGGED_IN = Depends(get_user)

# a report tells what a run has done
MAY_SEE_RUN = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))

# A board shows task instances, and what they have written into XComs: whoever may not see these in Airflow's own pages
# does not see them here. It is asked of the DAG that the address names, and where it names none, as for Airflow's own
# lists, of any.
MAY_SEE_RUNS = [
    MAY_SEE_RUN,
    Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.TASK_INSTANCE)),
    Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM)),
]


def _readable_dags(user: GetUserDep) -> set[str]:
    return get_auth_manager().get_authorized_dag_ids(user=user, method="GET")


ReadableDags = Annotated[set[str], Depends(_readable_dags)]
