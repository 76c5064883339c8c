"""The kubelet on a real host: it lives and dies here, and the lab's Node follows.

Its connection to the lab is the sign of life: the lab's kubelet is up for as long as it is open and beats come.
"""

from __future__ import annotations

import os
import socket
import time

from hosts.standins import client
from hosts.standins.klog import log

BEAT_SECONDS = 0.2
#: Flags and the first minor release that does not know them any more; a kubelet with one does not start.
REMOVED = {"--network-plugin": 24, "--container-runtime": 27, "--pod-infra-container-image": 35}


def main(program: str, version: str, arguments: list[str]) -> int:
    tag = "v" + version.split("-", maxsplit=1)[0]
    if "--version" in arguments:
        print(f"Kubernetes {tag}")
        return 0
    if reason := _why_not_start(tag, arguments):
        log("E", "run.go:74", f'"command failed" err="{reason}"')
        return 1
    log("I", "server.go:467", f'"Kubelet version" kubeletVersion="{tag}"')
    while True:
        _live(version)
        time.sleep(BEAT_SECONDS)


def _why_not_start(tag: str, arguments: list[str]) -> str:
    minor = int(tag.split(".")[1])
    for word in arguments:
        if minor >= REMOVED.get(word.split("=")[0], minor + 1):
            return f"failed to parse kubelet flag: unknown flag: {word.split('=')[0]}"
    path = next((word.split("=", 1)[1] for word in arguments if word.startswith("--config=")), "")
    if path and not os.path.exists(path):  # noqa: PTH110, pathlib is slow to import
        return (
            f"failed to load kubelet config file, path: {path}, error: failed to load Kubelet config file {path}, "
            f'error failed to read kubelet config file \\"{path}\\", error: open {path}: no such file or directory'
        )
    return ""


def _live(version: str) -> None:
    """Be connected until the lab hangs up; say so in the journal as a kubelet does of its API server."""
    try:
        connection, node = client.connect()
        with connection:
            _register(connection, node, version)
            while True:
                time.sleep(BEAT_SECONDS)
                connection.sendall(b"5\r\nbeat\n\r\n")
    except (OSError, client.LabIsAway) as error:
        log("E", "kubelet_node_status.go:92", f'"Unable to register node with API server" err="{error}"')


def _register(connection: socket.socket, node: str, version: str) -> None:
    with open("/etc/machine-id") as file:  # noqa: PTH123
        machine = file.read().strip()
    head = f"POST /{node}/kubelet?version={version}&machine={machine} HTTP/1.1\r\nHost: lab\r\n"
    connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n5\r\nbeat\n\r\n".encode())
    log("I", "kubelet_node_status.go:109", f'"Node was previously registered" node="{node}"')
    log("I", "kubelet_node_status.go:74", f'"Successfully registered node" node="{node}"')
    log("I", "kubelet.go:1967", '"Starting kubelet main sync loop"')
    log(
        "E",
        "kubelet.go:1991",
        '"Skipping pod synchronization" err="PLEG is not healthy: pleg has yet to be successful"',
    )
    log("I", "apiserver.go:52", '"Watching apiserver"')
    log("I", "reconciler.go:157", '"Reconciler: start to sync state"')
