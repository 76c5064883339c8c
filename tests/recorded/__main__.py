"""python -m recorded: upgrade a simulated cluster with a real Airflow, break it, steer it, write down how it stands.

Some ten minutes. What it leaves in runs/ is what boards are tested on; take it anew where runs write down other things.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from harness.rest import wait_for
from harness.settings import DATABASE
from harness.site import Site, open_site
from kubeadm_airflow.pages.run_record import RunReader
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import RunRecord, TaskRecord
from kubeadm_upgrade.report import DIRECTORY_VARIABLE
from kubeadm_upgrade.waits import Wait
from recorded import FOLDER

CLUSTER = "shop"
CLUSTERS = {CLUSTER: (3, 4, {"timeouts": {"ready": 15}})}
SICK = f"{CLUSTER}-w2"

Seen = Callable[[RunRecord], bool]


class Recorder:
    """One cluster's runs, read out of Airflow's database as its pages read them."""

    def __init__(self, site: Site, home: Path) -> None:
        self._site, self._home = site, home
        self._engine = create_engine(f"sqlite:///{site.airflow.home / DATABASE}?timeout=60")

    def read(self, dag_id: str, run_id: str) -> RunRecord:
        """A single read may meet the row of a task and not yet its XComs, as a page's first look may."""
        with Session(self._engine) as session:
            record = RunReader(dag_id, run_id).read(session, datetime.now(UTC))
        assert record is not None
        return record

    def take(self, moment: str, run: tuple[str, str], seen: Seen, patience: float = 240) -> RunRecord:
        """Wait until a run is seen as is wanted, and write it down."""
        found: list[RunRecord] = []

        def look() -> bool:
            found[:] = [self.read(*run)]
            return seen(found[0])

        wait_for(look, moment, patience, lambda: board_of(found[0], datetime.now(UTC)).sentence)
        self._write(moment, found[0], datetime.now(UTC))
        return found[0]

    def _write(self, moment: str, record: RunRecord, now: datetime) -> None:
        where = f"a simulated cluster of tests/lab, a whole Airflow of tests/harness, {now.date()}: python -m recorded"
        plain = {"taken": where, "now": now.isoformat(timespec="seconds"), "record": slim(record.to_json())}
        text = lines(plain).replace(str(self._home), "/home/airflow").replace(self._site.airflow.url, "http://airflow")
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{moment}.json").write_text(text)
        print(f"{moment}: {board_of(record, now).sentence}", flush=True)  # noqa: T201


def slim(record: dict[str, Any]) -> dict[str, Any]:
    """Without the commands that were run, which no board shows, and the plan's page."""
    report = record["report"] and {
        name: value for name, value in record["report"].items() if name not in ("plan", "path")
    }
    for outcome in (
        *(report or {}).get("outcomes", ()),
        *(task["outcome"] for task in record["tasks"] if task["outcome"]),
    ):
        outcome["actions"] = outcome["details"] = []
    return {**record, "report": report}


def lines(plain: dict[str, Any]) -> str:
    """JSON with a task a line."""
    tasks = ",\n".join(json.dumps(task) for task in plain["record"]["tasks"])
    head = json.dumps({**plain, "record": {**plain["record"], "tasks": []}})
    return head.replace('"tasks": []', f'"tasks": [\n{tasks}\n]', 1) + "\n"


def tasks(record: RunRecord, step: str, state: str) -> list[TaskRecord]:
    return [task for task in record.tasks if task.step == step and task.state == state]


def waits(record: RunRecord, step: str, kind: Wait) -> list[TaskRecord]:
    found = tasks(record, step, "deferred")
    return [task for task in found if task.waiting is not None and task.waiting.kind == kind]


def record_all(site: Site, home: Path) -> None:
    """Rehearse, upgrade, wait for a budget, pause, resume, fail, retry, and be done."""
    recorder, cluster = Recorder(site, home), site.cluster(CLUSTER)
    rehearsal = site.run(CLUSTER, dry_run=True)
    recorder.take("0-rehearsed", rehearsal, lambda run: run.is_over)

    slow = cluster.faults.slow(f"{CLUSTER}-cp2", "kubeadm upgrade node", 20)
    budget = cluster.faults.budget_never_allows("shop", "web")
    run = site.start(CLUSTER)
    recorder.take("1-packages", run, lambda run: bool(tasks(run, "stage_packages", "success")))
    recorder.take(
        "2-control-plane", run, lambda run: bool(waits(run, "kubeadm_upgrade", Wait.COMMAND)) and _second(run)
    )
    slow.lift()
    recorder.take("3-budget", run, lambda run: bool(waits(run, "drain_node", Wait.PODS)))

    steer(site, "pause", reason="incident 4711")
    recorder.take("4-paused", run, lambda run: bool(waits(run, "admit", Wait.PAUSE)))
    steer(site, "resume")
    sick = cluster.faults.never_ready(SICK)
    budget.lift()
    failed = recorder.take("5-failed", run, lambda run: bool(tasks(run, "node_ready", "failed")) and _settled(run))

    sick.lift()
    retry(site, failed)
    recorder.take("6-retried", run, lambda run: not tasks(run, "node_ready", "failed"))
    recorder.take("7-done", run, lambda run: run.is_over)


def steer(site: Site, action: str, **conf: str) -> None:
    dag_id = f"kubeadm_steer.{CLUSTER}"
    order = site.api.trigger(dag_id, {"action": action, **conf}, f"{action}-{datetime.now(UTC):%H%M%S}")
    assert site.api.wait_for_run(dag_id, order) == "success", site.trouble(dag_id, order)


def retry(site: Site, record: RunRecord) -> None:
    """By the very call that the board's button makes."""
    retries = [one for one in board_of(record, datetime.now(UTC)).actions if one.id.startswith("retry:")]
    for one in retries:
        site.api.call(one.call.method, one.call.path.removeprefix("/api/v2"), dict(one.call.body))


def _second(record: RunRecord) -> bool:
    """Not the first control plane node, which applies."""
    return any(task.map_index == 1 for task in waits(record, "kubeadm_upgrade", Wait.COMMAND))


def _settled(record: RunRecord) -> bool:
    """Nobody is at work any more, and Airflow has marked what comes after the failure."""
    at_work = [task for task in record.tasks if task.state in ("running", "queued", "scheduled")]
    blocked = [task for task in record.tasks if task.task_id in ("verify", "next_hop") and task.state]
    return not at_work and len(blocked) == 2 and record.report is not None


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="recorded-") as folder, open_site(Path(folder), CLUSTERS, {}) as site:
        os.environ[DIRECTORY_VARIABLE] = str(site.airflow.reports)  # for the reader of reports
        record_all(site, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
