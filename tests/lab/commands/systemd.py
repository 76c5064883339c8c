"""systemctl, systemd-run and journalctl; texts as golden/systemd-run-named-unit.txt."""

from __future__ import annotations

import shlex
import time
from fnmatch import fnmatchcase

from lab.options import Options, parse
from lab.process import Process
from lab.timestamps import systemd
from lab.unit_files import properties as of_unit_files
from lab.units import Unit, full_name

#: The order in which systemctl show prints, whatever was asked first.
_ORDER = (
    "MainPID", "Result", "NRestarts", "ExecMainStartTimestamp", "ExecMainCode", "ExecMainStatus",
    "ExecStart", "Environment", "EnvironmentFiles",
    "Id", "Description", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload",
)  # fmt: skip
_PERMANENT = ("kubelet.service", "containerd.service")


async def systemctl(process: Process) -> int:
    valued = ("-p", "--property", "--timestamp", "-t", "--type", "--state", "-n")
    options = parse(process.arguments, valued=valued)
    verb, *names = options.operands or [""]
    units = [full_name(name) for name in names]
    match verb:
        case "show":
            return _show(process, options, units)
        case "is-active" | "is-failed" | "is-enabled":
            return _state(process, verb, units, options.has("-q", "--quiet"))
        case "list-units":
            return _list(process, options, names)
        case "daemon-reload" | "stop" | "start" | "restart" | "reset-failed" | "try-restart" | "enable":
            if not process.root:
                return process.refuse(f"Failed to {verb} {' '.join(units)}: Access denied", 4)
            return _act(process, verb, units)
    return process.refuse(f"Unknown command verb {verb}.", 1)


def _show(process: Process, options: Options, units: list[str]) -> int:
    asked = [name for value in options.all("-p", "--property") for name in value.split(",")]
    unix = options.last("--timestamp") == "unix"
    for number, unit in enumerate(units):
        if number:
            process.print("")
        properties = _properties(process, unit)
        for name in _ORDER:
            if name in properties and (not asked or name in asked):
                value = properties[name]
                if isinstance(value, float):
                    value = "" if not value else f"@{int(value)}" if unix else systemd(value)
                process.print(str(value) if options.has("--value") else f"{name}={value}")
    return 0


