"""Where does the path lead, and how far along it are we? Read from what the task `plan` pushes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Self

from demo.steps import how_many
from kubeadm_upgrade.next_hop import successor_of
from kubeadm_upgrade.wording import count

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Hop:
    """What one run does; `drained` are those of its `workers` that move."""

    came_from: str
    to: str
    control_plane: frozenset[str]
    workers: frozenset[str]
    drained: frozenset[str]

    @classmethod
    def of_json(cls, hop: Json) -> Self:
        drained = frozenset(_names(hop["moving"]))
        # the run looks at them again: one of them may still be cordoned
        there = frozenset(_names(group for group in hop["waiting"] if group["kubelet"] == hop["to"]))
        return cls(hop["came_from"], hop["to"], frozenset(_names(hop["control_plane"])), drained | there, drained)

    @property
    def steps(self) -> int:
        return how_many(len(self.control_plane), len(self.workers))

    def touches(self, node: str) -> bool:
        return node in self.control_plane or node in self.workers

    def __str__(self) -> str:
        return f"{self.came_from} → {self.to}"


@dataclass(frozen=True)
class Journey:
    """The hops of a path, and how many of them are over."""

    hops: tuple[Hop, ...]
    over: int = 0

    @classmethod
    def of_json(cls, path: Json) -> Self:
        return cls(tuple(Hop.of_json(hop) for hop in path["hops"]))

    @classmethod
    def unplanned(cls, nodes: Mapping[str, bool]) -> Self:
        """What to expect before there is a plan: one hop of all nodes; each with: is it a control plane node?"""
        control_plane = frozenset(name for name, is_control_plane in nodes.items() if is_control_plane)
        workers = frozenset(nodes) - control_plane
        return cls((Hop("", "", control_plane, workers, workers),))

    @property
    def hop(self) -> Hop:
        """The one under way."""
        return self.hops[self.over]

    @property
    def is_last(self) -> bool:
        return self.over == len(self.hops) - 1

    @property
    def steps(self) -> int:
        return sum(hop.steps for hop in self.hops)

    @property
    def steps_before(self) -> int:
        """Those of the hops that are over."""
        return sum(hop.steps for hop in self.hops[: self.over])

    @property
    def here(self) -> str:
        """For people; empty where there is only one hop, which needs no number."""
        return f"hop {self.over + 1} of {len(self.hops)}: {self.hop}" if len(self.hops) > 1 else ""

    @property
    def summary(self) -> str:
        """For people; empty where there is only one hop, which is no path."""
        if len(self.hops) == 1:
            return ""
        stops = ", ".join(hop.to for hop in self.hops)
        return f"path: {len(self.hops)} hops: {stops}; {_drains(self.most_drains)}"

    @property
    def most_drains(self) -> int:
        """How often the worker is drained that is drained most often."""
        return max(Counter(name for hop in self.hops for name in hop.drained).values(), default=0)

    def runs(self, first: str) -> tuple[str, ...]:
        """The ids of the runs so far, the one under way last; `first` has started the path."""
        return tuple(accumulate(range(self.over), lambda run, _: successor_of(run), initial=first))

    def planned_anew(self, rest: Journey) -> Journey:
        """Each run plans what is left, its own hop first; what is over stays."""
        return replace(self, hops=(*self.hops[: self.over], *rest.hops))

    def onward(self) -> Journey:
        return replace(self, over=self.over + 1)


def _names(groups: Any) -> Iterator[str]:
    return (name for group in groups for name in group["nodes"])


def _drains(times: int) -> str:
    return f"at most {count(times, 'drain')} per worker" if times else "no drains"
