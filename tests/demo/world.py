"""What the demo runs in: one folder, two simulated clusters, one Airflow; all of it ends with us."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from demo.complaint import Complaint
from demo.door import Door
from demo.wishes import Wishes
from harness.airflow import AirflowInstance, free_port
from harness.fleet import ACCOUNT, RIGHTS, LabFleet, write_inventory
from harness.sessions import Guard, Session
from harness.settings import REPOSITORY, base_environment

FOLDER = REPOSITORY / ".demo"
_USUAL_PORT = 8080
_PATIENCE = 30.0


class World:
    """Entered, everything runs and the DAG is there; left, nothing does. `opened` is told as soon as one can log in."""

    def __init__(
        self,
        wishes: Wishes,
        say: Callable[[str], None],
        folder: Path = FOLDER,
        opened: Callable[[Door], None] = lambda _: None,
    ) -> None:
        self.wishes = wishes
        self.folder = folder
        self.inventory = folder / "inventory"
        self.ssh_config = folder / "ssh_config"
        self._say = say
        self._opened = opened
        self._lock: int | None = None
        self._guard: Guard | None = None
        self._lab: Session | None = None
        self.airflow: AirflowInstance | None = None
        self.description: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._take_folder()
            self.airflow = AirflowInstance(self.folder / "airflow", port=_port(self.wishes.port), say=self._say)
            self._start_lab()
            # neither needs the other yet
            self.airflow.prepare()
            self._describe_lab()
            self._start_airflow(self.airflow)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def _lab_folder(self) -> Path:
        return self.folder / "lab"

    @property
    def cluster(self) -> dict[str, Any]:
        """What lab.json says of the cluster that is upgraded."""
        found: dict[str, Any] = self.description["clusters"][self.wishes.cluster]
        return found

    @property
    def nodes(self) -> dict[str, bool]:
        """Node name to: is it a control plane node?"""
        return {name: node["control_plane"] for name, node in self.cluster["nodes"].items()}

    def check_alive(self) -> None:
        """Raise a complaint when the lab has ended under us."""
        if self._lab is not None and self._lab.exit_code is not None:
            raise Complaint(
                f"The simulated clusters have ended with exit code {self._lab.exit_code}:\n{self._lab_log()}"
            )

    def _take_folder(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Complaint(
                "A demo runs in this checkout already. Stop it there with Ctrl-C, then start this one."
            ) from None
        # what an earlier demo has left, finished or not
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)

    def _start_lab(self) -> None:
        self._say("starting two simulated clusters, preparing Airflow's database")
        self._guard = Guard()
        command = [sys.executable, "-m", "lab", "--latency", "human", "--directory", str(self._lab_folder)]
        environment = {**base_environment(), "PYTHONPATH": str(REPOSITORY / "tests"), "PYTHONUNBUFFERED": "1"}
        self._lab = Session(
            [*command, "--apply", str(RIGHTS)],
            environment,
            self.folder / "logs" / "lab.log",
            self._guard,
            self.folder,
        )

    def _describe_lab(self) -> None:
        """Once it runs: the files that Airflow and ssh find it by."""
        self.description = self._wait_for_description(self._lab_folder / "lab.json")
        self._write_inventory()
        self._write_ssh_config()

    def _wait_for_description(self, path: Path) -> dict[str, Any]:
        """lab.json, once the rights have been granted in every cluster."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                description: dict[str, Any] = json.loads(path.read_text())
            except (FileNotFoundError, ValueError):
                description = {"clusters": {}}
            clusters = description["clusters"].values()
            if clusters and all(ACCOUNT in one["service_account_kubeconfigs"] for one in clusters):
                return description
            time.sleep(0.1)
        raise Complaint(f"The simulated clusters did not start in {_PATIENCE:.0f} s:\n{self._lab_log()}")

    def _write_inventory(self) -> None:
        fleet = LabFleet(self.description)
        for cluster in fleet.clusters:
            write_inventory(self.inventory, fleet.inventory(cluster, self.wishes.target))

    def _write_ssh_config(self) -> None:
        """So that `ssh -F .demo/ssh_config demo-a-w1` is all there is to type."""
        blocks = [
            f"Host {name}\n  HostName {node['address']}\n  Port {node['port']}\n"
            for cluster in self.description["clusters"].values()
            for name, node in cluster["nodes"].items()
        ]
        every = {
            "User": self.description["ssh_user"],
            "IdentityFile": self.description["ssh_key"],
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.description["known_hosts"],
            "LogLevel": "ERROR",
        }
        options = "".join(f"  {name} {value}\n" for name, value in every.items())
        self.ssh_config.write_text("\n".join([*blocks, f"Host *\n{options}"]))

    def _start_airflow(self, airflow: AirflowInstance) -> None:
        airflow.environment |= {
            **LabFleet(self.description).environment(),
            "KUBEADM_UPGRADE_INVENTORY": str(self.inventory),
            "KUBEADM_UPGRADE_REPORTS": str(self.folder / "reports"),
        }
        airflow.start(opened=lambda: self._opened(Door.of(airflow)))
        self._say(f"waiting for the DAG {self.wishes.dag_id}")
        airflow.api.wait_for_dag(self.wishes.dag_id)

    def _lab_log(self) -> str:
        return self._lab.end_of_log() if self._lab else ""

    def _stop(self) -> None:
        """Not to be interrupted: who presses Ctrl-C twice still wants everything to end."""
        with _undisturbed():
            self._stop_all()

    def _stop_all(self) -> None:
        if self.airflow is not None:
            self.airflow.stop()
        if self._lab is not None:
            self._lab.stop(3.0)
        if self._guard is not None:
            self._guard.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _port(wished: int | None) -> int:
    if wished is not None:
        if not _is_free(wished):
            raise Complaint(f"Port {wished} is taken. Choose another: make demo PORT={free_port()}")
        return wished
    return _USUAL_PORT if _is_free(_USUAL_PORT) else free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
