"""apt-get install; texts as golden/apt-get-install-*.txt."""

from __future__ import annotations

import asyncio
import fnmatch
from dataclasses import dataclass

from lab.commands import apt_lock
from lab.options import Options
from lab.packages import ARCHIVES, KUBERNETES, SIZES, version_key
from lab.process import Process

_HEAD = "Reading package lists...\nBuilding dependency tree...\nReading state information..."


@dataclass(frozen=True)
class Change:
    """One package that would get another version."""

    package: str
    old: str | None
    new: str
    url: str

    @property
    def downgrade(self) -> bool:
        return self.old is not None and version_key(self.new) < version_key(self.old)

    @property
    def archive(self) -> str:
        return f"{self.package}_{self.new}_amd64.deb"


class NoSuchPackage(Exception):
    """What apt says on stderr."""


async def install(process: Process, options: Options, simulate: bool) -> int:
    if simulate:
        return _resolve_and(process, options, _simulate)
    if code := await apt_lock.take(process, options, apt_lock.DPKG):
        return code
    try:
        await asyncio.sleep(process.host.cluster.latency.apt_install)
        return _resolve_and(process, options, _really)
    finally:
        process.host.packages.busy -= 1


def _resolve_and(process: Process, options: Options, act) -> int:  # type: ignore[no-untyped-def]
    process.print(_HEAD)
    try:
        wanted = [_resolve(process, word) for word in options.operands[1:]]
    except NoSuchPackage as error:
        return process.refuse(f"E: {error}", 100)
    changes = [one for one in wanted if one is not None and one.old != one.new]
    for one in wanted:
        if one is not None and one.old == one.new:
            process.print(f"{one.package} is already the newest version ({one.new}).")
    return int(act(process, options, sorted(changes, key=lambda one: one.package)))


def _resolve(process: Process, word: str) -> Change | None:
    package, equals, pattern = word.partition("=")
    state = process.host.packages
    known = dict(state.versions(package))
    old = state.installed.get(package)
    if package not in KUBERNETES and old is None:
        raise NoSuchPackage(f"Unable to locate package {package}")
    if not equals:
        version = state.candidate(package) or ""
        return Change(package, old, version, known.get(version, ""))
    matching = sorted((v for v in {*known, old or ""} if fnmatch.fnmatchcase(v, pattern)), key=version_key)
    if not matching:
        process.print(
            f"Package {package} is not available, but is referred to by another package.\n"
            "This may mean that the package is missing, has been obsoleted, or\n"
            "is only available from another source\n"
        )
        raise NoSuchPackage(f"Version '{pattern}' for '{package}' was not found")
    return Change(package, old, matching[-1], known.get(matching[-1], ""))


def _announce(process: Process, changes: list[Change]) -> None:
    held = sorted(one.package for one in changes if one.package in process.host.packages.holds)
    down = [one.package for one in changes if one.downgrade]
    up = [one.package for one in changes if one.old and not one.downgrade]
    new = [one.package for one in changes if not one.old]
    titles = (
        (held, "The following held packages will be changed:"),
        (new, "The following NEW packages will be installed:"),
        (up, "The following packages will be upgraded:"),
        (down, "The following packages will be DOWNGRADED:"),
    )
    for names, title in titles:
        if names:
            process.print(f"{title}\n  {' '.join(names)}")
    rest = sum(1 for name in KUBERNETES if _upgradable(process, name)) - len(up)
    text = f"{len(up)} upgraded, {len(new)} newly installed, "
    text += f"{len(down)} downgraded, " if down else ""
    process.print(f"{text}0 to remove and {max(rest, 0)} not upgraded.")


def _upgradable(process: Process, package: str) -> bool:
    state = process.host.packages
    return state.candidate(package) != state.installed.get(package)


def _refusal(process: Process, options: Options, changes: list[Change]) -> str | None:
    held = any(one.package in process.host.packages.holds for one in changes)
    if held and not options.has("--allow-change-held-packages"):
        return "E: Held packages were changed and -y was used without --allow-change-held-packages."
    if any(one.downgrade for one in changes) and not options.has("--allow-downgrades"):
        return "E: Packages were downgraded and -y was used without --allow-downgrades."
    if changes and not options.has("-y", "--yes", "--assume-yes"):
        return "Abort."
    return None


def _simulate(process: Process, options: Options, changes: list[Change]) -> int:
    """As golden/apt-get-install-kubeadm-dryrun.txt; apt refuses held packages here too, if -y was given."""
    _announce(process, changes)
    if options.has("-y", "--yes") and (reason := _refusal(process, options, changes)):
        return process.refuse(reason, 100)
    for one in changes:
        origin = f"isv:kubernetes:core:stable:v1.{version_key(one.new)[1]}:lab [amd64]"
        old = f" [{one.old}]" if one.old else ""
        process.print(f"Inst {one.package}{old} ({one.new} {origin})")
    for one in changes:
        process.print(
            f"Conf {one.package} ({one.new} isv:kubernetes:core:stable:v1.{version_key(one.new)[1]}:lab [amd64])"
        )
    return 0


def _really(process: Process, options: Options, changes: list[Change]) -> int:
    _announce(process, changes)
    # Fetching changes nothing that is installed, so apt lets held packages be fetched.
    only_fetch = options.has("--download-only", "-d")
    reason = None if only_fetch else _refusal(process, options, changes)
    if reason:
        return process.refuse(reason, 1 if reason == "Abort." else 100)
    _fetch(process, changes)
    if only_fetch:
        process.print("Download complete and in download only mode")
        return 0
    _unpack(process, changes)
    return 0


def _fetch(process: Process, changes: list[Change]) -> None:
    files = process.host.files
    missing = [one for one in changes if f"{ARCHIVES}/{one.archive}" not in files.entries]
    total = sum(SIZES.get(one.package, 20.0) for one in missing)
    cached = "" if len(missing) == len(changes) else "0 B/"
    if changes:
        process.print(f"Need to get {cached}{total:.1f} MB of archives.")
        process.print("After this operation, 0 B of additional disk space will be used.")
    for number, one in enumerate(missing, start=1):
        size = SIZES.get(one.package, 20.0)
        process.print(f"Get:{number} {one.url}  {one.package} {one.new} [{size} MB]")
        files.put(f"{ARCHIVES}/{one.archive}", b"!<arch>\n", size=int(size * 1e6))
    if missing:
        process.print(f"Fetched {total:.1f} MB in 0s (93.3 MB/s)")


def _unpack(process: Process, changes: list[Change]) -> None:
    state = process.host.packages
    if changes:
        process.complain("debconf: delaying package configuration, since apt-utils is not installed")
        process.print("(Reading database ... 9670 files and directories currently installed.)")
    for one in changes:
        # dpkg marks what it unpacks as wanted, which ends a hold that was passed over
        state.holds.discard(one.package)
        process.print(f"Preparing to unpack .../{one.archive} ...")
        over = f" over ({one.old})" if one.old else ""
        process.print(f"Unpacking {one.package} ({one.new}){over} ...")
        state.installed[one.package] = one.new
        if one.package == "kubelet":
            process.host.needs_reload = True
    for one in changes:
        process.print(f"Setting up {one.package} ({one.new}) ...")


def clear_archives(process: Process) -> None:
    for path in process.host.files.files_below(ARCHIVES):
        process.host.files.remove(path)
