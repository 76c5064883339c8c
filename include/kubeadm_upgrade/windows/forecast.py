"""Which node moves in which window, told beforehand: for the plan's page, and for whoever approves it.

It begins with each node as the gates will (admission/window.py), so it is wrong only where a step takes another time
than it mostly does, or where somebody waits for something else.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from kubeadm_upgrade.board.words import roughly
from kubeadm_upgrade.planning.path import Group, Path, PathHop
from kubeadm_upgrade.rollout.placement import Placed
from kubeadm_upgrade.windows.calendar import ALWAYS, ALWAYS_WAS, NEVER_ENDS, Calendar, Opening, Work
from kubeadm_upgrade.windows.hold import BEFORE, Job, first_that_fits, hold
from kubeadm_upgrade.windows.need import STEPS_OF, Durations, need
from kubeadm_upgrade.windows.words import opening_told
from kubeadm_upgrade.wording import count, shortened

# From the last node of a hop until the next one may begin: verify, look, plan, preflight and the packages.
_BETWEEN_HOPS = timedelta(minutes=3)


@dataclass(frozen=True)
class Part:
    """Nodes of one task group that move in the same window, in the same hop."""

    to: str
    group: str
    nodes: tuple[str, ...]

    @property
    def told(self) -> str:
        names = shortened(self.nodes)
        return {"control_plane": f"control plane to {self.to}", "workers": names}.get(
            self.group, f"kubelets of {names}"
        )

    def to_json(self) -> dict[str, Any]:
        return {"to": self.to, "group": self.group, "nodes": list(self.nodes)}


@dataclass(frozen=True)
class InWindow:
    """A window, and what moves in it."""

    opening: Opening
    parts: tuple[Part, ...]

    def told(self, calendar: Calendar) -> str:
        return f"{opening_told(self.opening, calendar)}: {', '.join(part.told for part in self.parts)}"

    def to_json(self) -> dict[str, Any]:
        start, end = self.opening.start, self.opening.end
        return {
            "start": None if start == ALWAYS_WAS else start.isoformat(timespec="seconds"),
            "end": None if end == NEVER_ENDS else end.isoformat(timespec="seconds"),
            "parts": [part.to_json() for part in self.parts],
        }


@dataclass(frozen=True)
class Forecast:
    """The whole path in windows. `never`: what fits into none, however long somebody waits; nothing comes after it."""

    calendar: Calendar
    windows: tuple[InWindow, ...]
    lasts: timedelta | None  # the work alone; None where it is never done
    never: str = ""

    @property
    def is_always(self) -> bool:
        return self.calendar.is_always and not self.calendar.exclusions

    @property
    def head(self) -> str:
        """`3 windows (Europe/Berlin), about 4 h of work`."""
        work = f"{roughly(self.lasts.total_seconds())} of work" if self.lasts else ""
        windows = "" if self.is_always else f"{count(len(self.windows), 'window')} ({self.calendar.timezone})"
        return ", ".join(filter(None, (windows, work)))

    @property
    def told(self) -> str:
        """One line: `2 windows (UTC), about 4 h of work: Sat 5 Dec 22:00 to Sun 02:00: control plane to 1.29.15; …`."""
        if self.is_always:
            return self.head
        each = "; ".join(one.told(self.calendar) for one in self.windows)
        return ". ".join(filter(None, (f"{self.head}: {each}" if each else "", self.never)))

    def to_json(self) -> dict[str, Any]:
        """As docs/plan.schema.json describes it."""
        return {
            "told": self.told,
            "seconds": round(self.lasts.total_seconds()) if self.lasts else None,
            "never": self.never or None,
            "windows": [one.to_json() for one in self.windows],
        }


def forecast(
    path: Path,
    calendar: Calendar,
    now: datetime,
    durations: Durations,
    workers_at_once: int,
    groups: Sequence[Placed] = (),
    *,
    ignores: bool = False,
) -> Forecast:
    """For a path that begins now, and where it `ignores` windows, goes on at once.

    `groups`: of the rollout, one after the other, each with its own limit and its soak.
    """
    work = _Simulation(ALWAYS, now, durations, workers_at_once, groups).of(path.hops)
    found = _Simulation(ALWAYS if ignores else calendar, now, durations, workers_at_once, groups).of(path.hops)
    lasts = work.ended - now if not found.never else None
    return Forecast(ALWAYS if ignores else calendar, found.windows, lasts, found.never)


class _NeverFits(Exception):
    """With the sentence."""


class _Simulation:
    """A path going through its windows."""

    def __init__(
        self, calendar: Calendar, now: datetime, durations: Durations, workers_at_once: int, groups: Sequence[Placed]
    ) -> None:
        self._calendar, self._at_once, self._groups = calendar, workers_at_once, groups
        self._needs = {group: need(durations, steps) for group, steps in STEPS_OF.items()}
        self._last: dict[Work, Opening] = {}  # nothing is ever begun before what was begun before it
        self._parts: dict[Opening, dict[tuple[str, str], list[str]]] = {}
        self.ended, self.never = now, ""

    def of(self, hops: Sequence[PathHop]) -> _Simulation:
        try:
            for number, hop in enumerate(hops):
                self._hop(hop, _BETWEEN_HOPS if number else timedelta())
        except _NeverFits as error:
            self.never = str(error)
        return self

    @property
    def windows(self) -> tuple[InWindow, ...]:
        return tuple(
            InWindow(opening, tuple(Part(to, group, tuple(nodes)) for (to, group), nodes in parts.items()))
            for opening, parts in sorted(self._parts.items())
        )

    def _hop(self, hop: PathHop, before: timedelta) -> None:
        """The control plane as one, its kubelets one after the other, as many workers at a time as may be out."""
        planes = tuple(name for group in hop.control_plane for name in group.nodes)
        who = "the control plane takes" if len(planes) == 1 else f"{count(len(planes), 'control plane node')} take"
        work = Work(changes_minor=hop.came_from.minor != hop.to.minor)
        whole = Job(self._needs["control_plane"] * len(planes), work, who)
        self.ended = self._place(whole, self.ended + before, hop, "control_plane", planes)
        self._lanes(hop, "control_plane_kubelets", hop.control_plane, 1)
        self._workers(hop)

    def _workers(self, hop: PathHop) -> None:
        """Group after group; the last one's soak keeps nobody waiting."""
        soak = timedelta()
        for name, alike in groupby(hop.moving, key=lambda one: one.group):
            group = next((one for one in self._groups if one.name == name), None)
            self.ended += soak
            limit = group.limit if group and group.limit is not None else self._at_once
            self._lanes(hop, "workers", alike, min(limit, self._at_once))
            soak = group.soak if group else timedelta()

    def _lanes(self, hop: PathHop, group: str, nodes: Iterable[Group], at_once: int) -> None:
        free, earliest = [self.ended] * at_once, self.ended
        for alike in nodes:
            work = Work(alike.kubelet.minor != hop.to.minor, drains=True)
            for name in alike.nodes:
                job = Job(self._needs[group], work, f"{name} takes")
                ended = self._place(job, max(earliest, heapq.heappop(free)), hop, group, (name,))
                heapq.heappush(free, ended)
                earliest = ended - job.need  # nobody overtakes
        self.ended = max(free)

    def _place(self, job: Job, begin: datetime, hop: PathHop, group: str, nodes: tuple[str, ...]) -> datetime:
        """When it has ended, begun as soon as may be."""
        opening = self._last.get(job.work)
        if opening is None or begin not in opening or opening.left(begin) < job.need:
            opening = first_that_fits(self._calendar, begin, job)
        if opening is None:
            held = hold(self._calendar, begin, job)
            why = held.sentence.removeprefix(BEFORE) if held else ""
            raise _NeverFits(f"hop to {hop.to} fits into no maintenance window: {why}")
        self._last[job.work] = opening
        self._parts.setdefault(opening, {}).setdefault((str(hop.to), group), []).extend(nodes)
        return max(begin, opening.start) + job.need
