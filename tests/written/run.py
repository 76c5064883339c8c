"""A made-up run of a large cluster, in the middle of its workers: some are done, some at work, all others wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from kubeadm_upgrade.hop import Hop, Repository, Source
from kubeadm_upgrade.procedure import GROUPS, TASKS
from kubeadm_upgrade.tasks import Task, task_of
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.waits import Wait

Json = dict[str, Any]

AT_WORK = "drain_node"  # the step that the nodes at work are in
URL = "https://pkgs.k8s.io/core:/stable:/v1.29/deb/"


@dataclass(frozen=True)
class MadeUpRun:
    """`done` of the workers are through, `moving` more are being drained, the others wait to be admitted."""

    cluster: str
    workers: int
    done: int
    moving: int
    control_plane: int = 3
    began: datetime = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

    @property
    def dag_id(self) -> str:
        return f"kubeadm_upgrade.{self.cluster}"

    @cached_property
    def hop(self) -> Hop:
        packages = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), "1.29.15-1.1")
        return Hop(
            cluster=self.cluster,
            came_from=Version(1, 28, 15),
            to=Version(1, 29, 15),
            sources={"deb": Source(Repository(URL, f"{URL}Release.key"), packages)},
            control_plane=tuple(f"{self.cluster}-cp{number}" for number in range(1, self.control_plane + 1)),
            workers=tuple(f"{self.cluster}-w{number}" for number in range(1, self.workers + 1)),
        )

    def tasks(self) -> Iterator[Json]:
        """Each row as old as the run: nothing of it is new."""
        return ({"updated_at": self.began, **row} for row in self._tasks())

    def xcoms(self) -> Iterator[Json]:
        return ({"timestamp": self.began, **row} for row in self._xcoms())

    def _tasks(self) -> Iterator[Json]:
        for minute, task_id in enumerate(("claim", "look", "plan", "control_plane_nodes", "worker_nodes", "preflight")):
            yield {"task_id": task_id, **self._ended(minute, 20)}
        for group, index, position, task in self._of_nodes():
            yield {"task_id": f"{group}.{task.name}", "map_index": index, **self._state(group, index, position, task)}
        yield from ({"task_id": task_id} for task_id in ("verify", "next_hop", "report"))

    def _xcoms(self) -> Iterator[Json]:
        yield {"task_id": "look", "key": "return_value", "value": self._look()}
        yield {"task_id": "plan", "key": "return_value", "value": self.hop.to_json()}
        yield {"task_id": "plan", "key": "path", "value": self.path()}
        yield {"task_id": "preflight", "key": "findings", "value": ["warn: etcd has not been defragmented for 90 days"]}
        for group, index, position, task in self._of_nodes():
            key = {"task_id": f"{group}.{task.name}", "map_index": index}
            done = self._outcomes(group, index, position, task)
            if len(done) == len(task.steps):
                told = done if len(done) > 1 else done[0]
                # as triggers push it, and as workers do
                yield {**key, "key": "return_value", "value": json.dumps(told) if position % 2 else told}
            elif self._is_begun(group, index, position):
                yield {**key, "key": "waiting", "value": self._waiting(index) | {"done": done}}

    def _of_nodes(self) -> Iterator[tuple[str, int, int, Task]]:
        """Every task of every node, and the position of its first step in its group."""
        for group, tasks in TASKS.items():
            for index in range(len(self.hop.nodes_of(group))):
                position = 0
                for task in tasks:
                    yield group, index, position, task
                    position += len(task.steps)

    def _outcomes(self, group: str, index: int, first: int, task: Task) -> list[Json]:
        """Of the steps that are done."""
        steps = [(position, step.name) for position, step in enumerate(task.steps, first)]
        node = self.hop.nodes_of(group)[index]
        return [
            self._outcome(group, index, position, step, node)
            for position, step in steps
            if self._is_done(group, index, position)
        ]

    def _is_done(self, group: str, index: int, position: int) -> bool:
        at_work = [step.name for step in GROUPS["workers"]].index(AT_WORK)
        return group != "workers" or index < self.done or (index < self.done + self.moving and position < at_work)

    def _is_begun(self, group: str, index: int, position: int) -> bool:
        return position == 0 or self._is_done(group, index, position - 1)

    def _state(self, group: str, index: int, position: int, task: Task) -> Json:
        minute, last = self._minute(group, index, position), position + len(task.steps) - 1
        if self._is_done(group, index, last):
            return self._ended(minute, 41.5)
        if self._is_begun(group, index, position):
            return {"state": "deferred", "try_number": 1, "start_date": self._at(minute)}
        return {}

    def _minute(self, group: str, index: int, position: int) -> float:
        """Workers go three at a time and take eight minutes each; what waits began to when the others did."""
        first = {"stage": 3, "control_plane": 5, "control_plane_kubelets": 25, "workers": 40}[group]
        wave = min(index, self.done + self.moving) // 3 if group == "workers" and position else 0
        return first + wave * 8 + position

    def _ended(self, minute: float, seconds: float) -> Json:
        began = self._at(minute)
        return {
            "state": "success",
            "try_number": 1,
            "start_date": began,
            "end_date": began + timedelta(seconds=seconds),
        }

    def _at(self, minute: float) -> datetime:
        return self.began + timedelta(minutes=minute)

    def _outcome(self, group: str, index: int, position: int, step: str, node: str) -> Json:
        began = self._at(self._minute(group, index, position))
        return {
            "step": step,
            "node": node,
            "status": "unchanged" if step == "kubeadm_upgrade_plan" else "changed",
            "actions": [f"sudo -n systemd-run --unit={step}-1-29-15 --property=RemainAfterExit=yes -- {step}"],
            "details": [],
            "group": group,
            "task": task_of(group, step),
            "seconds": 41.5,
            "began": began.isoformat(),
            "ended": (began + timedelta(seconds=41.5)).isoformat(),
            "waited": [["slot", 30.0]],
        }

    def _waiting(self, index: int) -> Json:
        admitted = self.done + self.moving
        if index < admitted:
            reason = f"pods to go from {self.hop.workers[index]}: shop/db-{index}: budget db allows no disruption"
            return {"reason": reason, "since": self._at(45).isoformat(), "kind": Wait.PODS}
        reason = f"its turn: {index - admitted} come first" if index > admitted else "a slot: all of them are taken"
        kind = Wait.TURN if index > admitted else Wait.SLOT
        return {"reason": reason, "since": self._at(40).isoformat(), "kind": kind}

    def _look(self) -> Json:
        nodes = [(name, True) for name in self.hop.control_plane] + [(name, False) for name in self.hop.workers]
        return {
            "cluster_version": "1.28.15",
            "nodes": [
                {
                    "name": name,
                    "control_plane": control_plane,
                    "kubelet": "1.28.15",
                    "components": {"kube-proxy": "1.28.15"},
                    "os_image": "Debian GNU/Linux 12 (bookworm)",
                    "runtime": "containerd://1.7.24",
                    "kernel": "6.1.0-28-amd64",
                    "cgroup": "v2",
                    "settings": {"feature_gates": {}, "flags": {}},
                }
                for name, control_plane in nodes
            ],
            "looked_at": self._at(2).isoformat(),
        }

    def path(self) -> Json:
        groups = {
            "control_plane": [{"nodes": list(self.hop.control_plane), "kubelet": "1.28.15", "reason": ""}],
            "moving": [{"nodes": list(self.hop.workers), "kubelet": "1.28.15", "reason": ""}],
            "waiting": [],
        }
        hop = {"came_from": "1.28.15", "to": "1.29.15", "reason": "", **groups}
        return {"plan": "0123456789ab", "target": "1.29.15", "hops": [hop]}
