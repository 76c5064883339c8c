"""From the line an SSH client sends to a running command, its record and its exit code."""

from __future__ import annotations

import asyncio
import re
import shlex
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lab.commands import PROGRAMS
from lab.commands.sudo import NOT_ALLOWED, asks_sudo, denies
from lab.german import say, sudo_says
from lab.mutations import mutates
from lab.options import UsageError
from lab.process import Process, no_input
from lab.records import CommandRecord, now

if TYPE_CHECKING:
    from lab.host import Host

_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\$`]|\\.)*\"|\\.")
_OPERATORS = re.compile(r"[;|&<>$`\n()]")
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
# Of the caller's environment, what sudo does not reset (sudoers(5), env_check): locales and terminals.
_KEPT_BY_SUDO = re.compile(r"(COLORTERM|LANG|LANGUAGE|LC_\w+|LINGUAS|TERM|TZ)$")
_ASSIGNMENTS = re.compile(r"(\w+)=(\S*)")
HANGUP = 129
BROKEN = 70


@dataclass(frozen=True)
class Line:
    """A command line, taken apart."""

    text: str
    argv: tuple[str, ...]
    program: tuple[str, ...]
    environment: dict[str, str]
    root: bool


class NotPlain(Exception):
    """The line needs a shell, and there is none."""


def parse_line(text: str) -> Line:
    """``argv`` is without sudo, and an env before it or before another; ``program`` without any."""
    if _OPERATORS.search(_QUOTED.sub("", text)):
        raise NotPlain("lab: this host runs plain commands only: no ; | & < > $ ` outside quotes")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise NotPlain(f"bash: -c: line 1: {error}") from error
    command, before = _without_environment(words)
    root = command[:1] == ["sudo"] and not asks_sudo(command)
    if root:
        argv = _without_sudo(command)
        before = {name: value for name, value in before.items() if _KEPT_BY_SUDO.match(name)}
    else:
        argv = command if command[:1] == ["env"] else words
    program, environment = _without_environment(argv)
    return Line(text, tuple(argv), tuple(program), before | environment, root)


def _without_sudo(words: list[str]) -> list[str]:
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option == "--":
            break
        if option in ("-u", "-g") and rest:
            rest.pop(0)
    return rest


def _without_environment(argv: list[str]) -> tuple[list[str], dict[str, str]]:
    rest, environment = list(argv), {}
    if rest[:1] == ["env"]:
        rest = rest[1:]
    while rest and _ASSIGNMENT.match(rest[0]):
        name, _, value = rest.pop(0).partition("=")
        environment[name] = value
    return rest, environment


@dataclass(frozen=True)
class Streams:
    """Where a command reads and writes."""

    out: Callable[[str], None]
    error: Callable[[str], None]
    read: Callable[[], Awaitable[bytes]] = no_input


async def execute(host: Host, line: Line, streams: Streams, unit: str | None = None) -> int:
    """Run and record one command; a cancelled one is recorded as hung up."""
    process = Process(host, line.program, line.root, streams.out, streams.error, streams.read, line.environment, unit)
    process.before_sudo = dict(_ASSIGNMENTS.findall(line.text.partition("sudo ")[0]))
    record = CommandRecord(now(), host.name, line.text, line.argv, line.root, mutates(line.program), unit=unit)
    records = host.cluster.records
    number = records.open(record)
    code = HANGUP
    process.task = asyncio.current_task()
    host.running.append(process)
    try:
        code = await _run(process, line)
    finally:
        host.running.remove(process)
        stdin = None if process.stdin is None else process.stdin.decode(errors="replace")
        mutating = record.mutating and not process.refused
        records.close(number, replace(record, exit_code=code, stdin=stdin, mutating=mutating))
    return code


async def _run(process: Process, line: Line) -> int:
    faults, node = process.host.cluster.faults, process.host.name
    if fault := faults.take_failure(node, line.argv):
        process.refused = True
        if fault.stderr:
            process.complain(fault.stderr.rstrip("\n"))
        return fault.exit_code
    if process.root and process.unit is None and faults.is_on("sudo_refuses", node):
        return process.refuse(sudo_says(process, "sudo: a password is required"), 1)
    if process.root and process.unit is None and denies(process.host, line.argv):
        return process.refuse(NOT_ALLOWED.format(shlex.join(line.argv), node), 1)
    await asyncio.sleep(faults.delay("slow", node, line.argv))
    await faults.while_held(node, line.argv)
    return await run_program(process)


async def run_program(process: Process) -> int:
    if not process.argv:
        return 0
    if process.argv[0] == "flock":  # --verbose --wait SECONDS FILE COMMAND: nobody else ever has the lock
        process.argv = process.argv[5:]
    name = process.argv[0].rpartition("/")[2]
    command = PROGRAMS.get(name)
    if command is None:
        process.refused = True
        # sudo says it in its own words and exits 1.
        prefix = "sudo" if process.root else "bash: line 1"
        speak = sudo_says if process.root else say
        process.complain(speak(process, "{}: {}: command not found", prefix, process.argv[0]))
        return 1 if process.root else 127
    try:
        return await command(process)
    except UsageError as error:
        return process.refuse(f"{name}: {error}", 1)
    except Exception:  # whatever is wrong with the lab must be seen by whoever ran the command
        process.complain(f"lab: {name} is broken\n{traceback.format_exc()}")
        return BROKEN


def started_by(argv: Sequence[str]) -> tuple[str, ...]:
    """What a systemd-run line starts; nothing for other commands."""
    if "systemd-run" not in argv or "--" not in argv:
        return ()
    return tuple(argv[argv.index("--") + 1 :])


async def run_in_unit(host: Host, unit: str, argv: Sequence[str], given: Mapping[str, str]) -> int:
    """Run and record the command of a unit, as root; what it prints goes to the journal."""
    # systemd-run has answered before its unit's command does anything.
    await asyncio.sleep(0)
    program, environment = _without_environment(list(argv))
    line = Line(shlex.join(argv), tuple(argv), tuple(program), {**given, **environment}, True)
    source = f"{(program or ['?'])[0].rpartition('/')[2]}[{host.units.transient[unit].pid}]"

    def write(text: str) -> None:
        host.units.journal.add(unit, source, text)

    return await execute(host, line, Streams(write, write), unit.removesuffix(".service"))


KNOWN = frozenset({*PROGRAMS, "env", "flock"})
