"""What a rehearsal has found, as values: the plan, preflight, the log and the command say the same sentences of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kubeadm_upgrade.wording import count, shortened


class Kind(StrEnum):
    """What would come of it."""

    REFUSED = "refused"  # the drain would not begin
    NEVER = "never"  # an eviction is not granted, and will not be while all is as it is
    NOT_NOW = "not-now"  # an eviction is not granted at this moment
    NO_ROOM = "no-room"  # what is evicted finds no place
    LITTLE_ROOM = "little-room"  # it may find none
    SLOWER = "slower"  # nodes that are out together wait for each other


# The worst first, with what whoever plans is told over them.
HEADS: Mapping[Kind, str] = {
    Kind.REFUSED: "The drain would be refused",
    Kind.NEVER: "The drain would wait for as long as all is as it is",
    Kind.NOT_NOW: "The drain would wait now",
    Kind.NO_ROOM: "Pods would find no place",
    Kind.LITTLE_ROOM: "Pods may find no place",
    Kind.SLOWER: "Drains would wait for each other",
}


@dataclass(frozen=True)
class Foreseen:
    """One thing that would be in the way of a node, or of several that are out at the same time."""

    kind: Kind
    nodes: tuple[str, ...]
    says: str
    do: str = ""

    @property
    def where(self) -> str:
        return self.nodes[0] if len(self.nodes) == 1 else f"{shortened(self.nodes, 3)} out together"

    def __str__(self) -> str:
        return f"{self.where}: {self.says}" + (f": {self.do}" if self.do else "")

    def to_json(self) -> dict[str, Any]:
        return {"kind": str(self.kind), "nodes": list(self.nodes), "says": self.says, "do": self.do}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Foreseen:
        return cls(Kind(plain["kind"]), tuple(plain["nodes"]), plain["says"], plain["do"])


@dataclass(frozen=True)
class Rehearsal:
    """Of the drains of these nodes, at one moment. Where nothing was found and nothing is unknown, nothing was met."""

    nodes: tuple[str, ...] = ()
    found: tuple[Foreseen, ...] = ()
    unknown: tuple[str, ...] = ()  # what was to be asked, and was not, or not answered
    unjudged: tuple[str, ...] = ()  # what no rehearsal judges
    evictions: int = 0  # Pods to evict
    asked: int = 0  # of them, those whose eviction was tried in a dry run

    @classmethod
    def failed(cls, why: str) -> Rehearsal:
        return cls(unknown=(f"the drains could not be rehearsed: {why}",))

    @classmethod
    def left_out(cls, cluster: str) -> Rehearsal:
        why = "the cluster's file says drain.rehearsal: false"
        by_hand = f"python -m kubeadm_upgrade rehearse {cluster} does it all the same"
        return cls(unknown=(f"the drains were not rehearsed: {why} ({by_hand})",))

    def of(self, node: str) -> Iterator[Foreseen]:
        """What this node would meet by itself."""
        return (one for one in self.found if one.nodes == (node,))

    @property
    def is_clear(self) -> bool:
        """Whether all was asked, and nothing is in the way; to wait for each other is no trouble."""
        return not self.unknown and all(one.kind is Kind.SLOWER for one in self.found)

    @property
    def summary(self) -> str:
        """One line."""
        if not self.nodes:
            return "no drain was rehearsed"
        nodes = {name for one in self.found if one.kind is not Kind.SLOWER for name in one.nodes}
        met = f"something is in the way of {len(nodes)}" if nodes else "nothing is in their way"
        sure = ", as far as could be asked" if self.unknown else ""
        return (
            f"{count(len(self.nodes), 'drain')} rehearsed: {met}{sure} "
            f"({self.asked:,} of {count(self.evictions, 'eviction')} asked for in a dry run)"
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "nodes": list(self.nodes),
            "found": [one.to_json() for one in self.found],
            "unknown": list(self.unknown),
            "unjudged": list(self.unjudged),
            "evictions": self.evictions,
            "asked": self.asked,
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Rehearsal:
        return cls(
            tuple(plain["nodes"]),
            tuple(map(Foreseen.from_json, plain["found"])),
            tuple(plain["unknown"]),
            tuple(plain["unjudged"]),
            plain["evictions"],
            plain["asked"],
        )
