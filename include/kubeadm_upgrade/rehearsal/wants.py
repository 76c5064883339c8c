"""What a Pod asks of the node that it comes to, as its spec says it: that of its replacement is mostly the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kubeadm_upgrade.drain.selector import Selector, Term, selector_of
from kubeadm_upgrade.reading import name_of, reading
from kubeadm_upgrade.rehearsal.node_terms import Demand, Terms, read_terms
from kubeadm_upgrade.rehearsal.quantity import added, amounts, most
from kubeadm_upgrade.rehearsal.taints import Toleration, read_tolerations

Json = Mapping[str, Any]
Port = tuple[str, int, str]  # protocol, number, address

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_SCHEDULER = "default-scheduler"


@dataclass(frozen=True)
class Spread:
    """A topology spread constraint that must hold (DoNotSchedule)."""

    topology: str
    most: int  # maxSkew
    selector: Selector
    least_domains: int = 1
    honors_affinity: bool = True
    honors_taints: bool = False


@dataclass(frozen=True)
class Neighbours:
    """A term of a required affinity, or anti-affinity, between Pods. `namespaces` None: all of them."""

    topology: str
    selector: Selector
    namespaces: frozenset[str] | None

    def meets(self, other: Wants) -> bool:
        return (self.namespaces is None or other.namespace in self.namespaces) and self.selector.matches(other.by_name)


@dataclass(frozen=True)
class Wants:
    """Pods with equal ones find a place on the same nodes."""

    namespace: str
    labels: tuple[tuple[str, str], ...] = ()
    requests: tuple[tuple[str, int], ...] = ()  # thousandths
    node_terms: Terms | None = None
    node_labels: tuple[Demand, ...] = ()  # of its nodeSelector
    tolerations: tuple[Toleration, ...] = ()
    ports: tuple[Port, ...] = ()
    spreads: tuple[Spread, ...] = ()
    near: tuple[Neighbours, ...] = ()
    apart: tuple[Neighbours, ...] = ()
    claims: tuple[str, ...] = ()
    priority: int = 0
    preempts: bool = True
    unjudged: str = ""  # what of it is not understood here, and might rule out more nodes

    @cached_property
    def by_name(self) -> dict[str, str]:
        return dict(self.labels)


def read_wants(pod: Json) -> Wants:
    """Of a Pod, as the API shows it."""
    with reading(f"Pod {name_of(pod)}"):
        return _wants(pod["metadata"], pod["spec"])


def _wants(meta: Json, spec: Json) -> Wants:
    namespace, labels = meta["namespace"], meta.get("labels") or {}
    affinity = spec.get("affinity") or {}
    near = tuple(_neighbours(affinity.get("podAffinity"), namespace))
    apart = tuple(_neighbours(affinity.get("podAntiAffinity"), namespace))
    return Wants(
        namespace=namespace,
        labels=tuple(sorted(labels.items())),
        requests=tuple(sorted(_requests(spec).items())),
        node_terms=read_terms((affinity.get("nodeAffinity") or {}).get(_REQUIRED)),
        node_labels=tuple(Demand(key, "In", (str(v),)) for key, v in sorted((spec.get("nodeSelector") or {}).items())),
        tolerations=read_tolerations(spec.get("tolerations")),
        ports=tuple(sorted(set(_ports(spec)))),
        spreads=tuple(_spreads(spec.get("topologySpreadConstraints"), labels)),
        near=tuple(one for one in near if one is not None),
        apart=tuple(one for one in apart if one is not None),
        claims=tuple(sorted(_claims(spec))),
        priority=spec.get("priority") or 0,
        preempts=spec.get("preemptionPolicy") != "Never",
        unjudged="; ".join(dict.fromkeys(_unjudged(spec, by_namespace_labels=None in (*near, *apart)))),
    )


def _unjudged(spec: Json, *, by_namespace_labels: bool) -> Iterator[str]:
    if (by := spec.get("schedulerName") or _SCHEDULER) != _SCHEDULER:
        yield f"is placed by {by}"
    if spec.get("resourceClaims"):
        yield "needs devices (resourceClaims)"
    if by_namespace_labels:
        yield "minds Pods of namespaces by their labels (namespaceSelector)"


def _requests(spec: Json) -> dict[str, int]:
    """As the scheduler counts: what init containers need goes beside what sidecars need, and before all others.

    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
    """
    before: list[dict[str, int]] = []  # sidecars that run already when an init container does
    peaks: list[dict[str, int]] = []
    for one in spec.get("initContainers") or ():
        asked = _asked(one)
        if one.get("restartPolicy") == "Always":
            before.append(asked)
            peaks.append(added(before))
        else:
            peaks.append(added((*before, asked)))
    containers = added((*before, *map(_asked, spec.get("containers") or ())))
    needed = most((containers, *peaks)) | _asked(spec)  # what the Pod as a whole asks goes before
    return {**added((needed, amounts(spec.get("overhead")))), "pods": 1000}


def _asked(container: Json) -> dict[str, int]:
    return amounts((container.get("resources") or {}).get("requests"))


def _ports(spec: Json) -> Iterator[Port]:
    for container in spec.get("containers") or ():
        for port in container.get("ports") or ():
            if number := port.get("hostPort"):
                yield port.get("protocol") or "TCP", number, port.get("hostIP") or "0.0.0.0"


def _spreads(listed: Iterable[Json] | None, labels: Mapping[str, str]) -> Iterator[Spread]:
    for one in listed or ():
        selector = selector_of(one.get("labelSelector"))
        if one.get("whenUnsatisfiable") != "DoNotSchedule" or selector is None:
            continue
        alike = [Term(key, frozenset({labels[key]})) for key in one.get("matchLabelKeys") or () if key in labels]
        yield Spread(
            topology=one["topologyKey"],
            most=one["maxSkew"],
            selector=Selector((*selector.terms, *alike)),
            least_domains=one.get("minDomains") or 1,
            honors_affinity=one.get("nodeAffinityPolicy", "Honor") == "Honor",
            honors_taints=one.get("nodeTaintsPolicy", "Ignore") == "Honor",
        )


def _neighbours(affinity: Json | None, namespace: str) -> Iterator[Neighbours | None]:
    """None in the place of a term that goes by labels of namespaces, which nobody has looked at."""
    for term in (affinity or {}).get(_REQUIRED) or ():
        named, chosen = term.get("namespaces") or (), term.get("namespaceSelector")
        selector = selector_of(term.get("labelSelector"))
        if selector is None:
            continue
        if chosen:
            yield None
        elif chosen is not None:
            yield Neighbours(term["topologyKey"], selector, None)
        else:
            yield Neighbours(term["topologyKey"], selector, frozenset(named or (namespace,)))


def _claims(spec: Json) -> Iterator[str]:
    """Not of generic ephemeral volumes: those die with their Pod, and a replacement's is made where it comes to."""
    for volume in spec.get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield volume["persistentVolumeClaim"]["claimName"]
