"""One hop: the work of a run, fixed by its plan. Plain JSON at Airflow's border.

Whose work it is, is in assignment.py; how carefully it is done, in policy.py.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class Repository:
    """A package repository for one minor release, laid out as pkgs.k8s.io."""

    url: str  # of the flat repository itself, with a slash at its end
    key_url: str


def filled(template: str, minor: str, package_format: str) -> str:
    """An address of a cluster's file, which has blanks for the minor release and the format of packages."""
    return template.replace("{minor}", minor).replace("{format}", package_format)


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
    came_from: Version
    to: Version
    sources: Mapping[str, Source]  # by package format: deb, rpm
    control_plane: tuple[str, ...]  # in the order they are upgraded: the first that is still there applies
    workers: tuple[str, ...]  # those of this run, in the order they are upgraded
    others: tuple[str, ...] = ()  # nodes that were there when it was planned, and are not of this run
    later: tuple[str, ...] = ()  # of the others, those that are for the run after this one: it maps no more workers
    etcd_pin: str | None = None  # the image tag that kubeadm-config is to fix for etcd, for this hop
    lifts_etcd_pin: bool = False  # our pin of an earlier hop is to be gone before the control plane moves
    etcd_minimum: str | None = None  # every member is at this or newer before the control plane moves, as `3.5.26`
    ends_path: bool = True
    # of the control plane's oldest kubelet when it was planned: an interrupted run may have left it behind
    kubelet_minor: int | None = None
    ignore_preflight_errors: Mapping[str, str] = field(default_factory=dict)  # kubeadm's: name -> why
    ignore_window: str = ""  # why this run does not wait for maintenance windows; "": it does
    drains: bool = False  # whether its plan moves a worker: of `workers`, all may be there already

    @property
    def changes_minor(self) -> bool:
        """Whether anything of the control plane comes to another minor release: its static Pods or its kubelets."""
        return any(minor not in (self.to.minor, None) for minor in (self.came_from.minor, self.kubelet_minor))

    @property
    def etcd_work(self) -> tuple[str, ...]:
        """What is done to kubeadm-config before kubeadm applies; mostly nothing."""
        return work_on_etcd(self.etcd_pin, lifts=self.lifts_etcd_pin)

    @property
    def way(self) -> str:
        """In words."""
        return f"{self.came_from} to {self.to}" if self.came_from != self.to else f"nodes to {self.to}"

    def first_of(self, there: Container[str]) -> str | None:
        """The control plane node that applies: the first that is still in the cluster."""
        return next((name for name in self.control_plane if name in there), None)

    def source(self, package_format: str | None) -> Source:
        """What hosts of this format install; NO_SOURCE where none was looked at when the hop was planned."""
        return self.sources.get(package_format or "", NO_SOURCE)

    def nodes_of(self, group: str) -> tuple[str, ...]:
        """The nodes that a task group of the procedure is mapped over, in the order of their map indexes."""
        every = (*self.control_plane, *self.workers)
        return {"workers": self.workers, "stage": every}.get(group, self.control_plane)

    @property
    def first_group(self) -> str:
        """That of the first node that is taken out of service."""
        return "control_plane" if self.control_plane else "workers"

    @property
    def known(self) -> frozenset[str]:
        """Every node that was in the cluster when the hop was planned."""
        return frozenset((*self.control_plane, *self.workers, *self.others))

    def to_json(self) -> dict[str, Any]:
        plain = asdict(self)
        return plain | {
            "came_from": str(self.came_from),
            "to": str(self.to),
            "control_plane": list(self.control_plane),
            "workers": list(self.workers),
            "others": list(self.others),
            "later": list(self.later),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Hop:
        """Raises StepRefused for the hop of another release of this tool: it may not know what this one goes by."""
        if plain.keys() != {one.name for one in fields(cls)}:
            cluster = plain.get("cluster")
            raise StepRefused(f"{cluster}: another release of kubeadm-fleet has planned this: start a new run")
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
                "others": tuple(plain["others"]),
                "later": tuple(plain["later"]),
            }
        )


def work_on_etcd(pin: str | None, *, lifts: bool) -> tuple[str, ...]:
    """In words, as they stand in what people approve."""
    fixes = (f"fixes etcd at {pin}",) if pin else ()
    return (*fixes, "lifts our etcd pin") if lifts else fixes
