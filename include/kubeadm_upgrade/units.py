"""Named transient systemd units: how a long command survives its session and is never started twice.

`golden/systemd-run-named-unit.txt` shows what systemd does: a second start under a remembered name is refused,
whether the first is running, has succeeded (RemainAfterExit) or has failed. So a further try has a name of its own,
counted from what is remembered: of two who count at the same time, systemd refuses one, which then attaches. Nothing
is ever stopped or forgotten to make a name free: between a look and the stop the unit might be another's, and running.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# systemd's own line in a unit's journal: with the unit's name, or, below 249, with its description, which is the argv
_STARTED = re.compile(r"Started (\S+\.service\b|/)")

_TRY = ".try-"
# Whatever a host's own locale is: we read what programs say, and know refusals and holders of locks by their words.
# Not C.UTF-8: below glibc 2.39 a LANGUAGE goes before it, and grep leaves out lines that are no UTF-8.
LOCALE = "LC_ALL=C"
PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "ExecMainStatus")


@dataclass(frozen=True)
class Unit:
    """What systemd says of a unit; an unknown one is `LoadState=not-found`."""

    name: str = ""  # of this very try
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


def next_try(base: str, unit: Unit, failed: str = "") -> str:
    """The name for one more start: the base itself, then `base.try-2` and so on.

    `failed` is the unit whose failure a person was told of: where systemd has forgotten it, its name is not given
    again all the same, or the next failure would be taken for the one that is known.
    """
    known = [name for name in (unit.name if unit.remembered else "", failed) if is_try(name, base)]
    return f"{base}{_TRY}{max(map(_number, known)) + 1}" if known else base


def is_try(name: str, base: str) -> bool:
    return name == base or name.startswith(f"{base}{_TRY}")


def tries(base: str) -> tuple[str, ...]:
    """The argv that lists every try of a unit that systemd remembers."""
    options = ("--all", "--plain", "--no-legend", "--type=service")
    return ("systemctl", "list-units", *options, f"{base}.service", f"{base}{_TRY}*.service")


def read_tries(output: str) -> str | None:
    """The newest of them; None when there is none. Lines are UNIT LOAD ACTIVE SUB DESCRIPTION."""
    rows = (line.lstrip("\N{BLACK CIRCLE}* ").split() for line in output.splitlines())
    names = [row[0].removesuffix(".service") for row in rows if row and row[1:2] != ["not-found"]]
    return max(names, key=_number, default=None)


def _number(name: str) -> int:
    _, _, number = name.partition(_TRY)
    return int(number) if number.isdigit() else 1


def show(name: str) -> tuple[str, ...]:
    return ("systemctl", "show", name, *(word for key in PROPERTIES for word in ("-p", key)))


def journal(name: str, lines: int = 40) -> tuple[str, ...]:
    return ("journalctl", "-u", name, "--no-pager", "-o", "cat", "-n", str(lines))


def read_journal(output: str) -> str:
    """Of a unit that was started several times, what it has said since the last time."""
    lines = output.rstrip().splitlines()
    starts = [number for number, line in enumerate(lines) if _STARTED.match(line)]
    return "\n".join(lines[starts[-1] :] if starts else lines)


def read(output: str, name: str = "") -> Unit:
    """Read what `show` prints: one KEY=VALUE a line."""
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    return Unit(
        name=name,
        load=values.get("LoadState", "not-found"),
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", "dead"),
        result=values.get("Result", "success"),
        exit_status=int(values.get("ExecMainStatus") or 0),
    )
