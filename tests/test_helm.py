"""docs/helm-values.yaml: held to the settings, the image and its page; and rendered, where a copy of the chart is told.

No package carries the chart, and the library that renders it weighs 240 MB, so neither is installed by default:

    .venv/bin/python -m pip install helm-python-sdk==0.2.2
    make test ARGS=tests/test_helm.py AIRFLOW_CHART=/path/to/the/unpacked/chart
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from harness.settings import REPOSITORY, read_settings

CHART = os.environ.get("AIRFLOW_CHART")
VALUES: dict[str, Any] = yaml.safe_load((REPOSITORY / "docs" / "helm-values.yaml").read_text())
PAGE = (REPOSITORY / "docs" / "helm.md").read_text()
ENVIRONMENT = {one["name"]: one["value"] for one in VALUES["env"]}

# what chart 1.22 knows at the top, as far as we say it: a key with a typing error would be refused by its schema
KNOWN = {
    *("executor", "airflowVersion", "defaultAirflowRepository", "defaultAirflowTag", "env", "secret", "data", "config"),
    *("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName", "volumes", "volumeMounts", "postgresql"),
    *("scheduler", "triggerer", "dagProcessor", "apiServer", "createUserJob", "logs", "databaseCleanup"),
}


def mounted(values: dict[str, Any], volumes: str, mounts: str) -> tuple[list[str], list[str]]:
    return [one["name"] for one in values[volumes]], [one["name"] for one in values[mounts]]


def secrets() -> set[str]:
    """Every Secret, ConfigMap and claim that must be there first."""
    names = {VALUES[key] for key in VALUES if key.endswith("SecretName")} | {VALUES["data"]["metadataSecretName"]}
    names |= {one["secretName"] for one in VALUES["secret"]} | {VALUES["logs"]["persistence"]["existingClaim"]}
    places = [VALUES["volumes"], *(VALUES[name]["extraVolumes"] for name in ("scheduler", "triggerer", "apiServer"))]
    for volume in (one for volumes in places for one in volumes):
        (source,) = (value for key, value in volume.items() if key != "name")
        names |= {value for key, value in source.items() if key in ("secretName", "name", "claimName")}
    return names


def test_no_other_key_is_said_than_was_checked() -> None:
    assert set(VALUES) == KNOWN


def test_the_settings_that_matter_are_those_of_airflow_env() -> None:
    settings = read_settings()
    assert settings.pop("AIRFLOW__CORE__EXECUTOR") == VALUES["executor"]
    assert {name: ENVIRONMENT.get(name) for name in settings} == settings


def test_kubernetes_takes_no_number_for_a_variable() -> None:
    assert all(isinstance(value, str) for value in ENVIRONMENT.values())


def test_the_version_is_the_one_that_the_requirements_pin() -> None:
    pinned = re.search(r"^apache-airflow==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    assert VALUES["airflowVersion"] == pinned[1]
    assert VALUES["defaultAirflowTag"].startswith(f"{pinned[1]}-")
    assert f"{VALUES['defaultAirflowRepository']}:{VALUES['defaultAirflowTag']}" in PAGE


def test_what_must_be_there_first_is_on_the_page() -> None:
    assert secrets() == {name for name in secrets() if re.search(rf"\b{name}\b", PAGE)}


@pytest.mark.parametrize("place", ["", "scheduler", "triggerer", "apiServer"])
def test_what_is_mounted_is_there(place: str) -> None:
    keys = ("extraVolumes", "extraVolumeMounts") if place else ("volumes", "volumeMounts")
    volumes, mounts = mounted(VALUES[place] if place else VALUES, *keys)
    assert volumes == mounts


def test_paths_are_those_of_the_image() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    for name in ("KUBEADM_UPGRADE_INVENTORY", "KUBEADM_UPGRADE_REPORTS"):
        assert f"{name}={ENVIRONMENT[name]}" in dockerfile
        assert ENVIRONMENT[name] in [one["mountPath"] for one in VALUES["volumeMounts"]]
    assert "docker/clean_database.py /opt/airflow/docker/" in dockerfile
    assert "/opt/airflow/docker/clean_database.py" in VALUES["databaseCleanup"]["args"][-1]


def test_no_secret_is_in_the_values() -> None:
    for name in ENVIRONMENT:
        assert not re.search(r"SECRET_KEY|JWT_SECRET|FERNET|PASSWORD|SQL_ALCHEMY", name)
    assert "fernetKey" not in VALUES
    assert VALUES["postgresql"] == {"enabled": False}


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    """Every object that an installation would make."""
    if not CHART:
        pytest.skip("no package carries the official chart: set AIRFLOW_CHART to an unpacked copy")
    helm = pytest.importorskip("helm_python", reason="pip install helm-python-sdk==0.2.2 renders it")
    chart = helm.Chart.load(CHART)
    chart.validate_schema(VALUES)
    files = chart.render(VALUES, name="airflow", namespace="airflow", is_install=True)
    texts = (text for name, text in files.items() if name.endswith(".yaml"))
    return [item for text in texts for item in yaml.safe_load_all(text) if item]


def pods(rendered: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and specification of whatever runs."""
    for item in rendered:
        template = item.get("spec", {}).get("jobTemplate", item).get("spec", {}).get("template")
        if template and item["kind"] != "PodTemplate":
            yield item["metadata"]["name"], template["spec"]


def test_all_of_airflow_runs_in_our_image(rendered: list[dict[str, Any]]) -> None:
    image = f"{VALUES['defaultAirflowRepository']}:{VALUES['defaultAirflowTag']}"
    running = {name: {one["image"] for one in pod["containers"]} for name, pod in pods(rendered)}
    assert {name for name, images in running.items() if images == {image}} >= {
        f"airflow-{name}" for name in ("api-server", "dag-processor", "scheduler", "triggerer", "database-cleanup")
    }
    assert "airflow-create-user" not in running  # its account is that of another auth manager


@pytest.mark.parametrize(
    ("component", "path"),
    [
        pytest.param("scheduler", "/home/airflow/.ssh", id="tasks log in to hosts"),
        pytest.param("triggerer", "/home/airflow/.ssh", id="and so do triggers"),
        pytest.param("api-server", "/run/accounts", id="who may enter"),
        pytest.param("api-server", "/opt/airflow/reports", id="reports are shown"),
        pytest.param("scheduler", "/opt/airflow/reports", id="and written"),
        pytest.param("dag-processor", "/opt/airflow/inventory", id="the inventory is read"),
    ],
)
def test_who_needs_a_file_has_it(rendered: list[dict[str, Any]], component: str, path: str) -> None:
    containers = dict(pods(rendered))[f"airflow-{component}"]["containers"]
    (own,) = (one for one in containers if one["name"] == component)
    assert path in [one["mountPath"] for one in own["volumeMounts"]]


@pytest.mark.parametrize("component", ["dag-processor", "api-server"])
def test_who_logs_in_nowhere_has_no_keys(rendered: list[dict[str, Any]], component: str) -> None:
    for container in dict(pods(rendered))[f"airflow-{component}"]["containers"]:
        assert "/home/airflow/.ssh" not in [one["mountPath"] for one in container["volumeMounts"]]
