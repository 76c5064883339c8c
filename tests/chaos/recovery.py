"""Who looks after a run: clears what has failed, through Airflow's REST API, and writes down what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from chaos.scene import Scene, asked
from harness.rest import TaskInstance

#: Who has cleared a task so often calls somebody.
_MOST = 8
_BAD = ("failed", "upstream_failed")
#: A run whose report has failed says only that it is not finished: it is cleared with what is, or at the very end.
_REPORT = "report"


class GaveUp(AssertionError):
    """Clearing does not help."""


class Operator:
    """Looks when he is asked to, and is slower than Airflow: he clears only what it is through with."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._api = scene, scene.shared.site.api
        self._upstream = asked(lambda: upstream_of(self._api.get(f"/dags/{scene.dag_id}/tasks")["tasks"]))
        self._cleared: Counter[str] = Counter()
        self._seen: Sequence[object] = ()

    def look(self) -> str | None:
        """The run's state, once it has succeeded; until then whatever a person would clear is cleared."""
        scene = self._scene
        state = asked(lambda: self._api.run_state(scene.dag_id, scene.run_id))
        if state == "success":
            return state
        seen, self._seen = self._seen, scene.tasks(*_BAD)
        if self._seen and self._seen == seen and marked_through(tasks := scene.tasks(), self._upstream):
            self._clear(tasks)
        return None

    def _clear(self, tasks: Sequence[TaskInstance]) -> None:
        again = to_clear(tasks, frozenset(name for name, times in self._cleared.items() if times))
        if not again:
            return
        for task in again:
            self._cleared[str(task)] += task.state == "failed"
        if often := [name for name, times in self._cleared.items() if times > _MOST]:
            said = self._scene.shared.site.trouble(self._scene.dag_id, self._scene.run_id)
            raise GaveUp(f"{', '.join(often)} failed again and again: {said}")
        for task in again:
            if task.state == "failed":
                self._scene.say(f"{task} has failed: {self._why(task)}")
        self._scene.say(f"clears {', '.join(map(str, again))}")
        asked(lambda: self._api.clear(self._scene.dag_id, self._scene.run_id, again))
        self._seen = ()

    def _why(self, task: TaskInstance) -> str:
        """The last word of its log that says what is wrong."""
        text = asked(lambda: self._scene.shared.site.log_text(self._scene.dag_id, self._scene.run_id, task))
        lines = [line for line in text.splitlines() if line.strip() and "What to do" not in line]
        return lines[-1][:300] if lines else "it has said nothing"


def upstream_of(tasks: Sequence[Mapping[str, object]]) -> dict[str, list[str]]:
    """Task id to the ids that come right before it, from what the API lists."""
    found: dict[str, list[str]] = {}
    for task in tasks:
        after = task["downstream_task_ids"]
        assert isinstance(after, list)
        for name in after:
            found.setdefault(str(name), []).append(str(task["task_id"]))
    return found


def marked_through(tasks: Sequence[TaskInstance], upstream: Mapping[str, Sequence[str]]) -> bool:
    """Has the scheduler marked everything that comes after a failure? It does so step by step, and a mark that it makes
    in the moment of a clear is lost: what is cleared then stays upstream_failed, or the other way round.
    """
    bad = [task for task in tasks if task.state in _BAD]
    unmarked = [task for task in tasks if task.state is None and task.task_id != _REPORT]
    return not any(_comes_after(one, upstream.get(one.task_id, ()), other) for one in unmarked for other in bad)


def _comes_after(task: TaskInstance, upstream: Sequence[str], other: TaskInstance) -> bool:
    """In its own group its own node's tasks come right before it, elsewhere anybody's."""
    elsewhere = not task.group or other.group != task.group
    return other.task_id in upstream and (elsewhere or task.map_index in (-1, other.map_index) or other.map_index == -1)


def to_clear(tasks: Sequence[TaskInstance], known: frozenset[str]) -> list[TaskInstance]:
    """What has failed; and of what failed before in spite of that, the node's whole way through its group: what a
    message asks for may be a step before. Where nothing has failed and nothing is under way, whatever was left behind.
    """
    failed = [task for task in tasks if task.state == "failed" and task.task_id != _REPORT]
    if not failed:
        idle = all(task.finished or task.state is None for task in tasks)
        return [task for task in tasks if task.state in _BAD] if idle else []
    again = {(task.task_id, task.map_index): task for task in failed}
    for task in failed:
        if str(task) in known and task.group:
            same = (one for one in tasks if one.group == task.group and one.map_index == task.map_index)
            again |= {(one.task_id, one.map_index): one for one in same}
    return list(again.values())
