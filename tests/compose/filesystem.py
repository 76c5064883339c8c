"""One file system for all images of the ring: Debian with PostgreSQL, Redis and nginx, and a bare Airflow.

It stands for what a registry would give: the official images of Airflow (slim), PostgreSQL, Redis and nginx. The
product's own Dockerfile is built on it; wheels lie inside, since no registry is reached from a build.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.settings import REPOSITORY
from hosts.docker import DockerError
from hosts.mirror import SUITE, debian_mirror
from hosts.scratch import scratch

IMAGES = Path(__file__).with_name("images")
_PACKAGES = (
    *("python3", "python3-venv", "dumb-init", "curl", "ca-certificates"),  # Airflow's image
    *("postgresql", "redis-server", "nginx-light", "openssl"),
)
_PYTHON = "3.11"  # that of Debian bookworm, and of constraints.txt
_PINS = ("requirements.txt", "requirements-image.txt", "requirements-celery.txt", "constraints.txt")
_HOME = "/home/airflow"
_VENV = f"{_HOME}/.local"
_WHEELS = "/wheels"
# the redis client asks for it below Python 3.11.3; Debian has 3.11.2, the official image has not
_FOR_DEBIAN = "async-timeout==5.0.1"
_NOT_NEEDED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
_AS_AIRFLOW = ("--userspec", "50000:0")


def archive(cache: Path) -> Path:
    """The file system as a tar; made where the cache has none of this recipe, which takes some minutes."""
    found = cache / f"compose-{_recipe()}.tar"
    if found.is_file():
        return found
    with scratch(cache, "building") as directory:
        root, wheels, unfinished = directory / "root", directory / "wheels", directory / found.name
        with ThreadPoolExecutor(2) as pool:  # the one waits for the network, the other for dpkg
            for done in (pool.submit(_bootstrap, root), pool.submit(_download, wheels)):
                done.result()
        _install_airflow(root, wheels)
        _run("tar", "-C", str(root), "-cf", str(unfinished), ".")
        for older in cache.glob("compose-*.tar"):
            older.unlink(missing_ok=True)
        return unfinished.replace(found)


def _recipe() -> str:
    files = sorted(path for path in IMAGES.iterdir() if path.is_file())
    sources = [*(REPOSITORY / name for name in _PINS), *files, Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


def _bootstrap(root: Path) -> None:
    mirror = debian_mirror()
    if mirror is None:
        raise DockerError(f"this machine's apt knows no mirror of Debian {SUITE} to build images from")
    _run("debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", SUITE, str(root), mirror)
    for name in _NOT_NEEDED:
        shutil.rmtree(root / name)
        (root / name).mkdir()


def _download(wheels: Path) -> None:
    """As this machine's pip is set up to; for the Python of the image, which need not be the one that runs us."""
    for_image = ("--only-binary", ":all:", "--python-version", _PYTHON)
    _run(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(wheels), *for_image),
        *("--requirement", str(REPOSITORY / "requirements-celery.txt"), _FOR_DEBIAN),
        *("--constraint", str(REPOSITORY / "constraints.txt")),
    )


def _install_airflow(root: Path, wheels: Path) -> None:
    """Airflow alone, as the slim image has it, in a virtual environment that its user may add to."""
    shutil.copytree(wheels, root / _WHEELS.lstrip("/"))
    shutil.copy(REPOSITORY / "constraints.txt", root / "constraints.txt")
    (root / "etc/pip.conf").write_text(f"[global]\nno-index = true\nfind-links = {_WHEELS}\n")
    for name in ("airflow-entrypoint", "postgres-entrypoint"):
        shutil.copy(IMAGES / name, root / name)
    (root / "airflow-entrypoint").rename(root / "entrypoint")
    chroot = ("chroot", str(root))
    _run(*chroot, "useradd", "--uid", "50000", "--gid", "0", "--create-home", "--shell", "/bin/bash", "airflow")
    _run(*chroot, "install", "--directory", "--owner=airflow", "--group=0", "--mode=0775", "/opt/airflow")
    (root / "etc/passwd").chmod(0o664)  # for users that the image does not know; the official image does the same
    # this machine's own settings of pip are for this machine
    as_airflow = ("chroot", *_AS_AIRFLOW, str(root), "env", "-i", f"HOME={_HOME}", f"PATH={_VENV}/bin:/usr/bin:/bin")
    _run(*as_airflow, "python3", "-m", "venv", _VENV)
    _run(
        *(*as_airflow, "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"),
        *(_airflow(), "--constraint", "/constraints.txt"),
    )
    (root / "home/airflow").chmod(0o775)


def _airflow() -> str:
    pinned = re.search(r"^apache-airflow==\S+", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    return pinned[0]


def _run(*argv: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PYTHONPATH": ""}
    done: subprocess.CompletedProcess[str] = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=900, env=environment, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        last: Sequence[str] = (done.stdout + done.stderr).splitlines()[-10:]
        raise DockerError("\n".join((f"{' '.join(argv[:3])}:", *last)))
