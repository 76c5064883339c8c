"""Which key does each host show? For a person to compare: nothing here is trusted, and nobody is logged in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncssh

from kubeadm_airflow.hooks.host import CONNECT_SECONDS, Address, address_of
from kubeadm_airflow.hooks.host_keys import trusted_keys
from kubeadm_upgrade.access.known_hosts import HostKey, Known
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.inventory import Cluster

_AT_ONCE = 20


async def look_at_host_keys(cluster: Cluster, nodes: Sequence[NodeFacts]) -> tuple[HostKey, ...]:
    """In the order of the nodes. Raises NeedsPerson where known_hosts itself cannot be read."""
    known = trusted_keys(cluster, {}, of_jump_host=False).keys
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(node: NodeFacts) -> HostKey:
        try:
            address = address_of(cluster, node)
        except UpgradeError as error:
            return HostKey(node.name, "", asyncssh.DEFAULT_PORT, Known.SILENT, said=error.what)
        async with gate:
            return await _shown(address, known)

    return tuple(await asyncio.gather(*map(one, nodes)))


async def _shown(address: Address, known: asyncssh.SSHKnownHosts) -> HostKey:
    port = address.port or asyncssh.DEFAULT_PORT
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            key = await asyncssh.get_server_host_key(address.host, port)
    except (TimeoutError, OSError, asyncssh.Error) as error:
        said = str(error) or f"no answer in {CONNECT_SECONDS} s"
        return HostKey(address.node, address.host, port, Known.SILENT, said=said)
    if key is None:
        return HostKey(address.node, address.host, port, Known.SILENT, said="its SSH server shows no key")
    kind, data = key.export_public_key().decode().split()[:2]
    state = _known(key, known, address.host, port)
    return HostKey(address.node, address.host, port, state, kind, data, key.get_fingerprint())


def _known(key: asyncssh.SSHKey, known: asyncssh.SSHKnownHosts, host: str, port: int) -> Known:
    """An authority's line speaks for a certificate, which is not shown here: the check tells whether it fits."""
    keys, authorities, revoked, *_ = known.match(host, "", port if port != asyncssh.DEFAULT_PORT else None)
    if key in revoked:
        return Known.ANOTHER
    if key in keys or authorities:
        return Known.KNOWN
    return Known.ANOTHER if any(key.algorithm == one.algorithm for one in keys) else Known.NEW
