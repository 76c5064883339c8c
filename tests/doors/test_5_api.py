"""The third door: every example of docs/api.md, as somebody types it, against a whole Airflow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from harness.airflow import REPOSITORY
from harness.examples import Reader, reading
from harness.rest import wait_for

pytestmark = [
    pytest.mark.doors,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the examples need curl and jq"),
]

DAG, STEER = "kubeadm_upgrade.doors", "kubeadm_steer.doors"
SICK = "doors-w1"
PIPELINES = REPOSITORY / "docs" / "pipelines"


@pytest.fixture(scope="module")
def reader(site, tmp_path_factory):
    """Somebody who has set the four settings that the page begins with."""
    directory: Path = tmp_path_factory.mktemp("reader")
    settings = {
        "AIRFLOW": site.airflow.url,
        "AIRFLOW_USER": "admin",
        "AIRFLOW_PASSWORD": site.airflow.passwords["admin"],
        "CLUSTER": "doors",
        "no_proxy": "*",
    }
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), **settings}
    with reading(REPOSITORY / "docs" / "api.md", directory, environment) as somebody:
        yield somebody


def ended(site, dag_id: str, run_id: str) -> str:
    return str(site.api.wait_for_run(dag_id, run_id, 240))


def ledger(site) -> Mapping[str, str]:
    """What is written in the cluster itself."""
    return dict(site.cluster("doors").object("ConfigMap", "kube-system", "kubeadm-fleet-ledger")["data"])


def newest(site) -> str:
    """The run that was started last."""
    return max(site.api.run_ids(DAG), key=lambda run_id: site.api.run(DAG, run_id)["run_after"])


def test_a_look_and_a_rehearsal(reader: Reader, site):
    """Token, fleet, dry run, its end, its report."""
    assert reader.types("Get a token") == ""
    assert "doors\t" in reader.types("List clusters and how they stand")
    assert reader.types("Rehearse") == "queued\n"
    assert "rehearsal-" in (end := reader.types("Wait for the end"))
    assert end.endswith(": success\n")
    assert "Rehearsed" in reader.types("Read the report")


def test_a_run_that_is_aborted(reader: Reader, site):
    """It waits for an approval; aborted, it touches nothing, also with one, and ends failed."""
    assert reader.types("Start an upgrade") == "queued\n"
    run = newest(site)
    site.api.wait_for_task(DAG, run, "approve", states=["awaiting_input"])
    aborted = reader.types("Abort").strip()
    assert ended(site, STEER, aborted) == "success"
    shown = reader.types("Approve")
    assert shown.startswith("doors: upgrade from 1.28.15 to 1.29.15?")
    assert shown.endswith("Approve\n")
    assert reader.types("Wait for the end") == f"{run}: failed\n"
    assert site.cluster("doors").node_state("doors-cp1").kubelet == "v1.28.15"


def test_an_upgrade_that_is_paused_and_falls_ill(reader: Reader, site):
    """Approved, paused, resumed; a node fails, and is retried by what the board says."""
    fault = site.cluster("doors").faults.never_ready(SICK)
    assert reader.types("Start an upgrade") == "queued\n"
    run = newest(site)
    site.api.wait_for_task(DAG, run, "approve", states=["awaiting_input"])  # that of an aborted run is none
    assert reader.types("Approve").endswith("Approve\n")
    assert SICK in reader.types("See how it stands")

    paused = reader.types("Pause and resume").strip()
    assert ended(site, STEER, paused) == "success"
    assert "incident 4711" in ledger(site)["paused"]
    resumed = reader.types("Pause and resume", 1).strip()
    assert ended(site, STEER, resumed) == "success"
    assert "paused" not in ledger(site)

    site.api.wait_for_task(DAG, run, "workers.node_ready", SICK, ["failed"], 300)
    wait_for(lambda: SICK in reader.types("See how it stands"), "the board to tell of it", 30)
    fault.lift()
    for task_id in ("workers.uncordon_node", "next_hop"):
        site.api.wait_for_task(DAG, run, task_id, states=["upstream_failed"])
    assert int(reader.types("Retry what has failed")) >= 1
    assert reader.types("Wait for the end").endswith(": success\n")
    assert "Done and verified" in reader.types("Read the report")


def test_a_mistake_is_refused_before_there_is_a_run(reader: Reader, site):
    """With a sentence that names the parameter and what it may be."""
    before = site.api.run_ids(DAG)
    said = reader.types("What is refused")
    assert "Invalid input for param target_version" in said
    assert "a version, as 1.29.4" in said
    assert site.api.run_ids(DAG) == before


def test_nothing_on_the_page_was_left_out(reader: Reader):
    assert reader.left == set()


def test_a_pipeline_starts_an_upgrade_once(site):
    """docs/pipelines/upgrade.py, twice: the second waits for what the first has started."""
    environment = {
        "PATH": os.environ["PATH"],
        "AIRFLOW": site.airflow.url,
        "AIRFLOW_USER": "admin",
        "AIRFLOW_PASSWORD": site.airflow.passwords["admin"],
    }
    command = [sys.executable, str(PIPELINES / "upgrade.py"), "doors", "--run", "git-4711", "--dry-run"]
    before = site.api.run_ids(DAG)
    first, second = (
        subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=200)
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.endswith("git-4711: success\n")
    assert site.api.run_ids(DAG) - before == {"git-4711"}


@pytest.mark.parametrize("path", sorted(PIPELINES.glob("*.yml")), ids=lambda path: path.name)
def test_a_pipeline_is_readable(path: Path):
    """As YAML, and it calls a script that is there."""
    assert yaml.safe_load(path.read_text())
    assert "docs/pipelines/upgrade.py" in path.read_text()
