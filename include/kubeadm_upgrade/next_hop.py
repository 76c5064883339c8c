"""The first hop of a path, as a run must know it: exact packages, and the nodes in their order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kubeadm_upgrade.errors import BadParameters, UpgradeRefused
from kubeadm_upgrade.facts import PACKAGES
from kubeadm_upgrade.hop import Hop, Source
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.planning.path import Path
from kubeadm_upgrade.planning.plan import control_plane_order, plan
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.slots import resolve_max_unavailable
from kubeadm_upgrade.version import TargetVersion, Version, in_package

# Airflow allows it in run ids, and uses it in none of its own.
_SEPARATOR = "~"


@dataclass(frozen=True)
class Wish:
    """What the run was started with."""

    target: TargetVersion
    run: str
    nodes: tuple[str, ...] = ()  # limit to these workers; empty: all
    dry_run: bool = False


def run_id_of(run: str, to: str) -> str:
    """The id of the run that goes on after `run` to the version `to`: the path's first run, and where this one goes."""
    first, _, _ = run.partition(_SEPARATOR)
    return f"{first}{_SEPARATOR}{to}"


def path_for(cluster: Cluster, state: State, wish: Wish, releases: Releases) -> Path:
    """Plan by the cluster's policy. Raises UpgradeRefused, and BadParameters for workers that do not exist."""
    known = {node.name for node in state.workers}
    if unknown := sorted(set(wish.nodes) - known):
        workers = ", ".join(sorted(known))
        raise BadParameters(f"nodes: {', '.join(unknown)} is not a worker of this cluster; its workers are: {workers}")
    try:
        return plan(state, wish.target, cluster.policy, releases, frozenset(wish.nodes))
    except UpgradeRefused as refused:
        first, *others = refused.reasons
        raise UpgradeRefused(f"{cluster.name}: {first}", *others) from None


def next_hop(cluster: Cluster, state: State, wish: Wish, path: Path) -> Hop:
    """The hop that this run makes. Raises UpgradeRefused when a package of it is not offered."""
    first = path.hops[0]
    # Those that are there already are looked at again, for one of them may still be cordoned or hold a slot.
    there = {node.name for node in state.workers if node.kubelet == first.to}
    chosen = {*first.workers, *(there.intersection(wish.nodes) if wish.nodes else there)}
    workers = sorted((n for n in state.workers if n.name in chosen), key=lambda n: (not n.left_behind, n.name))
    control_plane = tuple(node.name for node in control_plane_order(state, first.to))
    return Hop(
        cluster=cluster.name,
        run=wish.run,
        came_from=first.came_from,
        to=first.to,
        sources={
            form: Source(
                cluster.repository(first.to.release, form, state.newest.get(form)),
                {name: _package_version(name, first.to, packages) for name in PACKAGES},
            )
            for form, packages in state.published.items()
        },
        first=control_plane[0],
        control_plane=control_plane,
        workers=tuple(node.name for node in workers),
        max_unavailable=resolve_max_unavailable(cluster.max_unavailable, len(state.workers)),
        cordoned_before=tuple(n.name for n in state.nodes if not n.schedulable and not n.cordoned_by_us),
        drain=cluster.drain,
        dry_run=wish.dry_run,
        ends_path=len(path.hops) == 1,
    )


def _package_version(name: str, to: Version, published: Mapping[str, tuple[str, ...]]) -> str:
    """The package version of `to`; of several revisions the one that the repository lists last in its own order."""
    matching = [text for text in published.get(name, ()) if in_package(text) == to]
    if not matching:
        raise UpgradeRefused(f"the package repository offers kubeadm {to} but no {name} {to}: ask its administrator")
    return max(matching, key=_revision)


def _revision(package_version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in package_version.partition("-")[2].split(".") if part.isdigit())
