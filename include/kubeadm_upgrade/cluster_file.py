"""What a cluster's file may say: its options with their descriptions, and what is wrong with one in plain words.

pydantic stands at this border only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from kubeadm_upgrade import kubeadm_preflight
from kubeadm_upgrade.approval_file import ApprovalOption, ApprovalSettings
from kubeadm_upgrade.drain_file import DrainSettings
from kubeadm_upgrade.labels import Labels, check_labels
from kubeadm_upgrade.look_schedule import check_cron, check_timezone
from kubeadm_upgrade.planning.path import WorkerMoves
from kubeadm_upgrade.rollout_file import MaxUnavailable, RolloutSettings
from kubeadm_upgrade.strict import Strict, Whole, YesNo
from kubeadm_upgrade.telling.settings import SAYS_NO_VALUE, NotifySettings
from kubeadm_upgrade.version import TARGET_PATTERN
from kubeadm_upgrade.windows_file import WindowsSettings

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_LONGEST_NAME = 63
_NODE_NAME = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

_FLAG = r"^[a-z0-9][a-z0-9-]*$"

# a URL up to its path, with nobody before the host
_PLAIN_HOST = re.compile(r"https?://(\[[^]/]+\]|[^/@:]+)(:\d+)?/")


class SshSettings(Strict):
    """How hosts are reached over SSH, unless a node says otherwise."""

    port: Whole | None = Field(None, ge=1, le=65535, description="SSH port; default: the connection's, else 22")
    address_type: Literal["InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"] = Field(
        "InternalIP", description="Which of the Node's addresses is the host's"
    )
    jump_host: str | None = Field(None, description="[user@]host[:port] to go through")
    known_hosts: str | None = Field(
        None, description="known_hosts file with the hosts' keys or @cert-authority lines; default: the user's"
    )


class NodeSettings(Strict):
    """What is different about one node."""

    address: str | None = Field(None, description="Host name or address for SSH")
    port: Whole | None = Field(None, ge=1, le=65535)
    jump_host: str | None = Field(None, description="[user@]host[:port] to go through")


class RepositorySettings(Strict):
    """Where packages come from. `{minor}` stands for the minor release, as 1.29, and `{format}` for deb or rpm."""

    url: str = Field("https://pkgs.k8s.io/core:/stable:/v{minor}/{format}/", pattern=r"^https?://[^\s\"'\\]+/$")
    key_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s\"'\\]+$",
        description="default: {url}Release.key for deb, {url}repodata/repomd.xml.key for rpm, of the newest release "
        "that has a repository: those that have ended publish an expired key",
    )

    @field_validator("url", "key_url", mode="before")
    @classmethod
    def _holds_no_password(cls, url: object) -> object:
        """Before any other check, since those repeat what they refuse (I9)."""
        if isinstance(url, str) and "@" in url and not _PLAIN_HOST.match(url):
            raise PydanticCustomError(
                SAYS_NO_VALUE,
                "must not hold a user name or password: they would be in logs and reports; put them into apt's "
                "auth.conf or dnf's configuration on the hosts",
            )
        return url

    @field_validator("url")
    @classmethod
    def _names_the_minor(cls, url: str) -> str:
        if "{minor}" not in url:
            raise ValueError("must contain {minor}: there is one repository per minor release")
        return url


class PathSettings(Strict):
    """How the way to the target is planned."""

    worker_moves: WorkerMoves = Field(
        WorkerMoves.FEWEST,
        description="fewest: drain workers only where the next hop would break the version skew policy, and at the "
        "end; every-hop; even: as few as fewest, in jumps of like length",
    )
    max_kubelet_skew: Whole = Field(3, ge=1, le=3, description="minor releases a worker's kubelet may be behind")
    latest_patch_first: YesNo = Field(
        True, description="go to the latest patch of a minor release before the next, as the skew policy recommends"
    )
    pass_etcd_gates: YesNo = Field(
        False,
        description="where a minor release needs a newer etcd before it than kubeadm deploys, bring it in a hop of its "
        "own: fix etcd.local.imageTag in kubeadm-config until the hop after it",
    )


class Timeouts(Strict):
    """Seconds that a step may wait for its effect before a person is asked."""

    command: Whole = Field(1800, gt=0, description="package installs and other commands on a host")
    control_plane: Whole = Field(1800, gt=0, description="kubeadm upgrade apply|node, and static Pods becoming Ready")
    drain: Whole = Field(3600, gt=0, description="Pods to leave a node; drain.deadline goes before it")
    ready: Whole = Field(600, gt=0, description="a node to be Ready after its kubelet was restarted")


class LookSettings(Strict):
    """When the cluster is looked at for the fleet's page, and nothing is done."""

    schedule: str | None = Field(
        None, description='a cron expression of five fields, as "17 3 * * *"; default: only upgrades look at it'
    )
    timezone: str = Field("UTC", description="what the schedule's hours are of, as IANA names it: Europe/Berlin")

    @field_validator("schedule")
    @classmethod
    def _comes_to_pass(cls, schedule: str | None) -> str | None:
        if schedule is not None:
            check_cron(schedule)
        return schedule

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, timezone: str) -> str:
        check_timezone(timezone)
        return timezone


