"""Which images does a hop need on a node? Named as the kubeadm of its target names them.

cmd/kubeadm/app/images/images.go of Kubernetes. What kubeadm-config fixes is certain, and so is what carries the
target's own version; other tags are those of our release facts, which a late patch release may have left behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.settings import mapping, parsed
from kubeadm_upgrade.version import Version

DEFAULT, FROZEN = "registry.k8s.io", "k8s.gcr.io"  # what is frozen has no images newer than April 2023
_NO_MORE_FROZEN = 25  # the first minor release whose kubeadm writes one over the other in kubeadm-config
_REFERENCE = re.compile(r"[a-z0-9][A-Za-z0-9/:._-]*")
# kubeadm pulls before it changes anything; where it is told not to mind, or has it already, it goes on
IGNORED = "ImagePull"


@dataclass(frozen=True)
class Image:
    """`certain`: kubeadm of the target asks for this very one, and cannot go on without it."""

    name: str
    certain: bool = False

    @property
    def is_reference(self) -> bool:
        return _REFERENCE.fullmatch(self.name) is not None


def of_control_plane(configuration: str, to: Version, etcd_tag: str | None) -> tuple[Image, ...]:
    """What `kubeadm upgrade apply` and `node` pull before they change anything. `etcd_tag` is one that is fixed."""
    told = parsed(configuration)
    components = (Image(f"{_repository(told, to)}/{name}:{to.tag}", True) for name in CONTROL_PLANE_COMPONENTS)
    proxy, dns, pause = _of_every_node(told, to, needed=True)
    return (*components, *proxy, *dns, *pause, *_etcd(told, to, etcd_tag))


def of_worker(configuration: str, to: Version) -> tuple[Image, ...]:
    """What Pods of the target's addons may bring to a worker: kubeadm itself pulls nothing there.

    CoreDNS is a Deployment, whose Pods come to wherever there is room: mostly to workers, and with every drain again.
    """
    proxy, dns, pause = _of_every_node(parsed(configuration), to, needed=False)
    return (*proxy, *dns, *pause)


def missing(wanted: Iterable[Image], there: Iterable[str]) -> tuple[Image, ...]:
    names = set(map(_in_full, there))
    return tuple(image for image in wanted if _in_full(image.name) not in names)


def _of_every_node(told: Mapping[str, Any], to: Version, *, needed: bool) -> Iterator[tuple[Image, ...]]:
    """kube-proxy, CoreDNS and pause: each is none where the cluster does without, or where nothing is known of it."""
    repository, known = _repository(told, to), _components(to)
    proxy = Image(f"{repository}/kube-proxy:{to.tag}", needed)
    yield () if mapping(told.get("proxy")).get("disabled") else (proxy,)
    dns = mapping(told.get("dns"))
    tag = dns.get("imageTag") or known.get("coredns")
    image = Image(f"{_of_coredns(told, to)}/coredns:{tag}", needed and bool(dns.get("imageTag")))
    yield (image,) if tag and not dns.get("disabled") else ()
    yield (Image(f"{repository}/pause:{known['pause']}"),) if "pause" in known else ()


def _etcd(told: Mapping[str, Any], to: Version, fixed: str | None) -> tuple[Image, ...]:
    etcd = mapping(told.get("etcd"))
    tag = fixed or _components(to).get("etcd")
    if "external" in etcd or not tag:
        return ()
    repository = mapping(etcd.get("local")).get("imageRepository") or _repository(told, to)
    return (Image(f"{repository}/etcd:{tag}", bool(fixed)),)


def _repository(told: Mapping[str, Any], to: Version) -> str:
    told_one = str(told.get("imageRepository") or DEFAULT)
    return DEFAULT if told_one == FROZEN and to.minor >= _NO_MORE_FROZEN else told_one


def _of_coredns(told: Mapping[str, Any], to: Version) -> str:
    """Kubernetes' own registries have a folder for it; whoever has one of their own has mirrored it beside the rest."""
    repository = str(mapping(told.get("dns")).get("imageRepository") or _repository(told, to))
    return f"{repository}/coredns" if repository in (DEFAULT, FROZEN) else repository


def _components(to: Version) -> Mapping[str, str]:
    if to.minor not in releases():
        return {}
    release = releases().of(to.minor)
    return {
        "etcd": release.etcd_of(to.patch),
        "coredns": release.components.coredns,
        "pause": release.components.pause,
    }


def _in_full(name: str) -> str:
    """As runtimes list it: what names no registry is Docker Hub's."""
    registry, slash, _ = name.partition("/")
    if slash and (re.search(r"[.:]", registry) or registry == "localhost"):
        return name
    return f"docker.io/{name if slash else f'library/{name}'}"
