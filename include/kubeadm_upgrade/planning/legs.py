"""The legs of a path: the way to each stop, and between them the hops that pass etcd's gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from kubeadm_upgrade.planning.case import Case
from kubeadm_upgrade.planning.etcd import Etcd
from kubeadm_upgrade.planning.stops import Stops
from kubeadm_upgrade.releases.release import Minimum
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class Leg:
    """What a hop does to the control plane, and to etcd."""

    came_from: Version
    to: Version
    rest: Stops  # from `to` on
    before: Etcd
    after: Etcd
    gate: Minimum | None = None  # the one that this leg passes, where it does nothing else

    @property
    def etcd_pin(self) -> str | None:
        return self.after.pin if self.gate else None

    @property
    def lifts_etcd_pin(self) -> bool:
        return self.before.pin is not None and self.after.pin is None


def legs(case: Case, way: Stops) -> Iterator[Leg]:
    """A gate that would be missed is passed at the last version before it; refusals.py has refused what cannot be."""
    etcd = Etcd.of(case.state)
    way = _with_the_gate_first(case, way, etcd)
    for index, (came_from, to) in enumerate(pairwise((case.floor, *way))):
        rest = way[index:]
        gate = case.etcd_gate(came_from.minor, to.minor)
        if gate and etcd.misses(gate):
            pinned = etcd.pinned(gate)
            yield Leg(came_from, came_from, (came_from, *rest), etcd, pinned, gate)
            etcd = pinned
        after = etcd.applied(case.etcd_of(to)) if came_from != to else etcd
        yield Leg(came_from, to, rest, etcd, after)
        etcd = after


def _with_the_gate_first(case: Case, way: Stops, etcd: Etcd) -> Stops:
    """A gate whose hop was interrupted is finished first; nodes that were left behind here move in that hop."""
    stays = len(way) > 1 and way[0] == case.floor
    return way[1:] if stays and etcd.ours and etcd.misses(case.etcd_gate(way[0].minor, way[1].minor)) else way
