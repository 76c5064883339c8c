"""kubeadm, kubectl and crictl on a real host: the lab runs the command, this end prints and writes files."""

from __future__ import annotations

import os
import sys

from hosts.standins import client

LAB_IS_AWAY = 70


def main(program: str, version: str, arguments: list[str]) -> int:
    """Exits as the simulated command does."""
    fields = [("program", program), ("version", version), ("unit", client.unit())]
    fields += [("root", "yes" if os.geteuid() == 0 else ""), ("kubeconfig", os.environ.get("KUBECONFIG", ""))]
    fields += [("argument", word) for word in arguments] + client.files_read()
    try:
        for kind, *words in client.ask("run", fields):
            if kind == b"exit":
                return int(words[0])
            _HANDLERS[kind](*words)
    except (OSError, client.LabIsAway) as error:
        print(f"{program}: stand-in: {error}", file=sys.stderr)
        return LAB_IS_AWAY
    print(f"{program}: stand-in: the lab stopped answering", file=sys.stderr)
    return LAB_IS_AWAY


def _write(path: bytes, mode: bytes, size: bytes, content: bytes = b"") -> None:
    """``size`` may be more than there is: what is missing is a hole, so that 125 MB of etcd cost nothing."""
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, int(mode, 8))
    try:
        os.write(descriptor, content)
        os.ftruncate(descriptor, max(int(size), len(content)))
    finally:
        os.close(descriptor)


def _print(text: bytes) -> None:
    os.write(1, text)


def _complain(text: bytes) -> None:
    os.write(2, text)


_HANDLERS = {b"out": _print, b"error": _complain, b"file": _write}
