"""The inventory: one YAML file per cluster, and inside of us a frozen `Cluster`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kubeadm_upgrade.cluster_file import ClusterFile, RepositorySettings, problems
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.kubeadm_preflight import reasons
from kubeadm_upgrade.packages.port import MANAGERS
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.policy import DrainPolicy, RolloutPolicy
from kubeadm_upgrade.version import TargetVersion

DIRECTORY_VARIABLE = "KUBEADM_UPGRADE_INVENTORY"
DEFAULT_DIRECTORY = Path(__file__).parent.parent / "clusters"


class InventoryError(Exception):
    """A cluster file that cannot be used; `problems` are sentences that name file and field."""

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.path = path
        self.problems = problems


@dataclass(frozen=True)
class HostAddress:
    """How one host is reached, as far as the inventory knows; None: see the Node or the connection."""

    address: str | None = None
    port: int | None = None
    jump_host: str | None = None


@dataclass(frozen=True)
class Cluster:
    """One cluster of the inventory."""

    name: str
    kubernetes_conn_id: str
    ssh_conn_id: str
    target_version: TargetVersion
    max_unavailable: int | str = 1
    address_type: str = "InternalIP"
    known_hosts: str | None = None
    host: HostAddress = HostAddress()
    nodes: Mapping[str, HostAddress] = field(default_factory=dict)
    repository_url: str = RepositorySettings().url
    key_url: str | None = None
    drain: DrainPolicy = DrainPolicy()
    drop_flags: Mapping[str, str] = field(default_factory=dict)
    policy: Policy = Policy()
    patience: Mapping[str, timedelta] = field(default_factory=dict)

    @property
    def rollout(self) -> RolloutPolicy:
        """How carefully nodes are taken out of service."""
        return RolloutPolicy(self.max_unavailable, self.drain, self.drop_flags)

    def reach(self, node: str) -> HostAddress:
        """How to reach a node's host: its own settings before the cluster's."""
        own = self.nodes.get(node, HostAddress())
        return HostAddress(own.address, own.port or self.host.port, own.jump_host or self.host.jump_host)

    def repository(self, minor: str, package_format: str, newest: str | None = None) -> Repository:
        """The repository of a minor release, for hosts of this package format: deb or rpm.

        Repositories of releases that have ended go on publishing the signing key as it was then, expired by now
        (kubernetes/release#3818). That of the `newest` release is the same key, and valid; None: take its own.
        """

        def filled(template: str, minor: str) -> str:
            return template.replace("{minor}", minor).replace("{format}", package_format)

        if self.key_url:
            key_url = filled(self.key_url, minor)
        else:
            key_url = MANAGERS[package_format].key_url(filled(self.repository_url, newest or minor))
        return Repository(filled(self.repository_url, minor), key_url)


def directory() -> Path:
    """Where the inventory is: one environment variable, else beside this package."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY)


def cluster_files() -> Iterator[Path]:
    """Every cluster file, in order. A missing directory is an empty fleet."""
    yield from sorted(path for path in directory().glob("*.yaml") if not path.name.startswith("."))


def load_cluster(path: Path) -> Cluster:
    """Read one file. Raises InventoryError with every problem at once."""
    try:
        plain = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InventoryError(path, (f"{path.name}: not readable as YAML: {error}",)) from error
    if not isinstance(plain, dict):
        raise InventoryError(path, (f"{path.name}: must be a mapping with name, target_version and so on",))
    try:
        cluster = _cluster(ClusterFile.model_validate(plain))
    except ValidationError as error:
        raise InventoryError(path, tuple(problems(path, error))) from error
    if cluster.name != path.stem:
        problem = f"{path.name}: name: is {cluster.name!r}, but the file is named {path.stem!r}: make them the same"
        raise InventoryError(path, (problem,))
    return cluster


def load_cluster_named(name: str) -> Cluster:
    """Read a cluster's file at run time, so that a change of policy holds from the next task on."""
    return load_cluster(directory() / f"{name}.yaml")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a cluster file, for editors."""
    schema = ClusterFile.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _cluster(file: ClusterFile) -> Cluster:
    return Cluster(
        name=file.name,
        kubernetes_conn_id=file.kubernetes_conn_id,
        ssh_conn_id=file.ssh_conn_id,
        target_version=TargetVersion.parse(file.target_version),
        max_unavailable=file.max_unavailable,
        address_type=file.ssh.address_type,
        known_hosts=file.ssh.known_hosts,
        host=HostAddress(None, file.ssh.port, file.ssh.jump_host),
        nodes={name: HostAddress(**node.model_dump()) for name, node in file.nodes.items()},
        repository_url=file.repository.url,
        key_url=file.repository.key_url,
        drain=DrainPolicy(**file.drain.model_dump()),
        drop_flags=file.drop_flags,
        policy=Policy(**file.path.model_dump(), ignore_preflight_errors=reasons(file.ignore_preflight_errors)),
        patience={name: timedelta(seconds=seconds) for name, seconds in file.timeouts.model_dump().items()},
    )
