"""Slots: who may be out of service now, kept in one object in the cluster itself (design, decision 5).

A slot is taken before a node is cordoned and given back when it is Ready and uncordoned again. A node that
fails keeps its slot. The object is changed only as it was looked at (resourceVersion), so two Airflows, a
retried task and a person with kubectl all see the same count.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from kubeadm_upgrade.errors import UnreadableOutput

CONTROL_PLANE = "control-plane"
WORKER = "worker"

NAMESPACE = "kube-system"
CONFIG_MAP = "kubeadm-fleet-slots"


def resolve_max_unavailable(value: int | str, workers: int) -> int:
    """A count, or a percentage of the workers rounded as Kubernetes rounds maxUnavailable (down), never below one.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable
    """
    if isinstance(value, str):
        return max(1, math.floor(int(value.removesuffix("%")) * workers / 100))
    return max(1, value)


@dataclass(frozen=True)
class Member:
    """How a node of a lane stands."""

    finished: bool  # at the target, Ready, and not cordoned by us
    available: bool  # in service, or out of it since before this run and so not counted


@dataclass(frozen=True)
class Lane:
    """All that decides whether one more node of its kind may be taken out of service."""

    name: str
    limit: int
    order: tuple[str, ...]
    members: Mapping[str, Member]
    holders: frozenset[str] = frozenset()

    def holds(self, node: str) -> bool:
        return node in self.holders

    def why_wait(self, node: str) -> str | None:
        """Why `node` may not take a slot now; None when it may."""
        unavailable = self.holders | {
            name for name, member in self.members.items() if not member.available and name != node
        }
        if len(unavailable) >= self.limit:
            names = ", ".join(sorted(unavailable))
            limit = f"{self._count(self.limit)} may be out of service at a time"
            return f"{limit}, and {names} {self._is(unavailable)}{self._how_to_release()}"
        for earlier in self.order[: self.order.index(node)] if node in self.order else ():
            member = self.members.get(earlier)  # gone from the cluster: nothing to wait for
            if member is not None and not member.finished and earlier not in self.holders:
                return f"it is the turn of {earlier}"
        return None

    def turns_until(self, node: str) -> int:
        """How many rounds of slots come before this node's; the last of a hundred need not look every two seconds."""
        before = self.order[: self.order.index(node)] if node in self.order else ()
        waiting = [name for name in before if name in self.members and not self.members[name].finished]
        return 1 + len(set(waiting) - self.holders) // self.limit

    def _how_to_release(self) -> str:
        """An earlier run's holder that this run does not come to keeps its slot until somebody does something."""
        strangers = ", ".join(sorted(self.holders - set(self.order)))
        way = f"name it in the parameter nodes, or take it out of ConfigMap {NAMESPACE}/{CONFIG_MAP}"
        return f" ({strangers} holds a slot of an earlier run: {way})" if strangers else ""

    def _count(self, number: int) -> str:
        return f"{number} {self.name} node" + ("s" if number > 1 else "")

    @staticmethod
    def _is(names: frozenset[str]) -> str:
        return "are" if len(names) > 1 else "is"


@dataclass(frozen=True)
class Slots:
    """The content of the slots object: per lane, who holds a slot and for which run."""

    holders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # lane -> node -> run id

    @classmethod
    def read(cls, data: Mapping[str, str] | None) -> Slots:
        """Read a ConfigMap's data; an absent object has no holders. Raises UnreadableOutput for a bad edit."""
        return cls({lane: _holders(lane, text) for lane, text in (data or {}).items()})

    def data(self) -> dict[str, str]:
        """As ConfigMap data: one key a lane, so that `kubectl get -o yaml` reads well."""
        return {lane: json.dumps(nodes, sort_keys=True) for lane, nodes in self.holders.items()}

    def held_in(self, lane: str) -> frozenset[str]:
        return frozenset(self.holders.get(lane, {}))

    def take(self, lane: str, node: str, run: str) -> Slots:
        return replace(self, holders={**self.holders, lane: {**self.holders.get(lane, {}), node: run}})

    def give_back(self, lane: str, node: str) -> Slots:
        left = {name: run for name, run in self.holders.get(lane, {}).items() if name != node}
        return replace(self, holders={**self.holders, lane: left})


def _holders(lane: str, text: str) -> Mapping[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and all(isinstance(run, str) for run in found.values()):
        return found
    where = f"ConfigMap {NAMESPACE}/{CONFIG_MAP}"
    raise UnreadableOutput(f'{where}: {lane} must be JSON such as {{"node": "run id"}}, not {text!r}: mend it by hand')
