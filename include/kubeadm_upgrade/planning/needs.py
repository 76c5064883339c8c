"""What the releases on the way need of hosts, and hosts do not have: a kernel, a container runtime, cgroup v2.

What kubeadm checks it checks on the hosts on which it runs, a release at a time, and may be told not to. What a kubelet
needs, the kubelets after it need as well; one that runs has it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kubeadm_upgrade.planning.case import Case
from kubeadm_upgrade.planning.path import PathHop
from kubeadm_upgrade.planning.state import NodeState
from kubeadm_upgrade.releases.release import Feature, Minimum, Release, Releases
from kubeadm_upgrade.wording import shortened

_CONTAINERD = "containerd://"
_DOCKER = "docker://"
_LAST_WITH_DOCKERSHIM = 23  # minor release; a later kubelet on Docker has cri-dockerd
_NUMBERS = re.compile(r"v?(\d+(?:\.\d+)+)")  # whatever a distribution has written behind them

Minors = Iterable[int]  # the releases to which a node moves, and whose kubeadm runs on it


@dataclass(frozen=True)
class _Want:
    """One need of a minor release, in the words of a sentence; `since`: the releases from there on have it too."""

    minor: int
    since: int
    what: str
    least: str
    need: Minimum | Feature
    remedy: str


def needs_of_the_target(case: Case) -> Iterator[str]:
    """What is sure before there is a way: the control plane skips nothing, and every worker ends at the target."""
    on_the_way = range(case.ceiling.minor + 1, case.target.minor + 1)
    goal = case.choose(case.target.minor)
    workers = [node for node in case.state.workers if case.may_move(node) and (goal is None or node.kubelet < goal)]
    moves = [(node, on_the_way) for node in case.state.control_plane]
    moves += [(node, range(case.target.minor, case.target.minor + 1)) for node in workers]
    yield from unmet(moves, case.releases, case.ceiling.minor, case.policy.ignore_preflight_errors)


def needs_on_the_way(case: Case, hops: Iterable[PathHop]) -> Iterator[str]:
    """The same for every hop, of the nodes that move in it."""
    minors: dict[str, list[int]] = {node.name: [] for node in case.state.nodes}
    for hop in hops:
        for node in case.state.control_plane:
            if hop.etcd_pin or {node.apiserver, node.kubelet} != {hop.to}:
                minors[node.name].append(hop.to.minor)
        for name in hop.workers:
            minors[name].append(hop.to.minor)
    moves = [(node, minors[node.name]) for node in case.state.nodes]
    yield from unmet(moves, case.releases, case.ceiling.minor, case.policy.ignore_preflight_errors)


def unmet(
    moves: Iterable[tuple[NodeState, Minors]], releases: Releases, here: int, ignored: Container[str]
) -> Iterator[str]:
    """What these nodes lack, of each kind what is met first; `here` is the minor release of the control plane."""
    wants = tuple(want for release in releases for want in _wants_of(release, releases))
    nodes: dict[tuple[_Want, str, str], list[str]] = {}
    for node, minors in moves:
        for want, has in _first_of_each_kind(node, _wanted(node, frozenset(minors), wants), ignored).items():
            nodes.setdefault((want, has, _ways_out(node, want, ignored)), []).append(node.name)
    for (want, has, ways), names in nodes.items():
        below = f", or choose a target below 1.{want.since}" if want.since > here else ""
        yield (
            f"the {want.what} on {shortened(names)} is {has}, and 1.{want.minor} needs {want.least} "
            f"({want.need.reason}; {want.need.source}): {ways}{below}"
        )


def _first_of_each_kind(node: NodeState, wanted: Iterable[_Want], ignored: Container[str]) -> Mapping[_Want, str]:
    """What is wanted of it, and what it has instead."""
    found: dict[str, tuple[_Want, str]] = {}
    for want in wanted:
        has = _has(node, want.what)
        passed_over = want.need.preflight_error in ignored and not _kubelet_fails(node, want)
        if want.what not in found and not passed_over and not _will_do(has, want.need):
            found[want.what] = (want, has)
    return dict(found.values())


def _wanted(node: NodeState, minors: frozenset[int], wants: Iterable[_Want]) -> Iterator[_Want]:
    last = max(minors, default=0)
    for want in wants:
        jumped_over = node.kubelet.minor < want.minor < last
        if want.minor in minors or (jumped_over and not want.need.preflight_error):
            yield want


def _wants_of(release: Release, releases: Releases) -> Iterator[_Want]:
    needs, minor = release.needs, release.minor
    if kernel := needs.kernel:
        since = _since(minor, "kernel", releases)
        yield _Want(minor, since, "kernel", f"at least {kernel.minimum}", kernel, "boot a newer one")
    if containerd := needs.containerd:
        since = _since(minor, "containerd", releases)
        yield _Want(minor, since, "containerd", f"at least {containerd.minimum}", containerd, "upgrade it")
    if needs.cri_endpoint:
        since = _since(minor, "cri_endpoint", releases)
        remedy = "move it to containerd, CRI-O or cri-dockerd, and name its socket with --container-runtime-endpoint"
        yield _Want(minor, since, "kubelet's runtime", "one behind a CRI socket", needs.cri_endpoint, remedy)
    if needs.cgroup_v2:
        since = _since(minor, "cgroup_v2", releases)
        remedy = "boot into cgroup v2 (systemd.unified_cgroup_hierarchy=1, or a newer operating system)"
        yield _Want(minor, since, "cgroup version", "v2", needs.cgroup_v2, remedy)


def _since(minor: int, need: str, releases: Releases) -> int:
    while minor - 1 in releases and getattr(releases.of(minor - 1).needs, need):
        minor -= 1
    return minor


def _has(node: NodeState, what: str) -> str:
    """Empty where it is not there, or was not looked at."""
    if what == "containerd":
        return node.runtime.removeprefix(_CONTAINERD) if node.runtime.startswith(_CONTAINERD) else ""
    if what == "kubelet's runtime":
        return _dockershim(node)
    return node.kernel if what == "kernel" else node.cgroup


def _dockershim(node: NodeState) -> str:
    """Docker that the kubelet talks to by itself, as far as its flags were looked at."""
    was_asked = bool(node.cgroup)
    own = was_asked and node.kubelet.minor <= _LAST_WITH_DOCKERSHIM and not node.settings.names_cri_endpoint
    return f"{node.runtime} by its dockershim" if own and node.runtime.startswith(_DOCKER) else ""


def _will_do(has: str, need: Minimum | Feature) -> bool:
    """Who could not be asked is preflight's to find; what names no version is none that is known to do."""
    if not has or isinstance(need, Feature):
        return has in ("", "v2")
    numbers = _NUMBERS.match(has)
    return numbers is not None and _parts(numbers[1]) >= _parts(need.minimum)


def _parts(version: str) -> tuple[int, ...]:
    """`1.6` is `1.6.0`."""
    parts = [int(part) for part in version.split(".")[:3]]
    return (*parts, *(0,) * (3 - len(parts)))


def _kubelet_fails(node: NodeState, want: _Want) -> bool:
    """Whether its kubelet, too, would not start, whatever kubeadm passes over: one that is there already does."""
    is_new = node.kubelet.minor < want.since
    return want.what == "cgroup version" and is_new and not node.settings.runs_on_cgroup_v1


def _ways_out(node: NodeState, want: _Want, ignored: Container[str]) -> str:
    error, steps = want.need.preflight_error, []
    if _kubelet_fails(node, want):
        steps.append("set failCgroupV1: false in the ConfigMap kubelet-config and in /var/lib/kubelet/config.yaml")
    if error and error not in ignored:
        steps.append(f"name {error} with your reason under ignore_preflight_errors in the inventory")
    return f"{want.remedy}, or {' and '.join(steps)}" if error else want.remedy
