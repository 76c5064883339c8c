"""The first hop of a path, as a run must know it: exact packages, and the nodes in their order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.errors import BadParameters, UpgradeRefused
from kubeadm_upgrade.facts import PACKAGES
from kubeadm_upgrade.hop import Hop, Source
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.planning.groups import in_groups
from kubeadm_upgrade.planning.path import Path, PathHop
from kubeadm_upgrade.planning.plan import control_plane_order, plan
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.rollout.placement import Placed, placed, sorted_by_group
from kubeadm_upgrade.version import TargetVersion, Version, in_package
from kubeadm_upgrade.wording import agreeing

# Airflow allows it in run ids, and uses it in none of its own.
_SEPARATOR = "~"


@dataclass(frozen=True)
class Wish:
    """What the run was started with."""

    target: TargetVersion
    nodes: tuple[str, ...] = ()  # limit to these workers; empty: all
    give_up: tuple[str, ...] = ()  # workers that are left as they are, and in nobody's way
    ignore_window: str = ""  # why it does not wait for maintenance windows; "": it does
    gone: frozenset[str] = frozenset()  # nodes that have left since the run was planned: it is no mistake to name them

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Wish:
        """Of a run's parameters. Raises BadParameters, as for a run that was started past the form and the API."""
        try:
            target = TargetVersion.parse(str(params["target_version"]))
        except ValueError as error:
            raise BadParameters(f"target_version: {error}", do="write one of the two") from error
        return cls(target, names_in(params["nodes"]), names_in(params["give_up"]), _reason(params.get("ignore_window")))

    def workers_of(self, state: State) -> frozenset[str]:
        """The workers that may move; none: all may. Raises BadParameters for names that are no workers."""
        there = {node.name for node in state.workers}
        known = there | self.gone
        for parameter, names in (("nodes", self.nodes), ("give_up", self.give_up)):
            if unknown := sorted(set(names) - known):
                workers = ", ".join(sorted(there))
                are_none = agreeing(unknown, "is not a worker", "are no workers")
                no_worker = f"{parameter}: {', '.join(unknown)} {are_none} of this cluster"
                left_out = "".join(f"; {one}, and is left out" for one in state.outsiders if one.name in unknown)
                raise BadParameters(f"{no_worker}{left_out}", do=f"name some of its workers ({workers})")
        chosen = frozenset(self.nodes or known) - frozenset(self.give_up)
        if known and not chosen:
            raise BadParameters("nodes and give_up leave no worker", do="name fewer in give_up")
        return chosen if self.nodes or self.give_up else frozenset()


def names_in(listed: Sequence[str] | None) -> tuple[str, ...]:
    """Each name once. A form's field for a list may hold several names in a line, and empty lines, and be none."""
    return tuple(dict.fromkeys(name for line in listed or () for name in re.split(r"[\s,;]+", line) if name))


def _reason(given: object) -> str:
    """Of a parameter that is null or a reason. A form makes null of an empty field; a blank one is a slip."""
    if given is None:
        return ""
    if not isinstance(given, str) or not given.strip():
        raise BadParameters(
            "ignore_window: is blank, and must say why windows are ignored", do="write a reason, or leave it out"
        )
    return " ".join(given.split())


def successor_of(run: str) -> str:
    """The id of the run that goes on after `run`: the runs of a path are numbered, `X`, `X~2`, `X~3`."""
    if not goes_on(run):
        return f"{run}{_SEPARATOR}2"
    first, _, number = run.rpartition(_SEPARATOR)
    return f"{first}{_SEPARATOR}{int(number) + 1}"


def goes_on(run: str) -> bool:
    """Whether a run is one that goes on after another of its path."""
    first, _, number = run.rpartition(_SEPARATOR)
    return bool(first) and number.isdigit()


def path_for(cluster: Cluster, state: State, wish: Wish, releases: Releases) -> Path:
    """Plan by the cluster's policy. Raises UpgradeRefused, and BadParameters for workers that do not exist."""
    try:
        path = plan(state, wish.target, cluster.policy, releases, wish.workers_of(state))
    except UpgradeRefused as refused:
        first, *others = refused.reasons
        raise UpgradeRefused(f"{cluster.name}: {first}", *others) from None
    return in_groups(path, groups_of(cluster, state))


def groups_of(cluster: Cluster, state: State) -> tuple[Placed, ...]:
    """The groups of the cluster's rollout, with the workers that were looked at."""
    return placed(cluster.strategy, {node.name: node.labels for node in state.workers})


def next_hop(cluster: Cluster, state: State, wish: Wish, path: Path) -> Hop:
    """The hop that this run makes. Raises UpgradeRefused when a package of it is not offered."""
    first = path.hops[0]
    line = _line(state, wish, first, groups_of(cluster, state))
    most = cluster.workers_in_a_run(len(state.workers))
    workers = line[:most]
    control_plane = tuple(node.name for node in control_plane_order(state, first.to))
    return Hop(
        cluster=cluster.name,
        came_from=first.came_from,
        to=first.to,
        sources={
            form: Source(
                cluster.repository(first.to.release, form, state.newest.get(form)),
                {name: _package_version(name, first.to, packages) for name in PACKAGES},
            )
            for form, packages in state.published.items()
        },
        control_plane=control_plane,
        workers=workers,
        others=tuple(node.name for node in state.workers if node.name not in workers),
        later=line[most:],
        etcd_pin=first.etcd_pin,
        lifts_etcd_pin=first.lifts_etcd_pin,
        etcd_minimum=first.etcd_minimum,
        ends_path=len(path.hops) == 1,
        ignore_preflight_errors=path.policy.ignore_preflight_errors,
        ignore_window=wish.ignore_window,
        drains=bool(first.workers),
        kubelet_minor=min(node.kubelet for node in state.control_plane).minor,
    )


def _line(state: State, wish: Wish, first: PathHop, groups: Sequence[Placed]) -> tuple[str, ...]:
    """The workers that have something to do in this hop, in their order: those first that an earlier run has begun.

    The others in the order of their groups.

    One that is there already may still be cordoned by us, hold a slot, or be ill. All others of them get no task.
    """
    unsettled = {node.name for node in state.workers if node.kubelet == first.to and not node.is_settled}
    may_move = wish.workers_of(state)
    chosen = {*first.workers, *(unsettled & may_move if may_move else unsettled)}
    left_behind = {node.name for node in state.workers if node.left_behind}
    return tuple(sorted(sorted_by_group(sorted(chosen), groups), key=lambda name: name not in left_behind))


def packages_of(to: Version, published: Mapping[str, tuple[str, ...]]) -> Mapping[str, str]:
    """Package -> exact version, of those that are published: what a later hop would install, as far as is known."""
    return {
        name: _package_version(name, to, published)
        for name in PACKAGES
        if any(in_package(text) == to for text in published.get(name, ()))
    }


def _package_version(name: str, to: Version, published: Mapping[str, tuple[str, ...]]) -> str:
    """The package version of `to`; of several revisions the one that the repository lists last in its own order."""
    matching = [text for text in published.get(name, ()) if in_package(text) == to]
    if not matching:
        raise UpgradeRefused(f"the package repository offers kubeadm {to} but no {name} {to}: ask its administrator")
    return max(matching, key=_revision)


def _revision(package_version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in package_version.partition("-")[2].split(".") if part.isdigit())
