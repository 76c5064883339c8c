"""The inventory: one YAML file per cluster, and inside of us a frozen `Cluster`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kubeadm_upgrade import defaults_file
from kubeadm_upgrade.approval.policy import NOBODY_IS_ASKED, ApprovalPolicy
from kubeadm_upgrade.cluster_file import ClusterFile, RepositorySettings, problems
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.errors import NeedsPerson, several
from kubeadm_upgrade.hop import Repository, filled
from kubeadm_upgrade.kubeadm_preflight import reasons
from kubeadm_upgrade.look_schedule import LookSchedule
from kubeadm_upgrade.packages.port import MANAGERS
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.rollout.strategy import ALL_ALIKE, Strategy
from kubeadm_upgrade.telling.channels import Notify
from kubeadm_upgrade.version import TargetVersion
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar
from kubeadm_upgrade.yaml_mapping import State, UnreadableError, read_mapping, state_of

DIRECTORY_VARIABLE = "KUBEADM_UPGRADE_INVENTORY"
DEFAULT_DIRECTORY = Path(__file__).parent.parent / "clusters"
ENDING = ".yaml"

# More cost Airflow more than they save, and fewer are many runs: docs/scale.md.
_LEAST_IN_A_RUN = 50
_ROUNDS_IN_A_RUN = 4

# with the slips of people and of their editors: prod.yml, prod.YAML, prod.yaml.txt
_CLUSTER_FILE = re.compile(r"(?P<name>.+)\.ya?ml(\.txt)?\s*", re.IGNORECASE)


class InventoryError(NeedsPerson):
    """A cluster file that cannot be used; `problems` are sentences that name file and field.

    `path` is that of the file, or of the defaults beside it where only they are wrong.
    """

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        named = dict.fromkeys(
            path if one.startswith(f"{path.name}: ") else path.parent / one.partition(":")[0] for one in problems
        )
        self.what = several(problems)
        self.do = f"mend {' and '.join(map(str, named))}"
        self.path = next(iter(named))
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
    workers_per_run: int | None = None
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
    notify: Notify = Notify()
    approval: ApprovalPolicy = NOBODY_IS_ASKED
    strategy: Strategy = ALL_ALIKE

    @property
    def rollout(self) -> RolloutPolicy:
        """How carefully nodes are taken out of service."""
        return RolloutPolicy(
            self.max_unavailable, self.drain, self.drop_flags, self.calendar, self.approval, self.strategy
        )

    def workers_in_a_run(self, workers: int) -> int:
        """Of so many. The last that are out of service leave slots unused, so by itself a run takes four rounds."""
        return self.workers_per_run or max(_LEAST_IN_A_RUN, _ROUNDS_IN_A_RUN * self.rollout.workers_at_once(workers))

    def reach(self, node: str) -> HostAddress:
        """How to reach a node's host: its own settings before the cluster's."""
        own = self.nodes.get(node, HostAddress())
        return HostAddress(own.address, own.port or self.host.port, own.jump_host or self.host.jump_host)

    def repository(self, minor: str, package_format: str, newest: str | None = None) -> Repository:
        """The repository of a minor release, for hosts of this package format: deb or rpm.

        Repositories of releases that have ended go on publishing the signing key as it was then, expired by now
        (kubernetes/release#3818). That of the `newest` release is the same key, and valid; None: take its own.
        """
        if self.key_url:
            key_url = filled(self.key_url, minor, package_format)
        else:
            key_url = MANAGERS[package_format].key_url(filled(self.repository_url, newest or minor, package_format))
        return Repository(filled(self.repository_url, minor, package_format), key_url)


def directory() -> Path:
    """Where the inventory is: one environment variable, else beside this package."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY)


def name_of(path: Path) -> str | None:
    """The name of the cluster that this file is meant for; None for a file that is none of ours.

    Other endings, as .sample, .bak and .json, are taken for what somebody keeps beside the inventory.
    """
    meant = None if path.name.startswith(".") else _CLUSTER_FILE.fullmatch(path.name)
    return meant["name"] if meant and meant["name"].lower() != defaults_file.NAME else None


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
    """A sentence on each file of a cluster that is not read, since another one is; and on those of defaults."""
    yield from (f"{other.name} is ignored, since {read.name} is there: remove one of them" for other in others)
    if (read.parent / defaults_file.FILE).exists():
        for stray in defaults_file.strays_in(read.parent):
            yield f"{stray} is ignored, since {defaults_file.FILE} is there: remove one of them"


def load_cluster(path: Path) -> Cluster:
    """Read one file, and the defaults beside it. Raises InventoryError with every problem of both at once.

    One that is as it was is not read again: whoever waits asks every other second, and a triggerer holds hundreds.
    """
    defaults = defaults_file.defaults_in(path.parent)
    try:
        state = state_of(path)
    except OSError:
        return _read(path, defaults)  # which says what is wrong
    known = _known.get(path)
    if known is None or known[:2] != (state, defaults):
        known = _known[path] = (state, defaults, _read(path, defaults))
    return known[2]


_known: dict[Path, tuple[State, defaults_file.Defaults, Cluster]] = {}


def _read(path: Path, defaults: defaults_file.Defaults) -> Cluster:
    try:
        own, twice = read_mapping(path, "name, target_version and so on")
    except UnreadableError as error:
        found = (f"{path.name}: {error}", *_misnamed(path, None))
        raise InventoryError(path, (*found, *defaults.problems)) from error
    others = (*twice, *_misnamed(path, own.get("name")), *defaults.problems)
    inherited = defaults.options.keys() - own.keys()
    try:
        cluster = _cluster(ClusterFile.model_validate({**defaults.options, **own}))
    except ValidationError as error:
        raise InventoryError(path, (*problems(path, error, inherited), *others)) from error
    if others:
        raise InventoryError(path, others)
    return cluster


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
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ClusterFile.model_json_schema()}


