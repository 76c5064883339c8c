"""Which run is under way, and what does Airflow say of it? One run is one hop, so there may be several."""

from __future__ import annotations

import httpx

from demo.journey import Journey
from demo.progress import NodeSeen, Progress
from harness.rest import AirflowApi, ApiError, TaskInstance


class Runs:
    """The runs of one path, from the one that a person has started; `journey` is what to expect before its plan."""

    def __init__(self, api: AirflowApi, dag_id: str, first: str, journey: Journey) -> None:
        self._api = api
        self._dag_id = dag_id
        self._first = first
        self._journey = journey
        self._planned: set[str] = set()

    @property
    def ids(self) -> tuple[str, ...]:
        """Those so far, in their order."""
        return self._journey.runs(self._first)

    @property
    def id(self) -> str:
        """The one under way."""
        return self.ids[-1]

    def look(self, nodes: tuple[NodeSeen, ...]) -> Progress | None:
        """None when there is no answer. When the run has succeeded and hops are left, the next look is at the next."""
        try:
            state = self._api.run_state(self._dag_id, self.id)
            tasks = tuple(self._api.task_instances(self._dag_id, self.id))
            self._read_plan(tasks)
        except (httpx.HTTPError, ApiError):
            return None  # a busy machine, or the next run is not there yet: the next look will do
        progress = Progress(state, tasks, nodes, self._journey)
        if progress.goes_on:
            self._journey = self._journey.onward()
        return progress

    def _read_plan(self, tasks: tuple[TaskInstance, ...]) -> None:
        """Once in each run, as soon as it has planned."""
        planned = any(task.task_id == "plan" and task.state == "success" for task in tasks)
        if planned and self.id not in self._planned:
            rest = Journey.of_json(self._api.xcom(self._dag_id, self.id, "plan", key="path"))
            self._planned.add(self.id)
            self._journey = self._journey.planned_anew(rest)
