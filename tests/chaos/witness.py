"""Who watches a cluster from inside the lab: writes everything down, and stops the network where a moment has come.

Nothing arrives from then on, and no answer leaves, until the blow has fallen: so it falls exactly there, however busy
the machine is. What runs on hosts goes on, but for what the moment itself holds.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence

from chaos.evidence import LEDGER, Entry, LedgerRecord
from chaos.points import Point
from chaos.signs import Sight, Sign
from lab import LabCluster
from lab.cluster import SimulatedCluster
from lab.faults import Fault
from lab.records import now
from lab.store import Event


class Progress:
    """How many signs of a row were seen."""

    def __init__(self, signs: Sequence[Sign], sight: Sight) -> None:
        self._signs, self._sight, self._seen = signs, sight, 0

    @property
    def complete(self) -> bool:
        return self._seen == len(self._signs)

    def see(self, entry: Entry) -> bool:
        """Whether it has become complete by this entry."""
        if self.complete or not self._signs[self._seen](entry, self._sight):
            return False
        self._seen += 1
        return self.complete


class Watched:
    """A point that is still to come, with what holds its step. Used by the lab's loop only."""

    def __init__(self, point: Point, cluster: SimulatedCluster) -> None:
        self.point, self._cluster = point, cluster
        self._sight = Sight(point.node, cluster)
        self._moment = Progress(point.moment.signs, self._sight)
        hold = point.moment.hold
        self._hold = Progress(hold.since, self._sight) if hold else None
        self.held: Fault | None = None
        self.stalled: Fault | None = None
        if hold and not hold.since:
            self._arm()

    def see(self, entry: Entry) -> bool:
        if self._hold is not None and self._hold.see(entry):
            self._arm()
        if not self._moment.see(entry):
            return False
        self.stalled = self._cluster.faults.add(Fault("network_stalls"))
        return True

    def _arm(self) -> None:
        hold = self.point.moment.hold
        assert hold is not None
        self.held = self._cluster.faults.add(hold.fault(self.point.node))


class Witness:
    """`due` are the points whose moment has come, in their order."""

    def __init__(self, cluster: LabCluster, points: Sequence[Point]) -> None:
        self.cluster = cluster
        self.entries: list[Entry] = []
        self.due: queue.SimpleQueue[Watched] = queue.SimpleQueue()
        self.waiting: list[Watched] = []
        cluster.do(lambda: self.waiting.extend(Watched(point, cluster.simulated) for point in points))
        cluster.listen(self._write)
        cluster.watch(self._changed)

    def next(self, patience: float) -> Watched | None:
        try:
            return self.due.get(timeout=patience)
        except queue.Empty:
            return None

    def let_go(self, watched: Watched, *, step: bool) -> None:
        """Packets get through again; and with `step` what was held goes on."""
        faults = self.cluster.simulated.faults
        fault = watched.held if step else watched.stalled
        if fault is not None:
            self.cluster.do(lambda: faults.lift(fault))

    def _changed(self, event: Event) -> None:
        metadata = event.item["metadata"]
        if (event.resource.kind, metadata["name"]) == ("ConfigMap", LEDGER):
            data = {} if event.type == "DELETED" else dict(event.item.get("data") or {})
            self._write(LedgerRecord(now(), data))

    def _write(self, entry: Entry) -> None:
        self.entries.append(entry)
        for watched in list(self.waiting):
            if watched.see(entry):
                self.waiting.remove(watched)
                self.due.put(watched)
