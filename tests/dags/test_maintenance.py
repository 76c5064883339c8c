"""The maintenance DAG: there only where something says how long files are kept."""

from __future__ import annotations

import importlib
import sys

import pytest
from airflow.serialization.serialized_objects import DagSerialization

VARIABLES = ("KUBEADM_UPGRADE_KEEP_LOGS_DAYS", "KUBEADM_UPGRADE_KEEP_REPORTS_DAYS")


@pytest.fixture
def tasks(monkeypatch):
    """The ids of its tasks, parsed with these days; None where there is no DAG."""

    def tasks(logs: str, reports: str, wanted: str | None = None) -> set[str] | None:
        for name, value in zip(VARIABLES, (logs, reports), strict=True):
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", raising=False)
        if wanted:
            monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", wanted)
        sys.modules.pop("kubeadm_maintenance", None)
        dag = getattr(importlib.import_module("kubeadm_maintenance"), "kubeadm_maintenance", None)
        if dag is None:
            return None
        DagSerialization.to_dict(dag)
        return set(dag.task_dict)

    return tasks


@pytest.mark.parametrize(
    ("logs", "reports", "expected"),
    [
        ("90", "730", {"remove_old_logs", "remove_old_reports"}),
        ("90", "0", {"remove_old_logs"}),
        ("", "730", {"remove_old_reports"}),
        ("", "", None),
        ("0", "0", None),
    ],
)
def test_it_has_a_task_for_what_is_not_kept_for_ever(tasks, logs, reports, expected):
    assert tasks(logs, reports) == expected


def test_a_task_of_a_cluster_does_not_build_it(tasks):
    assert tasks("90", "730", wanted="kubeadm_upgrade.a") is None


def test_a_value_that_is_none_is_said_where_airflow_shows_mistakes_of_files(tasks):
    with pytest.raises(ValueError, match="KUBEADM_UPGRADE_KEEP_LOGS_DAYS is '3 months'"):
        tasks("3 months", "")
