"""The docker command line, as far as the ring needs it. No shell, no library; every call has a time limit."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

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


class Daemon:
    """A daemon of our own, where none answers; ended by the pid that we started."""

    def __init__(self, data: Path, log: Path) -> None:
        data.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                ["dockerd", "--data-root", str(data)], stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        deadline = time.monotonic() + 60
        while not answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise DockerError(f"dockerd does not start here: {log.read_text(errors='replace')[-800:]}")
            time.sleep(0.3)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()


def why_not() -> str | None:
    """Why containers cannot run here; None where they can, perhaps with a daemon of our own."""
    if os.geteuid() != 0:
        return "the ring of real hosts needs root"
    if missing := [tool for tool in ("docker", "debootstrap") if shutil.which(tool) is None]:
        return f"the ring of real hosts needs {' and '.join(missing)}: apt-get install docker.io debootstrap"
    if not answers() and shutil.which("dockerd") is None:
        return "the ring of real hosts needs a docker daemon: apt-get install docker.io"
    return None


def sweep() -> None:
    """Remove what runs that have died have left; whoever runs beside us keeps theirs."""
    for kind, remove in (("ps -a", ("rm", "-f")), ("network ls", ("network", "rm"))):
        listed = docker(*kind.split(), "--filter", f"label={OURS}", "--format", f'{{{{.ID}}}} {{{{.Label "{OURS}"}}}}')
        for line in listed.splitlines():
            identity, _, owner = line.partition(" ")
            if not Path(f"/proc/{owner}").exists():
                docker(*remove, identity)