class ClusterFile(Strict):
    """One kubeadm cluster."""

    name: str = Field(pattern=NAME_PATTERN, max_length=_LONGEST_NAME, description="must equal the file's name")
    kubernetes_conn_id: str = Field(min_length=1, description="Airflow connection to the Kubernetes API")
    ssh_conn_id: str = Field(min_length=1, description="Airflow connection for SSH to every host")
    target_version: Annotated[str, Field(pattern=TARGET_PATTERN)] = Field(
        description='exact ("1.29.4"), or a minor release ("1.29") for its latest patch in the repository; in quotes'
    )
    max_unavailable: MaxUnavailable = Field(
        1,
        description='workers out of service at once: a count, or a percentage such as "25%" (rounded down, at least 1)',
    )
    workers_per_run: Whole | None = Field(
        None,
        ge=1,
        description="workers that one run takes, and the runs after it take the others; default: four times "
        "max_unavailable, and at least 50 (docs/scale.md)",
    )
    rollout: RolloutSettings = RolloutSettings()
    labels: Labels = Field(
        default_factory=dict,
        description="what this cluster is to its owners, as Kubernetes has labels: pages filter by them, and Airflow "
        "shows them as tags key:value",
    )
    ssh: SshSettings = SshSettings()
    nodes: dict[Annotated[str, Field(pattern=_NODE_NAME)], NodeSettings] = Field(
        default_factory=dict, description="exceptions, by node name"
    )
    repository: RepositorySettings = RepositorySettings()
    drain: DrainSettings = DrainSettings()
    path: PathSettings = PathSettings()
    timeouts: Timeouts = Timeouts()
    look: LookSettings = LookSettings()
    windows: WindowsSettings = WindowsSettings()
    notify: NotifySettings = NotifySettings()
    approval: ApprovalOption = ApprovalSettings()
    ignore_preflight_errors: dict[kubeadm_preflight.PreflightError, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="kubeadm's preflight errors that an upgrade passes over: the name of each, and the reason, which "
        "plan and report show. A change of the names is another plan",
    )

    drop_flags: dict[Annotated[str, Field(pattern=_FLAG)], Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="flags of the control plane, without dashes, that only its static Pods' manifests say, and that an "
        "upgrade may leave out as kubeadm writes them anew: the name of each, and the reason",
    )

    @field_validator("labels", mode="before")
    @classmethod
    def _are_labels(cls, value: object) -> object:
        if isinstance(value, dict):
            check_labels(value)
        return value

    @field_validator("ignore_preflight_errors", mode="before")
    @classmethod
    def _named_with_a_reason(cls, value: object) -> object:
        if not isinstance(value, dict):
            raise ValueError("must be a mapping of each error to the reason, as SystemVerification: why it may be")
        return kubeadm_preflight.reasons(value)


def may_be_named(name: str) -> bool:
    """Whether a cluster may have this name."""
    return len(name) <= _LONGEST_NAME and re.fullmatch(NAME_PATTERN, name) is not None


def problems(path: Path, error: ValidationError, left_out: Container[str] = ()) -> Iterator[str]:
    """A sentence each, but for options whose mistakes somebody else tells."""
    for item in error.errors():
        if item["loc"] and item["loc"][0] in left_out:
            continue
        where = ".".join(str(part) for part in item["loc"]) or "file"
        yield f"{path.name}: {where}: {_sentence(item)}"


def _sentence(item: Any) -> str:
    """pydantic's message, in the words of somebody who edits the file; what our own checks say stays as it is."""
    shown = _shown(item["input"])
    if say := _SENTENCES.get(item["type"]):
        return say(item, shown)
    return f"{item['msg'].removeprefix('Value error, ')} (is {shown})"


def _no_text(item: Any, shown: str) -> str:
    why = ", for YAML reads 1.30 as the number 1.3" if isinstance(item["input"], float) else ""
    return f"must be text, not {shown}: put it in quotes{why}"


def _no_pattern(item: Any, shown: str) -> str:
    return f"{shown} does not look like it should (pattern {item['ctx']['pattern']})"


def _not_of_kind(kind: str) -> Callable[[Any, str], str]:
    def say(item: Any, shown: str) -> str:
        return f"must be {kind}, not {shown}" + (": without quotes" if isinstance(item["input"], str) else "")

    return say


def _beyond(words: str, limit: str) -> Callable[[Any, str], str]:
    return lambda item, shown: f"must be {words} {item['ctx'][limit]} (is {shown})"


def _expected(item: Any, shown: str) -> str:
    return f"must be {item['ctx']['expected']} (is {shown})"


# pydantic's name of a mistake -> what is said of it
_SENTENCES: Mapping[str, Callable[[Any, str], str]] = {
    SAYS_NO_VALUE: lambda item, _: str(item["msg"]),
    "extra_forbidden": lambda *_: "unknown key: check its spelling, or remove it",
    "missing": lambda *_: "is missing",
    "model_type": lambda _, shown: f"must be a mapping, keys and values, not {shown}",
    "dict_type": lambda _, shown: f"must be a mapping, keys and values, not {shown}",
    "list_type": lambda _, shown: f"must be a list, not {shown}",
    "string_type": _no_text,
    "string_pattern_mismatch": _no_pattern,
    "string_too_short": lambda *_: "must not be empty",
    "string_too_long": lambda item, shown: f"must have at most {item['ctx']['max_length']} letters (is {shown})",
    "too_short": lambda *_: "must not be empty",
    "too_long": lambda item, _: f"must have at most {item['ctx']['max_length']} in it",
    "bool_type": _not_of_kind("true or false"),
    "int_type": _not_of_kind("a whole number"),
    "enum": _expected,
    "literal_error": _expected,
    "greater_than": _beyond("more than", "gt"),
    "greater_than_equal": _beyond("at least", "ge"),
    "less_than_equal": _beyond("at most", "le"),
}


def _shown(value: object) -> str:
    """What somebody wrote; not where it may be a URL with a password, at whatever place."""
    return "something with an @ in it" if "@" in repr(value) else repr(value)
