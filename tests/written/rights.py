"""An auth manager that knows more than roles: some may see a few DAGs only, as with Airflow's larger ones."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

STRANGER = "stranger"  # sees no DAG but this one
OPEN = "kubeadm_upgrade.open"


class OneDagForStrangers(SimpleAuthManager):
    """Airflow's simple one for everybody else."""

    def is_authorized_dag(self, *, user: Any, details: Any = None, **asked: Any) -> bool:
        hidden = user.username == STRANGER and details is not None and details.id not in (None, OPEN)
        return not hidden and super().is_authorized_dag(user=user, details=details, **asked)
