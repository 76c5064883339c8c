"""What `look` found of a cluster, as plain as XCom needs it: the planner's and the report's input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class NodeState:
    name: str
    control_plane: bool
    kubelet: Version
    apiserver: Version | None  # None on workers
    ready: bool
    schedulable: bool
    cordoned_by_us: bool
    os_image: str = ""
    runtime: str = ""


@dataclass(frozen=True)
class State:
    """A cluster at one moment."""

    cluster_version: Version  # as kubeadm wrote it down
    nodes: tuple[NodeState, ...]
    published: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # package -> versions at the target's minor

    def to_json(self) -> dict[str, Any]:
        nodes = [
            asdict(node) | {"kubelet": str(node.kubelet), "apiserver": node.apiserver and str(node.apiserver)}
            for node in self.nodes
        ]
        published = {name: list(versions) for name, versions in self.published.items()}
        return {"cluster_version": str(self.cluster_version), "nodes": nodes, "published": published}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> State:
        nodes = (
            NodeState(
                **{
                    **node,
                    "kubelet": Version.parse(node["kubelet"]),
                    "apiserver": Version.parse(node["apiserver"]) if node["apiserver"] else None,
                }
            )
            for node in plain["nodes"]
        )
        published = {name: tuple(versions) for name, versions in plain["published"].items()}
        return cls(Version.parse(plain["cluster_version"]), tuple(nodes), published)
