"""What a kubelet writes when it starts; lines of golden/journal-kubelet-w2.txt."""

from __future__ import annotations

import time
from collections.abc import Iterator

_STARTING = (
    ("I", "server.go:446", '"Kubelet version" kubeletVersion="{version}"'),
    ("I", "kubelet_node_status.go:109", '"Node was previously registered" node="{node}"'),
    ("I", "kubelet_node_status.go:74", '"Successfully registered node" node="{node}"'),
    ("I", "cpu_manager.go:209", '"Starting CPU manager" policy="none"'),
    ("I", "plugin_manager.go:114", '"Starting Kubelet Plugin Manager"'),
    ("I", "status_manager.go:158", '"Starting to sync pod status with apiserver"'),
    ("I", "kubelet.go:1967", '"Starting kubelet main sync loop"'),
    ("E", "kubelet.go:1991", '"Skipping pod synchronization" err="PLEG is not healthy: pleg has yet to be successful"'),
)
#: One that does not stay up; not seen, from memory.
_FAILING = (
    ("E", "run.go:74", '"command failed" err="failed to load kubelet config file, path: /var/lib/kubelet/config.yaml"'),
)


def starting(node: str, version: str, pid: int) -> Iterator[str]:
    return _lines(_STARTING, node, version, pid)


def failing(node: str, version: str, pid: int) -> Iterator[str]:
    return _lines(_FAILING, node, version, pid)


def _lines(wanted: tuple[tuple[str, str, str], ...], node: str, version: str, pid: int) -> Iterator[str]:
    stamp = time.strftime("%m%d %H:%M:%S", time.gmtime())
    for letter, place, text in wanted:
        yield f"{letter}{stamp}.143335 {pid:>7} {place}] {text.format(node=node, version=version)}"
