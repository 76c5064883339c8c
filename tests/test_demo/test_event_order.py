"""The demo with a real Airflow: one can log in before the first task runs."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from demo.__main__ import _start_run
from demo.door import Door
from demo.lines import Lines
from demo.wishes import Wishes
from demo.world import World
from harness.airflow import free_port
from harness.rest import AirflowApi

pytestmark = pytest.mark.e2e


def test_address_and_login_work_when_they_are_told_and_that_is_before_the_first_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[float] = []

    def opened(door: Door) -> None:
        told.append(time.time())
        assert httpx.get(door.url, follow_redirects=True, trust_env=False, timeout=30).is_success
        api = AirflowApi(door.url, door.user, door.password)
        api.dags()
        api.close()

    lines = Lines()
    with World(Wishes(port=free_port(), once=True), lines.say, tmp_path, opened) as world:
        airflow, follower = _start_run(world, lines)
        assert follower.page in capsys.readouterr().out
        deadline = time.monotonic() + 120
        started = None
        while started is None:
            assert time.monotonic() < deadline, "no task has started"
            time.sleep(0.3)
            tasks = airflow.api.task_instances(world.wishes.dag_id, follower.run_ids[-1])
            started = min((task.started.timestamp() for task in tasks if task.started), default=None)
    assert len(told) == 1
    assert told[0] < started
