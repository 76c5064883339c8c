"""SSH connections with a mistake each: the key, and who logs in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncssh

Json = dict[str, Any]

WHERE = "where tasks run (workers and triggerer)"
CANNOT = "the private key of connection prod cannot be used: "
PUTTY = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"


def own() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def encrypted(path: Path) -> None:
    own().write_private_key(str(path), passphrase="right")


def text(content: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(content)


# what makes the file id_fleet, the connection's extra, and the two lines
KEYS: dict[str, tuple[Callable[[Path], Any], Json, str, str]] = {
    "no such file": (
        lambda path: None,
        {"key_file": "{directory}/id_fleet"},
        f"{CANNOT}there is no file {{directory}}/id_fleet {WHERE}",
        "put it there, or correct key_file in its extra",
    ),
    "a directory": (
        Path.mkdir,
        {"key_file": "{directory}/id_fleet"},
        CANNOT + "{directory}/id_fleet is a directory",
        "correct key_file in its extra",
    ),
    "the public key": (
        lambda path: own().write_public_key(str(path)),
        {"key_file": "{directory}/id_fleet"},
        CANNOT + "{directory}/id_fleet: it is a public key",
        "give it the private one, which has the same name without .pub",
    ),
    "a key of PuTTY": (
        text(PUTTY),
        {"key_file": "{directory}/id_fleet"},
        CANNOT + "{directory}/id_fleet: it is a key of PuTTY",
        "convert it: puttygen KEY -O private-openssh -o NEW_KEY",
    ),
    "an encrypted key without its passphrase": (
        encrypted,
        {"key_file": "{directory}/id_fleet"},
        CANNOT + "{directory}/id_fleet: Passphrase must be specified to import encrypted private keys",
        "set private_key_passphrase in its extra",
    ),
    "an encrypted key with another passphrase": (
        encrypted,
        {"key_file": "{directory}/id_fleet", "private_key_passphrase": "wrong"},
        CANNOT + "{directory}/id_fleet: Incorrect passphrase",
        "set private_key_passphrase in its extra",
    ),
    "no key at all": (
        text("hello"),
        {"key_file": "{directory}/id_fleet"},
        CANNOT + "{directory}/id_fleet: Invalid private key",
        "give it one as ssh-keygen makes it, with its first and its last line",
    ),
    "the public key in the connection": (
        lambda path: None,
        {"private_key": own().export_public_key().decode()},
        CANNOT + "it is a public key",
        "give it the private one, which has the same name without .pub",
    ),
    "host keys not to be checked": (
        lambda path: None,
        {"no_host_key_check": True},
        "connection prod sets no_host_key_check: host keys are always checked here",
        "take it out of its extra, and put the hosts' keys into known_hosts",
    ),
}
