"""What is looked at on a host, and how the answers are read. Every command here leaves the host as it was."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kubeadm_upgrade import backup, units
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.facts import Backup, BackupFile, OsRelease, UpgradePlan
from kubeadm_upgrade.journal import essence
from kubeadm_upgrade.kubeadm_preflight import ignoring
from kubeadm_upgrade.kubelet_settings import KUBELET_FILES
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.query import FILES_WITH_TEXT, Query, query, read_files_with_text
from kubeadm_upgrade.systemd_service import read_service
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class KubeletProcess:
    started: datetime | None  # None: it does not run
    pid: int
    needs_reload: bool
    restarting: bool = False  # systemd starts it again, after a pause, because it has ended by itself


@dataclass(frozen=True)
class RunningBinary:
    """What a process runs; `replaced` on disk since it was started."""

    path: str
    replaced: bool


_DELETED = " (deleted)"


def read_os_release(text: str) -> OsRelease:
    """/etc/os-release: shell assignments, read without a shell."""
    values = dict(word.split("=", 1) for word in shlex.split(text, comments=True) if "=" in word)
    return OsRelease(
        id=values.get("ID", "unknown"),
        like=tuple(values.get("ID_LIKE", "").split()),
        version=values.get("VERSION_ID", ""),
        name=values.get("PRETTY_NAME", values.get("ID", "unknown")),
        platform=values.get("PLATFORM_ID", ""),
        image_based="OSTREE_VERSION" in values,
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
        restarting=values.get("SubState", "").startswith("auto-restart"),
    )


def read_running_binary(text: str) -> RunningBinary:
    """`readlink /proc/PID/exe`: the kernel says so behind the path of a file that is there no longer."""
    path = text.rstrip("\n").removesuffix(_DELETED)
    return RunningBinary(path, replaced=text.rstrip("\n") != path)


def read_age(text: str) -> timedelta | None:
    """`ps -o etimes=`: seconds since a process has started; nothing where there is none."""
    seconds = text.split()
    return timedelta(seconds=int(seconds[0])) if seconds and seconds[0].isdigit() else None


def read_lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def read_silence(text: str) -> bool:
    """`true` prints nothing, so whatever stands here is the login shell's, before every other answer as well."""
    if text.strip():
        raise UnreadableOutput(
            f"the SSH user's shell prints {text.strip()[:200]!r} before every command's own output: let its .bashrc "
            "end at once where the shell is not interactive"
        )
    return True


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


def read_images(text: str) -> frozenset[str] | None:
    """`crictl images -o json`: the names with tags. Nothing where crictl, or the runtime behind it, gave no answer."""
    images = json.loads(text)["images"] if text.strip() else None
    return None if images is None else frozenset(tag for image in images for tag in image.get("repoTags") or ())


def read_sums(text: str) -> Mapping[str, str]:
    """`sha256sum`: path -> digest."""
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in text.splitlines())}


def read_stats(text: str) -> Mapping[str, tuple[int, float]]:
    """`stat -c '%s %Y %n'`: path -> bytes, and when it was changed, in seconds since 1970."""
    rows = (line.split(maxsplit=2) for line in text.splitlines())
    return {path: (int(size), float(changed)) for size, changed, path in rows}


OS_RELEASE = query("cat", "/etc/os-release", read=read_os_release)
KUBELET = query(
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
        "-p",
        "SubState",
    ),
    read=read_kubelet_process,
)
KUBELET_AGE = query("ps", "-C", "kubelet", "-o", "etimes=", read=read_age, answers=(0, 1))
KUBELET_JOURNAL = query(*units.journal("kubelet", lines=20), read=essence, root=True)
# kubeadm commands that run right now, in a unit of whatever name or in somebody's session
AT_WORK = query("ps", "-C", "kubeadm", "-o", "args=", read=read_lines, answers=(0, 1))
KUBELET_SETTINGS = query("grep", "-sH", "", *KUBELET_FILES, read=read_files_with_text, root=True, answers=(0, 1, 2))
# with drop-ins, wherever they are
KUBELET_SERVICE = query(
    *("systemctl", "show", "kubelet"),
    *("-p", "ExecStart", "-p", "Environment", "-p", "EnvironmentFiles", "-p", "NeedDaemonReload"),
    read=read_service,
)


