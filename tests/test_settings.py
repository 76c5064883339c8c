"""airflow.env: real options, each with its reason, used by everything that runs an Airflow."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from airflow.configuration import conf

from harness.settings import IMPATIENT, REPOSITORY, SETTINGS_FILE, airflow_environment, read_settings

SECRETS = {"fernet_key": "f", "secret_key": "s", "jwt_secret": "j"}
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())


def names_an_option(variable: str) -> bool:
    """AIRFLOW__SECTION__OPTION: is it one that the installed Airflow knows?"""
    prefix, section, option = variable.split("__", 2)
    known = conf.configuration_description.get(section.lower(), {}).get("options", {})
    return prefix == "AIRFLOW" and option.lower() in known


@pytest.mark.parametrize("variable", read_settings())
def test_a_setting_is_an_option_of_airflow(variable: str) -> None:
    assert names_an_option(variable)


@pytest.mark.parametrize(
    "variable", [name for name in airflow_environment(Path("/x"), "http://x", SECRETS) if "__" in name]
)
def test_what_the_harness_sets_is_an_option_of_airflow(variable: str) -> None:
    assert names_an_option(variable)


@pytest.mark.parametrize("variable", IMPATIENT)
def test_what_the_tests_set_is_an_option_of_airflow(variable: str) -> None:
    assert names_an_option(variable)


@pytest.mark.parametrize("variable", [name for name in COMPOSE["x-airflow"]["environment"] if "__" in name])
def test_what_compose_sets_is_an_option_of_airflow(variable: str) -> None:
    assert names_an_option(variable)


def test_a_misspelt_option_would_be_noticed() -> None:
    assert not names_an_option("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVALL")


def test_every_setting_has_its_reason_above_it() -> None:
    lines = SETTINGS_FILE.read_text().splitlines()
    above = {line: before for before, line in itertools.pairwise(lines)}
    assert [line for line in lines if "=" in line and not line.startswith("#")]
    for line in lines:
        if line and not line.startswith("#"):
            assert above[line].startswith("# "), f"{line} has no comment above it"


def test_the_file_holds_settings_only_once_and_no_secret() -> None:
    names = [
        line.partition("=")[0] for line in SETTINGS_FILE.read_text().splitlines() if line and not line.startswith("#")
    ]
    assert sorted(names) == sorted(set(names))
    assert not [name for name in names if any(word in name for word in ("SECRET", "PASSWORD", "FERNET", "_KEY"))]


def test_the_harness_uses_the_file() -> None:
    environment = airflow_environment(Path("/x"), "http://x", SECRETS)
    assert {name: environment[name] for name in read_settings()} == read_settings()


def test_compose_uses_the_file_and_overrides_none_of_it() -> None:
    settings = read_settings()
    for name in ("init", "api-server", "scheduler", "dag-processor", "triggerer"):
        service = COMPOSE["services"][name]
        assert service["env_file"] == ["airflow.env"]
        assert not set(settings) & set(service["environment"])


def test_the_tests_impatience_stays_in_the_tests() -> None:
    """Only what makes waiting shorter differs from what is shipped."""
    assert set(IMPATIENT) & set(read_settings()) <= {
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT",
    }


def test_a_developers_own_airflow_does_not_leak_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "ssh://me@prod")
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    environment = airflow_environment(Path("/x"), "http://x", SECRETS)
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert not {"AIRFLOW_CONN_MINE", "KUBECONFIG"} & set(environment)


@pytest.fixture
def activated(tmp_path: Path) -> dict[str, str]:
    """What a shell has more than before once it has sourced activate.sh, in a checkout without anything else."""
    for name in ("airflow.env", "activate.sh"):
        (tmp_path / name).write_text((REPOSITORY / name).read_text())
    airflow = tmp_path / ".venv" / "bin" / "airflow"
    airflow.parent.mkdir(parents=True)
    airflow.write_text("#!/bin/sh\n")
    airflow.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euc", ". ./activate.sh; command -v airflow >&2; env -0"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PORT": "8099"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.strip() == str(airflow)
    return dict(one.split("=", 1) for one in done.stdout.split("\0") if one)


def test_a_shell_that_is_activated_has_our_settings(activated: dict[str, str], tmp_path: Path) -> None:
    assert read_settings().items() <= activated.items()
    assert [name for name in activated if name.startswith("AIRFLOW__") and not names_an_option(name)] == []
    assert activated["AIRFLOW_HOME"] == f"{tmp_path}/.airflow"
    assert activated["AIRFLOW__API__BASE_URL"] == "http://localhost:8099"


def test_its_airflow_serves_this_machine_only(activated: dict[str, str]) -> None:
    assert activated["AIRFLOW__API__HOST"] == "127.0.0.1"


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh"])
def test_a_shell_elsewhere_is_told_what_to_do(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on this machine")
    done = subprocess.run(
        [shell, "-c", f". {REPOSITORY}/activate.sh; echo $? $AIRFLOW_HOME"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1"
    assert "make venv" in done.stderr
