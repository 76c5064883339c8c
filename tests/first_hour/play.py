"""What a newcomer does in the first hour: README's commands as they stand there, and what its sentences ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from first_hour.foreign import Foreign
from first_hour.hour import Hour
from harness.rest import AirflowApi

DEMO, OTHER, AIRFLOW, OWN = "terminal 1", "terminal 2", "terminal 3", "terminal 4"

_LOGIN = re.compile(
    r"Airflow\s+(?P<url>http://\S+)\s+fleet\s+\S+\s+log in as\s+(?P<user>\w+), password (?P<password>\S+)"
)
_CLUSTER = "prod-1"
_DAG = f"kubeadm_upgrade.{_CLUSTER}"
_SOON, _MINUTES = 90.0, 420.0


class Script:
    """README's commands, each to be typed once and in their order."""

    def __init__(self, commands: Sequence[str]) -> None:
        self._left = list(commands)

    def next(self, beginning: str) -> str:
        """The next command, which must begin so. Raises AssertionError when README has another there."""
        assert self._left, f"README ends before a command that begins with {beginning!r}"
        command = self._left.pop(0)
        assert command.startswith(beginning), f"README has {command!r} where {beginning!r} is expected"
        return command

    @property
    def left(self) -> tuple[str, ...]:
        return tuple(self._left)


@dataclass(frozen=True)
class Play:
    """One newcomer, in a checkout. `foreign` is what they own; it was there before."""

    hour: Hour
    script: Script
    checkout: Path
    foreign: Foreign

    def enter_checkout(self) -> None:
        """Every terminal of the hour stands there."""
        for name in (DEMO, OTHER, AIRFLOW, OWN):
            self.hour.terminal(name).run(f"cd {self.checkout}", _SOON)

    def demo(self) -> None:
        """Upgrade, break, mend, clear, and see it end well."""
        shown = self.hour.start(DEMO, self.script.next("make demo"), _LOGIN.pattern, _MINUTES)
        login = _LOGIN.search(shown)
        assert login is not None
        self.hour.see(DEMO, r"starting the upgrade|of \d+ nodes", _SOON)
        self.hour.run(OTHER, self.script.next("make break"), _SOON)
        self.hour.see(DEMO, "make mend", _MINUTES)
        self.hour.run(OTHER, self.script.next("make mend"), _SOON)
        api = AirflowApi(login["url"], login["user"], login["password"])
        _clear_failed(api, "kubeadm_upgrade.demo-a", "to-1.29")
        self.hour.tell("In the browser: the failed task is opened, its log read, and *Clear task* pressed.")
        self.hour.see(DEMO, "Everything keeps running", _MINUTES)
        assert api.run_state("kubeadm_upgrade.demo-a", "to-1.29") == "success"
        api.close()
        self.hour.terminal(DEMO).interrupt(60)

    def own_cluster(self) -> None:
        """From an Airflow of one's own and a cluster that somebody else has made, to its upgrade."""
        hour, script = self.hour, self.script
        hour.run(AIRFLOW, script.next(". ./activate.sh"), _SOON)
        hour.start(AIRFLOW, script.next("airflow standalone"), "Airflow is ready", _MINUTES, most=6)
        hour.run(OTHER, script.next("kubectl apply -f docs/rbac.yaml"), _SOON)
        for line in self.foreign.kubeconfig_lines:
            hour.run(OTHER, line, _SOON)
        hour.run(OWN, script.next(". ./activate.sh"), _SOON)
        connections = self._init(script.next("python -m kubeadm_upgrade init"))
        for line in connections:
            hour.run(OWN, line, _SOON)
        hour.run(OWN, script.next("python -m kubeadm_upgrade check"), _SOON)
        with_api = self._api()
        with_api.wait_for_dag(_DAG)
        hour.run(OWN, script.next("airflow dags unpause"), _SOON)
        self._run_to_success(with_api, script.next("airflow dags trigger"))
        assert self.foreign.versions() == {"v1.28.15"}, "a dry run has changed something"
        self._run_to_success(with_api, script.next("airflow dags trigger"))
        assert self.foreign.versions() == {"v1.29.15"}
        with_api.close()

    def plan(self) -> None:
        """What would come next, without a run."""
        self.hour.run(OWN, self.script.next("python -m kubeadm_upgrade look"), _SOON)
        shown = self.hour.run(OWN, self.script.next("python -m kubeadm_upgrade plan"), _SOON)
        assert "1.29.15 → 1.33" in shown
        self.hour.run(OWN, self.script.next("python -m kubeadm_upgrade calendar"), _SOON)

    def _init(self, command: str) -> tuple[str, ...]:
        """Answer what it asks. Returns the commands that it prints to be copied."""
        self.hour.answer(OWN, command, self.foreign.answers, _MINUTES)
        return tuple(line for line in self.hour.terminal(OWN).written() if line.startswith("airflow connections add"))

    def _run_to_success(self, api: AirflowApi, command: str) -> None:
        before = api.run_ids(_DAG)
        self.hour.run(OWN, command, _SOON)
        (run_id,) = api.run_ids(_DAG) - before
        state = api.wait_for_run(_DAG, run_id, _MINUTES)
        assert state == "success"
        self.hour.tell(f"In the browser: run `{run_id}` is followed to its end, *{state}*, and its report read.")

    def _api(self) -> AirflowApi:
        """As whoever reads the password where Airflow has written it."""
        written = self.checkout / ".airflow" / "simple_auth_manager_passwords.json.generated"
        return AirflowApi(self.hour.url, "admin", json.loads(written.read_text())["admin"])


def _clear_failed(api: AirflowApi, dag_id: str, run_id: str) -> None:
    failed = [task for task in api.task_instances(dag_id, run_id) if task.state == "failed"]
    assert failed, "nothing has failed"
    api.clear(dag_id, run_id, failed)
