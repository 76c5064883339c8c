"""The DAG file: one DAG for every cluster file, cheap to parse, and only its own for a task."""

from __future__ import annotations

import importlib
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from airflow.serialization.serialized_objects import DagSerialization

from kubeadm_upgrade.procedure import GROUPS

FLEET = 100


def write_fleet(directory: Path, names: list[str]) -> None:
    directory.mkdir(exist_ok=True)
    for name in names:
        cluster = {
            "name": name,
            "kubernetes_conn_id": f"{name}_kubernetes",
            "ssh_conn_id": f"{name}_ssh",
            "target_version": "1.29",
        }
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(cluster))


@pytest.fixture
def parse(tmp_path, monkeypatch):
    """Parses the DAG file as Airflow does, over an inventory of these clusters; returns its DAGs by id."""

    def parse(*names: str, wanted: str | None = None) -> dict:
        write_fleet(tmp_path / "clusters", list(names))
        monkeypatch.setenv("KUBEADM_UPGRADE_INVENTORY", str(tmp_path / "clusters"))
        monkeypatch.delenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", raising=False)
        if wanted:
            monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", wanted)
        sys.modules.pop("cluster_upgrades", None)
        module = importlib.import_module("cluster_upgrades")
        return {
            name: dag for name, dag in vars(module).items() if name.startswith(("kubeadm_upgrade.", "kubeadm_check."))
        }

    return parse


def test_every_cluster_has_its_dags(parse):
    """Two DAGs a file, named after it."""
    assert set(parse("a", "b")) == {f"kubeadm_{what}.{name}" for what in ("upgrade", "check") for name in ("a", "b")}


def test_a_task_parses_only_its_own_dag(parse):
    """A worker that runs one task must not build the DAGs of the whole fleet."""
    assert set(parse("a", "b", "c", wanted="kubeadm_upgrade.b")) == {"kubeadm_upgrade.b"}
    assert set(parse("a", "b", "c", wanted="kubeadm_check.b")) == {"kubeadm_check.b"}


def test_a_check_asks_in_a_worker_and_in_the_triggerer(parse):
    """Two tasks that do not wait for each other, of a DAG that starts by itself never and is found by the same tag."""
    dag = parse("a")["kubeadm_check.a"]
    assert {name: task.in_triggerer for name, task in dag.task_dict.items()} == {
        "in_a_worker": False,
        "in_the_triggerer": True,
    }
    assert not any(task.downstream_task_ids for task in dag.task_dict.values())
    assert (dag.schedule, set(dag.tags)) == (None, {"kubeadm-upgrade"})


def test_a_broken_file_leaves_the_others_alone(parse, tmp_path):
    """Its DAG keeps the id, and says in its docs what is wrong."""
    parse("a")
    (tmp_path / "clusters" / "bad.yaml").write_text("name: bad\nfoo: 1\n")
    dags = parse("a")
    assert set(dags) == {"kubeadm_upgrade.a", "kubeadm_check.a", "kubeadm_upgrade.bad"}
    assert "bad.yaml: foo: unknown key" in dags["kubeadm_upgrade.bad"].doc_md
    assert set(dags["kubeadm_upgrade.bad"].task_dict) == {"inventory_file_is_broken"}


def test_tasks_are_the_steps_of_the_procedure(parse):
    """Task id = step name = heading, in the procedure's groups and order."""
    dag = parse("a")["kubeadm_upgrade.a"]
    for group, steps in GROUPS.items():
        ids = [f"{group}.{step.name}" for step in steps]
        assert [task for task in dag.task_dict if task.startswith(f"{group}.")] == ids
        for earlier, later in itertools.pairwise(ids):
            assert later in dag.task_dict[earlier].downstream_task_ids


def test_the_report_waits_for_every_node(parse):
    """What comes after a failed node is upstream_failed at once, while other nodes are still at work."""
    dag = parse("a")["kubeadm_upgrade.a"]
    last = {f"{group}.{steps[-1].name}" for group, steps in GROUPS.items()}
    assert dag.task_dict["report"].upstream_task_ids == last | {"next_hop"}
    assert dag.task_dict["report"].is_teardown


def test_every_task_tells_of_its_failure(parse):
    """Also a step of a mapped group."""
    for dag in parse("a").values():
        assert {name for name, task in dag.task_dict.items() if not task.has_on_failure_callback} == set()


def test_the_dag_is_the_same_at_every_parse(parse):
    """Nothing volatile goes into the DAG, or every parse would make a new version of it."""
    first, second = ([json.dumps(DagSerialization.to_dict(dag)) for dag in parse("a").values()] for _ in range(2))
    assert first == second


def test_parsing_imports_no_client(tmp_path):
    """SSH and Kubernetes clients are imported by tasks, not by the DAG file."""
    write_fleet(tmp_path / "clusters", ["a"])
    code = (
        "import sys, cluster_upgrades; "
        "clients = ('asyncssh', 'paramiko', 'kubernetes', 'kubernetes_asyncio', 'aiohttp'); "
        "print([client for client in clients if client in sys.modules])"
    )
    repository = Path(__file__).resolve().parents[2]
    environment = {
        "PYTHONPATH": ":".join(str(repository / room) for room in ("include", "plugins", "dags")),
        "KUBEADM_UPGRADE_INVENTORY": str(tmp_path / "clusters"),
        "AIRFLOW_HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


@pytest.mark.bench
def test_parse_and_serialise_a_fleet(parse):
    """Reported, not judged: how long the DAG processor works on a hundred clusters in one file."""
    names = [f"cluster-{number:03}" for number in range(FLEET)]
    parse(*names[:1])  # imports are not what is measured
    started = time.perf_counter()
    dags = parse(*names)
    parsed = time.perf_counter()
    sizes = [len(json.dumps(DagSerialization.to_dict(dag))) for dag in dags.values()]
    serialised = time.perf_counter()
    own = parse(*names, wanted="kubeadm_upgrade.cluster-050")
    ended = time.perf_counter()
    assert (len(dags), len(own)) == (2 * FLEET, 1)
    print(
        f"\n{FLEET} clusters: parse {parsed - started:.2f} s, serialise {serialised - parsed:.2f} s "
        f"({sum(sizes) / len(sizes) / 1024:.0f} KiB a DAG); a task's own parse {ended - serialised:.3f} s"
    )
