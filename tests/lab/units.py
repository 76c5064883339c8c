"""The systemd units and the journal of a host; behaviour after golden/systemd-run-named-unit.txt."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Unit:
    """A transient unit; kubelet and containerd are answered by the host itself."""

    name: str
    description: str
    remain: bool
    collect: bool = False
    state: str = "active"
    sub: str = "running"
    result: str = "success"
    code: int = 0
    status: int = 0
    pid: int = 0
    started: float = field(default_factory=time.time)
    task: asyncio.Task[None] | None = None


class Journal:
    """Lines of all units, oldest first."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str, str, str]] = []

    def add(self, unit: str, source: str, text: str) -> None:
        """journald keeps no empty lines."""
        self.lines.extend((time.time(), unit, source, line) for line in text.splitlines() if line.strip())

    def of(self, unit: str) -> list[tuple[float, str, str, str]]:
        return [line for line in self.lines if line[1] == unit]


_TYPES = (".service", ".timer", ".socket", ".target", ".mount", ".slice", ".scope")


def full_name(name: str) -> str:
    """The version at the end of `kubeadm-upgrade-v1.29.15` is no type of unit; systemd adds one."""
    return name if name.endswith(_TYPES) else f"{name}.service"


class Units:
    """Transient units by full name; a forgotten one is simply not there."""

    def __init__(self) -> None:
        self.transient: dict[str, Unit] = {}
        self.journal = Journal()

    def start(self, unit: Unit, run: Callable[[], Awaitable[int]]) -> None:
        unit.pid = random.randrange(2000, 30000)
        self.transient[unit.name] = unit
        self.journal.add(unit.name, "systemd[1]", f"Started {unit.name} - {unit.description}.")
        unit.task = asyncio.get_running_loop().create_task(self._supervise(unit, run))

    async def _supervise(self, unit: Unit, run: Callable[[], Awaitable[int]]) -> None:
        status = await run()
        unit.code, unit.status, unit.pid = 1, status, 0
        if status:
            self._fail(unit, status)
        elif unit.remain:
            unit.sub = "exited"
        else:
            self.journal.add(unit.name, "systemd[1]", f"{unit.name}: Deactivated successfully.")
            self.transient.pop(unit.name, None)

    def _fail(self, unit: Unit, status: int) -> None:
        unit.state = unit.sub = "failed"
        unit.result = "exit-code"
        text = f"{unit.name}: Main process exited, code=exited, status={status}/{_STATUS_NAMES.get(status, 'n/a')}"
        self.journal.add(unit.name, "systemd[1]", text)
        self.journal.add(unit.name, "systemd[1]", f"{unit.name}: Failed with result 'exit-code'.")
        if unit.collect:
            self.transient.pop(unit.name, None)

    def stop(self, name: str) -> None:
        """Stopping forgets a unit unless it has failed; what it runs dies with it."""
        unit = self.transient[name]
        if unit.task is not None and not unit.task.done():
            unit.task.cancel()
        if unit.state != "failed":
            self.journal.add(name, "systemd[1]", f"Stopped {name} - {unit.description}.")
            del self.transient[name]

    def forget(self) -> None:
        """What was started by hand is not there after a boot."""
        for unit in self.transient.values():
            if unit.task is not None:
                unit.task.cancel()
        self.transient.clear()

    def reset_failed(self, name: str) -> None:
        if self.transient[name].state == "failed":
            del self.transient[name]


#: Names systemd gives to exit codes, see systemd.exec(5).
_STATUS_NAMES = {1: "FAILURE", 2: "INVALIDARGUMENT", 7: "NOTRUNNING", 127: "n/a", 203: "EXEC"}