def _list(process: Process, options: Options, patterns: list[str]) -> int:
    """``list-units --all --plain --no-legend --type=service PATTERN…``: exit 0 also when there is none."""
    units = process.host.units.transient
    names = [n for n in sorted((*_PERMANENT, *units)) if not patterns or any(fnmatchcase(n, p) for p in patterns)]
    rows = [_row(process, name) for name in names]
    rows = [row for row in rows if options.has("--all", "-a") or row[2] != "inactive"]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    for row in rows:
        process.print(" ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]))
    if not options.has("--no-legend") and "--legend=false" not in process.arguments:
        process.print(f"\n{len(rows)} loaded units listed.")
    return 0


def _row(process: Process, name: str) -> tuple[str, ...]:
    properties = _properties(process, name)
    wanted = ("LoadState", "ActiveState", "SubState", "Description")
    return (name, *(str(properties[one]) for one in wanted))


def _properties(process: Process, name: str) -> dict[str, str | int | float]:
    unit = process.host.units.transient.get(name)
    if name in _PERMANENT:
        return _permanent(process, name)
    if unit is None:
        known = {"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead"}
        none: dict[str, str | int | float] = {
            "MainPID": 0,
            "Result": "success",
            "NRestarts": 0,
            "ExecMainCode": 0,
            "ExecMainStatus": 0,
        }
        return none | known | {"Id": name, "Description": name, "NeedDaemonReload": "no", "ExecMainStartTimestamp": 0.0}
    return {
        "MainPID": unit.pid,
        "Result": unit.result,
        "NRestarts": 0,
        "ExecMainStartTimestamp": unit.started,
        "ExecMainCode": unit.code,
        "ExecMainStatus": unit.status,
        "Id": name,
        "Description": unit.description,
        "LoadState": "loaded",
        "ActiveState": unit.state,
        "SubState": unit.sub,
        "UnitFileState": "transient",
        "NeedDaemonReload": "no",
    }


def _permanent(process: Process, name: str) -> dict[str, str | int | float]:
    kubelet = process.host.kubelet
    ours = name == "kubelet.service"
    active, sub = kubelet.unit_state if ours else ("active", "running")
    pid = kubelet.pid if ours else 501
    failing = sub == "auto-restart"
    return {
        "MainPID": pid if active == "active" else 0,
        "Result": "exit-code" if failing else "success",
        "NRestarts": kubelet.restarts if ours else 0,
        "ExecMainStartTimestamp": kubelet.started if ours else time.time() - 7200,
        "ExecMainCode": int(failing),
        "ExecMainStatus": int(failing),
        "Id": name,
        "Description": "kubelet: The Kubernetes Node Agent" if ours else "containerd",
        "LoadState": "loaded",
        "ActiveState": active,
        "SubState": sub,
        "UnitFileState": "enabled",
        "NeedDaemonReload": "yes" if process.host.needs_reload and ours else "no",
        **(of_unit_files(process.host.files) if ours else {}),
    }


def _state(process: Process, verb: str, units: list[str], quiet: bool) -> int:
    code = 3
    for unit in units:
        properties = _properties(process, unit)
        state = str(properties["ActiveState"])
        if verb == "is-enabled":
            state = str(properties.get("UnitFileState", "not-found"))
        good = {"is-active": "active", "is-failed": "failed", "is-enabled": "enabled"}[verb]
        code = 0 if state == good else code
        if not quiet:
            process.print(state)
    return 1 if code and verb != "is-active" else code


def _act(process: Process, verb: str, units: list[str]) -> int:
    if verb == "daemon-reload":
        process.host.needs_reload = False
        return 0
    for unit in units:
        if code := _act_on(process, verb, unit):
            return code
    return 0


def _act_on(process: Process, verb: str, unit: str) -> int:
    if unit in _PERMANENT:
        _permanent_unit(process, verb, unit)
        return 0
    if unit not in process.host.units.transient:
        if verb == "reset-failed":
            return process.refuse(f"Failed to reset failed state of unit {unit}: Unit {unit} not loaded.", 1)
        found = "not found" if verb in ("start", "restart", "enable") else "not loaded"
        return process.refuse(f"Failed to {verb} {unit}: Unit {unit} {found}.", 5)
    if verb == "stop":
        process.host.units.stop(unit)
    elif verb == "reset-failed":
        process.host.units.reset_failed(unit)
    return 0


def _permanent_unit(process: Process, verb: str, unit: str) -> None:
    if unit != "kubelet.service" or verb in ("reset-failed", "enable"):
        return
    kubelet = process.host.kubelet
    if verb == "stop":
        kubelet.stop()
        process.host.units.journal.add(unit, "systemd[1]", f"Stopped {unit} - kubelet: The Kubernetes Node Agent.")
    elif verb != "start" or not kubelet.active:
        kubelet.start(process.host.installed("kubelet"))


async def systemd_run(process: Process) -> int:
    valued = (
        "--unit",
        "-u",
        "--property",
        "-p",
        "--description",
        "--setenv",
        "-E",
        "--working-directory",
        "--service-type",
    )
    options = parse(process.arguments, valued=valued, stop_at_operand=True)
    if not process.root:
        return process.refuse("Failed to start transient service unit: Interactive authentication required.", 1)
    if not options.operands:
        return process.refuse("Command line to execute required.", 1)
    name = full_name(options.last("--unit", "-u", default=f"run-r{time.time_ns():x}"))
    if name in process.host.units.transient or name in _PERMANENT:
        text = f"Failed to start transient service unit: Unit {name} was already loaded or has a fragment file."
        return process.refuse(text, 1)
    argv = options.operands
    if not process.host.knows(argv):
        return process.refuse(f"Failed to find executable {argv[0]}: No such file or directory", 1)
    unit = _start(process, options, name, argv)
    if not options.has("--quiet", "-q"):
        process.complain(f"Running as unit: {name}")
    if options.has("--wait") and unit.task is not None:
        await unit.task
        return unit.status
    return 0


def _start(process: Process, options: Options, name: str, argv: list[str]) -> Unit:
    properties = dict(one.partition("=")[::2] for one in options.all("--property", "-p"))
    remain = options.has("--remain-after-exit", "-r") or properties.get("RemainAfterExit") in (
        "yes",
        "true",
        "1",
    )
    description = options.last("--description", default=_absolute(argv))
    unit = Unit(name, description, remain, options.has("--collect", "-G"))
    environment = dict(_assignment(process, one) for one in options.all("--setenv", "-E"))
    process.host.units.start(unit, lambda: process.host.run_in_unit(name, argv, environment))
    return unit


def _assignment(process: Process, text: str) -> tuple[str, str]:
    """A name alone takes what systemd-run itself was given."""
    name, equals, value = text.partition("=")
    return name, value if equals else process.environment.get(name, "")


def _absolute(argv: list[str]) -> str:
    program = argv[0] if argv[0].startswith("/") else f"/usr/bin/{argv[0]}"
    return shlex.join([program, *argv[1:]])


async def journalctl(process: Process) -> int:
    options = parse(process.arguments, valued=("-u", "--unit", "-o", "--output", "-n", "--lines", "-S", "--since"))
    unit = full_name(options.last("-u", "--unit"))
    lines = process.host.units.journal.of(unit)
    if not process.root:
        process.complain("Hint: You are currently not seeing messages from other users and the system.")
        lines = []
    if (count := options.last("-n", "--lines")) and count.isdigit():
        lines = lines[-int(count) :] if int(count) else []
    if not lines:
        process.print("-- No entries --")
    bare = options.last("-o", "--output") == "cat"
    for moment, _, source, text in lines:
        stamp = time.strftime("%b %d %H:%M:%S", time.gmtime(moment))
        process.print(text if bare else f"{stamp} {process.host.name} {source}: {_shown(text)}")
    return 0


def _shown(text: str) -> str:
    """Only ``-o cat`` writes bytes that are no UTF-8 as they are."""
    raw = text.encode(errors="surrogateescape")
    return text if raw.decode(errors="replace") == text else f"[{len(raw)}B blob data]"
