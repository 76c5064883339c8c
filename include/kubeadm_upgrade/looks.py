"""What is looked at on a host, and how the answers are read. Every command here leaves the host as it was."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade import backup, settings
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.facts import Backup, BackupFile, OsRelease, UpgradePlan
from kubeadm_upgrade.look import Look, look, read_files_with_text
from kubeadm_upgrade.settings import Settings
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class KubeletProcess:
    started: datetime | None  # None: it does not run
    pid: int
    needs_reload: bool


def read_os_release(text: str) -> OsRelease:
    """/etc/os-release: shell assignments, read without a shell."""
    values = dict(word.split("=", 1) for word in shlex.split(text, comments=True) if "=" in word)
    return OsRelease(
        id=values.get("ID", "unknown"),
        like=tuple(values.get("ID_LIKE", "").split()),
        version=values.get("VERSION_ID", ""),
        name=values.get("PRETTY_NAME", values.get("ID", "unknown")),
    )


def read_kubelet_process(text: str) -> KubeletProcess:
    """`systemctl show kubelet`, asked with TZ=UTC: systemctl prints times in the zone it is given."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    pid = int(values.get("MainPID") or 0)
    started = values.get("ExecMainStartTimestamp", "")
    return KubeletProcess(
        started=_unix_time(started) if pid else None,
        pid=pid,
        needs_reload=values.get("NeedDaemonReload") == "yes",
    )


def read_kubelet_settings(text: str) -> Settings:
    """`grep -sH ''` over the kubelet's files."""
    try:
        return settings.read_kubelet(read_files_with_text(text))
    except ValueError as error:
        raise UnreadableOutput(f"the kubelet's settings are {error}") from error


def read_upgrade_plan(text: str) -> UpgradePlan:
    """`kubeadm upgrade plan VERSION`: JSON where this kubeadm speaks it (1.31 and later), else its tables."""
    if "{" in text and '"UpgradePlan"' in text:
        return _read_plan_json(json.loads(text[text.index("{") :]))
    offers = re.findall(r"^kube-apiserver\s+(?:\S+\s+)*?(v\S+)\s*$", text, re.MULTILINE)
    manual = re.findall(r"^(\S+)\s+\S+\s+\S+\s+yes\s*$", text, re.MULTILINE)
    return UpgradePlan(tuple(dict.fromkeys(offers)), tuple(manual))


def _read_plan_json(plan: Mapping[str, Any]) -> UpgradePlan:
    components = (c for upgrade in plan.get("availableUpgrades") or () for c in upgrade["components"])
    offers = dict.fromkeys(c["newVersion"] for c in components if c["name"] == "kube-apiserver")
    configs = plan.get("configVersions") or ()
    return UpgradePlan(tuple(offers), tuple(c["group"] for c in configs if c.get("manualUpgradeRequired")))


def read_sums(text: str) -> Mapping[str, str]:
    """`sha256sum`: path -> digest."""
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in text.splitlines())}


def read_sizes(text: str) -> Mapping[str, int]:
    """`stat -c '%s %n'`: path -> bytes."""
    return {path: int(size) for size, path in (line.split(maxsplit=1) for line in text.splitlines())}


OS_RELEASE = look("cat", "/etc/os-release", read=read_os_release)
KUBELET = look(
    *(
        "env",
        "TZ=UTC",
        "systemctl",
        "show",
        "kubelet",
        "-p",
        "MainPID",
        "-p",
        "ExecMainStartTimestamp",
        "-p",
        "NeedDaemonReload",
    ),
    read=read_kubelet_process,
)
KUBELET_SETTINGS = look(
    "grep", "-sH", "", *settings.KUBELET_FILES, read=read_kubelet_settings, root=True, answers=(0, 1, 2)
)
ROOT = look("true", read=lambda _: True, root=True)
BACKUP_RUNS = look(
    "grep", "-rsH", "--include=run", "", backup.DIRECTORY, read=read_files_with_text, root=True, answers=(0, 1, 2)
)


def running_binary(pid: int) -> Look[bool]:
    """Whether the binary that process `pid` runs has been replaced on disk: the kernel then says `(deleted)`."""
    return look("readlink", f"/proc/{pid}/exe", read=lambda text: text.strip().endswith("(deleted)"), root=True)


def upgrade_plan(to: Version) -> Look[UpgradePlan]:
    """Naming the version keeps kubeadm from looking for one on the internet."""
    json_flags = ("-o", "json") if to >= Version(1, 31, 0) else ()
    return look("kubeadm", "upgrade", "plan", to.tag, *json_flags, read=read_upgrade_plan, root=True)


def backup_files(name: str) -> tuple[Look[Mapping[str, str]], Look[Mapping[str, int]]]:
    paths = [f"{backup.DIRECTORY}/{name}/{file}" for file in (backup.SNAPSHOT, backup.ARCHIVE)]
    sums = look("sha256sum", *paths, read=read_sums, root=True, answers=(0, 1))
    return sums, look("stat", "-c", "%s %n", *paths, read=read_sizes, root=True, answers=(0, 1))


def backups(runs: Mapping[str, str], sums: Mapping[str, str], sizes: Mapping[str, int]) -> tuple[Backup, ...]:
    """Put together what BACKUP_RUNS and `backup_files` answered."""
    found = []
    for path, run in sorted(runs.items()):
        directory = path.removesuffix("/run")
        files = (BackupFile(file, sizes.get(file, 0), digest) for file, digest in sums.items())
        mine = tuple(file for file in files if file.path.startswith(f"{directory}/"))
        found.append(Backup(directory.rsplit("/", 1)[-1], run.strip(), mine))
    return tuple(found)


def _unix_time(text: str) -> datetime | None:
    """`Mon 2026-11-23 03:50:07 UTC`: how systemctl prints a time."""
    match = re.fullmatch(r"\S+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? (\S+)", text.strip())
    if match is None:
        return None
    if match[2] != "UTC":
        raise UnreadableOutput(f"systemd printed {text!r}: a time that is not in UTC")
    return datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
