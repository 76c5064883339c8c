"""Nodes that no upgrade of ours touches: virtual kubelets, Windows, and Node objects that no kubelet keeps.

They are left out by themselves and told of. What the cluster's own Linux hosts are about is asked without them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.reading import name_of, reading
from kubeadm_upgrade.roles import is_control_plane
from kubeadm_upgrade.version import Version

Json = Mapping[str, Any]

# https://virtual-kubelet.io/docs/usage/: what a provider puts on its Node unless it is told otherwise
_VIRTUAL_LABEL = ("type", "virtual-kubelet")
_VIRTUAL_TAINT = "virtual-kubelet.io/provider"

# as far as kubeadm looks at a kubelet's version, whatever follows it
_SEMANTIC = re.compile(r"(v?\d+\.\d+\.\d+)([-+][0-9A-Za-z.+-]+)?")


@dataclass(frozen=True)
class Outsider:
    """A Node that is left as it is."""

    name: str
    why: str  # as in "w9 runs Windows"
    kubelet: Version | None  # None: kubeadm cannot read it either

    def __str__(self) -> str:
        return f"{self.name} {self.why}"

    @property
    def note(self) -> str:
        """For whoever plans and judges without it."""
        return f"{self}: it is left as it is, and to be upgraded by whoever keeps it"

    def to_json(self) -> dict[str, str | None]:
        return {"name": self.name, "why": self.why, "kubelet": str(self.kubelet) if self.kubelet else None}

    @classmethod
    def from_json(cls, plain: Json) -> Outsider:
        kubelet = Version.parse(plain["kubelet"]) if plain["kubelet"] else None
        return cls(plain["name"], plain["why"], kubelet)


def read_outsiders(nodes: Iterable[Json]) -> tuple[Outsider, ...]:
    """Of Node objects, those that are left out, in their order."""
    return tuple(filter(None, map(_outsider, nodes)))


def _outsider(node: Json) -> Outsider | None:
    why = why_outsider(node)
    with reading(f"Node {name_of(node)}"):
        return Outsider(node["metadata"]["name"], why, _as_kubeadm_reads(kubelet_version(node))) if why else None


def why_outsider(node: Json) -> str | None:
    """Why a Node is left out, as the rest of a sentence; None for those that are ours. Raises UnreadableOutput.

    A control plane node never is: nothing may move where it cannot be read.
    """
    with reading(f"Node {name_of(node)}"):
        return _why_outsider(node)


def _why_outsider(node: Json) -> str | None:
    labels: Json = node["metadata"].get("labels", {})
    if is_control_plane(labels):
        return None
    if "windows" in (node_info(node).get("operatingSystem"), labels.get("kubernetes.io/os")):
        return "runs Windows"
    taints = {taint["key"] for taint in node.get("spec", {}).get("taints", [])}
    if _VIRTUAL_LABEL in labels.items() or _VIRTUAL_TAINT in taints:
        return "is a virtual kubelet"
    version = kubelet_version(node)
    if not version:
        return "reports no kubelet version"
    return (
        None if _is_release(version) else f"reports the kubelet version {version!r}, which is no release of Kubernetes"
    )


def node_info(node: Json) -> Json:
    """What a kubelet says of its machine; empty where none has said anything yet."""
    info: Json = node.get("status", {}).get("nodeInfo", {})
    return info


def kubelet_version(node: Json) -> str:
    return str(node_info(node).get("kubeletVersion", ""))


def _is_release(text: str) -> bool:
    try:
        Version.parse(text)
    except ValueError:
        return False
    return True


def _as_kubeadm_reads(text: str) -> Version | None:
    """A semantic version, of which only the numbers count: kubeadm holds all kubelets against them."""
    match = _SEMANTIC.fullmatch(text)
    return Version.parse(match[1]) if match else None
