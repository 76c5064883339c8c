"""The inventory: one YAML file per cluster, and inside of us a frozen `Cluster`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from kubeadm_upgrade.approval.policy import NOBODY_IS_ASKED, ApprovalPolicy
from kubeadm_upgrade.cluster_file import ClusterFile, RepositorySettings, problems
from kubeadm_upgrade.errors import NeedsPerson, several
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.kubeadm_preflight import reasons
from kubeadm_upgrade.look_schedule import LookSchedule
from kubeadm_upgrade.packages.port import MANAGERS
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.policy import DrainPolicy, RolloutPolicy
from kubeadm_upgrade.version import TargetVersion
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar

DIRECTORY_VARIABLE = "KUBEADM_UPGRADE_INVENTORY"
DEFAULT_DIRECTORY = Path(__file__).parent.parent / "clusters"
ENDING = ".yaml"

# with the slips of people and of their editors: prod.yml, prod.YAML, prod.yaml.txt
_CLUSTER_FILE = re.compile(r"(?P<name>.+)\.ya?ml(\.txt)?\s*", re.IGNORECASE)


class InventoryError(NeedsPerson):
    """A cluster file that cannot be used; `problems` are sentences that name file and field."""

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.what = several(problems)
        self.do = f"mend {path}"
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
    labels: Mapping[str, str] = field(default_factory=dict)
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
    look: LookSchedule = LookSchedule()
    calendar: Calendar = ALWAYS
    approval: ApprovalPolicy = NOBODY_IS_ASKED

    @property
    def rollout(self) -> RolloutPolicy:
        """How carefully nodes are taken out of service."""
        return RolloutPolicy(self.max_unavailable, self.drain, self.drop_flags, self.calendar)

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


def name_of(path: Path) -> str | None:
    """The name of the cluster that this file is meant for; None for a file that is none of ours.

    Other endings, as .sample, .bak and .json, are taken for what somebody keeps beside the inventory.
    """
    meant = None if path.name.startswith(".") else _CLUSTER_FILE.fullmatch(path.name)
    return meant["name"] if meant else None


def files_by_cluster() -> Mapping[str, tuple[Path, ...]]:
    """Cluster -> its files, in order: the one that is read, and others that are meant for it, which are not.

    A missing directory is an empty fleet.
    """
    found: dict[str, tuple[Path, ...]] = {}
    here = directory()
    for path in sorted(here.iterdir() if here.is_dir() else (), key=lambda path: (path.suffix != ENDING, path.name)):
        if (name := name_of(path)) is not None:
            found[name] = (*found.get(name, ()), path)
    return dict(sorted(found.items()))


def ignored(read: Path, others: Iterable[Path]) -> Iterator[str]:
    """A sentence on each file of a cluster that is not read, since another one is."""
    yield from (f"{other.name} is ignored, since {read.name} is there: remove one of them" for other in others)


def load_cluster(path: Path) -> Cluster:
    """Read one file. Raises InventoryError with every problem at once."""
    try:
        plain, twice = _read(path)
    except FileNotFoundError as error:
        raise InventoryError(path, (f"{path.name}: there is no such file in {path.parent}",)) from error
    except OSError as error:
        raise InventoryError(path, (f"{path.name}: not readable: {error.strerror}",)) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        problem = f"{path.name}: not readable as YAML: {_why(error)}"
        raise InventoryError(path, (problem, *_misnamed(path, None))) from error
    if not isinstance(plain, dict):
        problem = f"{path.name}: must be a mapping with name, target_version and so on"
        raise InventoryError(path, (problem, *_misnamed(path, None)))
    others = (*twice, *_misnamed(path, plain.get("name")))
    try:
        cluster = _cluster(ClusterFile.model_validate(plain))
    except ValidationError as error:
        raise InventoryError(path, (*problems(path, error), *others)) from error
    if others:
        raise InventoryError(path, others)
    return cluster


class _Loader(yaml.SafeLoader):
    """Notes the keys that a mapping has twice, as after a bad merge: yaml takes the last without a word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[tuple[str, int, int]] = []  # key, line of the first and of this one

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if (first := lines.setdefault(key.value, line)) != line:
                    self.twice.append((key.value, first, line))
        return super().construct_mapping(node, deep)


def _read(path: Path) -> tuple[Any, tuple[str, ...]]:
    """What the file says, and a sentence on each key that it says twice."""
    loader = _Loader(path.read_text())
    try:
        plain = loader.get_single_data()
    finally:
        loader.dispose()
    twice = (
        f"{path.name}: {key}: is there twice, in line {first} and in line {line}: remove one of them"
        for key, first, line in sorted(loader.twice, key=lambda one: one[2])
    )
    return plain, tuple(twice)


def _why(error: Exception) -> str:
    """In one line: yaml writes three, with a picture of the place."""
    mark: Any = getattr(error, "problem_mark", None)
    return f"line {mark.line + 1}: {getattr(error, 'problem', error)}" if mark else str(error)


def load_cluster_named(name: str) -> Cluster:
    """Read a cluster's file at run time, so that a change of policy holds from the next task on."""
    return load_cluster(next(iter(files_by_cluster().get(name, ())), directory() / f"{name}{ENDING}"))


def _misnamed(path: Path, name: object) -> Iterator[str]:
    """What is wrong with the file's own name."""
    meant = name_of(path) or path.stem
    if path.name != f"{meant}{ENDING}":
        yield f"{path.name}: only files that end in {ENDING} are read: rename it to {meant}{ENDING}"
    if isinstance(name, str) and name != meant:
        yield f"{path.name}: name: is {name!r}, but the file is named {meant!r}: make them the same"


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
        labels=file.labels,
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
        look=LookSchedule(file.look.schedule, file.look.timezone),
        calendar=file.windows.calendar,
        approval=file.approval.policy,
    )
