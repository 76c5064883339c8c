"""The machine under a node, as preflight looks at it: name, clock, disks, swap. What it installs is in facts.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from kubeadm_upgrade.local_etcd import DATA, LocalEtcd
from kubeadm_upgrade.query import Query, query, read_files_with_text
from kubeadm_upgrade.query import field as query_field

_MACHINE_ID = "/etc/machine-id"
_HOSTNAME = "/proc/sys/kernel/hostname"
_BOOT_ID = "/proc/sys/kernel/random/boot_id"
_SWAPS = "/proc/swaps"
_MOUNTS = "/proc/mounts"
_KERNEL_ARGUMENTS = "/proc/cmdline"
_REBOOT_REQUIRED = "/run/reboot-required"  # Debian's and Ubuntu's; dnf is asked
_FILES = (_MACHINE_ID, _HOSTNAME, _BOOT_ID, _SWAPS, _MOUNTS, _KERNEL_ARGUMENTS, _REBOOT_REQUIRED)
# where images are unpacked: by containerd, CRI-O, Docker
IMAGES = ("/var/lib/containerd", "/var/lib/containers", "/var/lib/docker")
# what packages, kubeadm, the kubelet and runtimes write below, each perhaps a file system of its own; and etcd's data
_WRITTEN = (
    *("/", "/etc", "/etc/kubernetes", "/opt", "/usr", "/var", "/var/backups", "/var/cache", "/var/lib"),
    *("/var/lib/kubelet", *IMAGES),
)
_MEASURED = ("/usr", "/var", "/var/cache", "/var/lib/kubelet", "/etc/kubernetes", "/var/lib/containerd")
# what boots an operating system that is one image: ostree, and bootc with it or without
_BOOTS_AN_IMAGE = ("ostree=", "composefs=")
_CGROUP2_SUPER_MAGIC = "63677270"  # linux/magic.h: what kubelet and kubeadm, too, know cgroup v2 by


@dataclass(frozen=True)
class Room:
    """Where a path's bytes are."""

    filesystem: str  # where it is mounted
    free: int | None  # bytes; None where the host itself does not know


@dataclass(frozen=True)
class Machine:
    """Empty values are what could not be looked at, or is not there."""

    id: str = ""  # systemd's machine-id, which the kubelet reports as the Node's
    hostname: str = ""
    boot_id: str = ""  # the kernel's, another one at every start
    kubelet_args: tuple[str, ...] = ()  # of the one that runs
    ahead: timedelta = timedelta()  # of Airflow's clock
    swaps: tuple[str, ...] = ()
    wants_reboot: bool = False
    read_only: tuple[str, ...] = ()  # what is written below and cannot be: of each file system the first
    image_based: bool = False  # its operating system is replaced as a whole, and no package of it
    room: Mapping[str, Room] = field(default_factory=dict)
    etcd_data: str = DATA  # the directory of etcd's data, which is `etcd_size` bytes large
    etcd_size: int = 0
    cgroup: str = ""  # v1 or v2


NOT_LOOKED_AT = Machine()


def read_files(output: str, etcd_data: str = DATA) -> Mapping[str, Any]:
    """`grep -sH ''` over small files."""
    files = read_files_with_text(output)
    swaps = files.get(_SWAPS, "").splitlines()[1:]  # below the headings
    return {
        "id": files.get(_MACHINE_ID, "").strip(),
        "hostname": files.get(_HOSTNAME, "").strip(),
        "boot_id": files.get(_BOOT_ID, "").strip(),
        "swaps": tuple(line.split()[0] for line in swaps),
        "wants_reboot": _REBOOT_REQUIRED in files,
        "image_based": any(word.startswith(_BOOTS_AN_IMAGE) for word in files.get(_KERNEL_ARGUMENTS, "").split()),
        "read_only": tuple(_read_only(files.get(_MOUNTS, ""), etcd_data)),
    }


def _read_only(mounts: str, etcd_data: str) -> Iterator[str]:
    """Where nothing can be written, once for each file system; a later line hides an earlier one."""
    options = {target: set(words.split(",")) for _, target, _, words, *_ in map(str.split, mounts.splitlines())}
    told = set()
    for path in (*_WRITTEN, etcd_data):
        above = [target for target in options if f"{path}/".startswith(f"{target.rstrip('/')}/")]
        nearest = max(above, key=len, default="")
        if nearest and "ro" in options[nearest] and nearest not in told:
            told.add(nearest)
            yield path


def read_room(output: str) -> Mapping[str, Any]:
    """`df --output=file,avail,target -B1`, below the headings; `-` is what a file system does not tell df."""
    rows = (line.split(maxsplit=2) for line in output.splitlines()[1:])
    return {"room": {path: Room(target, None if free == "-" else int(free)) for path, free, target in rows}}


def read_etcd_size(output: str) -> Mapping[str, Any]:
    return {"etcd_size": int(output.strip() or 0)}


def read_kubelet_args(output: str) -> Mapping[str, Any]:
    """`ps -C kubelet`: whatever file or unit its flags came from, here they are."""
    return {"kubelet_args": tuple(output.split())}


def read_cgroup(output: str) -> str:
    """`stat -f -c %t` of where cgroups are mounted: the type in hex, as its name is not known to every coreutils.

    On a host that has both, v1 is what counts.
    """
    magic = output.strip()
    return ("v2" if magic == _CGROUP2_SUPER_MAGIC else "v1") if magic else ""


def read_clock(output: str) -> float:
    """`date +%s.%N`: seconds since 1970."""
    return float(output)


KUBELET_ARGS: Query[Mapping[str, Any]] = query(
    "ps", "-C", "kubelet", "-o", "args=", read=read_kubelet_args, answers=(0, 1)
)
CGROUP = query_field("cgroup", "stat", "-f", "-c", "%t", "/sys/fs/cgroup", read=read_cgroup, answers=(0, 1))
CLOCK = query("date", "+%s.%N", read=read_clock)


def questions(local: LocalEtcd) -> tuple[Query[Mapping[str, Any]], ...]:
    """Of a host whose etcd, where it has one, is found there. A worker has none, which is no failure."""
    measured = (*_MEASURED, local.data_on_host)
    return (
        query("grep", "-sH", "", *_FILES, read=partial(read_files, etcd_data=local.data_on_host), answers=(0, 1, 2)),
        KUBELET_ARGS,
        query("df", "--output=file,avail,target", "-B1", *measured, read=read_room, answers=(0, 1)),
        query("stat", "-c", "%s", local.database, read=read_etcd_size, root=True, answers=(0, 1)),
        CGROUP,
    )
