"""The version skew policy: which versions of which components may run side by side.

https://kubernetes.io/releases/version-skew-policy/ and, at the end, the narrower rules that kubeadm itself enforces.
Versions differ here by their minor release; patches never matter to a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kubeadm_upgrade.version import Version

APISERVER = "kube-apiserver"
KUBELET = "kubelet"
KUBE_PROXY = "kube-proxy"
KUBECTL = "kubectl"
KUBEADM = "kubeadm"
CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "cloud-controller-manager")

_OLD_KUBELET = 25  # kubelet and kube-proxy may be two minor releases behind below 1.25, three from there on
_OLD_KUBEADM = 29  # kubeadm lets kubelets be one minor release behind below 1.29 (kubernetes/kubernetes#120825)


@dataclass(frozen=True)
class Component:
    """One component that runs somewhere."""

    kind: str
    node: str
    version: Version

    def __str__(self) -> str:
        return f"{self.kind} {self.version} on {self.node}"


@dataclass(frozen=True)
class Violation:
    """Two versions that must not meet. `rule` is the heading of the policy page, or `kubeadm` for its own rules."""

    rule: str
    component: Component
    against: Component
    what: str  # as in "is newer than"

    def __str__(self) -> str:
        return f"{self.component} {self.what} {self.against}"


@dataclass(frozen=True)
class _Scene:
    """The apiservers that a component may meet, and the kubelets beside it."""

    oldest: Component
    newest: Component
    on_node: Mapping[str, Component]
    kubelets: Mapping[str, Component]
    balanced: bool


_Rule = Callable[[Component, _Scene], Iterator[Violation]]


def may_lag(version: Version) -> int:
    """How many minor releases a kubelet or kube-proxy of this version may be behind the apiserver."""
    return 2 if version.minor < _OLD_KUBELET else 3


def kubeadm_lets_lag(to: Version) -> int:
    """How many minor releases kubelets may be behind when `kubeadm upgrade apply` moves the control plane to `to`."""
    return 1 if to.minor < _OLD_KUBEADM else 3


def violations(components: Iterable[Component], *, balanced: bool = False) -> Iterator[Violation]:
    """Every rule that these components break, running together.

    Controllers are held against the apiserver beside them, for kubeadm points them there; `balanced` says that they
    reach any apiserver, through a load balancer.
    """
    running = tuple(components)
    apiservers = [component for component in running if component.kind == APISERVER]
    if not apiservers:
        return
    oldest, newest = (choose(apiservers, key=lambda one: one.version) for choose in (min, max))
    if newest.version.minors_ahead_of(oldest.version) > 1:
        yield Violation(APISERVER, oldest, newest, "is more than one minor release older than")
    scene = _Scene(
        oldest,
        newest,
        {one.node: one for one in apiservers},
        {one.node: one for one in running if one.kind == KUBELET},
        balanced,
    )
    for component in running:
        yield from _RULES.get(component.kind, _no_rule)(component, scene)


def kubeadm_violations(
    kubeadm: Component, cluster: Component, to: Version, kubelets: Iterable[Component]
) -> Iterator[Violation]:
    """What this kubeadm would say against `kubeadm upgrade apply` of `to`.

    https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/phases/upgrade/policy.go
    """
    target = Component("the control plane", "its way", to)
    if to.minors_ahead_of(cluster.version) > 1:
        yield Violation(KUBEADM, cluster, target, "is more than one minor release older than")
    if cluster.version.minors_ahead_of(to) > 1:
        yield Violation(KUBEADM, cluster, target, "is more than one minor release newer than")
    if to.minors_ahead_of(kubeadm.version) > 0:
        yield Violation(KUBEADM, kubeadm, target, "is older than")
    if kubeadm.version.minors_ahead_of(to) > 0:
        yield Violation(KUBEADM, kubeadm, target, "is of a newer minor release than")
    allowed = kubeadm_lets_lag(to)
    for kubelet in kubelets:
        if to.minors_ahead_of(kubelet.version) > allowed:
            yield Violation(KUBEADM, kubelet, target, f"is more than {_minors(allowed)} older than")


def _kubelet(kubelet: Component, scene: _Scene) -> Iterator[Violation]:
    yield from _not_newer(KUBELET, kubelet, scene.oldest)
    yield from _not_too_old(KUBELET, kubelet, scene.newest, may_lag(kubelet.version))


def _kube_proxy(proxy: Component, scene: _Scene) -> Iterator[Violation]:
    allowed = may_lag(proxy.version)
    yield from _not_newer(KUBE_PROXY, proxy, scene.oldest)
    yield from _not_too_old(KUBE_PROXY, proxy, scene.newest, allowed)
    kubelet = scene.kubelets.get(proxy.node)
    if kubelet is not None and abs(proxy.version.minors_ahead_of(kubelet.version)) > allowed:
        yield Violation(KUBE_PROXY, proxy, kubelet, f"is more than {_minors(allowed)} away from")


def _controller(controller: Component, scene: _Scene) -> Iterator[Violation]:
    beside = None if scene.balanced else scene.on_node.get(controller.node)
    yield from _not_newer("controllers", controller, beside or scene.oldest)
    yield from _not_too_old("controllers", controller, beside or scene.newest, 1)


def _kubectl(kubectl: Component, scene: _Scene) -> Iterator[Violation]:
    if kubectl.version.minors_ahead_of(scene.oldest.version) > 1:
        yield Violation(KUBECTL, kubectl, scene.oldest, "is more than one minor release newer than")
    yield from _not_too_old(KUBECTL, kubectl, scene.newest, 1)


def _no_rule(component: Component, scene: _Scene) -> Iterator[Violation]:
    yield from ()


_RULES: Mapping[str, _Rule] = {
    KUBELET: _kubelet,
    KUBE_PROXY: _kube_proxy,
    KUBECTL: _kubectl,
    **dict.fromkeys(CONTROLLERS, _controller),
}


def _not_newer(rule: str, component: Component, apiserver: Component) -> Iterator[Violation]:
    if component.version.minors_ahead_of(apiserver.version) > 0:
        yield Violation(rule, component, apiserver, "is newer than")


def _not_too_old(rule: str, component: Component, apiserver: Component, allowed: int) -> Iterator[Violation]:
    if apiserver.version.minors_ahead_of(component.version) > allowed:
        yield Violation(rule, component, apiserver, f"is more than {_minors(allowed)} older than")


def _minors(number: int) -> str:
    return "one minor release" if number == 1 else f"{('two', 'three')[number - 2]} minor releases"
