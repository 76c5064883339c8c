"""What does the API answer when its only apiserver has started? In the order of golden/README.md, last section."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any

from lab.control_plane import APISERVER

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster


class Phase(Enum):
    """From nothing to everything, as golden/kubelet-restart-control-plane-1.33-to-1.34-timeline.txt shows it."""

    CLOSED = "connection refused"
    FORBIDDEN = "403 to everybody: the rules of RBAC are not loaded yet"
    UNREADY = "500 on /readyz, everything else is answered"
    SERVING = "200"


class ApiDoor:
    """The endpoint stands for a load balancer: while another apiserver serves, nobody sees one that starts."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self.phase = Phase.SERVING
        #: The node authorizer learns last which node may read what.
        self.knows_nodes = True
        #: No apiserver was up: whoever answers next has just started.
        self._cold = False
        self._starting: asyncio.Task[Any] | None = None

    @property
    def answers(self) -> bool:
        """Are requests answered by what is asked, /readyz aside?"""
        return self.phase in (Phase.UNREADY, Phase.SERVING)

    def refresh(self) -> None:
        """Open or close after something behind it changed."""
        plane = self.cluster.control_plane
        up = [] if self.cluster.faults.is_on("api_down") else plane.up(APISERVER)
        self._cold = self._cold or not up
        if up and plane.has_quorum():
            self._open()
        else:
            self._close()

    def _close(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None
        self.phase = Phase.CLOSED
        self.cluster.endpoint.set_open(False)

    def _open(self) -> None:
        if self.phase is not Phase.CLOSED:
            return
        self._enter(Phase.FORBIDDEN if self._cold else Phase.SERVING)
        self.cluster.endpoint.set_open(True)
        if self._cold:
            self.knows_nodes = False
            self._starting = self.cluster.spawn(self._start())

    async def _start(self) -> None:
        latency = self.cluster.latency
        await asyncio.sleep(latency.api_forbids)
        self._enter(Phase.UNREADY)
        await asyncio.sleep(latency.api_unready)
        self._enter(Phase.SERVING)
        self._cold = False
        await asyncio.sleep(latency.node_authorizer)
        self.knows_nodes = True

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        for kubelet in self.cluster.kubelets.values():
            kubelet.forgive()
