"""Which environment does an Airflow of ours run in?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SETTINGS_FILE = REPOSITORY / "airflow.env"
DATABASE = "airflow.db"  # under an instance's home

# What a developer's shell says about Airflow or Python is not for an instance of ours; nor are proxies, for
# all of its traffic stays on this machine.
_NOT_INHERITED = ("AIRFLOW", "_AIRFLOW", "KUBEADM_UPGRADE", "PYTHON", "KUBECONFIG", "SSH_AUTH_SOCK")
_NO_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}


def read_settings(path: Path = SETTINGS_FILE) -> dict[str, str]:
    """The KEY=VALUE lines of a file that docker compose could read as an env_file."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def base_environment() -> dict[str, str]:
    """Our own environment, less what must not leak in."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_INHERITED)}
    return {**kept, **_NO_PROXY}


def airflow_environment(home: Path, url: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """Everything but inventory and connections. `secrets` stay the same over restarts of a component."""
    return {
        **base_environment(),
        **read_settings(),
        # ~/.ssh/config and ~/.kube of whoever runs the tests are not part of them
        "HOME": str(home),
        "PYTHONPATH": str(REPOSITORY / "include"),
        "PYTHONUNBUFFERED": "1",
        # macOS refuses to fork in processes like Airflow's otherwise
        "OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": secrets["fernet_key"],
        # a reverse look-up of this machine's name can take seconds, and is never needed
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        # a worker takes some 50 MB; more than a few only wait for a core
        "AIRFLOW__CORE__PARALLELISM": str(max(4, 2 * (os.cpu_count() or 1))),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secrets["secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets["jwt_secret"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url(home, patience=60),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        # one file holds all DAGs: a second process to parse it would only idle
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "KUBEADM_UPGRADE_REPORTS": str(home / "reports"),
    }


def database_url(home: Path, patience: int) -> str:
    """SQLite has one writer at a time: whoever comes second waits `patience` seconds instead of sqlite3's five."""
    return f"sqlite:///{home / DATABASE}?timeout={patience}"


# Only for tests: what a person would wait for in a real installation is not worth waiting for here.
IMPATIENT = {
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    # no test waits for a second look at a file, and a look at two dozen clusters takes seconds of a core
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
    # a killed scheduler is taken for dead, and its tasks for orphans, after a few seconds
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "3",
    # longer than a failed task takes to write its report where a right is missing: Airflow hears nothing of it then
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "40",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    # the triggers of a killed triggerer are taken over after a few seconds
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}
