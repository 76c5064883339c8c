"""docker-compose.yaml, the file over it for Celery, and the image: what must be true before anybody runs them."""

from __future__ import annotations

import os
import re
import subprocess
from copy import deepcopy
from typing import Any

import pytest
import yaml

from harness.settings import REPOSITORY, read_settings

NAMES = ("docker-compose.yaml", "docker-compose.celery.yaml")
TEXT, CELERY_TEXT = ((REPOSITORY / name).read_text() for name in NAMES)
EXAMPLE = (REPOSITORY / ".env.example").read_text()
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
KEPT_RUNNING = ("postgres", *COMPONENTS)
OURS = ("init", *COMPONENTS, "cleaner", "cli")
SIGNING = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET")
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
HANDS = {"/opt/airflow/inventory", "/home/airflow/.ssh", "/opt/airflow/kubeconfigs"}
WRITTEN = {"/opt/airflow/logs", "/opt/airflow/reports"}

# ${NAME}, ${NAME:-default} or ${NAME:?sentence}; $$ is a dollar of the shell's
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<kind>:-|:\?)?(?P<rest>[^}]*)\}")


def laid_over(below: Any, above: Any) -> Any:
    """As docker compose merges two files, for what ours hold: mappings by their keys, and the rest is replaced."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return deepcopy(above)
    merged = {name: laid_over(below[name], above[name]) if name in below else above[name] for name in above}
    return {**deepcopy(below), **merged}


COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
WITH_CELERY: dict[str, Any] = laid_over(COMPOSE, yaml.safe_load(CELERY_TEXT))
SERVICES: dict[str, Any] = COMPOSE["services"]
EVERY: dict[str, Any] = WITH_CELERY["services"]


def variables(kind: str | None, text: str = TEXT + CELERY_TEXT) -> set[str]:
    return {found["name"] for found in VARIABLE.finditer(text) if found["kind"] == kind}


def example(pattern: str) -> set[str]:
    return set(re.findall(pattern, EXAMPLE, re.MULTILINE))


def pinned(name: str) -> str:
    found = re.search(rf"^{name}==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert found
    return found[1]


def test_the_services_are_those_of_an_airflow_with_local_executor() -> None:
    assert set(SERVICES) == {"postgres", *OURS}
    assert [SERVICES[name]["command"] for name in COMPONENTS[1:]] == list(COMPONENTS[1:])
    assert "exec airflow api-server --port 8080" in SERVICES["api-server"]["command"][-1]


def test_celery_adds_a_queue_workers_and_a_second_of_two() -> None:
    assert set(EVERY) - set(SERVICES) == {"redis", "worker"}
    assert {name for name, service in EVERY.items() if service.get("deploy", {}).get("replicas") == 2} == {
        "scheduler",
        "triggerer",
    }
    assert all(EVERY[name]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor" for name in OURS[1:])


# --- the image


def test_the_image_is_the_airflow_that_the_requirements_pin() -> None:
    version = pinned("apache-airflow")
    base = f"apache/airflow:slim-{version}-python3.11"
    assert f"ARG BASE_IMAGE={base}\n" in DOCKERFILE
    assert SERVICES["init"]["build"]["args"]["BASE_IMAGE"] == f"${{BASE_IMAGE:-{base}}}"
    assert {SERVICES[name]["image"] for name in OURS} == {f"kubeadm-fleet/airflow:{version}"}
    assert {EVERY[name]["image"] for name in (*OURS, "worker")} == {f"kubeadm-fleet/airflow:{version}-celery"}


def test_the_images_python_is_that_of_the_constraints() -> None:
    constraints = (REPOSITORY / "constraints.txt").read_text()
    assert "with Python 3.11 on" in constraints


def test_it_is_installed_when_it_is_built_and_never_when_it_starts() -> None:
    assert "pip install" in DOCKERFILE
    assert "--constraint /opt/airflow/requirements/constraints.txt" in DOCKERFILE
    for text in (TEXT, CELERY_TEXT):
        assert "pip" not in re.findall(r"\w+", text)
        assert "PIP_ADDITIONAL_REQUIREMENTS" not in text


def test_one_service_builds_it_for_all() -> None:
    for services in (SERVICES, EVERY):
        assert [name for name, service in services.items() if "build" in service] == ["init"]
        assert {services[name]["pull_policy"] for name in OURS} == {"never"}
    assert EVERY["init"]["build"]["args"]["REQUIREMENTS"] == "requirements-celery.txt"


def test_it_ends_as_a_user_that_is_not_root_and_owns_none_of_the_code() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE)[-1] == "airflow"
    assert "--chown" not in DOCKERFILE


def test_the_builder_is_sent_nothing_but_what_the_image_is_made_of() -> None:
    lines = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    sent = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {word for line in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()}
    requirements = {f"requirements{kind}.txt" for kind in ("", "-image", "-celery")}
    assert sent == copied - {"requirements*.txt"} | requirements
    assert "include/clusters" in lines


@pytest.mark.parametrize("name", ["requirements-image.txt", "requirements-celery.txt"])
def test_what_the_image_has_beside_the_requirements_is_pinned(name: str) -> None:
    lines = [line for line in (REPOSITORY / name).read_text().splitlines() if line and not line.startswith(("#", "-r"))]
    assert lines
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)


# --- variables and secrets


def test_no_variable_is_used_without_a_default_or_a_sentence() -> None:
    assert variables(None) == set()
    sentences = {found["rest"] for found in VARIABLE.finditer(TEXT + CELERY_TEXT) if found["kind"] == ":?"}
    assert sentences == {"say make env, or see .env.example"}


def test_the_example_names_every_variable() -> None:
    assert example(r"^(\w+)=$") == variables(":?")
    assert example(r"^#(\w+)=") == variables(":-")


def test_the_example_shows_the_defaults_that_hold() -> None:
    shown = dict(re.findall(r"^#(\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    for found in VARIABLE.finditer(TEXT + CELERY_TEXT):
        if found["kind"] == ":-":
            assert shown[found["name"]] == found["rest"]


def test_celery_alone_needs_a_password_for_its_queue() -> None:
    assert variables(":?", CELERY_TEXT) - variables(":?", TEXT) == {"REDIS_PASSWORD"}


def test_no_secret_is_in_the_files_or_in_the_example() -> None:
    secret = re.compile(r"PASSWORDS?$|SECRET|FERNET|REDISCLI_AUTH")
    for service in EVERY.values():
        for name, value in service.get("environment", {}).items():
            if secret.search(name):
                assert VARIABLE.fullmatch(value), f"{name} is spelt out"
    urls = re.findall(r"\w+://(?:airflow)?:.*@\w+", TEXT + CELERY_TEXT)
    assert len(urls) == 3
    assert all(re.fullmatch(r"\w+://(airflow)?:\$\{\w+:\?[^}]+\}@\w+", url) for url in urls)


def test_git_ignores_the_filled_in_copy_and_what_is_put_into_the_two_directories() -> None:
    assert ".env" in (REPOSITORY / ".gitignore").read_text().splitlines()
    for name in ("ssh", "kubeconfigs"):
        assert "*\n!.gitignore\n" in (REPOSITORY / name / ".gitignore").read_text()


def test_a_new_env_has_secrets_of_its_own_and_is_never_written_over(tmp_path) -> None:
    (tmp_path / "docker").mkdir()
    for name in ("docker/env.sh", ".env.example"):
        (tmp_path / name).write_text((REPOSITORY / name).read_text())

    def write() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", str(tmp_path / "docker/env.sh")], capture_output=True, text=True, check=False, timeout=20
        )

    assert "is written" in write().stdout
    path = tmp_path / ".env"
    assert path.stat().st_mode & 0o777 == 0o600
    settings = read_settings(path)
    secrets = {name: settings[name] for name in variables(":?")}
    assert all(len(value) >= 18 for value in secrets.values())
    assert len(set(secrets.values())) == len(secrets)
    assert settings["AIRFLOW_UID"] == str(os.getuid() or 50000)
    refused = write()
    assert refused.returncode == 1
    assert "There is an .env already" in refused.stderr
    assert read_settings(path) == settings


# --- who is told what


@pytest.mark.parametrize("name", OURS)
def test_all_services_sign_with_the_same_keys(name: str) -> None:
    first = SERVICES["api-server"]["environment"]
    shared = (*SIGNING, DATABASE, "AIRFLOW__CORE__EXECUTION_API_SERVER_URL")
    for services in (SERVICES, EVERY):
        assert [services[name]["environment"][key] for key in shared] == [first[key] for key in shared]


def test_only_the_api_server_is_told_the_passwords() -> None:
    assert WITH_CELERY["secrets"] == {"passwords": {"environment": "PASSWORDS"}}
    assert [name for name, service in EVERY.items() if "secrets" in service] == ["api-server"]
    assert "${PASSWORDS" not in str(EVERY)
    path = SERVICES["api-server"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
    assert f"(umask 077 && cat /run/secrets/passwords >{path})" in SERVICES["api-server"]["command"][-1]
    assert not any(path.startswith(volume["target"]) for volume in EVERY["api-server"]["volumes"])


def test_a_celery_worker_knows_neither_the_database_nor_a_key() -> None:
    environment = EVERY["worker"]["environment"]
    assert not {*SIGNING, DATABASE, "PASSWORDS"} & set(environment)
    assert "POSTGRES_PASSWORD" not in str(environment)
    assert environment["AIRFLOW__CELERY__RESULT_BACKEND"].startswith("redis://")
    assert "AIRFLOW__CORE__EXECUTION_API_SERVER_URL" in environment


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("scheduler", HANDS | WRITTEN),
        ("triggerer", HANDS | WRITTEN),
        ("worker", HANDS | WRITTEN),
        ("cli", HANDS | WRITTEN),
        ("dag-processor", {"/opt/airflow/inventory"} | WRITTEN),
        ("api-server", WRITTEN),
        ("cleaner", set()),
        ("init", set()),
    ],
)
def test_a_service_sees_what_it_needs_and_no_more(name: str, seen: set[str]) -> None:
    assert {volume["target"] for volume in EVERY[name].get("volumes", ())} == seen


def test_what_is_the_users_must_be_there_and_cannot_be_written() -> None:
    """But for the inventory, to the service in which `kubeadm_upgrade init` is run."""
    for name, service in EVERY.items():
        for volume in (one for one in service.get("volumes", ()) if one["type"] == "bind"):
            assert volume["bind"] == {"create_host_path": False}
            assert volume["read_only"] is not (name == "cli" and volume["target"] == "/opt/airflow/inventory")


@pytest.mark.parametrize("name", [*OURS, "worker"])
def test_nothing_of_airflow_is_root(name: str) -> None:
    assert EVERY[name]["user"] == "${AIRFLOW_UID:-50000}:0"


# --- how it lives


@pytest.mark.parametrize("name", [*KEPT_RUNNING, "redis", "worker"])
def test_what_keeps_running_is_watched(name: str) -> None:
    check = EVERY[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert set(check) == {"test", "interval", "timeout", "retries", "start_period"}
    assert EVERY[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(EVERY))
def test_what_is_said_is_rotated(name: str) -> None:
    assert EVERY[name]["logging"] == {"driver": "local"}


@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_where_tasks_run_they_are_given_time_to_end(name: str) -> None:
    services = SERVICES if name in SERVICES else EVERY
    assert services[name]["stop_grace_period"] == "2m"


def test_nothing_starts_before_what_it_needs() -> None:
    assert SERVICES["init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["cli"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in (*COMPONENTS, "cleaner"):
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}
    for name in ("scheduler", "triggerer", "worker"):
        assert EVERY[name]["depends_on"]["api-server"] == {"condition": "service_healthy"}
    for name in ("scheduler", "worker"):
        assert EVERY[name]["depends_on"]["redis"] == {"condition": "service_healthy"}


def test_only_this_machine_reaches_the_ui_and_nobody_the_database() -> None:
    ports = {name: service["ports"] for name, service in EVERY.items() if "ports" in service}
    assert list(ports) == ["api-server"]
    assert all(port.startswith("127.0.0.1:") for port in ports["api-server"])


def test_named_volumes_are_declared() -> None:
    named = {
        volume["source"]
        for service in EVERY.values()
        for volume in service.get("volumes", ())
        if volume["type"] == "volume"
    }
    assert named == set(WITH_CELERY["volumes"])
