"""What is otherwise than what was approved, in words of people. Nothing: the approval covers it.

A run makes progress: hops that are done are gone from the path, and workers that are done from their hop. That is the
rest of what was approved. So is less: a finding that is gone, a worker that has left, a smaller max_unavailable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set

from kubeadm_upgrade.approval.terms import Block, Care, HopTerms, Terms
from kubeadm_upgrade.rollout.care import is_no_more, loosened
from kubeadm_upgrade.wording import agreeing, shortened

_NOBODY: frozenset[str] = frozenset()
_NAMES = 8


def covers(approved: Terms, now: Terms, begun: Set[str] = _NOBODY) -> bool:
    """Whether what is to be done now is the rest of what was approved, and nothing else."""
    return not difference(approved, now, begun)


def difference(approved: Terms, now: Terms, begun: Set[str] = _NOBODY) -> tuple[str, ...]:
    """Sentences on all that is otherwise. `begun`: nodes that a run has begun with, which come before their turn."""
    return (
        *_of_hops(approved, now, begun),
        *_changed("the package repository", approved.repository, now.repository),
        *_changed("the repository's signing key", approved.key, now.key),
        *of_care(approved.care, now.care),
        *of_windows(approved, ignores=now.ignores_windows),
        *_of_findings(approved, now),
    )


def of_the_hop(planned: Terms, now: Terms, begun: Set[str] = _NOBODY) -> tuple[str, ...]:
    """Why a run that has planned its first hop cannot make it any more: its versions, its control plane.

    A worker that is new is none of this run's, and no reason.
    """
    first, rest = planned.hops[0], {(hop.to, hop.etcd) for hop in planned.hops[1:]}
    if (now.hops[0].to, now.hops[0].etcd) in rest - {(first.to, first.etcd)}:
        return ()  # it is done, and a later run's is next
    hop = _with_workers(first, now.hops[0].workers)
    return tuple(_of_matched(hop, now.hops[0], begun, _known((hop,)), is_first=True))


def _with_workers(hop: HopTerms, workers: tuple[str, ...]) -> HopTerms:
    return HopTerms(hop.came_from, hop.to, hop.control_plane, workers, hop.packages, hop.etcd)


def _of_hops(approved: Terms, now: Terms, begun: Set[str]) -> Iterator[str]:
    known, at = _known(approved.hops), 0
    told: set[str] = set()
    for number, hop in enumerate(now.hops):
        index = index_of(hop, approved.hops, at)
        if index is None:
            yield f"the hop {_way(hop)} is new"
            continue
        at = index + 1
        for sentence in _of_matched(approved.hops[index], hop, begun, known, is_first=number == 0):
            if sentence not in told:
                told.add(sentence)
                yield sentence
    if approved.hops and now.hops and now.hops[-1].to.release != approved.hops[-1].to.release:
        yield f"the path ends at {now.hops[-1].to}, and not at {approved.hops[-1].to}"


def _known(hops: Iterable[HopTerms]) -> frozenset[str]:
    return frozenset(name for hop in hops for name in (*hop.control_plane, *hop.workers))


def index_of(hop: HopTerms, approved: Sequence[HopTerms], at: int) -> int | None:
    """The hop of those that were approved, behind the last one: the same, or the one to that minor release."""
    rest = range(at, len(approved))
    alike = (
        (i for i in rest if (approved[i].to, approved[i].etcd) == (hop.to, hop.etcd)),
        (i for i in rest if approved[i].to == hop.to),
        (i for i in rest if approved[i].to.release == hop.to.release),
    )
    return next((i for some in alike for i in some), None)


def _of_matched(
    approved: HopTerms, now: HopTerms, begun: Set[str], known: Set[str], *, is_first: bool
) -> Iterator[str]:
    yield from of_versions(approved, now, is_first=is_first)
    yield from _of_control_plane(approved, now, begun, known)
    yield from _of_workers(approved, now, known)
    yield from of_etcd(approved, now)


def of_versions(approved: HopTerms, now: HopTerms, *, is_first: bool) -> Iterator[str]:
    if approved.to != now.to:
        yield f"the hop to {now.to.release}: {approved.to} → {now.to}"
    on_the_way = is_first and approved.came_from <= now.came_from <= now.to
    if now.came_from != approved.came_from and not on_the_way:
        yield f"the hop to {now.to} begins at {now.came_from}, and not at {approved.came_from}"
    for form, packages in now.packages.items():
        if form not in approved.packages:
            yield f"hosts with {form} packages are new"
            continue
        alike: dict[str, list[str]] = {}
        for name, version in packages.items():
            before = approved.packages[form].get(name, "none")
            if before != version:
                alike.setdefault(f"{before} → {version}", []).append(name)
        yield from (f"{', '.join(sorted(names))} ({form}): {change}" for change, names in alike.items())


def _of_control_plane(approved: HopTerms, now: HopTerms, begun: Set[str], known: Set[str]) -> Iterator[str]:
    added = [name for name in now.control_plane if name not in approved.control_plane]
    gone = [name for name in approved.control_plane if name not in now.control_plane]
    if added:
        yield f"control plane {_nodes(added)} {_new(added, known)}"
    if gone:
        yield f"control plane {_nodes(gone)} {agreeing(gone, 'is', 'are')} gone"
    ours = [name for name in now.control_plane if name not in begun]
    order = [name for name in approved.control_plane if name in ours]
    if not added and ours != order:
        yield f"the order of the control plane: {', '.join(order)} → {', '.join(ours)}"


def _of_workers(approved: HopTerms, now: HopTerms, known: Set[str]) -> Iterator[str]:
    more = [name for name in now.workers if name not in approved.workers]
    if new := [name for name in more if name not in known]:
        yield f"{agreeing(new, 'worker', 'workers')} {shortened(new, _NAMES)} {_new(new, known)}"
    if again := [name for name in more if name in known]:
        who = f"{agreeing(again, 'worker', 'workers')} {shortened(again, _NAMES)}"
        yield f"{who} {agreeing(again, 'is', 'are')} drained in the hop to {now.to} as well"


def _nodes(names: Sequence[str]) -> str:
    return f"{agreeing(names, 'node', 'nodes')} {shortened(names, _NAMES)}"


def _new(names: Sequence[str], known: Set[str]) -> str:
    role = " of the control plane" if set(names) & known else ""
    return f"{agreeing(names, 'is', 'are')} new{role}"


def of_etcd(approved: HopTerms, now: HopTerms) -> Iterator[str]:
    if more := [work for work in now.etcd if work not in approved.etcd]:
        yield f"the hop to {now.to} {' and '.join(more)}"


def of_care(approved: Care, now: Care) -> Iterator[str]:
    if not is_no_more(now.max_unavailable, approved.max_unavailable, 1):
        yield f"max_unavailable {approved.max_unavailable} → {now.max_unavailable}"
    if now.quarantines > approved.quarantines:
        yield f"drain.max_quarantined {approved.quarantines} → {now.quarantines}"
    for option, before, after in (
        ("drain", approved.allows, now.allows),
        ("drop_flags", approved.drop_flags, now.drop_flags),
        ("ignore_preflight_errors", approved.ignores, now.ignores),
    ):
        if more := sorted(set(after) - set(before)):
            yield f"{option} allows more: {', '.join(more)}"
    yield from loosened(approved.rollout, now.rollout)


def of_windows(approved: Terms, *, ignores: bool) -> Iterator[str]:
    """Whoever has agreed to a run at any time has agreed to one in a window."""
    if ignores and not approved.ignores_windows:
        yield "it does not wait for maintenance windows"


def _of_findings(approved: Terms, now: Terms) -> Iterator[str]:
    yield from (f"preflight blocks: {block.sentence}" for block in now.blocks if not _was_shown(approved, block))
    if more := sorted(set(now.warnings) - set(approved.warnings)):
        yield f"preflight warns: {', '.join(more).replace('_', ' ')}"


def _was_shown(approved: Terms, block: Block) -> bool:
    return any(shown.covers(block) for shown in approved.blocks)


def _changed(what: str, before: str, after: str) -> Iterator[str]:
    if before != after:
        yield f"{what}: {before or 'none'} → {after or 'none'}"


def _way(hop: HopTerms) -> str:
    return f"{hop.came_from} → {hop.to}" if hop.came_from != hop.to else f"at {hop.to}"
