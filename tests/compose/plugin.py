"""`docker compose`: the machine's own, or Debian's newer one, which bookworm does not have.

It comes by apt, from the mirror that this machine's apt knows and with the signature checked as apt does; into a
directory of our own, so nothing of the machine's package system changes.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hosts.docker import DockerError
from hosts.mirror import debian_mirror
from hosts.scratch import scratch

_SUITE = "trixie"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_NEEDS = {"apt-get": "apt", "dpkg": "dpkg"}


def provide(cache: Path, environment: pytest.MonkeyPatch) -> str:
    """Sees to it that `docker compose` works; returns its version. Raises DockerError where it cannot be had."""
    if (version := _version()) is None:
        config = cache / "compose-plugin"
        if not (config / "cli-plugins" / "docker-compose").is_file():
            _download(cache, config)
        environment.setenv("DOCKER_CONFIG", str(config))
        version = _version()
    if version is None:
        raise DockerError("docker compose does not run here, though Debian's package is unpacked")
    return version


def _version() -> str | None:
    done = subprocess.run(
        ["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False, timeout=20
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _download(cache: Path, config: Path) -> None:
    mirror = debian_mirror()
    missing = [package for program, package in _NEEDS.items() if shutil.which(program) is None]
    if mirror is None or missing or not Path(_KEYRING).is_file():
        raise DockerError("there is no docker compose here, and no apt of Debian's to get it by")
    with scratch(cache, "compose-plugin") as directory:
        options = _own_apt(directory, mirror)
        _run("apt-get", *options, "update", "-q", directory=directory)
        _run("apt-get", *options, "download", "docker-compose", directory=directory)
        package = next(directory.glob("docker-compose_*.deb"))
        _run("dpkg", "-x", package.name, "unpacked", directory=directory)
        program = next((directory / "unpacked").glob("usr/lib*/docker/cli-plugins/docker-compose"))
        plugins = directory / "config" / "cli-plugins"
        plugins.mkdir(parents=True)
        shutil.move(program, plugins / "docker-compose")
        shutil.rmtree(config, ignore_errors=True)
        (directory / "config").rename(config)


def _own_apt(directory: Path, mirror: str) -> tuple[str, ...]:
    """Lists and cache of its own; proxy and certificates stay this machine's."""
    for name in ("lists/partial", "cache/archives/partial", "parts"):
        (directory / name).mkdir(parents=True)
    sources = directory / "newer.sources"
    sources.write_text(f"Types: deb\nURIs: {mirror}\nSuites: {_SUITE}\nComponents: main\nSigned-By: {_KEYRING}\n")
    settings = {
        "Dir::State::Lists": directory / "lists",
        "Dir::Cache": directory / "cache",
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": directory / "parts",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    return tuple(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))


def _run(*argv: str, directory: Path) -> None:
    done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False, timeout=180)
    if done.returncode != 0:
        raise DockerError(f"{argv[0]}: {done.stderr.strip()[-400:]}")
