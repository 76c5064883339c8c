"""At which versions does the control plane stop on its way, and at which stop does a worker move?"""

from __future__ import annotations

from collections.abc import Sequence

from kubeadm_upgrade.planning.case import Case
from kubeadm_upgrade.planning.etcd import Etcd
from kubeadm_upgrade.planning.leftovers import left_over
from kubeadm_upgrade.planning.path import WorkerMoves
from kubeadm_upgrade.version import Version

Stops = tuple[Version, ...]


def stops(case: Case) -> Stops:
    """The version after each hop; the last is the target. At least one, even where nothing is left to do.

    Minor releases are never skipped. A hop that was interrupted is finished first. Where nodes have to move before the
    control plane may, the first stop is where the control plane is already.
    """
    way = _way(case)
    here = case.ceiling if case.ceiling in case.offered.get(case.ceiling.minor, ()) else case.choose(case.ceiling.minor)
    if case.interrupted or here is None or here == way[0]:
        return way
    return (here, *way) if _must_wait_here(case, (here, *way)) or _settles(case, here, way[0]) else way


def stop_of(case: Case, kubelet: Version, stops: Stops) -> int:
    """The stop at which a worker with this kubelet moves next, as an index; the last one if nothing asks for earlier.

    A worker moves after the control plane has arrived, so it must be allowed to lag behind at every stop up to its own.
    """
    latest = _latest_stop(case, kubelet, stops, 0)
    match case.policy.worker_moves:
        case WorkerMoves.FEWEST:
            return latest
        case WorkerMoves.EVERY_HOP:
            return _first_at(stops, kubelet.minor + 1, latest)
        case WorkerMoves.EVEN:
            return _even(case, kubelet, stops, latest)


def may_enter(case: Case, kubelet: Version, stop: Version) -> bool:
    """Whether the control plane may move to `stop` while this kubelet runs."""
    allowed, _ = case.kubelet_may_lag(kubelet, stop)
    return stop.minors_ahead_of(kubelet) <= allowed


def _way(case: Case) -> Stops:
    """The stops, as if no kubelet had a say."""
    newest = case.choose(case.ceiling.minor)
    later = tuple(filter(None, map(case.choose, range(case.ceiling.minor + 1, case.target.minor + 1))))
    if newest is None or (later and not case.interrupted and _may_leave(case, newest)):
        return later
    return (newest, *later)


def _may_leave(case: Case, newest: Version) -> bool:
    """Whether the next minor release may come without the newest patch of this one."""
    return not case.policy.latest_patch_first or case.settled_at(newest)


def _must_wait_here(case: Case, here: Stops) -> bool:
    """Whether something has to move to the version at which the control plane is, before the control plane moves on."""
    next_stop = here[1]
    for node in case.state.control_plane:
        unfinished = node.kubelet.minor < here[0].minor < next_stop.minor
        if unfinished or not may_enter(case, node.kubelet, next_stop):
            return True
    workers = {node.kubelet for node in case.state.workers if case.may_move(node)}
    return any(kubelet.minor < here[0].minor and stop_of(case, kubelet, here) == 0 for kubelet in workers)


def _settles(case: Case, here: Version, next_stop: Version) -> bool:
    """Whether the control plane comes to one version first, since etcd's gate is passed by applying that once more.

    Where it stands at two, it does so whatever etcd runs by now: the plan stays the same while members move.
    """
    gate = case.etcd_gate(here.minor, next_stop.minor)
    if gate is None or not case.policy.pass_etcd_gates:
        return False
    return case.floor != case.ceiling or (here != case.ceiling and Etcd.of(case.state).misses(gate))


def _latest_stop(case: Case, kubelet: Version, stops: Stops, first: int) -> int:
    """The last stop that this kubelet may see without having moved, and at which it starts again."""
    at = first
    while at + 1 < len(stops) and may_enter(case, kubelet, stops[at + 1]):
        at += 1
    # where it would not start, it moves before; where there is no such stop any more, a finding says so
    return next((one for one in range(at, first - 1, -1) if not left_over(case, kubelet, stops[one])), at)


def _moves_left(case: Case, kubelet: Version, stops: Stops, first: int) -> int:
    """The fewest moves from here to the end."""
    latest = _latest_stop(case, kubelet, stops, first)
    return 1 if latest + 1 >= len(stops) else 1 + _moves_left(case, stops[latest], stops, latest)


def _even(case: Case, kubelet: Version, stops: Stops, latest: int) -> int:
    """The first stop that makes the jumps alike without making them more."""
    moves = _moves_left(case, kubelet, stops, 0)
    jump = -(-stops[-1].minors_ahead_of(kubelet) // moves)
    at = _first_at(stops, kubelet.minor + jump, latest)
    while at < latest and _moves_left(case, stops[at], stops, at) > moves - 1:
        at += 1
    return at


def _first_at(stops: Sequence[Version], minor: int, latest: int) -> int:
    """The first stop of at least this minor release; of two at one minor release the later one."""
    at = next((index for index, stop in enumerate(stops) if stop.minor >= minor), latest)
    while at < latest and stops[at + 1].minor == stops[at].minor:
        at += 1
    return min(at, latest)
