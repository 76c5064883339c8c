"""Base file systems of real hosts: Debian, and one that dnf manages. Built once, and kept between runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hosts.docker import OURS, DockerError, docker
from hosts.mirror import SUITE, debian_mirror
from hosts.scratch import scratch

USER = "upgrader"
_INIT = Path(__file__).with_name("container-init")
_BASE = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "gnupg", "curl", "ca-certificates"),
    *("iproute2", "iptables", "procps", "python3-minimal", "python3"),
)
_NO_USE_HERE = (
    *("systemd-udevd.service", "systemd-udevd-kernel.socket", "systemd-udevd-control.socket", "getty.target"),
    *("console-getty.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer"),
    *("e2scrub_all.timer", "fstrim.timer"),
)
# each host makes keys of its own when its sshd first starts
_HOST_KEYS = "[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n"
_ROCKY = (
    'NAME="Rocky Linux"\nVERSION="9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n'
    'PRETTY_NAME="Rocky Linux 9.4 (Blue Onyx)"\n'
)


@dataclass(frozen=True)
class Image:
    """What makes one image: Debian packages, those of its base among them, and files written over what they bring."""

    name: str
    packages: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    base: Image | None = None

    @property
    def tag(self) -> str:
        recipe = repr((SUITE, _INIT.read_text(), self, Path(__file__).read_text()))
        return f"{OURS}/{self.name}:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


DEBIAN = Image("debian", _BASE)
# Debian packages dnf and rpm; to the product a host is what its /etc/os-release says.
DNF = Image(
    "dnf",
    ("dnf", "rpm", "dnf-plugins-core"),
    base=DEBIAN,
    files=(
        ("/usr/lib/os-release", _ROCKY),
        (
            "/etc/dnf/dnf.conf",
            "[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\n",
        ),
        # Debian's own addition to dnf: a local repository that must be signed and is not there
        ("/etc/dnf/plugins/local.conf", "[main]\nenabled=0\n"),
        ("/etc/yum.repos.d/.keep", ""),
        ("/etc/sysconfig/.keep", ""),
    ),
)


def build(image: Image, cache: Path) -> str:
    """The image's tag, once docker has it: from the cache of file systems, or from debootstrap."""
    if not docker("images", "-q", image.tag).strip():
        _forget_older(image)
        docker("import", str(_archive(image, cache)), image.tag, timeout=300)
    return image.tag


def _forget_older(image: Image) -> None:
    """What docker has of older recipes, where no host runs from it."""
    for older in docker("images", "--format", "{{.Repository}}:{{.Tag}}", image.tag.partition(":")[0]).split():
        with suppress(DockerError):
            docker("rmi", older)


def cache_directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubeadm-fleet"


def _archive(image: Image, cache: Path) -> Path:
    """The image's file system; those of older recipes are thrown away when it is made."""
    archive = cache / f"{image.tag.replace('/', '-').replace(':', '-')}.tar"
    if archive.is_file():
        return archive
    base = _archive(image.base, cache) if image.base else None
    with scratch(cache, "building") as directory:
        root, unfinished = directory / "root", directory / archive.name
        root.mkdir()
        _grow(image, root, base) if base else _bootstrap(image, root)
        _write(image.files, root)
        _run("tar", "-C", str(root), "-cf", str(unfinished), ".")
        for older in cache.glob(f"{OURS}-{image.name}-*.tar"):
            older.unlink(missing_ok=True)
        return unfinished.replace(archive)


def _bootstrap(image: Image, root: Path) -> None:
    mirror = debian_mirror()
    if mirror is None:
        raise RuntimeError(f"this machine's apt knows no mirror of Debian {SUITE} to build hosts from")
    _run("debootstrap", "--variant=minbase", f"--include={','.join(image.packages)}", SUITE, str(root), mirror)
    _furnish(root)


def _grow(image: Image, root: Path, base: Path) -> None:
    """More packages on top of a base: a second debootstrap would take twice as long."""
    _run("tar", "-C", str(root), "-xf", str(base))
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")  # the base may be older than both of these
    _run("chroot", str(root), "apt-get", "update", "-q")
    _run("chroot", str(root), "apt-get", "install", "-q", "-y", "--no-install-recommends", *image.packages)
    _run("chroot", str(root), "apt-get", "clean")
    shutil.rmtree(root / "var/lib/apt/lists")


def _write(files: Iterable[tuple[str, str]], root: Path) -> None:
    for path, text in files:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def _furnish(root: Path) -> None:
    _write((("/etc/systemd/system/ssh.service.d/host-keys.conf", _HOST_KEYS),), root)
    init = root / "sbin/container-init"
    shutil.copy(_INIT, init)
    init.chmod(0o755)
    _run("chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", USER)
    sudoers = root / "etc/sudoers.d" / USER
    sudoers.write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)
    for unit in _NO_USE_HERE:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)


def _run(*argv: str) -> None:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=900, env=_quiet()
    )
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]}: {_last(done.stdout + done.stderr)}")


def _quiet() -> dict[str, str]:
    return {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


def _last(text: str, lines: int = 10) -> str:
    last: Sequence[str] = text.splitlines()[-lines:]
    return "\n".join(last)
