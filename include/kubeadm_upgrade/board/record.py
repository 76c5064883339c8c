"""What a run has written down: Airflow's word on its tasks, and what the tasks have told of themselves.

Whoever reads Airflow's database makes these; board.py makes a board of them. Plain JSON both ways, so that a run can be
recorded and looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from kubeadm_upgrade.procedure import GROUPS

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Waiting:
    """What a task waits for, and since when: for this kind of thing, and in these words."""

    reason: str
    since: datetime
    kind: str = ""  # of waits.Wait; "" where an earlier release has written it
    reason_since: datetime | None = None  # where that is later: others of its kind have come and gone
    done: tuple[Json, ...] = ()  # outcomes of the task's steps before the one that waits

    @property
    def in_these_words_since(self) -> datetime:
        return self.reason_since or self.since


@dataclass(frozen=True)
class Failure:
    """What a failed task has told: the fact, what to do, and what a host has said as it stood there."""

    why: str
    do: str = ""
    said: tuple[str, ...] = ()
    done: tuple[Json, ...] = ()  # outcomes of the task's steps before the one that has failed


@dataclass(frozen=True)
class TaskRecord:
    """One task instance, or one step of it; `state` is Airflow's word, None where it has none yet."""

    task_id: str
    map_index: int = -1
    state: str | None = None
    try_number: int = 0
    started: datetime | None = None
    ended: datetime | None = None
    waiting: Waiting | None = None
    failure: Failure | None = None
    outcome: Json | None = None
    outcomes: tuple[Json, ...] = ()  # of a task of several steps; board/shared_tasks.py makes steps of it
    part_of: str = ""  # of such a step: the id of its task

    @cached_property
    def group(self) -> str:
        """The task group; "" for a task of the run as a whole."""
        return self.task_id.rpartition(".")[0]

    @cached_property
    def step(self) -> str:
        return self.task_id.rpartition(".")[2]

    @property
    def airflow_id(self) -> str:
        """The task id by which Airflow knows it."""
        return self.part_of or self.task_id

    @property
    def told(self) -> tuple[Json, ...]:
        """The outcomes of a task that has ended, of one step or of several."""
        return self.outcomes or ((self.outcome,) if self.outcome else ())

    @property
    def is_marked(self) -> bool:
        """Whether somebody has made it a success: a step that is done tells its outcome."""
        return self.state == "success" and self.outcome is None and self.group in GROUPS


@dataclass(frozen=True)
class NodeRecord:
    """A node as the run's look has seen it."""

    name: str
    kubelet: str
    control_plane: bool = False


@dataclass(frozen=True)
class Marks:
    """What somebody has set in the ledger to hold the run up, as it was last written down."""

    paused: str | None = None  # why
    aborted: str | None = None
    given_up: Mapping[str, str] = field(default_factory=dict)  # node -> why
    at: datetime | None = None  # when it was written down
    run: str | None = None  # whose `aborted` and `given_up` are: the id of the run that had the cluster then


@dataclass(frozen=True)
class Pace:
    """How fast this cluster goes: what the look has read of its ledger and of its file."""

    durations: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # step -> seconds, oldest first
    workers_at_once: int = 1


@dataclass(frozen=True)
class RunRecord:
    """One run. `hop` and `path` are the plan's, `report` the JSON of the report, once it was written."""

    cluster: str
    dag_id: str
    run_id: str
    state: str
    started: datetime | None = None
    ended: datetime | None = None
    params: Json = field(default_factory=dict)
    hop: Json | None = None
    path: Json | None = None
    nodes: tuple[NodeRecord, ...] = ()
    findings: tuple[str, ...] = ()  # of preflight: `warn: …`, `block: …`
    blocks: tuple[str, ...] = ()  # the checks of those that block: what an approval may have to waive
    approval: Json | None = None  # that this run goes by
    tasks: tuple[TaskRecord, ...] = ()
    marks: Marks = Marks()
    pace: Pace = Pace()
    next_run: str | None = None
    report: Json | None = None
    nothing_to_do: str | None = None  # why its first task has skipped all others

    @property
    def dry_run(self) -> bool:
        return bool(self.params.get("dry_run"))

    @property
    def is_over(self) -> bool:
        return self.state in ("success", "failed")

    def nodes_of(self, group: str) -> tuple[str, ...]:
        """The nodes of a task group, in the order of their map indexes. As Hop.nodes_of, of any release's hop."""
        if self.hop is None or group not in GROUPS:
            return ()
        control_plane, workers = tuple(self.hop.get("control_plane", ())), tuple(self.hop.get("workers", ()))
        return {"workers": workers, "stage": (*control_plane, *workers)}.get(group, control_plane)

    @cached_property
    def later(self) -> frozenset[str]:
        """The workers that this run leaves to those after it."""
        return frozenset((self.hop or {}).get("later", ()))

    @cached_property
    def kubelets(self) -> Mapping[str, str]:
        """What each node ran when the run looked."""
        return {node.name: node.kubelet for node in self.nodes}

    @cached_property
    def reported_kubelets(self) -> Mapping[str, str]:
        """What each node ran when the report was last written."""
        nodes = (self.report or {}).get("nodes") or ()
        return {str(node["name"]): str(node.get("kubelet", "")) for node in nodes if node.get("name")}

    @cached_property
    def task_ids(self) -> frozenset[str]:
        """Of the tasks that Airflow has rows of, expanded or not."""
        return frozenset(task.task_id for task in self.tasks)

    def index_of(self, node: str, group: str) -> int:
        """The map index of a node's tasks in a group."""
        return self._indexes[group][node]

    @cached_property
    def _indexes(self) -> Mapping[str, Mapping[str, int]]:
        return {group: {name: index for index, name in enumerate(self.nodes_of(group))} for group in GROUPS}

    def node_of(self, task: TaskRecord) -> str | None:
        """The node that a mapped task is about; None for a task of the whole run."""
        nodes = self.nodes_of(task.group)
        return nodes[task.map_index] if 0 <= task.map_index < len(nodes) else None

    def to_json(self) -> dict[str, Any]:
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_json(cls, plain: Json) -> RunRecord:
        """What `to_json` has made."""
        return cls(
            **{
                **plain,
                "started": _time(plain["started"]),
                "ended": _time(plain["ended"]),
                "nodes": tuple(NodeRecord(**node) for node in plain["nodes"]),
                "findings": tuple(plain["findings"]),
                "blocks": tuple(plain.get("blocks", ())),
                "tasks": tuple(map(_task, plain["tasks"])),
                "marks": Marks(**{**plain["marks"], "at": _time(plain["marks"]["at"])}),
                "pace": Pace(
                    {step: tuple(seconds) for step, seconds in plain["pace"]["durations"].items()},
                    plain["pace"]["workers_at_once"],
                ),
            }
        )


def _task(plain: Json) -> TaskRecord:
    waiting, failure = plain["waiting"], plain["failure"]
    read = {
        "started": _time(plain["started"]),
        "ended": _time(plain["ended"]),
        "waiting": waiting and _waiting(waiting),
        "failure": failure
        and Failure(**{**failure, **{name: tuple(failure.get(name, ())) for name in ("said", "done")}}),
        "outcomes": tuple(plain.get("outcomes", ())),
    }
    return TaskRecord(**{**plain, **read})


def _waiting(plain: Json) -> Waiting:
    times = {name: _time(plain.get(name)) for name in ("since", "reason_since")}
    return Waiting(**{**plain, **times, "done": tuple(plain.get("done", ()))})


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value
