"""docker-compose.yaml: what must be true of it before anybody runs it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from harness.settings import REPOSITORY

TEXT = (REPOSITORY / "docker-compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
OURS = ("init", *COMPONENTS)
SIGNING = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")

# ${NAME}, ${NAME:-default} or ${NAME:?sentence}; $$ is a dollar of the shell's
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<kind>:-|:\?)?(?P<rest>[^}]*)\}")


def variables(kind: str | None) -> set[str]:
    return {found["name"] for found in VARIABLE.finditer(TEXT) if found["kind"] == kind}


def example(pattern: str) -> set[str]:
    return set(re.findall(pattern, (REPOSITORY / ".env.example").read_text(), re.MULTILINE))


def test_the_services_are_those_of_an_airflow_with_local_executor() -> None:
    assert set(SERVICES) == {"postgres", *OURS}
    assert [SERVICES[name]["command"].split()[0] for name in COMPONENTS] == list(COMPONENTS)


def test_the_image_is_the_airflow_that_the_requirements_pin() -> None:
    pinned = re.search(r"^apache-airflow==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    for name in OURS:
        build = SERVICES[name]["build"]["dockerfile_inline"]
        assert f"FROM apache/airflow:{pinned[1]}\n" in build
        assert SERVICES[name]["image"].endswith(f":{pinned[1]}")
        assert "-r /requirements/requirements.txt -c /requirements/constraints.txt" in build


def test_no_variable_is_used_without_a_default_or_a_sentence() -> None:
    assert variables(None) == set()
    sentences = [found["rest"] for found in VARIABLE.finditer(TEXT) if found["kind"] == ":?"]
    assert all(".env.example" in sentence for sentence in sentences)


def test_the_example_names_every_variable() -> None:
    assert example(r"^(\w+)=$") == variables(":?")
    assert example(r"^#(\w+)=") == variables(":-")


def test_the_example_shows_the_defaults_that_hold() -> None:
    shown = dict(re.findall(r"^#(\w+)=(.*)$", (REPOSITORY / ".env.example").read_text(), re.MULTILINE))
    used = {found["name"]: found["rest"] for found in VARIABLE.finditer(TEXT) if found["kind"] == ":-"}
    assert shown == used


def test_no_secret_is_in_the_file_or_in_the_example() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if any(word in name for word in ("PASSWORD", "SECRET", "FERNET", "SECRET_KEY")) and "FILE" not in name:
                assert VARIABLE.fullmatch(value), f"{name} is spelt out"
    assert re.search(r"airflow:\$\{POSTGRES_PASSWORD:\?", TEXT)


def test_git_ignores_the_filled_in_copy() -> None:
    assert ".env" in (REPOSITORY / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("name", OURS)
def test_all_services_sign_with_the_same_keys(name: str) -> None:
    environment = SERVICES[name]["environment"]
    first = SERVICES["api-server"]["environment"]
    shared = (*SIGNING, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL")
    assert [environment[key] for key in shared] == [first[key] for key in shared]


@pytest.mark.parametrize("name", OURS)
def test_all_services_see_the_same_code_and_inventory(name: str) -> None:
    service = SERVICES[name]
    targets = {volume.rpartition(":ro")[0].rpartition(":")[2] for volume in service["volumes"] if ":ro" in volume}
    assert {f"/opt/airflow/{folder}" for folder in ("dags", "plugins", "include", "inventory")} <= targets
    assert service["environment"]["PYTHONPATH"] == "/opt/airflow/include"
    assert service["environment"]["KUBEADM_UPGRADE_INVENTORY"] in targets


@pytest.mark.parametrize("name", OURS)
def test_keys_and_known_hosts_cannot_be_written(name: str) -> None:
    for volume in SERVICES[name]["volumes"]:
        if volume.startswith(("${SSH_KEYS", "${KNOWN_HOSTS", "${KUBECONFIGS")):
            assert volume.endswith(":ro")


@pytest.mark.parametrize("name", ["postgres", *COMPONENTS])
def test_what_keeps_running_is_watched(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert set(check) == {"test", "interval", "timeout", "retries", "start_period"}
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_nothing_starts_before_what_it_needs() -> None:
    assert SERVICES["init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in COMPONENTS:
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}
    for name in ("scheduler", "triggerer"):
        assert SERVICES[name]["depends_on"]["api-server"] == {"condition": "service_healthy"}


def test_only_this_machine_reaches_the_ui_and_nobody_the_database() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(ports) == ["api-server"]
    assert all(port.startswith("127.0.0.1:") for port in ports["api-server"])


def test_named_volumes_are_declared() -> None:
    used = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service["volumes"]
        if re.match(r"\w+:", volume)
    }
    assert used == set(COMPOSE["volumes"])