def kubelet_configuration(paths: Iterable[str]) -> Query[Mapping[str, str]]:
    """Where it is elsewhere than kubeadm has it: read without root, whom no rule lets read whatever file is named."""
    return query(*FILES_WITH_TEXT, *paths, read=read_files_with_text, answers=(0, 1))


# 1: the runtime does not answer, or sudo knows no crictl
IMAGES = query("crictl", "images", "-o", "json", read=read_images, root=True, answers=(0, 1))
QUIET = query("true", read=read_silence)
ROOT = query("true", read=lambda _: True, root=True)
BACKUP_RUNS = query(
    "grep", "-rsH", "--include=run", "", backup.DIRECTORY, read=read_files_with_text, root=True, answers=(0, 1, 2)
)


def running_binary(pid: int) -> Query[RunningBinary]:
    return query("readlink", f"/proc/{pid}/exe", read=read_running_binary, root=True)


def upgrade_plan(to: Version, ignored: Iterable[str] = ()) -> Query[UpgradePlan]:
    """Naming the version keeps kubeadm from looking for one on the internet."""
    json_flags = ("-o", "json") if to >= Version(1, 31, 0) else ()
    argv = ("kubeadm", "upgrade", "plan", to.tag, *json_flags, *ignoring(ignored))
    return query(*argv, read=read_upgrade_plan, root=True)


def backup_files(name: str) -> Query[Mapping[str, tuple[int, float]]]:
    """Size and time of change of a backup's files, as far as they are complete, and of what says who began it."""
    files = (*_files(name), f"{backup.DIRECTORY}/{name}/{backup.RUN}")
    return query("stat", "-c", "%s %Y %n", *files, read=read_stats, root=True, answers=(0, 1))


def backup_sums(name: str) -> Query[Mapping[str, str]]:
    return query("sha256sum", *_files(name), read=read_sums, root=True, answers=(0, 1))


def loose_snapshot(local: LocalEtcd) -> Query[Mapping[str, tuple[int, float]]]:
    return query("stat", "-c", "%s %Y %n", local.snapshot_on_host, read=read_stats, root=True, answers=(0, 1))


def backups(
    runs: Mapping[str, str], stats: Mapping[str, tuple[int, float]], sums: Mapping[str, str], now: float
) -> tuple[Backup, ...]:
    """Put together what BACKUP_RUNS, `backup_files` and `backup_sums` answered, at that time of the host's clock."""
    found = []
    for path, run in sorted(runs.items()):
        name = path.split("/")[-2]
        files = tuple(
            BackupFile(file, stats[file][0], _age(stats[file], now), sums.get(file, ""))
            for file in _files(name)
            if file in stats
        )
        begun = _age(stats[path], now) if path in stats else timedelta()
        found.append(Backup(name, run.strip(), files, begun))
    return tuple(found)


def youngest(stats: Mapping[str, tuple[int, float]], now: float) -> timedelta | None:
    """The age of the file that was looked at; None where there is none."""
    return min((_age(one, now) for one in stats.values()), default=None)


def _age(stat: tuple[int, float], now: float) -> timedelta:
    """Of a file from the future nobody knows how old it is: the host's clock was set back."""
    age = timedelta(seconds=now - stat[1])
    return max(age, timedelta()) if age > -_CLOCKS_DIFFER else _OF_UNKNOWN_AGE


_CLOCKS_DIFFER = timedelta(minutes=1)
_OF_UNKNOWN_AGE = timedelta(days=3650)


def _files(name: str) -> tuple[str, ...]:
    return tuple(f"{backup.DIRECTORY}/{name}/{file}" for file in (backup.SNAPSHOT, backup.ARCHIVE))


def _unix_time(text: str) -> datetime | None:
    """`Mon 2026-11-23 03:50:07 UTC`: how systemctl prints a time."""
    match = re.fullmatch(r"\S+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)? (\S+)", text.strip())
    if match is None:
        return None
    if match[2] != "UTC":
        raise UnreadableOutput(f"systemd printed {text!r}: a time that is not in UTC")
    return datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
