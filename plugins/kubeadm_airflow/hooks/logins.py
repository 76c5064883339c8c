"""What an SSH connection logs in with, and what a person does where it cannot."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncssh

from kubeadm_upgrade.errors import NeedsPerson
from kubeadm_upgrade.inventory import Cluster

_PUBLIC = ("ssh-", "ecdsa-", "sk-", "-----BEGIN PUBLIC", "---- BEGIN SSH2 PUBLIC")
_PUTTY = "PuTTY-User-Key-File"


def client_keys(conn_id: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The connection's key, by the names that the ssh provider documents; none: asyncssh's defaults and agent."""
    passphrase = extra.get("private_key_passphrase") or extra.get("passphrase") or None
    text, path = extra.get("private_key"), extra.get("key_file")
    try:
        if text:
            return {"client_keys": [asyncssh.import_private_key(text, passphrase)]}
        if path:
            return {"client_keys": asyncssh.load_keypairs([str(Path(path).expanduser())], passphrase)}
    except (OSError, ValueError) as error:
        why, do = _unusable_text(text, error) if text else _unusable_file(Path(str(path)).expanduser(), error)
        raise NeedsPerson(f"the private key of connection {conn_id} cannot be used: {why}", do=do) from error
    return {}


def login_remedy(conn_id: str, options: Mapping[str, Any]) -> str:
    """For a host that answers, and does not let us in."""
    if not options["username"]:
        return f"set login in connection {conn_id}: without one it is whoever runs the task, {getpass.getuser()}"
    if not options.get("client_keys") and not options["password"]:
        return f"set key_file or private_key in the extra of connection {conn_id}: it has neither, and no password"
    return f"check login and key of connection {conn_id}, and that user's ~/.ssh/authorized_keys on the host"


def reach_remedy(cluster: Cluster, address: Any) -> str:
    """For a host that does not answer, or not as one that speaks SSH."""
    if address.is_jump_host:
        return f"see whether it runs, and correct jump_host in {cluster.name}.yaml"
    return (
        f"see whether sshd runs and listens there, and correct nodes.{address.node}.address or ssh.port in "
        f"{cluster.name}.yaml"
    )


def _unusable_file(path: Path, error: Exception) -> tuple[str, str]:
    """What is wrong with a file, and what to do."""
    match error:
        case FileNotFoundError():
            return (
                f"there is no file {path} where tasks run (workers and triggerer)",
                "put it there, or correct key_file in its extra",
            )
        case IsADirectoryError():
            return f"{path} is a directory", "correct key_file in its extra"
        case PermissionError():
            user = getpass.getuser()
            return f"{user}, who runs tasks, may not read {path}", f"let {user} read it, and nobody else"
        case OSError():
            return f"{path}: {error.strerror}", "put it where tasks run, or correct key_file in its extra"
    try:
        text = path.read_text()
    except (OSError, ValueError):
        text = ""
    why, do = _unusable_text(text, error)
    return f"{path}: {why}", do


def _unusable_text(text: str, error: Exception) -> tuple[str, str]:
    said = str(error)
    if text.startswith(_PUTTY):
        return "it is a key of PuTTY", "convert it: puttygen KEY -O private-openssh -o NEW_KEY"
    if text.startswith(_PUBLIC):
        return "it is a public key", "give it the private one, which has the same name without .pub"
    if "passphrase" in said.lower():
        return said, "set private_key_passphrase in its extra"
    return said, "give it one as ssh-keygen makes it, with its first and its last line"
