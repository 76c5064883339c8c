"""What a task of several steps has done before it failed, for the try after it.

Airflow deletes what a task has pushed when it begins anew; its task state store (AIP-103) is for what outlives a try.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.only_for_pages import only_for_pages
from kubeadm_upgrade.errors import UpgradeError

_KEY = "outcomes"

Json = Mapping[str, Any]


def keep_for_next_try(context: Context, error: UpgradeError) -> None:
    """Right before the task fails. Lost with a process that is killed: the next try then finds its changes made."""
    if error.done:
        with only_for_pages("what this try has done"):
            context["task_state_store"].set(_KEY, [dict(one) for one in error.done])


def of_earlier_tries(context: Context) -> list[Json]:
    """The outcomes of steps that were done before this try, oldest first."""
    found: Any = []
    if context["ti"].try_number > 1:
        with only_for_pages("what an earlier try has done"):
            found = context["task_state_store"].get(_KEY, [])
    return [one for one in found if isinstance(one, Mapping) and "step" in one] if isinstance(found, list) else []
