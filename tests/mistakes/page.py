"""docs/first-mistakes.md, made of the tables that the tests try: run this file to write it anew."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from e2e.first_hour import MISTAKES
from kubeadm_upgrade import errors
from mistakes.kubeconfigs import CONNECTIONS, FILES
from mistakes.logins import KEYS
from mistakes.servers import SERVERS

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "first-mistakes.md"

# what the tests fill in, as it may be at a reader's
_NAMES = {
    "name": "prod-1",
    "conn": "prod_1",
    "cluster": "prod_1",
    "directory": "/opt/fleet",
    "inventory": "/opt/airflow/include/clusters",
    "worker": "w1",
    "address": "10.0.0.11",
    "port": 22,
    "server": "https://10.0.0.10:6443",
    "user": "upgrader",
    "context": "kubeadm-fleet@prod-1",
}

_HEAD = """# Mistakes of a first hour

A task that fails ends its log with two lines: what is wrong, and what to do. The report of its run (the tab *Upgrade
report*, and the files in `KUBEADM_UPGRADE_REPORTS`) says both as well. Where only a person can mend it, the task fails
at once; where time can, it is tried again, and the second line says how often still.

This page is made of the tables that the tests try (`tests/mistakes`, `tests/e2e/first_hour.py`); a test compares them.
Whatever of a connection may hold a secret is hidden in logs (`***`), and Airflow takes `kube_config_path` for such a
field, in its forms as well: our sentences name the kubeconfig's file and directory apart, which shows them.

What a second line of the first table says behind *then* is said behind those of the others, too.
"""


def page() -> str:
    """The whole page."""
    sections = (
        _section(
            "Tried through a whole Airflow", "Mistake", ((one.told, one.what, one.do) for one in MISTAKES.values())
        ),
        _section("A kubeconfig's file", "The file", ((name, what, do) for name, (_, what, do) in FILES.items())),
        _section(
            "A connection of type kubernetes",
            "The connection",
            ((name, what, do) for name, (_, what, do) in CONNECTIONS.items()),
        ),
        _section(
            "What answers where the kubeconfig says that the API is",
            "What answers",
            ((f"{name}{_again(kind)}", what, do) for name, (_, _, kind, what, do) in SERVERS.items()),
        ),
        _section(
            "The private key of a connection of type ssh", "The key", ((n, w, d) for n, (_, _, w, d) in KEYS.items())
        ),
    )
    return "\n".join((_HEAD, *sections))


def _again(kind: type[errors.UpgradeError]) -> str:
    return "" if issubclass(kind, errors.NeedsPerson) else " (tried again)"


def _section(title: str, first: str, rows: Iterable[tuple[str, str, str]]) -> str:
    return "\n".join((f"## {title}", "", f"| {first} | What | What to do |", "| --- | --- | --- |", *_rows(rows), ""))


def _rows(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for cells in rows:
        yield f"| {' | '.join(_cell(text) for text in cells)} |"


def _cell(text: str) -> str:
    """Braces that are no names are a command's."""
    for name, value in _NAMES.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page())
