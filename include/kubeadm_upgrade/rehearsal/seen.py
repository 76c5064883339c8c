"""What was looked at for a rehearsal: nodes, Pods and what they ask of nodes, budgets, volumes, the API's answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubeadm_upgrade.drain.obstacle import Obstacle
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.reading import name_of, reading
from kubeadm_upgrade.rehearsal.budget import BudgetFacts
from kubeadm_upgrade.rehearsal.node_terms import Terms, read_terms
from kubeadm_upgrade.rehearsal.quantity import amounts
from kubeadm_upgrade.rehearsal.taints import Taint, read_taints
from kubeadm_upgrade.rehearsal.wants import Wants, read_wants

Json = Mapping[str, Any]
Claim = tuple[str, str]  # namespace, name


@dataclass(frozen=True)
class NodeSeen:
    """A Node as a scheduler sees it."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    allocatable: Mapping[str, int] = field(default_factory=dict)  # thousandths


@dataclass(frozen=True)
class PodSeen:
    """A Pod on a node."""

    facts: PodFacts
    node: str
    wants: Wants
    pending: bool = False  # it has come here, and does not run yet: no budget keeps it

    @property
    def counts(self) -> bool:
        """Whether it still takes room. One that is going will have gone before anything is drained."""
        return not self.facts.finished and not self.facts.terminating


@dataclass(frozen=True)
class Seen:
    """The cluster at one moment. Nobody was asked about a Pod that is in neither `answers` nor `silent`."""

    nodes: tuple[NodeSeen, ...] = ()
    pods: tuple[PodSeen, ...] = ()
    budgets: tuple[BudgetFacts, ...] | None = ()  # None: they could not be listed
    volumes: Mapping[Claim, Terms] | None = field(default_factory=dict)  # where they can be used; None: not looked at
    answers: Mapping[str, Obstacle | None] = field(default_factory=dict)  # by uid: what a dry run of an eviction met
    silent: Mapping[str, str] = field(default_factory=dict)  # by uid: why nobody has answered
    unknown: tuple[str, ...] = ()  # what else could not be looked at


def read_node(item: Json) -> NodeSeen:
    with reading(f"Node {name_of(item)}"):
        spec, status = item.get("spec") or {}, item.get("status") or {}
        return NodeSeen(
            name=item["metadata"]["name"],
            labels=item["metadata"].get("labels") or {},
            taints=read_taints(spec.get("taints")),
            unschedulable=bool(spec.get("unschedulable")),
            allocatable=amounts(status.get("allocatable")),
        )


def read_pods(items: Iterable[Json], facts: Iterable[PodFacts]) -> tuple[PodSeen, ...]:
    """Pods that are on nodes, with what a drain knows of each."""
    alike: dict[Wants, Wants] = {}  # one object for all that are equal: they are looked up by it again and again
    found = []
    for item, known in zip(items, facts, strict=True):
        wants = read_wants(item)
        with reading(f"Pod {name_of(item)}"):
            pending = (item.get("status") or {}).get("phase") == "Pending"
            found.append(PodSeen(known, item["spec"]["nodeName"], alike.setdefault(wants, wants), pending))
    return tuple(found)


def read_volumes(items: Iterable[Json]) -> Mapping[Claim, Terms]:
    """Of PersistentVolumes that a claim has and that only some nodes may use: local ones, and those of a zone."""
    found: dict[Claim, Terms] = {}
    for item in items:
        with reading(f"PersistentVolume {name_of(item)}"):
            claim, terms = (
                item["spec"].get("claimRef"),
                read_terms((item["spec"].get("nodeAffinity") or {}).get("required")),
            )
            if claim and terms is not None:
                found[claim["namespace"], claim["name"]] = terms
    return found
