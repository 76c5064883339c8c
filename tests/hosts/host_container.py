"""One real host: a container that boots systemd, with sshd, sudo and a package manager of its own."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hosts.docker import LABEL, OURS, DockerError, docker
from hosts.images import USER

# What systemd as PID 1 needs, by name: all of them at once (--privileged) are not to be had everywhere.
_CAPABILITIES = (
    *("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "AUDIT_CONTROL", "SYS_NICE", "IPC_LOCK", "LEASE"),
    *("SYS_TIME", "SYSLOG", "BLOCK_SUSPEND", "WAKE_ALARM", "LINUX_IMMUTABLE"),
)
_PATIENCE = 60.0


@dataclass(frozen=True)
class HostContainer:
    """`execute`, `read` and `write` are the tests' own eyes and hands: docker exec, not the product's SSH."""

    name: str
    container: str
    address: str
    ipv6: str | None = None  # None: docker has no IPv6 here
    port: int = 22
    user: str = USER

    def execute(self, *argv: str, stdin: str | None = None, timeout: float = 120) -> str:
        """Run a command as root; returns what it printed. Raises DockerError with its words."""
        data = None if stdin is None else stdin.encode()
        return docker("exec", "-i", self.container, *argv, stdin=data, timeout=timeout)

    def read(self, path: str) -> str:
        return self.execute("cat", path)

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        self.execute("install", "-D", "-m", mode, "/dev/null", path)
        self.execute("dd", f"of={path}", "status=none", stdin=text)

    def copy_in(self, path: Path, target: str) -> None:
        docker("cp", str(path), f"{self.container}:{target}")

    @property
    def host_key(self) -> str:
        """As known_hosts has it behind the name."""
        return " ".join(self.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2])


@contextmanager
def network() -> Iterator[tuple[str, str]]:
    """A network of our own: its name, and the address at which containers reach this machine."""
    name = f"{OURS}-{time.monotonic_ns()}"
    create = ("network", "create", "--label", LABEL)
    try:
        docker(*create, "--ipv6", "--subnet", _unique_local_subnet(), name)
    except DockerError:  # a kernel without IPv6, or without its tables
        docker(*create, name)
    try:
        yield name, _ipv4_gateway(name)
    finally:
        docker("network", "rm", name)


def _unique_local_subnet() -> str:
    """As RFC 4193 has it: 40 random bits, so that runs beside each other have their own."""
    bits = secrets.token_hex(5)
    return f"fd{bits[:2]}:{bits[2:6]}:{bits[6:]}:1::/64"


def _ipv4_gateway(name: str) -> str:
    """Docker lists IPv4 and IPv6 in no order of its own."""
    listed = docker("network", "inspect", name, "--format", "{{range .IPAM.Config}}{{println .Subnet .Gateway}}{{end}}")
    return next(line.split()[1] for line in listed.splitlines() if "." in line)


@contextmanager
def hosts(image: str, names: Sequence[str], on: str, public_key: str) -> Iterator[dict[str, HostContainer]]:
    """Boot hosts side by side; `public_key` may log in as the user. They are removed at the end."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        try:
            yield dict(zip(names, pool.map(lambda name: _boot(image, name, on, public_key), names), strict=True))
        finally:
            list(pool.map(lambda name: _remove(f"{on}-{name}"), names))


def _boot(image: str, name: str, on: str, public_key: str) -> HostContainer:
    container = f"{on}-{name}"
    docker(
        *("run", "--detach", "--name", container, "--hostname", name, "--label", LABEL, "--network", on),
        *("--cgroupns", "private", "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
        *(word for capability in _CAPABILITIES for word in ("--cap-add", capability)),
        *("--tmpfs", "/run", "--tmpfs", "/run/lock", "--stop-signal", "SIGRTMIN+3", image, "/sbin/container-init"),
    )
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}"
    address, *ipv6 = docker("inspect", container, "--format", template).split()
    host = HostContainer(name, container, address, *ipv6)
    _wait(host, "systemctl", "is-system-running", "--wait")
    host.write(f"/home/{USER}/.ssh/authorized_keys", f"{public_key}\n", "0600")
    host.execute("chown", "-R", f"{USER}:{USER}", f"/home/{USER}/.ssh")
    return host


def _wait(host: HostContainer, *argv: str) -> None:
    """Until a command succeeds: systemd answers nobody in its first moments."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            host.execute(*argv, timeout=30)
            return
        except (DockerError, subprocess.TimeoutExpired) as error:
            if time.monotonic() > deadline:
                raise DockerError(f"{host.name} does not boot: {error}\n{docker('logs', host.container)}") from error
            time.sleep(0.2)


def _remove(container: str) -> None:
    with suppress(DockerError):  # it never started
        docker("rm", "-f", container)
