"""An auth manager that knows more than roles: some may see a few DAGs only, as with Airflow's larger ones."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

STRANGER = "stranger"  # sees no DAG but this one
OPEN = "kubeadm_upgrade.open"

# Who may read every DAG, and of each but that one not this.
WITHOUT = {
    f"without-{entity.value.lower().replace('_', '-')}": entity
    for entity in (DagAccessEntity.RUN, DagAccessEntity.TASK_INSTANCE, DagAccessEntity.XCOM)
}


class OneDagForStrangers(SimpleAuthManager):
    """Airflow's simple one for everybody else."""

    def is_authorized_dag(
        self, *, user: Any, access_entity: DagAccessEntity | None = None, details: Any = None, **asked: Any
    ) -> bool:
        lacks = access_entity is not None and WITHOUT.get(user.username) is access_entity
        hidden = (user.username == STRANGER or lacks) and details is not None and details.id not in (None, OPEN)
        asked = {"user": user, "access_entity": access_entity, "details": details, **asked}
        return not hidden and super().is_authorized_dag(**asked)
