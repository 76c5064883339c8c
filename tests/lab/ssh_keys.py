"""The keys of the lab's SSH: one of the client, one per host, and an authority for certified hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

_KIND = "ssh-ed25519"


@dataclass(frozen=True)
class HostKey:
    """``certificate`` is set on hosts that are known through the authority only."""

    key: asyncssh.SSHKey
    certificate: asyncssh.SSHCertificate | None = None

    @property
    def public(self) -> str:
        return _public(self.key)

    @property
    def server_keys(self) -> list[object]:
        return [self.key if self.certificate is None else (self.key, self.certificate)]


class SshKeys:
    """Keys of one lab; files in its directory."""

    def __init__(self, directory: Path) -> None:
        self.client = asyncssh.generate_private_key(_KIND, comment="kubeadm-fleet lab")
        self.authority = asyncssh.generate_private_key(_KIND, comment="kubeadm-fleet lab CA")
        self.private_path = directory / "id_ed25519"
        self.known_hosts = directory / "known_hosts"
        self.private_path.touch(mode=0o600)
        self.private_path.write_bytes(self.client.export_private_key())
        self._lines: list[str] = []

    def host_key(self, name: str, address: str, certified: bool) -> HostKey:
        key = asyncssh.generate_private_key(_KIND, comment=f"root@{name}")
        if not certified:
            return HostKey(key)
        return HostKey(key, self.authority.generate_host_certificate(key, name, principals=[address, name]))

    def know(self, address: str, port: int, key: HostKey) -> None:
        """Add the line known_hosts needs; a certified host is named by the authority's line alone."""
        if key.certificate is None:
            self._lines.append(f"[{address}]:{port} {key.public}")
        else:
            self._lines.append(f"@cert-authority [{address}]:{port} {_public(self.authority)}")

    def write_known_hosts(self) -> None:
        self.known_hosts.write_text("\n".join(self._lines) + "\n")


def _public(key: asyncssh.SSHKey) -> str:
    words: Sequence[str] = key.export_public_key().decode().split()
    return " ".join(words[:2])
