"""Which address and port does each node get?"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping

from lab.spec import ClusterSpec

_LINUX = sys.platform.startswith("linux")


def node_addresses(spec: ClusterSpec, number: int) -> Mapping[str, str]:
    """On Linux all of 127.0.0.0/8 is loopback, so every node can have its own address."""
    if not _LINUX:
        return dict.fromkeys(spec.nodes, "127.0.0.1")
    return {name: f"127.77.{number}.{place}" for place, name in enumerate(spec.nodes, start=1)}


def next_address(known: Mapping[str, str]) -> str:
    """For a host that joins."""
    network = next(iter(known.values())).rpartition(".")[0]
    return f"{network}.{len(known) + 1}" if _LINUX else "127.0.0.1"


def api_address(number: int) -> str:
    return f"127.77.{number}.254" if _LINUX else "127.0.0.1"


def shared_port(addresses: Mapping[str, str]) -> int:
    """A port free on every address; 0 (any) where nodes share one address."""
    if not _LINUX:
        return 0
    for _ in range(50):
        port = _free_port(next(iter(addresses.values())))
        if all(_is_free(address, port) for address in addresses.values()):
            return port
    raise OSError("no port is free on all the addresses of the cluster")


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
