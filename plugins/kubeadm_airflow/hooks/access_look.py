"""Whether a run is possible: the API and every host are asked, by the code that a run's tasks use."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncssh

from kubeadm_airflow.hooks.access_api import AccessApi
from kubeadm_airflow.hooks.host import Address, Host, address_of
from kubeadm_airflow.hooks.repositories import ask_published, last_words
from kubeadm_airflow.hooks.side_by_side import some_at_once
from kubeadm_airflow.hooks.sights import SESSIONS_AT_ONCE, look_at_host
from kubeadm_upgrade import machine, queries
from kubeadm_upgrade.access import api, hosts, sudo
from kubeadm_upgrade.access.line import Line, State, Unwatched, Watcher, with_those_not_reached
from kubeadm_upgrade.access.permissions import EVERYTHING, permissions
from kubeadm_upgrade.errors import (
    CommandFailed,
    Forbidden,
    HostKeyUnknown,
    Unauthorized,
    Unreachable,
    UnreadableOutput,
    UpgradeError,
)
from kubeadm_upgrade.facts import HostFacts, NodeFacts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.objects import read_nodes
from kubeadm_upgrade.outsiders import read_outsiders
from kubeadm_upgrade.packages.port import manager_of
from kubeadm_upgrade.planning.next_target import next_target
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.version import TargetVersion

HOSTS_AT_ONCE = 20
# A host has this long for all of its answers: package managers may take a minute behind a proxy that does not answer.
HOST_SECONDS = 180.0


async def look_at_access(
    cluster: Cluster, target: TargetVersion | None, watcher: Watcher | None = None
) -> tuple[Line, ...]:
    """Every line, in order. Without a target, hosts are asked for the next minor release that makes sense."""
    watcher = watcher or Unwatched()
    lines, nodes = await _look_at_api(cluster, target)
    watcher.add(lines)
    watcher.expect([node.name for node in nodes])
    wanted = target or _next(nodes)
    if not nodes or wanted is None:
        return lines
    looks = [_HostLook(cluster, node, wanted) for node in nodes]
    gate = asyncio.Semaphore(HOSTS_AT_ONCE)
    await asyncio.gather(*(_watched(look, gate, watcher) for look in looks))
    by_host = _with_clocks(looks)
    watcher.add([line for lines in by_host for line in lines])
    return (*lines, *(line for lines in by_host for line in lines))


def _next(nodes: Sequence[NodeFacts]) -> TargetVersion | None:
    return next_target(nodes, releases(), datetime.now(UTC).date())


async def _look_at_api(cluster: Cluster, target: TargetVersion | None) -> tuple[tuple[Line, ...], Sequence[NodeFacts]]:
    look = _ApiLook(cluster, target)
    try:
        await look.go()
    except UpgradeError as error:
        question = api.IDENTITY if isinstance(error, Unauthorized) else look.asking
        if question == api.IDENTITY:
            look.lines.append(api.answers(""))  # it did, with a refusal
        look.lines.append(api.failed(question, error, cluster.kubernetes_conn_id))
    return tuple(with_those_not_reached(api.API, api.questions(), look.lines)), look.nodes


@dataclass
class _ApiLook:
    """How far the questions to an API have come."""

    cluster: Cluster
    target: TargetVersion | None
    asking: str = api.CONNECTION
    lines: list[Line] = field(default_factory=list)
    nodes: Sequence[NodeFacts] = ()

    async def go(self) -> None:
        async with AccessApi.open(self.cluster.kubernetes_conn_id) as opened:
            self.lines.append(api.connection(self.cluster.kubernetes_conn_id, verified=opened.is_verified))
            self.asking = api.ANSWERS
            await opened.readyz()
            version = await opened.version()
            self.lines.append(api.answers(version))
            self.asking = api.IDENTITY
            who = await opened.who_am_i()
            self.lines.append(api.identity(who))
            for permission in permissions():
                self.asking = api.right(permission)
                self.lines.append(api.granted(permission, await opened.may(permission), who))
            self.asking = api.SURPLUS
            self.lines.append(api.surplus(await opened.may(EVERYTHING), who))
            if all(line.state is State.OK for line in self.lines if line.question == api.right(api.LIST_NODES)):
                self.asking = api.NODES
                listed = await opened.nodes()
                self.nodes = read_nodes(listed)
                self.lines.append(api.nodes(self.nodes, read_outsiders(listed), self.cluster.kubernetes_conn_id))
                if wanted := self.target or _next(self.nodes):
                    self.lines.append(api.target(wanted, version, self.nodes, self.cluster.name))


async def _watched(look: _HostLook, gate: asyncio.Semaphore, watcher: Watcher) -> None:
    async with gate:
        await look.go()
    watcher.add([line for line in look.all_lines() if line.question != hosts.CLOCK])


def _with_clocks(looks: Iterable[_HostLook]) -> list[tuple[Line, ...]]:
    """A clock is judged by all the others, so when all have said theirs."""
    looks = tuple(looks)
    ahead = {look.node.name: look.ahead for look in looks if look.ahead is not None}
    known = {line.subject: line for line in hosts.clocks(ahead)}
    for look in looks:
        look.lines += [known[look.node.name]] if look.node.name in known else []
    return [look.all_lines() for look in looks]


class _HostLook:
    """How far the questions to one host have come."""

    def __init__(self, cluster: Cluster, node: NodeFacts, target: TargetVersion) -> None:
        self.node = node
        self.lines: list[Line] = []
        self.ahead: float | None = None
        self._cluster = cluster
        self._target = target
        self._asking = hosts.ADDRESS

    def all_lines(self) -> tuple[Line, ...]:
        return tuple(with_those_not_reached(self.node.name, hosts.QUESTIONS, self.lines))

    async def go(self) -> None:
        try:
            async with asyncio.timeout(HOST_SECONDS):
                await self._reach()
        except TimeoutError:
            self.lines.append(hosts.no_end(self.node.name, self._asking, HOST_SECONDS))

    async def _reach(self) -> None:
        try:
            address = address_of(self._cluster, self.node)
        except UpgradeError as error:
            self.lines.append(hosts.failed(self.node.name, hosts.ADDRESS, error))
            return
        self._asking = hosts.REACHED
        where = f"{address.host}:{address.port}" if address.port else address.host
        try:
            async with Host.open(self._cluster, address) as host:
                self.lines += hosts.on_the_way(self.node.name, where)
                await self._ask(host)
        except UpgradeError as error:
            if self.lines:  # the session has ended under a question
                self.lines.append(hosts.failed(self.node.name, self._asking, error))
            else:
                self.lines += _stopped(self.node.name, where, address, error)

    async def _ask(self, host: Host) -> None:
        """What does not stand on the answer before it is asked all the same."""
        before = time.time()
        there = await host.ask(machine.CLOCK)
        self.ahead = there - (before + time.time()) / 2
        self._asking = hosts.PACKAGES
        os = await host.ask(queries.OS_RELEASE)
        self.lines.append(hosts.packages(self.node.name, os))
        self._asking = hosts.SUDO
        await host.ask(queries.ROOT)
        self.lines.append(hosts.sudo(self.node.name))
        self._asking = hosts.SUDO_LIST
        self.lines.append(await self._sudo_list(host))
        if manager_of(os) is not None:
            self._asking = hosts.REPOSITORY
            self.lines.append(await self._repository(host))

    async def _sudo_list(self, host: Host) -> Line:
        told = sudo.read_list((await host.run(sudo.WHOLE_LIST)).stdout)
        argvs = () if told.everything else sudo.examples(control_plane=self.node.control_plane)
        answers = await some_at_once([host.run(sudo.asking(argv)) for argv in argvs], SESSIONS_AT_ONCE)
        allowed = {argv: sudo.is_allowed(answer) for argv, answer in zip(argvs, answers, strict=True)}
        denied = [argv for argv, may in allowed.items() if may is False]
        asked = sum(may is not None for may in allowed.values())
        return hosts.sudo_list(self.node.name, told, denied, asked)

    async def _repository(self, host: Host) -> Line:
        facts = HostFacts(**await look_at_host(host))
        manager = manager_of(facts.os)
        assert manager is not None  # noqa: S101 - asked before
        url = self._cluster.repository(self._target.release, manager.FORMAT).url
        try:
            return hosts.repository(self.node.name, self._target, url, await ask_published(host, manager, facts, url))
        except CommandFailed as error:
            if manager.is_missing(error):
                return hosts.no_repository(self.node.name, self._target, url, last_words(error, url))
            raise


def _stopped(node: str, where: str, address: Address, error: UpgradeError) -> Iterable[Line]:
    """At which of the questions on the way to a host an error has come; a jump host's troubles are the way's."""
    question = _question_of(error)
    if question is None:  # the credentials themselves: nobody was asked yet
        return [hosts.failed(node, hosts.LOGIN, error)]
    if address.jump_host and error.what.startswith("the jump host of "):
        question = hosts.REACHED
    return hosts.stopped(node, where, question, error)


def _question_of(error: UpgradeError) -> str | None:
    cause = error.__cause__
    match error:
        case HostKeyUnknown():
            return hosts.HOST_KEY
        case Unreachable():
            return hosts.ADDRESS if isinstance(cause, socket.gaierror) else hosts.REACHED
        case Forbidden():
            return hosts.LOGIN if isinstance(cause, asyncssh.PermissionDenied) else hosts.REACHED
        case CommandFailed() | UnreadableOutput():
            return hosts.LOGIN
        case _:
            return hosts.ADDRESS if "is no jump host" in error.what else None
