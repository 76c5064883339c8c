"""Every reason not to plan, each with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kubeadm_upgrade.planning import node_refusals, skew
from kubeadm_upgrade.planning.case import Case
from kubeadm_upgrade.planning.etcd import Etcd
from kubeadm_upgrade.planning.needs import needs_of_the_target
from kubeadm_upgrade.planning.next_target import behind_us
from kubeadm_upgrade.planning.state import NodeState
from kubeadm_upgrade.planning.stops import Stops, may_enter
from kubeadm_upgrade.releases.release import OLDEST_SUPPORTED, Minimum, beyond, unknown
from kubeadm_upgrade.version import Version, etcd_version
from kubeadm_upgrade.wording import agreeing, count, shortened


def objections(case: Case) -> Iterator[str]:
    """Why there is no path at all: what can be said before one is sought."""
    contradictory = tuple(node_refusals.roles(case))
    yield from contradictory
    if not case.state.control_plane:
        if not contradictory:
            yield "the cluster has no control plane node: is kubernetes_conn_id the right cluster?"
        return
    newest = max((one.minor for one in case.releases), default=case.target.minor)
    if case.target.minor > max(newest, case.ceiling.minor) + 1:
        yield beyond(case.target.minor, newest)
        return  # what is wrong on the way to it would be said of each release
    yield from case.state.unversioned
    yield from _control_plane(case)
    yield from _kubelets(case)
    yield from _versions_on_the_way(case)
    yield from _etcd(case)
    yield from needs_of_the_target(case)


def objections_to(case: Case, stops: Stops) -> Iterator[str]:
    """Why these stops cannot be made."""
    yield from _unfinishable(case, stops[0])
    yield from _cannot_wait_here(case, stops[0])
    yield from _left_out(case, stops)
    yield from _kube_proxy(case, stops)
    yield from node_refusals.outsiders(case, stops)


def _control_plane(case: Case) -> Iterator[str]:
    if case.floor.minor < OLDEST_SUPPORTED:
        yield f"the control plane is at {case.floor}, and clusters are supported from 1.{OLDEST_SUPPORTED} on"
    if case.ceiling.minors_ahead_of(case.floor) > 1:
        yield (
            f"the control plane runs {case.floor} and {case.ceiling}, more than one minor release apart: bring the "
            "older ones up by hand first, one minor release at a time"
        )
    if case.target.is_before(case.ceiling):
        yield behind_us(case.ceiling, case.target)


def _kubelets(case: Case) -> Iterator[str]:
    for version, nodes in by_kubelet(case.state.nodes).items():
        if case.target.is_before(version) and version > case.ceiling:
            yield f"kubelet on {_names(nodes)} is {version}, newer than {case.target}: choose a newer target"


def _versions_on_the_way(case: Case) -> Iterator[str]:
    """The control plane cannot skip a minor release, so there must be a version of each."""
    if case.target.is_before(case.ceiling):
        return  # which is said already
    not_asked: list[str] = []
    for minor in range(max(case.ceiling.minor, OLDEST_SUPPORTED), case.target.minor + 1):
        may_be_left_out = minor == case.ceiling.minor < case.target.minor and not case.interrupted
        if minor not in case.releases:
            yield unknown(minor)
        if case.choose(minor) is None and not may_be_left_out and (case.state.published or minor in case.releases):
            if case.state.published and not case.state.was_asked(f"1.{minor}"):
                not_asked.append(f"1.{minor}")
            else:
                yield _not_offered(case, minor)
    if not_asked:
        yield _not_asked(case, not_asked)


def _not_offered(case: Case, minor: int) -> str:
    release = f"1.{minor}"
    if case.target.minor == minor and case.target.patch is not None:
        exact = Version(1, minor, case.target.patch)
        if why := case.why_avoid(exact):
            good = case.offered.get(minor, ())
            return f"{exact} is known to be bad ({why}): ask for " + (str(good[-1]) if good else "another version")
        return f"the package repository does not offer {exact}: check target_version and the repository's URL"
    why = f" ({case.state.unpublished[release]})" if release in case.state.unpublished else ""
    way = "" if minor == case.target.minor else ", and the control plane cannot skip it"
    return f"the package repository offers no usable version of {release}{why}{way}: check the repository's URL"


def _not_asked(case: Case, missing: Sequence[str]) -> str:
    on = f" on {case.state.looked_at}" if case.state.looked_at else ""
    return (
        f"the package repositories were not asked for {', '.join(missing)} when the cluster was looked at{on}: look "
        f"again, by a dry run to {case.target} or by clearing the task look, and take what it returns then"
    )


def _etcd(case: Case) -> Iterator[str]:
    """Some minor releases bring an etcd that the members before them must be ready for."""
    etcd = Etcd.of(case.state)
    for minor in range(case.floor.minor + 1, case.target.minor + 1):
        if minor not in case.releases or minor - 1 not in case.releases:
            continue
        etcd = _after(case, etcd, minor - 1)
        gate = case.etcd_gate(minor - 1, minor)
        if gate and etcd.runs is None:
            yield f"the version of etcd is not known, and 1.{minor} needs {gate.minimum} before it ({gate.reason})"
        elif gate and etcd.misses(gate):
            if case.policy.pass_etcd_gates and _passable(case, etcd, minor):
                etcd = etcd.pinned(gate)
            else:
                yield _missed(case, etcd, gate, minor)


def _after(case: Case, etcd: Etcd, minor: int) -> Etcd:
    """etcd when the control plane leaves this minor release."""
    stop = case.choose(minor)
    if stop is None or (minor == case.floor.minor and (not case.policy.latest_patch_first or case.floor == stop)):
        return etcd  # nothing is deployed anew before the control plane leaves
    return etcd.applied(case.etcd_of(stop))


def _passable(case: Case, etcd: Etcd, minor: int) -> bool:
    """Whether a hop of ours can pass the gate of this minor release: with packages of the one below, and no pin."""
    return etcd.foreign_pin is None and case.choose(minor - 1) is not None


def _missed(case: Case, etcd: Etcd, gate: Minimum, minor: int) -> str:
    return (
        f"etcd will be {etcd.runs} before the hop to 1.{minor}, which needs at least {gate.minimum} ({gate.reason}; "
        f"{gate.source}): {_ways_out(case, etcd, gate, minor)}, or choose a target below 1.{minor}"
    )


def _ways_out(case: Case, etcd: Etcd, gate: Minimum, minor: int) -> str:
    apply = "run kubeadm upgrade apply with the version that runs"
    if (pin := etcd.foreign_pin) is not None:
        fixed = (
            f"kubeadm-config fixes etcd at {pin} (etcd.local.imageTag), which this tool did not set and never changes"
        )
        if (version := etcd_version(pin)) is not None and not Etcd(version).misses(gate):
            return f"{fixed}, and not every member runs it: {apply}"
        return (
            f"{fixed}: whoever set it must raise it to {gate.minimum}-0 or newer and {apply}, or "
            "take it out and leave the gate to path.pass_etcd_gates"
        )
    by_hand = f"set etcd.local.imageTag to {gate.minimum}-0 or newer in the ConfigMap kubeadm-config and {apply}"
    if _passable(case, etcd, minor):
        return f"set path.pass_etcd_gates: true in the inventory, and a hop of its own brings it; or {by_hand}"
    if case.interrupted and case.ceiling.minor == minor:
        return f"{by_hand} (path.pass_etcd_gates does not help here: the hop has begun)"
    return f"{by_hand} (path.pass_etcd_gates needs a version of 1.{minor - 1} that the package repository offers)"


def _unfinishable(case: Case, to: Version) -> Iterator[str]:
    """An interrupted hop is finished by kubeadm, which looks at the kubelets again as long as it has not applied."""
    if not case.interrupted or case.state.cluster_version == to:
        return
    for version, nodes in by_kubelet(case.state.nodes).items():
        if to.minors_ahead_of(version) > skew.kubeadm_lets_lag(to):
            yield (
                f"the upgrade to {to.release} was interrupted, and kubeadm does not finish it while kubelet on "
                f"{_names(nodes)} is {version}: upgrade it by hand to {case.floor.release} first"
            )


def _cannot_wait_here(case: Case, first: Version) -> Iterator[str]:
    """Nodes that must move before the control plane does need packages of the version that runs."""
    if case.interrupted or first == case.floor:
        return
    for version, nodes in by_kubelet((*case.state.control_plane, *filter(case.may_move, case.state.workers))).items():
        if not may_enter(case, version, first):
            yield (
                f"kubelet on {_names(nodes)} is {version} and must move to {case.ceiling} before the control plane "
                "moves, but the package repository does not offer that version any more: ask its administrator"
            )


def _left_out(case: Case, stops: Stops) -> Iterator[str]:
    """Workers that are not to move must not be what the next hop breaks."""
    left_out = [node for node in case.state.workers if not case.may_move(node)]
    for version, nodes in by_kubelet(left_out).items():
        blocked = next((stop for stop in stops if not may_enter(case, version, stop)), None)
        if blocked is not None:
            allowed, who = case.kubelet_may_lag(version, blocked)
            yield (
                f"{_names(nodes)} with kubelet {version} would be {behind(version, blocked)} behind {blocked}, and "
                f"{who} {allowed}: add {agreeing(nodes, 'it', 'them')} to nodes, or leave nodes empty"
            )


def _kube_proxy(case: Case, stops: Stops) -> Iterator[str]:
    """kubeadm replaces kube-proxy at the end of every hop, so only an old one that is there now can be in the way."""
    applied = next((stop for stop in stops if stop != case.floor), None)
    if applied is None:
        return
    proxies: dict[Version, list[NodeState]] = {}
    for node in case.state.nodes:
        if (proxy := node.components.get(skew.KUBE_PROXY)) is not None:
            proxies.setdefault(proxy, []).append(node)
    for version, nodes in proxies.items():
        if applied.minors_ahead_of(version) > skew.may_lag(version):
            yield (
                f"kube-proxy on {_names(nodes)} is {version} and would be {behind(version, applied)} behind {applied}: "
                "run kubeadm upgrade apply with the version that runs, or set the image of its DaemonSet"
            )


def behind(older: Version, newer: Version) -> str:
    """`4 minor releases`."""
    return count(newer.minors_ahead_of(older), "minor release")


def by_kubelet(nodes: Iterable[NodeState]) -> dict[Version, list[NodeState]]:
    """Oldest kubelet first."""
    found: dict[Version, list[NodeState]] = {}
    for node in nodes:
        found.setdefault(node.kubelet, []).append(node)
    return dict(sorted(found.items()))


def _names(nodes: Sequence[NodeState]) -> str:
    return shortened([node.name for node in nodes])
