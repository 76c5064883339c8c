"""A docker daemon of our own, where none answers. It shares nothing with others that run beside it."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import pytest

from hosts.docker import OURS, DockerError, answers
from hosts.scratch import scratch

_PATIENCE = 60.0
_RUN = Path("/run")  # short: a socket's path has at most 107 characters
_ADDRESSES = IPv4Network("198.18.0.0/15")  # for tests between networks (RFC 2544), so that nobody is behind it
_BRIDGE = "kf-hosts-"


@contextmanager
def daemon(cache: Path) -> Iterator[None]:
    """Docker's command line finds it while it runs. Raises DockerError with its last words when it does not start."""
    with (
        scratch(_RUN, OURS) as state,
        scratch(cache, "dockerd") as data,
        _bridge(addresses := _free_addresses()) as bridge,
        pytest.MonkeyPatch.context() as environment,
    ):
        socket, log = f"unix://{state}/docker.sock", data / "log"
        environment.setenv("DOCKER_HOST", socket)
        environment.delenv("DOCKER_CONTEXT", raising=False)
        network = ("--bridge", bridge, "--default-address-pool", f"base={addresses},size=24")
        process = _start([*_command(state, data, socket), *network], log)
        try:
            _wait(process, log)
            yield
        finally:
            _end(process)


def _command(state: Path, data: Path, socket: str) -> list[str]:
    """It ends with us even if we are killed. The machine's /etc/docker/daemon.json is for the machine's daemon."""
    (state / "daemon.json").write_text("{}\n")
    return [
        *("setpriv", "--pdeathsig", "TERM", "dockerd", "--config-file", str(state / "daemon.json"), "--host", socket),
        *("--data-root", str(data / "root"), "--exec-root", str(state / "exec"), "--pidfile", str(state / "pid")),
    ]


@contextmanager
def _bridge(addresses: IPv4Network) -> Iterator[str]:
    """What no host is on; but docker0 is another daemon's, and `--bridge none` removes it from the machine."""
    for left in Path("/sys/class/net").glob(f"{_BRIDGE}*"):
        if not Path("/proc", left.name.removeprefix(_BRIDGE)).exists():
            _ip("link", "delete", left.name)
    name = f"{_BRIDGE}{os.getpid()}"
    _ip("link", "add", name, "type", "bridge")
    try:
        _ip("address", "add", f"{addresses[1]}/24", "dev", name)
        yield name
    finally:
        _ip("link", "delete", name)
        _forget_rules(name)


def _forget_rules(bridge: str) -> None:
    """Docker takes back those of networks, and leaves those of its default bridge."""
    for table in ("filter", "nat"):
        for rule in _run("iptables", "--table", table, "--list-rules").splitlines():
            if bridge in rule.split():
                _run("iptables", "--table", table, "--delete", *rule.split()[1:])


def _free_addresses() -> IPv4Network:
    """Docker does not look whether another daemon's networks, or what has stayed of them, have the same addresses."""
    taken = [ip_network(route.split()[0]) for route in _ip("-4", "route").splitlines() if route[0].isdigit()]
    pools = list(_ADDRESSES.subnets(new_prefix=20))
    random.shuffle(pools)
    return next(pool for pool in pools if not any(pool.overlaps(one) for one in taken))


def _ip(*argv: str) -> str:
    return _run("ip", *argv)


def _run(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=20).stdout


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise DockerError(f"dockerd does not start here: {log.read_text(errors='replace')[-800:]}")
        time.sleep(0.3)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
