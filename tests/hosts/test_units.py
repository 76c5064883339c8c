"""Long commands are units of the host's own systemd: whoever started one may die."""

from __future__ import annotations

import asyncio
import contextlib

from hosts.docker import DockerError

UNIT = "kubeadm-upgrade-v1.29.15"


def state(host, unit: str = UNIT) -> str:
    return host.execute("systemctl", "show", unit, "-p", "SubState", "--value").strip()


async def until_running(host) -> None:
    while await asyncio.to_thread(state, host) != "running":
        await asyncio.sleep(0.1)


def test_apply_survives_its_session_and_its_worker_and_is_started_once(cluster):
    """The SSH session is killed, the task too; a second try attaches to the unit (invariant I6)."""
    real = cluster(workers=1)
    host = real.hosts["real-cp1"]
    real.lab.clusters["real"].faults.slow("real-cp1", "kubeadm upgrade apply", 8)

    async def run():
        hop = await real.walker.plan()
        for group in ("backup", "stage"):
            await real.walker.walk(hop, group, "real-cp1")
        for step in ("admit", "upgrade_kubeadm", "kubeadm_upgrade_plan"):
            await real.walker.step(hop, "control_plane", "real-cp1", step)
        first = asyncio.create_task(real.walker.step(hop, "control_plane", "real-cp1", "kubeadm_upgrade"))
        await until_running(host)
        with contextlib.suppress(DockerError):  # 1: there was none to kill at this moment
            await asyncio.to_thread(host.execute, "pkill", "-9", "-u", host.user)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert await asyncio.to_thread(state, host) == "running"
        return await real.walker.step(hop, "control_plane", "real-cp1", "kubeadm_upgrade")

    outcome = asyncio.run(run())
    assert outcome["status"] in ("changed", "unchanged")
    started = host.execute("journalctl", "-u", UNIT, "-o", "cat", "--no-pager").count(f"Started {UNIT}.service")
    assert started == 1
    applies = [record for record in real.lab.clusters["real"].log if record.argv[:3] == ("kubeadm", "upgrade", "apply")]
    assert len(applies) == 1
