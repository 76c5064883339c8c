"""Everything about a run that its state, its sentence and its estimate are made of, put in order once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from kubeadm_upgrade.board.course import AT_THE_GATES, CONTROL_PLANE, SETTLED, WORKER, Course, courses
from kubeadm_upgrade.board.record import RunRecord, TaskRecord, Waiting
from kubeadm_upgrade.board.rows import row_of, waited_for
from kubeadm_upgrade.board.view import Row
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar

RUN_TASKS = ("due", "claim", "look", "plan", "preflight", "approve", "window", "verify", "next_hop", "report")
BEFORE = RUN_TASKS[:6]

# They fail because something else has.
_SYMPTOMS = ("verify", "next_hop", "report")


@dataclass(frozen=True)
class Failed:
    """A task that has failed, and its node where it has one."""

    task: TaskRecord
    course: Course | None = None


@dataclass(frozen=True)
class Sight:
    """A run as it is at `now`."""

    record: RunRecord
    now: datetime
    before: Mapping[str, Row] = field(default_factory=dict)  # of an earlier board, by node: what may be taken over
    calendar: Calendar = ALWAYS  # the cluster's windows

    @cached_property
    def courses(self) -> tuple[Course, ...]:
        return courses(self.record, {name: row.made_of[0] for name, row in self.before.items() if row.made_of})

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row_of(self.record, course, self.before.get(course.name)) for course in self.courses)

    @cached_property
    def run_tasks(self) -> tuple[TaskRecord, ...]:
        """Of the run as a whole: those that everybody knows, and whichever other has failed or is the only one."""
        own = {task.task_id: task for task in self.record.tasks if task.group not in GROUPS and task.map_index < 0}
        known = [own[name] for name in RUN_TASKS if name in own]
        return tuple(known) + tuple(
            task for name, task in own.items() if name not in RUN_TASKS and (not known or task.state == "failed")
        )

    @cached_property
    def failures(self) -> tuple[Failed, ...]:
        """The first first. What only tells of another's failure counts where there is no other."""
        nodes = (Failed(task, one) for one in self.courses if (task := one.failed) is not None)
        every = [*nodes, *(Failed(task) for task in self.run_tasks if task.state == "failed")]
        causes = [one for one in every if one.course or one.task.task_id not in _SYMPTOMS] or every
        return tuple(sorted(causes, key=lambda one: one.task.ended.timestamp() if one.task.ended else 0.0))

    def course_of(self, name: str) -> Course:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Course]:
        return {one.name: one for one in self.courses}

    @cached_property
    def phase(self) -> str | None:
        """The task group that is under way: the last that has begun, or the next; None before the first one.

        Not the first that is not through: somebody may have cleared a task of an earlier one for one node.
        """
        if not any(one.tasks for one in self.courses) or any(one.state not in SETTLED for one in self._before):
            return None
        begun = {group for one in self.courses for group in one.begun}
        left = {group for one in self.courses for group in one.left}
        last = max((index for index, group in enumerate(GROUPS) if group in begun), default=0)
        order = list(GROUPS)
        return next((group for group in (*order[last:], *order) if group in left), None)

    @property
    def _before(self) -> list[TaskRecord]:
        return [task for task in self.run_tasks if task.task_id in BEFORE]

    def task(self, name: str) -> TaskRecord | None:
        return next((task for task in self.run_tasks if task.task_id == name), None)

    @property
    def asking(self) -> TaskRecord | None:
        """The task that waits for somebody's answer."""
        return next((task for task in self.run_tasks if task.state == "awaiting_input"), None)

    def in_state(self, *states: str) -> list[Row]:
        return [row for row in self.rows if row.state in states]

    @cached_property
    def under_way(self) -> list[Row]:
        """Whoever is at something, or waits in the middle of it; those that wait the longest first."""
        return sorted(self.in_state("moving", "waiting"), key=self._longest_first)

    def _longest_first(self, row: Row) -> tuple[bool, datetime]:
        task = self.course_of(row.name).current
        waits = waited_for(task) if task else None
        return row.state != "waiting", waits.since if waits else row.since or self.now

    @cached_property
    def waits(self) -> tuple[Waiting, ...]:
        """What nodes wait for, the longest wait first."""
        found = [waits for one in self.courses if one.current and (waits := waited_for(one.current))]
        window = self.task("window")  # for which the whole run waits
        found += [waits] if window is not None and (waits := waited_for(window)) else []
        return tuple(sorted(found, key=lambda one: one.since))

    def waits_of(self, *kinds: str) -> tuple[Waiting, ...]:
        return tuple(one for one in self.waits if one.kind in kinds)

    @property
    def nobody_is_out(self) -> bool:
        return not self.under_way and bool(self.waits) and all(one.kind in AT_THE_GATES for one in self.waits)

    @cached_property
    def control_plane(self) -> tuple[Course, ...]:
        return tuple(one for one in self.courses if one.tasks and one.role == CONTROL_PLANE)

    @cached_property
    def workers(self) -> tuple[Course, ...]:
        return tuple(one for one in self.courses if one.tasks and one.role == WORKER)


def done_of(some: Iterable[Course], group: str) -> int:
    """How many of these nodes are through a task group."""
    return sum(group in one.proven for one in some)
