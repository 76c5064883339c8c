"""The docker command line, as far as the ring needs it. No shell, no library; every call has a time limit."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

#: Program -> the Debian package that brings it.
_CLIENT = {"docker": "docker.io", "debootstrap": "debootstrap"}
_OWN_DAEMON = {"dockerd": "docker.io", "ip": "iproute2", "setpriv": "util-linux"}
OURS = "kubeadm-fleet-hosts"  # label and name prefix of everything that we start
LABEL = f"{OURS}={os.getpid()}"  # whose it is


class DockerError(Exception):
    """A docker command has failed; holds its words."""


def docker(*argv: str, stdin: bytes | None = None, timeout: float = 120) -> str:
    """Run `docker …`; returns what it printed. Raises DockerError."""
    done = subprocess.run(["docker", *argv], input=stdin, capture_output=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise DockerError(f"docker {' '.join(argv[:6])}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def answers() -> bool:
    """Whether a daemon answers."""
    if shutil.which("docker") is None:
        return False
    try:
        return bool(docker("info", "--format", "{{.ServerVersion}}", timeout=20).strip())
    except (DockerError, subprocess.TimeoutExpired):
        return False


def why_not() -> str | None:
    """Why containers cannot run here; None where they can, perhaps with a daemon of our own."""
    return _why_not(_CLIENT) if os.geteuid() != 0 or answers() else why_not_own()


def why_not_own() -> str | None:
    """Why no daemon of our own can run here."""
    return _why_not({**_CLIENT, **_OWN_DAEMON})


def _why_not(needed: Mapping[str, str]) -> str | None:
    if os.geteuid() != 0:
        return "containers of a test need root"
    if missing := [program for program in needed if shutil.which(program) is None]:
        packages = " ".join(dict.fromkeys(needed[program] for program in missing))
        return f"containers of a test need {', '.join(missing)}: apt-get install {packages}"
    return None


def sweep() -> None:
    """Remove what runs that have died have left; whoever runs beside us keeps theirs."""
    for kind, remove in (("ps -a", ("rm", "-f")), ("network ls", ("network", "rm"))):
        listed = docker(*kind.split(), "--filter", f"label={OURS}", "--format", f'{{{{.ID}}}} {{{{.Label "{OURS}"}}}}')
        for line in listed.splitlines():
            identity, _, owner = line.partition(" ")
            if not Path(f"/proc/{owner}").exists():
                docker(*remove, identity)
