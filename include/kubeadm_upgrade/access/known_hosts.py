"""A host's key, as a person compares it and as known_hosts holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SSH_PORT = 22


class Known(StrEnum):
    """What known_hosts says of the key that a host has shown."""

    KNOWN = "known"
    NEW = "new"
    ANOTHER = "another key is known of it"
    SILENT = "it shows none"


@dataclass(frozen=True)
class HostKey:
    """`kind` and `data` are the line's last two words; `said` is why there is none."""

    node: str
    host: str
    port: int
    known: Known
    kind: str = ""
    data: str = ""
    fingerprint: str = ""
    said: str = ""

    @property
    def entry(self) -> str:
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"

    @property
    def line(self) -> str:
        return f"{self.entry} {self.kind} {self.data}"


def append(path: Path, keys: Sequence[HostKey]) -> None:
    """As ssh writes it: for nobody else to change, and behind whatever is there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    before = path.read_text()
    gap = "\n" if before and not before.endswith("\n") else ""
    with path.open("a") as file:
        file.write(gap + "".join(f"{key.line}\n" for key in keys))
