"""Which port of the engine a step in the triggerer works through: who waits for others looks from afar until its
gates open, and then for itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from kubeadm_airflow.hooks.draining import Refused
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_airflow.hooks.shared_look import Line, SharedLook, shared_line
from kubeadm_upgrade.actions import Action
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.engine import Port
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.standing.rules import Standing
from kubeadm_upgrade.steps import Step


class FromAfar:
    """One node that waits for others: it has no connection of its own before it needs one."""

    def __init__(
        self, cluster: Cluster, work: Assignment, far: SharedLook[Line], seconds: float, stack: AsyncExitStack
    ) -> None:
        self._cluster = cluster
        self._work = work
        self._far = far
        self._seconds = seconds
        self._stack = stack
        self._opened: NodeConnection | None = None
        self._acts = False  # from then on only what it sees itself tells what came of it

    @classmethod
    @asynccontextmanager
    async def open(cls, cluster: Cluster, work: Assignment, seconds: float) -> AsyncIterator[FromAfar]:
        """`seconds`: how old what others have seen may be."""
        async with AsyncExitStack() as stack:
            far = await stack.enter_async_context(shared_line(work.cluster).used())
            yield cls(cluster, work, far, seconds, stack)

    async def look(self, step: Step) -> Facts:
        """From afar where all that is seen there is a reason to wait; else as every other step does."""
        if not self._acts and (far := await self._from_afar()) is not None and self._waits(step, far):
            return far
        near = await (await self._near()).look(step)
        self._acts = self._acts and not self._waits(step, near)
        return near

    async def standing(self, action: Action) -> Standing:
        self._acts = True
        return await (await self._near()).standing(action)

    async def act(self, action: Action) -> Refused:
        self._acts = True
        return await (await self._near()).act(action)

    async def act_side_by_side(self, actions: tuple[Action, ...]) -> list[Refused]:
        self._acts = True
        return await (await self._near()).act_side_by_side(actions)

    async def _from_afar(self) -> Facts | None:
        seen = await self._far.newest(self._seconds)
        node = seen.nodes.get(self._work.node)
        if node is None:
            return None
        facts = Facts(node, self._work.run, datetime.now(UTC), policy=seen.cluster.rollout, ledger=seen.ledger)
        return replace(facts, lane=seen.lane(self._work))

    def _waits(self, step: Step, facts: Facts) -> bool:
        hop = self._work.hop
        if step.done(facts, hop) or step.refuse(facts, hop):
            return False
        return why_wait(facts, hop, GATES_OF_THE_LANE) is not None

    async def _near(self) -> NodeConnection:
        if self._opened is None:
            self._opened = await self._stack.enter_async_context(NodeConnection.open(self._cluster, self._work))
        return self._opened


def port_of(cluster: Cluster, work: Assignment, seconds: float) -> AbstractAsyncContextManager[Port]:
    """For who waits in the triggerer. Hundreds of workers may, and share what they see of the last so many seconds;
    control plane nodes are few, and change what is seen.
    """
    if work.group != "workers":
        return NodeConnection.open(cluster, work)
    if STEPS[work.step].is_at_the_gates:
        return FromAfar.open(cluster, work, seconds)
    return NodeConnection.open(cluster, work, shared_for=seconds)
