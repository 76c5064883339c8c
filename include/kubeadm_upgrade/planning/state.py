"""What `look` found of a cluster, as plain as XCom needs it: the planner's and the report's input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kubeadm_upgrade.outsiders import Outsider
from kubeadm_upgrade.planning.skew import KUBELET, Component
from kubeadm_upgrade.settings import NO_SETTINGS, Settings
from kubeadm_upgrade.version import Version, in_package


@dataclass(frozen=True)
class NodeState:
    """A node; `components` holds what runs in Pods on it, by its own name: kube-apiserver, etcd, kube-proxy."""

    name: str
    control_plane: bool
    kubelet: Version
    components: Mapping[str, Version] = field(default_factory=dict)
    ready: bool = True
    schedulable: bool = True
    cordoned_by_us: bool = False
    holds_slot: bool = False  # an earlier run's, while nothing is under way
    os_image: str = ""
    runtime: str = ""
    kernel: str = ""
    cgroup: str = ""  # v1 or v2; empty where the host could not be asked
    settings: Settings = NO_SETTINGS  # the kubelet's
    labels: Mapping[str, str] = field(default_factory=dict)  # those that the rollout goes by

    @property
    def apiserver(self) -> Version | None:
        return self.components.get("kube-apiserver")

    @property
    def left_behind(self) -> bool:
        """Whether an earlier run has stopped here."""
        return self.cordoned_by_us or self.holds_slot

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to do here but to move: in service, as far as that is ours, and well."""
        return self.ready and not self.left_behind

    def running(self) -> Iterator[Component]:
        """What the skew policy has a say on."""
        yield Component(KUBELET, self.name, self.kubelet)
        yield from (Component(kind, self.name, version) for kind, version in self.components.items())

    def to_json(self) -> dict[str, Any]:
        components = {name: str(version) for name, version in self.components.items()}
        return asdict(self) | {"kubelet": str(self.kubelet), "components": components}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> NodeState:
        read = {
            "kubelet": Version.parse(plain["kubelet"]),
            "components": {name: Version.parse(text) for name, text in plain.get("components", {}).items()},
            "settings": Settings.from_json(plain.get("settings", {})),
        }
        return cls(**{**plain, **read})


@dataclass(frozen=True)
class State:
    """A cluster at one moment."""

    cluster_version: Version  # as kubeadm wrote it down
    nodes: tuple[NodeState, ...]
    # package format (deb, rpm) -> package -> versions, of all minor releases that were asked for
    published: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    unpublished: Mapping[str, str] = field(default_factory=dict)  # minor release -> why its repository gave no answer
    newest: Mapping[str, str] = field(default_factory=dict)  # package format -> newest minor release with a repository
    asked: tuple[str, ...] = ()  # the minor releases whose repositories were asked; none: it was not written down
    etcd_pinned: str | None = None  # the etcd image tag that kubeadm-config fixes
    etcd_pin_is_ours: bool = (
        False  # set by this tool, to pass etcd's gate; whatever else is fixed there is never touched
    )
    outsiders: tuple[Outsider, ...] = ()  # Nodes that are left as they are
    settings: Mapping[str, Settings] = field(default_factory=dict)  # of control plane components, from kubeadm-config
    unversioned: tuple[str, ...] = ()  # sentences on the static Pods whose version nobody can tell
    looked_at: str = ""  # when, as ISO 8601

    @property
    def control_plane(self) -> tuple[NodeState, ...]:
        return tuple(node for node in self.nodes if node.control_plane)

    @property
    def workers(self) -> tuple[NodeState, ...]:
        return tuple(node for node in self.nodes if not node.control_plane)

    def was_asked(self, release: str) -> bool:
        """Whether the repositories were asked for a minor release; where nobody has noted it, by what they answered."""
        if self.asked:
            return release in self.asked
        answers = (text for packages in self.published.values() for text in packages.get("kubeadm", ()))
        found = {version.release for version in map(in_package, answers) if version}
        return release in self.unpublished or release in found

    def to_json(self) -> dict[str, Any]:
        return {
            "cluster_version": str(self.cluster_version),
            "nodes": [node.to_json() for node in self.nodes],
            **self.published_json(),
            "etcd_pinned": self.etcd_pinned,
            "unversioned": list(self.unversioned),
            "etcd_pin_is_ours": self.etcd_pin_is_ours,
            "outsiders": [one.to_json() for one in self.outsiders],
            "settings": {name: asdict(settings) for name, settings in self.settings.items()},
        }

    def published_json(self) -> dict[str, Any]:
        """What was offered, and when that was: what a run installs does not change while it waits."""
        return {
            "published": {
                form: {name: list(versions) for name, versions in packages.items()}
                for form, packages in self.published.items()
            },
            "unpublished": dict(self.unpublished),
            "newest": dict(self.newest),
            "asked": list(self.asked),
            "looked_at": self.looked_at,
        }

    @classmethod
    def read_published(cls, plain: Mapping[str, Any]) -> dict[str, Any]:
        """What `published_json` has made, as fields."""
        return {
            "published": {
                form: {name: tuple(versions) for name, versions in packages.items()}
                for form, packages in plain.get("published", {}).items()
            },
            "unpublished": plain.get("unpublished", {}),
            "newest": plain.get("newest", {}),
            "asked": tuple(plain.get("asked", ())),
            "looked_at": plain.get("looked_at", ""),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> State:
        return cls(
            cluster_version=Version.parse(plain["cluster_version"]),
            nodes=tuple(map(NodeState.from_json, plain["nodes"])),
            **cls.read_published(plain),
            etcd_pinned=plain.get("etcd_pinned"),
            unversioned=tuple(plain.get("unversioned", ())),
            etcd_pin_is_ours=plain.get("etcd_pin_is_ours", False),
            outsiders=tuple(map(Outsider.from_json, plain.get("outsiders", ()))),
            settings={name: Settings.from_json(one) for name, one in plain.get("settings", {}).items()},
        )
