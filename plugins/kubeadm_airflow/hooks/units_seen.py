"""The systemd units of a step on a host, as they are, and what the log of its task still owes of their journals."""

from __future__ import annotations

import logging
from dataclasses import replace

from kubeadm_airflow.hooks.host import Host
from kubeadm_airflow.hooks.lock_holders import with_holder
from kubeadm_upgrade import units
from kubeadm_upgrade.query import query
from kubeadm_upgrade.units import Unit

log = logging.getLogger(__name__)


class UnitsSeen:
    """Of one node, by one task."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._following: set[str] = set()  # units whose journal the task log still owes

    def follow(self, name: str) -> None:
        self._following.add(name)

    async def of_a_step(self, host: Host, base: str, begun_for_another: str | None) -> dict[str, Unit]:
        """The newest try of the step's unit, and one that was begun for another hop."""
        newest = await host.ask(query(*units.tries(base), read=units.read_tries))
        found = {base: newest} if newest else {}
        if begun_for_another:
            found[begun_for_another] = begun_for_another
        return {name: await self.look(host, one) for name, one in found.items()}

    async def look(self, host: Host, name: str) -> Unit:
        unit = await host.ask(query(*units.show(name), read=lambda text: units.read(text, name)))
        if not unit.remembered:
            return unit
        if unit.running:
            self._following.add(name)
            last = await host.ask(query(*units.journal(name, lines=1), read=str.strip, root=True))
            return replace(unit, journal=await with_holder(host, last))
        if unit.succeeded and name not in self._following:
            return unit
        journal = await host.ask(query(*units.journal(name), read=units.read_journal, root=True))
        if name in self._following:
            self._following.discard(name)
            log.info("%s: unit %s has ended; its journal:\n%s", self._node, name, journal)
        return replace(unit, journal=journal)
