"""A checkout as a user has it, and `docker compose` in it: what the ring's tests drive."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.rest import AirflowApi
from harness.settings import REPOSITORY, read_settings
from hosts.docker import DockerError, docker

# all that an image is built from and compose is told by; nothing of who runs the test comes along
_CHECKOUT = (
    *("Dockerfile", ".dockerignore", "docker-compose.yaml", "docker-compose.celery.yaml", "airflow.env", "docker"),
    *(".env.example", "constraints.txt", "requirements.txt", "requirements-image.txt", "requirements-celery.txt"),
    *("dags", "plugins", "include", "ssh", "kubeconfigs"),
)
# a user that the image does not know, and the address of a proxy: both have broken other people's compose files
_SETTINGS = {"AIRFLOW_UID": "4711", "BASE_URL": "https://airflow.example.com"}
_FILES = ("-f", "docker-compose.yaml")
CELERY = (*_FILES, "-f", "docker-compose.celery.yaml")


class Site:
    """`directory` is a copy of the checkout; `.env` is what docker/env.sh writes, and the images of the ring."""

    def __init__(self, directory: Path, port: int, images: Mapping[str, str]) -> None:
        self.directory = directory
        self.files: Sequence[str] = _FILES
        for name in _CHECKOUT:
            source = REPOSITORY / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, directory / name)
        self._run("sh", "docker/env.sh")
        with (directory / ".env").open("a") as file:
            file.write("".join(f"{name}={value}\n" for name, value in {**images, **_SETTINGS, "PORT": port}.items()))
        password = json.loads(self.setting("PASSWORDS").strip("'"))["admin"]
        self.api = AirflowApi(f"http://127.0.0.1:{port}", "admin", password)

    def setting(self, name: str) -> str:
        return read_settings(self.directory / ".env")[name]

    def compose(self, *argv: str, timeout: float = 240, **settings: str) -> str:
        """`docker compose …`, with settings over those of .env; returns what it printed. Raises DockerError."""
        return self._run("docker", "compose", *self.files, *argv, timeout=timeout, **settings)

    def cli(self, *argv: str, **settings: str) -> str:
        """A command in a container of the service `cli`, as the documentation has it."""
        return self.compose("run", "--rm", "--no-TTY", "cli", *argv, **settings)

    def containers(self, service: str) -> list[str]:
        return self.compose("ps", "--quiet", service).split()

    def health(self, service: str) -> list[str]:
        template = "{{.State.Health.Status}}"
        return [docker("inspect", one, "--format", template).strip() for one in self.containers(service)]

    def crash(self, service: str) -> None:
        """End a container as the kernel does when memory is short. (`docker kill` would count as a person's wish.)"""
        container = self.containers(service)[0]
        process = int(docker("inspect", container, "--format", "{{.State.Pid}}"))
        os.kill(process, signal.SIGKILL)

    def restarts(self, service: str) -> int:
        return int(docker("inspect", self.containers(service)[0], "--format", "{{.RestartCount}}"))

    def told(self, *services: str, lines: int = 40) -> str:
        """The last that they have said, for an assertion's message; without secrets it would be no log."""
        return self.compose("logs", "--no-color", "--tail", str(lines), *services)

    def _run(self, *argv: str, timeout: float = 60, **settings: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not _OURS.match(name)} | settings
        done = subprocess.run(
            argv,
            cwd=self.directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise DockerError(f"{' '.join(argv[:9])}: {(done.stdout + done.stderr).strip()[-3000:]}")
        return done.stdout


# what a shell may have set, compose would believe before .env
_OURS = re.compile(r"COMPOSE_|AIRFLOW|KUBEADM_UPGRADE|PYTHONPATH|BASE_URL$|PORT$")