def defaults_json_schema() -> dict[str, Any]:
    """That of `_defaults.yaml`: the same options, none of which must be there, and no name."""
    schema = json_schema()
    options = {name: option for name, option in schema["properties"].items() if name != "name"}
    says = "What all clusters of this directory have in common. The file of a cluster replaces it, option by option."
    return {**schema, "title": "Defaults", "description": says, "properties": options, "required": []}


def _cluster(file: ClusterFile) -> Cluster:
    return Cluster(
        name=file.name,
        kubernetes_conn_id=file.kubernetes_conn_id,
        ssh_conn_id=file.ssh_conn_id,
        target_version=TargetVersion.parse(file.target_version),
        labels=file.labels,
        max_unavailable=file.max_unavailable,
        workers_per_run=file.workers_per_run,
        address_type=file.ssh.address_type,
        known_hosts=file.ssh.known_hosts,
        host=HostAddress(None, file.ssh.port, file.ssh.jump_host),
        nodes={name: HostAddress(**node.model_dump()) for name, node in file.nodes.items()},
        repository_url=file.repository.url,
        key_url=file.repository.key_url,
        drain=file.drain.policy,
        drop_flags=file.drop_flags,
        policy=Policy(**file.path.model_dump(), ignore_preflight_errors=reasons(file.ignore_preflight_errors)),
        patience=_patience(file),
        look=LookSchedule(file.look.schedule, file.look.timezone),
        calendar=file.windows.calendar,
        notify=file.notify.notify(),
        approval=file.approval.policy,
        strategy=file.rollout.strategy,
    )


def _patience(file: ClusterFile) -> Mapping[str, timedelta]:
    """How long steps may wait, by what they wait for."""
    seconds = {name: timedelta(seconds=value) for name, value in file.timeouts.model_dump().items()}
    return seconds | ({"drain": file.drain.patience} if file.drain.patience else {})
