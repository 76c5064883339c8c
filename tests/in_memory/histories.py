"""Random histories of a cluster: what runs, people and bad luck may do, one event after the other."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from in_memory import states
from in_memory.airflow import Airflow, DagRun, Task, wish_for
from in_memory.cluster import COMPONENTS, Cluster
from kubeadm_upgrade.next_hop import successor_of
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.version import Version

MINORS = range(31, 35)
TARGETS = ("1.31", "1.31.5", "1.32", "1.32.3", "1.33", "1.34.4", "1.34")
NEWEST = Version(1, 34, states.LAST_PATCH)
PATIENCE = 600  # steps in which nothing happens, for each run that lives
TRIES = 18  # runs that a history may need in the end: one for each hop and worker, and some that meet what others left
CLEARS = 6


@dataclass(frozen=True)
class Start:
    """What a cluster is like before its history."""

    control_plane: int = 2
    workers: int = 2
    lag: int = 0  # minor releases that the workers are behind
    slow: int = 0
    max_unavailable: int = 1
    workers_per_run: int | None = None
    gates: bool = False  # of etcd, which are passed
    chance: int = 0

    def cluster(self) -> Cluster:
        return Cluster(
            self.control_plane,
            self.workers,
            lag=self.lag,
            slow=self.slow,
            max_unavailable=self.max_unavailable,
            workers_per_run=self.workers_per_run,
            policy=Policy(pass_etcd_gates=self.gates),
            releases=states.gated_releases() if self.gates else states.releases(),
        )


class History:
    """Events by name, each with two numbers of which it makes what it needs; what makes no sense now, is nothing."""

    def __init__(self, start: Start) -> None:
        self.cluster = start.cluster()
        self.airflow = Airflow(self.cluster, random.Random(start.chance))
        self.added = 0

    def happen(self, name: str, a: int, b: int) -> None:
        self.cluster.watch.note(f"--- {name} {a} {b}")
        getattr(self, name)(a, b)

    # Runs

    def start(self, a: int, b: int) -> None:
        """Mostly nobody else is told to lose the cluster."""
        give_up = tuple(self._workers()[:1]) if b % 7 == 6 and len(self._workers()) > 1 else ()
        self.airflow.trigger(wish_for(TARGETS[a % len(TARGETS)], give_up))

    def take_over(self, a: int, b: int) -> None:
        holder = self.cluster.ledger.holder
        self.airflow.trigger(wish_for(TARGETS[a % len(TARGETS)]), holder.run.dag_run if holder else "")

    def advance(self, a: int, b: int) -> None:
        for _ in range(a * 3 + b):
            self.airflow.step()

    def advance_far(self, a: int, b: int) -> None:
        for _ in range(a * 40 + b):
            self.airflow.step()

    def advance_to_kubeadm(self, a: int, b: int) -> None:
        """Into the middle of an upgrade that kubeadm makes, where most can go wrong."""
        for _ in range(400):
            if any(map(self._busy, self.cluster.nodes)):
                break
            self.airflow.step()
        self.advance(a // 2, b)

    def die(self, a: int, b: int) -> None:
        """A worker or triggerer process dies in the middle of tasks; a triggerer goes on with what it was handed."""
        for task in self._at_work():
            task.die()
            if b % 2:
                task.reset()

    def twin(self, a: int, b: int) -> None:
        if tasks := self._at_work():
            self.airflow.twin_of(tasks[a % len(tasks)])

    def mark_failed(self, a: int, b: int) -> None:
        if live := [run for run in self.airflow.runs if run.live]:
            self.airflow.end(live[a % len(live)], "failed")

    def kill(self, a: int, b: int) -> None:
        if live := [run for run in self.airflow.runs if run.live]:
            self.airflow.kill(live[a % len(live)])

    def clear_failed(self, a: int, b: int) -> None:
        if failed := [run for run in self.airflow.runs if run.failed()]:
            self.airflow.clear_failed(failed[a % len(failed)])

    def clear(self, a: int, b: int) -> None:
        """Any task of any run that was begun, however old."""
        if runs := [run for run in self.airflow.runs if run.tasks]:
            run = runs[a % len(runs)]
            begun = [task for task in run.tasks if task.state in ("success", "failed")]
            if begun:
                self.airflow.clear(run, [begun[b % len(begun)]])

    # The ledger, by hand

    def give_up(self, a: int, b: int) -> None:
        if workers := self._workers():
            name = workers[a % len(workers)]
            self.cluster.edit_ledger(lambda ledger: replace(ledger, given_up={**ledger.given_up, name: "its disk"}))

    def take_back(self, a: int, b: int) -> None:
        self.cluster.edit_ledger(lambda ledger: replace(ledger, given_up={}))

    def pause(self, a: int, b: int) -> None:
        self.cluster.edit_ledger(lambda ledger: replace(ledger, paused="an incident"))

    def unpause(self, a: int, b: int) -> None:
        self.cluster.edit_ledger(lambda ledger: replace(ledger, paused=None))

    def abort(self, a: int, b: int) -> None:
        self.cluster.edit_ledger(lambda ledger: replace(ledger, aborted="an incident"))

    def take_slot_out(self, a: int, b: int) -> None:
        """As documented: who takes a slot out knows that nothing is at work there, and has mended the node."""
        slots = [name for name in self.cluster.ledger.slots if not self._busy(name)]
        if slots:
            name = slots[a % len(slots)]
            if name in self.cluster.nodes:
                self.cluster.uncordon(name)
                self.cluster.finish_by_hand(name)
            self.cluster.edit_ledger(lambda ledger: ledger.given_back(name))

    # The cluster, by hand

    def policy(self, a: int, b: int) -> None:
        self.cluster.inventory = replace(self.cluster.inventory, max_unavailable=1 + a % 2)

    def move_node(self, a: int, b: int) -> None:
        """One whole node, to where its control plane is or to where it may go next."""
        if self._kubeadm_runs() or self._unwell():
            return
        names = sorted(self.cluster.nodes)
        self._move(names[a % len(names)], self._next(b))

    def move_all(self, a: int, b: int) -> None:
        """The whole cluster, in the order of the page."""
        if self._kubeadm_runs() or self._unwell():
            return
        to = self._next(b)
        for _ in range(2):  # the kubelets of the control plane follow its last apiserver
            for name in sorted(self.cluster.nodes):
                self._move(name, to)

    def add_worker(self, a: int, b: int) -> None:
        if len(self._workers()) < 5:
            old = [node.name for node in self.cluster.removed if not node.control_plane]
            name = old[-1] if b % 2 and old and old[-1] not in self.cluster.nodes else f"x{self.added}"
            self.added += 1
            self.cluster.add_node(name)
            self.cluster.watch.see(None)

    def add_control_plane(self, a: int, b: int) -> None:
        """kubeadm joins at the version that is written down, where that is healthy."""
        nodes = self.cluster.of_kind(control_plane=True)
        if len(nodes) in (1, 2) and not self._unwell() and not self._kubeadm_runs():
            names = [f"cp{number}" for number in range(1, 5)]
            free = [name for name in names if name not in self.cluster.nodes]
            self.cluster.add_node(free[b % len(free)], control_plane=True)
            self.cluster.watch.see(None)

    def remove_worker(self, a: int, b: int) -> None:
        workers = self._workers()
        if len(workers) > 1:
            self.cluster.remove_node(workers[a % len(workers)])
            self.cluster.watch.see(None)

    def remove_control_plane(self, a: int, b: int) -> None:
        nodes = [node.name for node in self.cluster.of_kind(control_plane=True)]
        if len(nodes) == 3:
            self.cluster.remove_node(nodes[a % 3])
            self.cluster.watch.see(None)

    def cordon(self, a: int, b: int) -> None:
        names = sorted(self.cluster.nodes)
        self.cluster.cordon(names[a % len(names)])

    def uncordon(self, a: int, b: int) -> None:
        names = sorted(self.cluster.nodes)
        self.cluster.uncordon(names[a % len(names)])

    # Bad luck

    def unit_fails(self, a: int, b: int) -> None:
        names = sorted(self.cluster.nodes)
        self.cluster.nodes[names[a % len(names)]].fail_next = 1 + b % 2

    def reboot(self, a: int, b: int) -> None:
        names = sorted(self.cluster.nodes)
        self.cluster.reboot(names[a % len(names)])

    def reboot_busy(self, a: int, b: int) -> None:
        """In the middle of kubeadm, which is where it hurts."""
        if busy := [name for name in sorted(self.cluster.nodes) if self._busy(name)]:
            self.cluster.reboot(busy[a % len(busy)])

    def get_sick(self, a: int, b: int) -> None:
        names = sorted(self.cluster.nodes)
        self.cluster.get_sick(names[a % len(names)])

    def mend(self, a: int, b: int) -> None:
        self.cluster.mend()

    def at_work(self, a: int, b: int) -> None:
        names = sorted(self.cluster.nodes)
        self.cluster.nodes[names[a % len(names)]].at_work = ("kubeadm certs renew all",)

    def hours_pass(self, a: int, b: int) -> None:
        self.cluster.clock += timedelta(hours=1 + a)

    # In the end

    def bring_to_success(self) -> list[str]:
        """People mend what is broken, and start runs until the newest target is reached. Returns what is not well."""
        cluster = self.cluster
        cluster.watch.note("--- in the end")
        for _ in range(20):
            cluster.tick()
        self._mend_everything()
        stuck = 0
        for _ in range(TRIES):
            holder = cluster.ledger.holder
            held = holder is not None and holder.released is None
            last = self.airflow.trigger(wish_for(str(NEWEST)), holder.run.dag_run if held and holder else "")
            last = self._to_its_end(last)
            if last.where == "success" and not self._shortcomings():
                return []
            stuck += last.live
            if stuck > 2:
                break
            self._mend_everything()
        told = [f"{task.work}: {task.state} {task.said}" for task in last.tasks if task.state != "success"]
        return [*self._shortcomings(), f"{last.run} {last.where}: {last.said}", *told[:6]]

    def _to_its_end(self, run: DagRun) -> DagRun:
        """With all the runs of its path; whoever fails is cleared some times, as its message says."""
        for _ in range(CLEARS):
            self.airflow.run_to_its_end(run, PATIENCE)
            while run.where == "success" and run.goes_on:
                name = successor_of(run.run.dag_run)
                run = next((one for one in self.airflow.runs if one.live and one.run.dag_run == name), run)
                if not run.live:
                    break
                self.airflow.run_to_its_end(run, PATIENCE)
            if run.where == "success" or not run.failed():
                return run
            self._mend_everything()
            self.airflow.clear_failed(run)
        return run

    def _mend_everything(self) -> None:
        self.cluster.mend()
        self.cluster.edit_ledger(lambda ledger: replace(ledger, paused=None))
        if any(node.control_plane for node in self.cluster.removed):
            # kubeadm leaves the addons to the last control plane node; where that has left, nobody moves them
            self.cluster._addons()

    def _shortcomings(self) -> list[str]:
        cluster, ledger = self.cluster, self.cluster.ledger
        nodes = cluster.nodes.values()
        found = [f"{node.name} runs kubelet {node.kubelet}" for node in nodes if node.kubelet != NEWEST]
        found += [f"{node.name} is not Ready" for node in nodes if not node.ready]
        found += [f"{node.name} is still cordoned by us" for node in nodes if node.cordoned_by]
        found += [f"the kubelet of {node.name} is configured for {node.configured}" for node in nodes if _unfit(node)]
        found += [f"{name} still holds a slot" for name in ledger.slots if name in cluster.nodes]
        found += [
            f"{component} on {node.name} is {node.manifests[component]}"
            for node in cluster.of_kind(control_plane=True)
            for component in COMPONENTS[1:]
            if node.manifests[component] != NEWEST.tag
        ]
        found += [f"{name} is not held on {node.name}" for node in nodes for name in node.packages.keys() - node.held]
        if cluster.kube_proxy != NEWEST:
            found.append(f"kube-proxy is {cluster.kube_proxy}")
        holder = ledger.holder
        waited = holder is not None and any(run.live and run.run == holder.run for run in self.airflow.runs)
        if holder is None or (holder.released is None and not waited):  # else one that had waited has its turn
            found.append("the ledger is not released")
        return found

    # Small things

    def _workers(self) -> list[str]:
        return sorted(node.name for node in self.cluster.of_kind(control_plane=False))

    def _at_work(self) -> list[Task]:
        return [task for run in self.airflow.runs if run.live for task in run.ready_tasks()]

    def _busy(self, name: str) -> bool:
        node = self.cluster.nodes.get(name)
        return node is not None and node.busy

    def _kubeadm_runs(self) -> bool:
        """Who moves a cluster by hand looks first whether kubeadm is at work anywhere, apt included."""
        running = (unit.state[2] == "running" for node in self.cluster.nodes.values() for unit in node.units.values())
        return any(running)

    def _unwell(self) -> bool:
        nodes = self.cluster.of_kind(control_plane=True)
        return any(node.down or not node.ready or len(node.static) < len(COMPONENTS) for node in nodes)

    def _next(self, number: int) -> Version:
        """A later patch, or one of the next minor release, as far as kubelets let the control plane go."""
        now = self.cluster.version
        oldest = min(node.kubelet for node in self.cluster.nodes.values())
        minor = now.minor + number % 2
        behind = {version.minor for version in self.cluster.apiservers()} != {now.minor}
        if behind or minor - oldest.minor > 3 or minor not in MINORS or self._gated(minor):
            minor = now.minor
        patch = states.LAST_PATCH if minor == now.minor and now.patch > 6 else (now.patch + number) % 10
        return max(now, *self.cluster.apiservers(), Version(1, minor, patch))

    def _gated(self, minor: int) -> bool:
        return minor != self.cluster.version.minor and self.cluster.releases.of(minor).needs.etcd is not None

    def _move(self, name: str, to: Version) -> None:
        node: Any = self.cluster.nodes[name]
        if not node.down:
            self.cluster.move_by_hand(name, to)


def _unfit(node: Any) -> bool:
    return node.configured.minor != node.kubelet.minor


EVENTS = tuple(
    name for name in vars(History) if not name.startswith("_") and name not in ("happen", "bring_to_success")
)
