"""The host's end of the wire to the lab. Runs on the host: Python 3.9 and what Debian's python3-minimal has."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote_to_bytes, urlencode

#: Where the lab is and what it calls this host: ADDRESS PORT NODE.
SETTINGS = "/etc/kubernetes-lab"
#: Files that the simulated programs read: the lab is told what is in them, or that they are not there.
READ = (
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/kubelet.conf",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/kubeadm-flags.env",
)


class LabIsAway(Exception):
    """The lab does not answer, or stopped answering half way."""


def settings() -> tuple[str, int, str]:
    with open(SETTINGS) as file:  # noqa: PTH123, pathlib costs a tenth of a second on a slow host
        address, port, node = file.read().split()
    return address, int(port), node


def connect() -> tuple[socket.socket, str]:
    """A connection, and what the lab calls this host."""
    address, port, node = settings()
    try:
        connection = socket.create_connection((address, port), timeout=10)
    except OSError as error:
        raise LabIsAway(f"dial tcp {address}:{port}: connect: {os.strerror(error.errno or 0).lower()}") from error
    connection.settimeout(None)
    return connection, node


def ask(what: str, fields: Iterable[tuple[str, str]]) -> Iterator[list[bytes]]:
    """Post a form; yield the answer's lines as words, as soon as each arrives."""
    connection, node = connect()
    body = urlencode(list(fields)).encode()
    head = f"POST /{quote(node)}/{what} HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    with connection, connection.makefile("rb") as answer:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        status = answer.readline()
        if b" 200 " not in status:
            raise LabIsAway(f"the lab answers {status.decode().strip()!r}")
        while answer.readline().strip():
            pass
        for line in answer:
            yield [unquote_to_bytes(word) for word in line.split()]


def files_read() -> list[tuple[str, str]]:
    """Form fields about the files that a simulated program may read; what this user may not read is not told."""
    fields = []
    for path in READ:
        try:
            with open(path) as file:  # noqa: PTH123
                fields.append(("file", f"{path}\n{file.read()}"))
        except FileNotFoundError:
            fields.append(("missing", path))
        except OSError:
            continue
    return fields


def unit() -> str:
    """The systemd service that this process runs in, or nothing in a login session; sshd's own counts as one."""
    with open("/proc/self/cgroup") as file:  # noqa: PTH123
        ours = [line.strip() for line in file if line.startswith("0::") or ":name=systemd:" in line]
    names = [line.rpartition("/")[2] for line in ours]
    return next((name for name in names if name.endswith(".service") and not name.startswith("ssh")), "")
