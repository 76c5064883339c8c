"""As much of Airflow as a history needs: runs, their tasks in groups, retries, clearing, and who dies when."""

from __future__ import annotations

import random
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

from in_memory.cluster import NAME, Cluster, Seat, judge
from kubeadm_upgrade import errors, to_be_continued
from kubeadm_upgrade.admission.first import first_hold
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.claim import why_not_claim
from kubeadm_upgrade.next_hop import Wish, next_hop, path_for, successor_of
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.steps import Outcome, Pending, Progress
from kubeadm_upgrade.verify import Result, joined, left_behind, shortcomings, still_to_do, unsettled
from kubeadm_upgrade.version import TargetVersion

RETRIES = 2
SETTLED = ("success", "skipped")
_WAITED_FOR = (errors.Unreachable, errors.Conflict, errors.Unauthorized)
_CLEAR_AS_WELL = "clear its "


@dataclass
class Task:
    work: Assignment
    state: str = "none"  # none, waiting, failed, success, skipped
    tries: int = 0
    progress: Progress = field(default_factory=Progress)
    said: str = ""
    coroutine: Coroutine[Any, Any, Outcome | Pending] | None = None
    waits: int = 0
    outcome: dict[str, Any] = field(default_factory=dict)

    def die(self) -> None:
        """Whoever was at it is gone, in the middle of it."""
        if self.coroutine is not None:
            self.coroutine.close()
            self.coroutine = None

    def reset(self) -> None:
        self.die()
        self.state, self.tries, self.progress, self.said, self.waits = "none", 0, Progress(), "", 0
        self.outcome = {}

    def step(self, cluster: Cluster) -> None:
        """Until it next gives way."""
        if self.coroutine is None:
            steps = {one.name: one for one in GROUPS[self.work.group]}
            port = Seat(cluster, self.work)
            self.coroutine = perform(steps[self.work.step], self.work.hop, port, self.progress)
        try:
            self.coroutine.send(None)
        except StopIteration as end:
            self._ended(end.value)
        except _WAITED_FOR as error:
            self.progress, self.said, self.coroutine = error.progress or self.progress, str(error), None
        except (errors.TimeCures, errors.NeedsPerson) as error:
            self._failed(cluster, error)

    def _ended(self, result: Outcome | Pending) -> None:
        self.coroutine = None
        if isinstance(result, Outcome):
            self.outcome = {**result.to_json(), "group": self.work.group}
            self.state = "skipped" if result.status == "left" else "success"
        else:
            self.progress, self.said = result.progress, result.reason
            self.waits += 1

    def _failed(self, cluster: Cluster, error: errors.UpgradeError) -> None:
        """Once more, and once more again, where time can cure it; then it is noted, as notifiers.py does."""
        self.coroutine, self.said = None, f"{type(error).__name__}: {error}"
        self.tries += 1
        self.progress = Progress()
        if isinstance(error, errors.NeedsPerson) or self.tries > RETRIES:
            self.state = "failed"
            work, said = self.work, str(error)
            if work.group == "workers" and not isinstance(error, errors.NotToAct):
                cluster.edit_ledger(lambda ledger: ledger.with_failed(work.node, work.run, said))


@dataclass
class DagRun:
    """One run of one hop. `where`: claim, plan, preflight, groups, verify; then success or failed, or killed.

    `window`: whether it has come past the task of this name, which is between the packages and the first node.
    """

    run: RunId
    wish: Wish
    take_over: str = ""
    where: str = "claim"
    hop: Hop | None = None
    goes_on: bool = False
    window: bool = False
    tasks: list[Task] = field(default_factory=list)
    said: str = ""
    tries: int = 0

    @property
    def live(self) -> bool:
        return self.where not in ("success", "failed", "killed")

    def chains(self) -> Iterator[list[Task]]:
        """Of each node of the group that is open now, its tasks in order."""
        for group in GROUPS:
            tasks = [task for task in self.tasks if task.work.group == group]
            if any(task.state not in SETTLED for task in tasks):
                for node in dict.fromkeys(task.work.node for task in tasks):
                    yield [task for task in tasks if task.work.node == node]
                return

    def ready_tasks(self) -> list[Task]:
        self._skip()
        nexts = (next((task for task in chain if task.state not in SETTLED), None) for chain in self.chains())
        return [task for task in nexts if task is not None and task.state != "failed"]

    def _skip(self) -> None:
        """Whatever comes after a task that is skipped: of its node, and every group after its own."""
        groups = list(GROUPS)
        for skipped in [task for task in self.tasks if task.state == "skipped"]:
            for task in self.tasks:
                later = groups.index(task.work.group) > groups.index(skipped.work.group)
                same = (task.work.group, task.work.node) == (skipped.work.group, skipped.work.node)
                if task.state == "none" and (later or same):
                    task.state = "skipped"

    def failed(self) -> list[Task]:
        return [task for task in self.tasks if task.state == "failed"]

    def die(self) -> None:
        for task in self.tasks:
            task.die()


