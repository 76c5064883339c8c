"""What Airflow's plugin loader loads of ours, and where."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from harness.settings import REPOSITORY
from kubeadm_upgrade.releases.release import DIRECTORY_VARIABLE
from kubeadm_upgrade_plugin import KubeadmUpgradePlugin

FORKED = """
import sys
from importlib import import_module

sys.argv = ["airflow", sys.argv[1]]
from kubeadm_upgrade_plugin import KubeadmUpgradePlugin

KubeadmUpgradePlugin.on_load()
before = set(sys.modules)
for module in ("upgrade_dags.cluster", "kubeadm_airflow.hooks.node_connection", "kubeadm_airflow.hooks.cluster_scene"):
    import_module(module)
slow = ("kubeadm_", "airflow.sdk.definitions.decorators", "airflow.providers.standard")
print(*sorted(name for name in sys.modules.keys() - before if name.startswith(slow)))
"""


@pytest.mark.parametrize(
    ("component", "imported"),
    [("scheduler", False), ("dag-processor", False), ("triggerer", False), ("api-server", True)],
)
def test_who_forks_has_imported_what_its_forks_need(component, imported, tmp_path):
    """Each would take half a second of a core to import it; who forks nobody imports what it needs itself."""
    paths = ":".join(str(REPOSITORY / name) for name in ("include", "plugins", "dags"))
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": paths}
    command = [sys.executable, "-c", FORKED, component]
    said = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert bool(said.stdout.split()) is imported


def test_facts_that_cannot_be_read_take_no_schedule_from_anybody(monkeypatch):
    """Airflow leaves out a plugin whose loading fails, and then knows none of its timetables."""
    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    monkeypatch.setenv(DIRECTORY_VARIABLE, "/does/not/exist")
    KubeadmUpgradePlugin.on_load()
