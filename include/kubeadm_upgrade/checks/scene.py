"""What preflight judges: the whole cluster at one moment, and whatever could not be looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.facts import HostFacts, NodeFacts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.machine import NOT_LOOKED_AT, Machine
from kubeadm_upgrade.outsiders import Outsider
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.rehearsal.finding import Rehearsal
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.settings import NO_SETTINGS, Settings


@dataclass(frozen=True)
class LookedAtHost:
    """A host, or the sentence why it could not be looked at."""

    facts: HostFacts | None = None
    published: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unpublished: str = ""  # why the repository did not answer this host
    settings: Settings = NO_SETTINGS  # the kubelet's
    machine: Machine = NOT_LOOKED_AT
    kubelet_owners: tuple[str, ...] | None = None  # packages that its running binary is of; None: nobody was asked
    error: str | None = None
    unread: tuple[str, ...] = ()  # sentences on the answers that nobody could read


@dataclass(frozen=True)
class Scene:
    """Everything the checks may judge by."""

    hop: Hop
    policy: RolloutPolicy
    today: date
    nodes: tuple[NodeFacts, ...]
    hosts: Mapping[str, LookedAtHost]  # the hosts of this run's nodes
    pods: Mapping[str, tuple[PodFacts, ...]]  # by node
    control_plane: ControlPlaneFacts
    ledger: Ledger
    releases: Releases
    outsiders: tuple[Outsider, ...] = ()  # Nodes that are left as they are
    now: datetime | None = None  # None: sometime on that day
    rehearsal: Rehearsal | None = None  # of this run's drains; None where only what blocks is asked for

    @property
    def concerned(self) -> tuple[NodeFacts, ...]:
        """The nodes of this run that wait for it: the control plane and the chosen workers.

        Not those that were given up; nor those that it is at work on, which are as the middle of a step leaves them.
        """
        names = {*self.hop.control_plane, *self.hop.workers} - self.ledger.given_up.keys() - self.ledger.at_work_on
        return tuple(node for node in self.nodes if node.name in names)

    def is_to_move(self, node: NodeFacts) -> bool:
        """Whether kubeadm or a newer kubelet will run on it, as far as images say which version they are."""
        plane = self.control_plane
        known_to_be_there = not plane.unversioned and plane.arrived(node.name, self.hop.to, self.hop.etcd_pin)
        return node.kubelet != self.hop.to or (node.control_plane and not known_to_be_there)

    @property
    def looked_at(self) -> Iterator[tuple[str, HostFacts]]:
        """The hosts that could be looked at, by their nodes' names."""
        for name, host in self.hosts.items():
            if host.facts is not None:
                yield name, host.facts

    @property
    def machines(self) -> Iterator[tuple[NodeFacts, Machine]]:
        for node in self.concerned:
            host = self.hosts.get(node.name)
            if host is not None and host.facts is not None:
                yield node, host.machine