class Airflow:
    """All the Airflows there are: they share nothing but the cluster."""

    def __init__(self, cluster: Cluster, chance: random.Random) -> None:
        self.cluster, self.chance = cluster, chance
        self.runs: list[DagRun] = []
        self.twins: list[Task] = []

    def trigger(self, wish: Wish, take_over: str = "") -> DagRun:
        self.cluster.watch.person_starts_anew()
        number = len(self.runs) + 1
        run = DagRun(RunId(f"X{number}", "a", self.cluster.clock.isoformat()), wish, take_over)
        self.runs.append(run)
        self.cluster.watch.note(f"trigger {run.run}: {wish}, take_over={take_over!r}")
        return run

    def step(self, only: DagRun | None = None) -> bool:
        """One small step of something that can go on. False where nothing can."""
        live = [one for one in self.runs if one.live and only in (None, one)]
        self.cluster.tick()
        if not live:
            return False
        self._go_on(self.chance.choice(live))
        if self.twins and self.chance.random() < 0.3:
            self._twin()
        return True

    def _twin(self) -> None:
        """A second triggerer at the same step, which the first was taken for dead by."""
        twin = self.chance.choice(self.twins)
        twin.step(self.cluster)
        if twin.state in ("success", "failed"):
            self.twins.remove(twin)

    def twin_of(self, task: Task) -> None:
        self.twins.append(Task(task.work, progress=task.progress))

    def _go_on(self, run: DagRun) -> None:
        try:
            getattr(self, f"_{run.where}")(run)
        except (errors.NeedsPerson, errors.TimeCures) as error:
            run.said = f"{type(error).__name__}: {error}"
            run.tries += 1
            if isinstance(error, errors.NeedsPerson) or run.tries > 20:
                self.end(run, "failed")

    def _claim(self, run: DagRun) -> None:
        reason = why_not_claim(self.cluster.ledger, run.run, run.take_over)
        run.said = reason or ""
        if reason is None:
            clock = self.cluster.clock
            self.cluster.edit_ledger(lambda ledger: ledger.claimed(run.run, clock, run.wish.give_up))
            run.where = "plan"

    def _plan(self, run: DagRun) -> None:
        self._check_api()
        state, inventory = self.cluster.state(), self.cluster.inventory
        path = path_for(inventory, state, run.wish, self.cluster.releases)
        run.hop = next_hop(inventory, state, run.wish, path)
        run.goes_on = bool(run.hop.later) or len(path.hops) > 1
        run.tasks = [
            Task(Assignment(NAME, run.run, run.hop, group, step.name, node))
            for group, steps in GROUPS.items()
            for node in run.hop.nodes_of(group)
            for step in steps
        ]
        hop = run.hop
        self.cluster.watch.note(
            f"{run.run} plans {hop.came_from} -> {hop.to}: {hop.control_plane}, {hop.workers}, pin {hop.etcd_pin}"
        )
        run.where = "preflight"

    def _preflight(self, run: DagRun) -> None:
        self._check_api()
        assert run.hop is not None
        if sentences := judge(self.cluster, run.hop):
            raise errors.NotSettled("; ".join(sentences))
        if self.cluster.ledger.is_held_by(run.run):
            clock = self.cluster.clock
            self.cluster.edit_ledger(lambda ledger: ledger.judged(clock))
        run.where = "groups"

    def _waits_for_its_window(self, run: DagRun) -> bool:
        """Once everything is staged."""
        if run.window or any(task.state not in SETTLED for task in run.tasks if task.work.group == "stage"):
            return False
        assert run.hop is not None
        cluster = self.cluster
        nodes = [cluster.node_facts(node) for node in cluster.nodes.values()]
        looked_at = (nodes, cluster.control_plane_facts(), cluster.ledger, cluster.clock)
        hold = first_hold(run.hop, run.run, cluster.inventory.rollout, *looked_at)
        run.window, run.said = hold is None, hold.sentence if hold else ""
        return not run.window

    def _groups(self, run: DagRun) -> None:
        if self._waits_for_its_window(run):
            return
        tasks = run.ready_tasks()
        if tasks:
            self.chance.choice(tasks).step(self.cluster)
        elif run.failed():
            self.end(run, "failed")
        else:
            run.where, run.tries = "verify", 0

    def _verify(self, run: DagRun) -> None:
        self._check_api()
        assert run.hop is not None
        nodes = tuple(self.cluster.node_facts(node) for node in self.cluster.nodes.values())
        result = Result(nodes, self.cluster.control_plane_facts(), self.cluster.ledger)
        left = left_behind(run.hop, [task.outcome for task in run.tasks if task.outcome])
        if missing := list(shortcomings(run.hop, run.run, result, left)):
            raise errors.NotAsPromised("; ".join(missing))
        if ailing := list(unsettled(run.hop, result)):
            raise errors.NotSettled("; ".join(ailing))
        if left:
            run.said = to_be_continued.told(still_to_do(run.hop, result, left), left.why)
            self.end(run, "success")
            return
        self.cluster.watch.ended_well(run.hop)
        goes_on = run.goes_on or (joined(run.hop, result) and not run.wish.nodes)
        ledger = self.cluster.ledger
        if goes_on and (ledger.aborted is not None or not ledger.is_held_by(run.run)):
            raise errors.StepRefused("the path ends here")
        self.end(run, "success")
        if goes_on:
            name = successor_of(run.run.dag_run)
            self.runs.append(DagRun(RunId(name, "a", self.cluster.clock.isoformat()), run.wish))

    def end(self, run: DagRun, how: str) -> None:
        """The report gives the cluster back, whatever became of the run."""
        run.die()
        run.where = how
        clock = self.cluster.clock
        if self.cluster.ledger.is_held_by(run.run):
            self.cluster.edit_ledger(lambda ledger: ledger.released(clock))
        self.cluster.watch.note(f"{run.run} ends: {how} {run.said} {[task.said for task in run.failed()]}")

    def kill(self, run: DagRun) -> None:
        """Its Airflow is gone for good, and gives nothing back."""
        run.die()
        run.where = "killed"

    def clear(self, run: DagRun, tasks: list[Task]) -> None:
        """A person clears tasks, and what comes after them."""
        for task in tasks:
            self.cluster.watch.note(f"clear {run.run} {task.work}")
            self.cluster.watch.cleared(task.work.node)
            after = run.tasks[run.tasks.index(task) :]
            for one in after:
                same = one.work.group == task.work.group
                if one.work.node == task.work.node or not same:
                    one.reset()
        if run.hop is not None:
            run.where, run.tries = "groups", 0

    def clear_failed(self, run: DagRun) -> None:
        """As its message says: another task of the same node as well, where it names one."""
        todo = []
        for task in run.failed():
            _, named, rest = task.said.partition(_CLEAR_AS_WELL)
            name = rest.split()[0] if named else task.work.step
            same = [t for t in run.tasks if (t.work.group, t.work.node) == (task.work.group, task.work.node)]
            todo.append(next((t for t in same if t.work.step == name), task))
        self.clear(run, todo)

    def _check_api(self) -> None:
        try:
            self.cluster._check_api()
        except errors.CommandFailed as error:
            raise errors.NotSettled(str(error)) from error

    def run_to_its_end(self, run: DagRun, patience: int) -> None:
        """Or until so many steps for each live run have changed nothing."""
        told, since = 0, 0
        while run.live and since < patience * sum(one.live for one in self.runs):
            self.step()
            since = since + 1 if told == len(self.cluster.watch.log) else 0
            told = len(self.cluster.watch.log)


def wish_for(target: str, give_up: tuple[str, ...] = ()) -> Wish:
    return Wish(TargetVersion.parse(target), give_up=give_up)
