"""Who may see a page: Airflow's own rights decide, at every request. An Airflow page has no login of its own."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import Depends

LOGGED_IN = Depends(get_user)

# a report tells what a run has done
MAY_SEE_RUN = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))

# A board shows task instances, and what they have written into XComs: whoever may not see these in Airflow's own pages
# does not see them here.
MAY_SEE_BOARD = [
    MAY_SEE_RUN,
    Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.TASK_INSTANCE)),
    Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM)),
]
