"""dpkg and dpkg-query."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lab.options import parse
from lab.process import Process


async def dpkg(process: Process) -> int:
    if "--print-architecture" in process.arguments:
        process.print("amd64")
        return 0
    if "--audit" in process.arguments or "-C" in process.arguments:
        return 0
    if process.arguments[:1] == ("--compare-versions",):
        return process.refuse("dpkg: error: the lab compares no versions", 2)
    if process.arguments[:1] in (("-l",), ("--list",)):
        for package, version in sorted(process.host.packages.installed.items()):
            process.print(f"{_abbreviation(process, package)} {package:<14} {version:<12} amd64        {package}")
        return 0
    return process.refuse("dpkg: error: need an action option", 2)


async def dpkg_query(process: Process) -> int:
    """golden/dpkg-query-1.22.txt; in the order asked, as dpkg-query sorts by its own table."""
    options = parse(process.arguments, valued=("-f", "--showformat"))
    if options.has("-S", "--search"):
        return _search(process, options.operands)
    form = options.last("-f", "--showformat", default="${Package}\\t${Version}\\n")
    installed, code = process.host.packages.installed, 0
    wanted = options.operands or sorted(installed)
    for package in sorted(set(wanted)):
        if package in installed:
            process.out(_show(process, form, package))
        else:
            process.complain(f"dpkg-query: no packages found matching {package}")
            code = 1
    return code


def _search(process: Process, paths: Sequence[str]) -> int:
    """Of the files that packages have brought, only their programs are known here."""
    owned = {f"/usr/bin/{package}": package for package in process.host.packages.installed}
    for path in paths:
        if path in owned:
            process.print(f"{owned[path]}: {path}")
        else:
            process.complain(f"dpkg-query: no path found matching pattern {path}")
    return 0 if owned.keys() >= set(paths) else 1


def _show(process: Process, form: str, package: str) -> str:
    held = package in process.host.packages.holds
    values = {
        "Package": package,
        "binary:Package": package,
        "Version": process.host.packages.installed[package],
        "db:Status-Abbrev": _abbreviation(process, package),
        "Status": f"{'hold' if held else 'install'} ok installed",
        "db:Status-Want": "hold" if held else "install",
        "db:Status-Status": "installed",
        "Architecture": "amd64",
    }
    text = re.sub(r"\$\{([^}]+)\}", lambda found: values.get(found.group(1), ""), form)
    return text.replace("\\n", "\n").replace("\\t", "\t")


def _abbreviation(process: Process, package: str) -> str:
    return "hi " if package in process.host.packages.holds else "ii "
