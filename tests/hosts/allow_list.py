"""The generated sudoers file on a real host, as the whole of what the product's user may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hosts.host_container import HostContainer
from hosts.images import USER

PATH = f"/etc/sudoers.d/{USER}"


def install(host: HostContainer, text: str) -> None:
    """As docs/hosts.md says: checked first, and then the only list."""
    host.write("/root/list", text, "0440")
    host.execute("visudo", "-c", "-f", "/root/list")
    host.execute("mv", "/root/list", PATH)
    assert "NOPASSWD: ALL" not in host.execute("sh", "-c", "cat /etc/sudoers /etc/sudoers.d/*")


@contextmanager
def installed(host: HostContainer, text: str) -> Iterator[None]:
    """For a while."""
    before = host.read(PATH)
    install(host, text)
    try:
        yield
    finally:
        host.write(PATH, before, "0440")


def refusals(host: HostContainer) -> list[str]:
    """What sudo has refused, by its own log."""
    return [line for line in _log(host) if "not allowed" in line]


def commands(host: HostContainer) -> int:
    """How many it has run: none would mean that nothing is written down."""
    return sum("COMMAND=" in line for line in _log(host))


def _log(host: HostContainer) -> list[str]:
    return host.execute("journalctl", "--no-pager", "-o", "cat", "-t", "sudo").splitlines()
