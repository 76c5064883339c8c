"""One hop: what a run wants, as every step of it must know it. Plain JSON at Airflow's border."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from kubeadm_upgrade.drain import DrainPolicy
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class Repository:
    """A package repository for one minor release, laid out as pkgs.k8s.io."""

    url: str  # of the flat repository itself, with a slash at its end
    key_url: str


@dataclass(frozen=True)
class Source:
    """What hosts of one package format install, and from where."""

    repository: Repository
    packages: Mapping[str, str]  # name -> exact package version in the repository, as `1.29.15-1.1`


NO_SOURCE = Source(Repository("", ""), {})


@dataclass(frozen=True)
class Hop:
    """The control plane moves from one version to another, at most one minor release away."""

    cluster: str
    run: str  # the DagRun's id
    came_from: Version
    to: Version
    sources: Mapping[str, Source]  # by package format: deb, rpm
    first: str  # the control plane node that applies
    control_plane: tuple[str, ...]  # in the order they are upgraded
    workers: tuple[str, ...]  # those of this run, in the order they are upgraded
    max_unavailable: int
    cordoned_before: tuple[str, ...] = ()  # out of service before us; they stay so, uncounted before their turn
    drain: DrainPolicy = DrainPolicy()
    dry_run: bool = False
    ends_path: bool = True

    def source(self, package_format: str | None) -> Source:
        """What hosts of this format install; NO_SOURCE where none was looked at when the hop was planned."""
        return self.sources.get(package_format or "", NO_SOURCE)

    def nodes_of(self, group: str) -> tuple[str, ...]:
        """The nodes that a task group of the procedure is mapped over, in the order of their map indexes."""
        every = (*self.control_plane, *self.workers)
        return {"workers": self.workers, "stage": every}.get(group, self.control_plane)

    def to_json(self) -> dict[str, Any]:
        plain = asdict(self)
        return plain | {
            "came_from": str(self.came_from),
            "to": str(self.to),
            "control_plane": list(self.control_plane),
            "workers": list(self.workers),
            "cordoned_before": list(self.cordoned_before),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Hop:
        return cls(
            **{
                **plain,
                "came_from": Version.parse(plain["came_from"]),
                "to": Version.parse(plain["to"]),
                "sources": {
                    name: Source(Repository(**source["repository"]), source["packages"])
                    for name, source in plain["sources"].items()
                },
                "control_plane": tuple(plain["control_plane"]),
                "workers": tuple(plain["workers"]),
                "cordoned_before": tuple(plain["cordoned_before"]),
                "drain": DrainPolicy(**plain["drain"]),
            }
        )
