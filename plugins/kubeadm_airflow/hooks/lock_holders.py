"""Who it is that holds the lock of a package manager: some know a process by its number only."""

from __future__ import annotations

from dataclasses import replace

from kubeadm_airflow.hooks.host import Host
from kubeadm_upgrade.packages import locks


async def with_holder(host: Host, said: str) -> str:
    """What a unit has said, and who it is that it waits for, where it did not say so itself."""
    holder = locks.holder(said)
    return said if holder is None or holder.name else f"{said} ({(await named(host, holder)).name})"


async def named(host: Host, holder: locks.Holder) -> locks.Holder:
    """dpkg and dnf know a process by its number only."""
    return holder if holder.name else replace(holder, name=await host.ask(locks.name_of(holder.pid)))
