"""Named transient systemd units: how a long command survives its session and is never started twice.

`golden/systemd-run-named-unit.txt` shows what systemd does: a second start under a remembered name is refused,
whether the first is running, has succeeded (RemainAfterExit) or has failed; stop or reset-failed forgets it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# systemd's own line in a unit's journal: with the unit's name, or, below 249, with its description, which is the argv
_STARTED = re.compile(r"Started (\S+\.service\b|/)")

# Whatever a host's own locale is: we read what programs say, and know refusals and holders of locks by their words.
LOCALE = "LC_ALL=C.UTF-8"

PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "ExecMainStatus")


@dataclass(frozen=True)
class Unit:
    """What systemd says of a unit; an unknown one is `LoadState=not-found`."""

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    exit_status: int = 0
    journal: str = ""  # its last lines once it has ended, the very last one while it runs

    @property
    def remembered(self) -> bool:
        """Whether a new start under this name would be refused."""
        return self.load != "not-found"

    @property
    def running(self) -> bool:
        return self.active in ("activating", "deactivating") or (self.active, self.sub) == ("active", "running")

    @property
    def succeeded(self) -> bool:
        return (self.active, self.sub, self.result) == ("active", "exited", "success")

    @property
    def failed(self) -> bool:
        return self.remembered and not self.running and not self.succeeded


def start(name: str, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The argv that starts `argv` as the unit `name` and returns at once.

    A unit is started by systemd, so of the locale of our session it knows nothing.
    """
    options = (f"--unit={name}", "--property=RemainAfterExit=yes", f"--setenv={LOCALE}", "--quiet")
    return ("systemd-run", *options, "--", *argv)


def forget(name: str, unit: Unit) -> tuple[str, ...]:
    """The argv that makes systemd forget a finished unit, so that its name can be used again."""
    return ("systemctl", "stop" if unit.succeeded else "reset-failed", name)


def show(name: str) -> tuple[str, ...]:
    return ("systemctl", "show", name, *(word for key in PROPERTIES for word in ("-p", key)))


def journal(name: str, lines: int = 40) -> tuple[str, ...]:
    return ("journalctl", "-u", name, "--no-pager", "-o", "cat", "-n", str(lines))


def read_journal(output: str) -> str:
    """Of a unit that was started several times, what it has said since the last time."""
    lines = output.rstrip().splitlines()
    starts = [number for number, line in enumerate(lines) if _STARTED.match(line)]
    return "\n".join(lines[starts[-1] :] if starts else lines)


def read(output: str) -> Unit:
    """Read what `show` prints: one KEY=VALUE a line."""
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    return Unit(
        load=values.get("LoadState", "not-found"),
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", "dead"),
        result=values.get("Result", "success"),
        exit_status=int(values.get("ExecMainStatus") or 0),
    )
