"""A path: the hops of the control plane to a target version, and which nodes move in each, with reasons.

Values only; plan.py makes them, plan_page.py and docs/plan.schema.json show them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from kubeadm_upgrade.hop import work_on_etcd
from kubeadm_upgrade.version import Version


class WorkerMoves(StrEnum):
    """In which hops workers are drained and upgraded."""

    FEWEST = "fewest"  # only where the next hop would break the skew policy, and at the end
    EVERY_HOP = "every-hop"
    EVEN = "even"  # as few as fewest, in jumps of like length: farther from the edge of the policy


@dataclass(frozen=True)
class Policy:
    """What a fleet decides about its paths."""

    worker_moves: WorkerMoves = WorkerMoves.FEWEST
    max_kubelet_skew: int = 3  # minor releases a kubelet may be behind; the skew policy's own limit holds as well
    # "ensure that components are on the most recent patch version of your current minor version": skew policy page
    latest_patch_first: bool = True
    # a release may need a newer etcd before it than kubeadm of the one below deploys: may a hop of its own bring it?
    pass_etcd_gates: bool = False
    # preflight errors by which kubeadm would refuse a hop, and why they are passed over: see kubeadm_preflight.py
    ignore_preflight_errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    """Nodes that fare alike in a hop: the kubelet version they come with, and why they move or wait."""

    nodes: tuple[str, ...]
    kubelet: Version
    reason: str
    group: str = ""  # of the rollout, where the cluster's file has some

    @property
    def who(self) -> str:
        """What goes before the names of its nodes."""
        return f"{self.group}: " if self.group else ""


@dataclass(frozen=True)
class Change:
    """What else a hop brings: a component with a version of its own, as kubeadm deploys it by default.

    `before` is None where nothing is known of it.
    """

    component: str
    before: str | None
    after: str


@dataclass(frozen=True)
class PathHop:
    """The control plane moves from one version to another, and then these workers."""

    came_from: Version
    to: Version
    reason: str
    control_plane: tuple[Group, ...]  # one node at a time, in this order; their kubelets after the last apiserver
    moving: tuple[Group, ...]
    waiting: tuple[Group, ...]
    changes: tuple[Change, ...] = ()
    etcd_pin: str | None = None  # first etcd.local.imageTag in kubeadm-config is set to this: a hop through etcd's gate
    lifts_etcd_pin: bool = False  # first the tag that an earlier hop has set there is taken out again
    etcd_minimum: str | None = None  # what every member of etcd must be at before the control plane moves
    removed_apis: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()  # what is in use on this cluster and would stop working
    notes: tuple[str, ...] = ()
    release_notes: str = ""
    upgrade_page: str = ""

    @property
    def workers(self) -> tuple[str, ...]:
        """The workers that move."""
        return tuple(name for group in self.moving for name in group.nodes)

    @property
    def etcd_work(self) -> tuple[str, ...]:
        """What is done to kubeadm-config before kubeadm applies; mostly nothing."""
        return work_on_etcd(self.etcd_pin, lifts=self.lifts_etcd_pin)


@dataclass(frozen=True)
class Path:
    """Everything from here to the target."""

    target: Version
    policy: Policy
    hops: tuple[PathHop, ...]

    @property
    def drains(self) -> Mapping[str, int]:
        """How often each worker is drained; those that never are, are missing."""
        return Counter(name for hop in self.hops for name in hop.workers)

    @property
    def hash(self) -> str:
        """The same for the same work, however its reasons are worded: the plan's name for people and approvals."""
        work = [
            [
                str(hop.came_from),
                str(hop.to),
                sorted(name for group in hop.control_plane for name in group.nodes),
                sorted(hop.workers),
                *hop.etcd_work,
            ]
            for hop in self.hops
        ]
        if ignored := sorted(self.policy.ignore_preflight_errors):
            work.append(["ignores", *ignored])
        return hashlib.sha256(json.dumps(work).encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """As docs/plan.schema.json describes it."""
        plain: dict[str, Any] = _plain(asdict(self))
        return {"plan": self.hash, **plain}


def _plain(value: Any) -> Any:
    """dataclasses.asdict takes Versions apart as well; this puts them together again."""
    match value:
        case {"major": major, "minor": minor, "patch": patch, "pre": pre}:
            return str(Version(major, minor, patch, pre))
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            return value
