"""Whose host keys are trusted, and what a person does about a host that shows another."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from asyncssh.public_key import get_default_certificate_algs, get_default_public_key_algs

from kubeadm_upgrade.errors import HostKeyUnknown, NeedsPerson
from kubeadm_upgrade.inventory import Cluster

USERS_KNOWN_HOSTS = "~/.ssh/known_hosts"


@dataclass(frozen=True)
class TrustedKeys:
    """What asyncssh compares with, and where a person mends it."""

    keys: asyncssh.SSHKnownHosts
    source: str
    pinned: bool = False  # by the connection, whose one key is asked for whatever known_hosts says
    missing: bool = False  # there is no such file

    def algorithms(self, host: str, port: int) -> list[str]:
        """The kinds of keys that are known of the host before all others, as OpenSSH's client asks for them.

        asyncssh would ask for no others, and a host that has none of them hangs up as one does that is starting.
        """
        host_keys, authorities, *_ = self._of(host, port)
        if not host_keys and not authorities:
            return []  # asyncssh's own order: the host may be known by its address
        known = [*(get_default_certificate_algs() if authorities else ()), *_kinds(host_keys)]
        return [kind.decode() for kind in dict.fromkeys((*known, *get_default_public_key_algs()))]

    def refusal(self, where: object, host: str, port: int, jump_host: str | None, error: Exception) -> HostKeyUnknown:
        """The sentence for a host that did not show a trusted key."""
        scan = _ssh_keyscan(host, port, jump_host)
        if self.pinned:
            return HostKeyUnknown(
                f"{where}: the host key is not the {self.source} ({error})",
                do=f"compare with the host's own ({scan} prints them), and set it there, or remove it for known_hosts",
            )
        if self.missing:
            path = Path(self.source)
            return HostKeyUnknown(
                f"{where}: the host key is not known: there is no file {path} where tasks run (workers and triggerer)",
                do=f"compare its fingerprint with the host's own, and make the file there "
                f"(mkdir -p {path.parent} && {scan} >> {path})",
            )
        changed, forget = "", ""
        if any(self._of(host, port)[:1]):
            entry = host if port == asyncssh.DEFAULT_PORT else f"[{host}]:{port}"
            changed = f", and {self.source} has another for it: it was installed anew, or another machine answers"
            forget = f"ssh-keygen -f {self.source} -R {shlex.quote(entry)} && "
        return HostKeyUnknown(
            f"{where}: the host key is not known ({error}){changed}",
            do=f"compare its fingerprint with the host's own, and add it ({forget}{scan} >> {self.source})",
        )

    def _of(self, host: str, port: int) -> Sequence[Any]:
        """Its keys, the authorities that may vouch for it, and what else asyncssh reads from such files."""
        return self.keys.match(host, "", port if port != asyncssh.DEFAULT_PORT else None)


def trusted_keys(cluster: Cluster, extra: dict[str, Any], *, of_jump_host: bool) -> TrustedKeys:
    """The connection's `host_key`, which is the hosts', or a file of known hosts. Nothing known is nothing trusted."""
    if extra.get("host_key") and not of_jump_host:
        return _pinned(str(extra["host_key"]), cluster.ssh_conn_id)
    path = cluster.known_hosts or USERS_KNOWN_HOSTS
    try:
        keys = asyncssh.read_known_hosts(str(Path(path).expanduser()))
    except FileNotFoundError:
        return TrustedKeys(asyncssh.import_known_hosts(""), path, missing=True)  # not b"": that is the user's own file
    except IsADirectoryError as error:
        raise NeedsPerson(
            f"{path} is no known_hosts file: it is a directory",
            do="put the file in its place: a container's mount of a file that is missing becomes a directory",
        ) from error
    except (OSError, ValueError) as error:
        raise NeedsPerson(f"{path} is no known_hosts file: {error}", do="mend it where tasks run") from error
    return TrustedKeys(keys, path)


def _pinned(text: str, conn_id: str) -> TrustedKeys:
    """As the ssh provider reads it: with the kind of key before it, or without."""
    source = f"host_key of connection {conn_id}"
    try:
        line = text if len(text.split()) > 1 else f"{_kind(text)} {text}"
        asyncssh.import_public_key(line)
    except ValueError as error:
        raise NeedsPerson(f"{source} is no public key ({error})", do="write it as known_hosts has it") from error
    return TrustedKeys(asyncssh.import_known_hosts(f"* {line}"), source, pinned=True)


def _kinds(keys: Iterable[asyncssh.SSHKey]) -> list[bytes]:
    """An RSA key is offered under several names."""
    return [kind for key in keys for kind in key.sig_algorithms]


def _kind(data: str) -> str:
    """What a key's data begins with: a length, and its kind."""
    decoded = base64.b64decode(data)
    return decoded[4 : 4 + int.from_bytes(decoded[:4])].decode()


def _ssh_keyscan(host: str, port: int, jump_host: str | None) -> str:
    """From where the host can be reached."""
    through = f"ssh ssh://{jump_host} " if jump_host else ""
    return f"{through}ssh-keyscan {f'-p {port} ' if port != asyncssh.DEFAULT_PORT else ''}{host}"
