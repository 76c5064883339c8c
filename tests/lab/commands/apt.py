"""apt-get, apt-cache and apt-mark; the install itself is in apt_install."""

from __future__ import annotations

import asyncio

from lab.commands import apt_install, apt_lock
from lab.commands.network import served
from lab.german import say
from lab.options import Options, parse
from lab.packages import DEFAULT_BASE, KUBERNETES, Source, offer, sources, version_key
from lab.process import Process


async def apt_get(process: Process) -> int:
    options = parse(process.arguments, valued=("-o", "--option", "-t", "-c"))
    verb = next(iter(options.operands), "")
    simulate = options.has("-s", "--simulate", "--dry-run", "--just-print")
    if verb == "update":
        return await _update(process, options)
    if verb == "install":
        return await apt_install.install(process, options, simulate)
    if verb in ("clean", "autoclean", "autoremove", "check"):
        if verb == "clean":
            apt_install.clear_archives(process)
        return 0
    return process.refuse(f"E: Invalid operation {verb}", 100)


async def _update(process: Process, options: Options) -> int:
    if _set(options, "dir::state::lists"):  # which has a lock of its own
        return _ask_apart(process, options)
    if code := await apt_lock.take(process, options, apt_lock.LISTS):
        return code
    try:
        await asyncio.sleep(process.host.cluster.latency.apt_update)
        return _refresh(process, options)
    finally:
        process.host.packages.busy -= 1


def _refresh(process: Process, options: Options) -> int:
    """A repository that fails keeps what was known of it; golden/apt-get-update.txt. Or one file alone."""
    only = _set(options, "dir::etc::sourcelist")
    errors: list[str] = []
    offered: list[tuple[str, str]] = []
    number = 0
    for source in sources(process.host.files, only):
        number += 1
        if problem := _problem(process, source):
            process.print(f"Err:{number} {source.url}  InRelease")
            errors.append(problem)
            offered += [one for one in process.host.packages.offered if one[1] == source.url]
        else:
            process.print(f"Get:{number} {source.url}  InRelease [2043 B]")
            offered += offer(source)
    if only is None:
        process.print(f"Get:{number + 1} http://mirror.example.org/debian bookworm InRelease [151 kB]")
    process.host.packages.offered = sorted(offered, key=lambda one: version_key(one[0]), reverse=True)
    process.print("Fetched 154 kB in 1s (244 kB/s)\nReading package lists...")
    for error in errors:
        process.complain(error)
    return 100 if errors else 0


def _ask_apart(process: Process, options: Options) -> int:
    """Into lists of its own: nothing of what the host knows changes, and a `trusted` source needs no key.

    It goes on with the others where one does not answer, and then says so; golden/apt-get-update-several.txt.
    """
    missing = process.host.cluster.spec.repository.get("missing", ())
    base = str(process.host.cluster.spec.repository.get("base", DEFAULT_BASE))
    asked, errors = process.host.packages.asked, []
    for number, source in enumerate(sources(process.host.files, _set(options, "dir::etc::sourcelist")), 1):
        why = None
        if not source.url.startswith(base):
            why = "Could not resolve host"
        elif served(f"{source.url.removeprefix(base)}/InRelease", missing) is None:
            why = "404  Not Found"
        if why:
            process.print(f"Err:{number} {source.url}  Packages\n  {why}")
            errors.append(f"E: Failed to fetch {source.url}/Packages  {why}")
        else:
            process.print(f"Get:{number} {source.url}  Packages")
            asked[source.url] = offer(source)
    process.print("Reading package lists...")
    for error in errors:
        process.complain(error)
    if errors:
        text = "E: Some index files failed to download. They have been ignored, or old ones used instead."
        return process.refuse(text, 100)
    return 0


def _set(options: Options, name: str) -> str | None:
    settings = dict(one.partition("=")[::2] for one in options.all("-o", "--option"))
    return {key.lower(): text for key, text in settings.items()}.get(name)


async def apt_helper(process: Process) -> int:
    """``download-file URL TARGET``"""
    verb, *rest = process.arguments or ("",)
    if verb != "download-file" or len(rest) != 2:
        return process.refuse(f"E: Invalid operation {verb}", 100)
    url, target = rest
    base = str(process.host.cluster.spec.repository.get("base", DEFAULT_BASE))
    content = served(url.removeprefix(base), process.host.cluster.spec.repository.get("missing", ()))
    if content is None:
        problem = "404  Not Found" if url.startswith(base) else "Could not resolve host"
        process.complain(f"E: Failed to fetch {url}  {problem}")
        return process.refuse("E: Download Failed", 100)
    process.host.files.put(target, content)
    process.print(f"Get:1 {url} [{len(content)} B]")
    return 0


def _problem(process: Process, source: Source) -> str | None:
    repository = process.host.cluster.spec.repository
    base = str(repository.get("base", DEFAULT_BASE))
    key = source.keyring
    if not source.url.startswith(base):
        return f"E: Failed to fetch {source.url}/InRelease  Could not resolve host"
    if served(f"{source.url.removeprefix(base)}/InRelease", repository.get("missing", ())) is None:
        return f"E: The repository '{source.url}  Release' does not have a Release file."
    if key is None or not process.host.files.text(key):
        text = (
            "The following signatures couldn't be verified because the public "
            "key is not available: NO_PUBKEY 234654DA9A296436"
        )
        return (
            f"W: GPG error: {source.url}  InRelease: {text}\nE: The repository '{source.url}  InRelease' is not signed."
        )
    return None


async def apt_mark(process: Process) -> int:
    verb, *packages = process.arguments or ("",)
    state = process.host.packages
    match verb:
        case "showhold":
            for package in sorted(state.holds):
                process.print(package)
            return 0
        case "hold" | "unhold" if not process.root:
            text = say(process, "Unable to acquire the dpkg frontend lock ({}), are you root?", apt_lock.DPKG)
            return process.refuse(f"E: {text}", 100)
        case "hold" | "unhold":
            # dpkg takes the lock, and does not wait for it
            return apt_lock.refuse(process) or _mark(process, verb, packages)
    return process.refuse(f"E: Invalid operation {verb}", 100)


def _mark(process: Process, verb: str, packages: list[str]) -> int:
    state = process.host.packages
    if unknown := [name for name in packages if name not in state.installed and name not in KUBERNETES]:
        return process.refuse(f"E: Can't select installed nor candidate version from package '{unknown[0]}'", 100)
    for package in packages:
        already = (package in state.holds) == (verb == "hold")
        if verb == "hold":
            state.holds.add(package)
            process.print(f"{package} was already set on hold." if already else f"{package} set on hold.")
        else:
            state.holds.discard(package)
            process.print(f"{package} was already not on hold." if already else f"Canceled hold on {package}.")
    return 0


async def apt_cache(process: Process) -> int:
    options = parse(process.arguments, valued=("-o", "--option"))
    verb, *packages = options.operands or [""]
    if _set(options, "dir::state::lists"):
        there = {source.url for source in sources(process.host.files, _set(options, "dir::etc::sourcelist"))}
        known = [one for url, offered in process.host.packages.asked.items() if url in there for one in offered]
        for package in sorted(set(packages).intersection(KUBERNETES)):
            _print_versions(process, package, sorted(known, key=lambda one: version_key(one[0]), reverse=True))
        return 0
    if verb not in ("madison", "policy"):
        process.complain(f"E: Invalid operation {verb}")
        return 100
    for package in packages:
        (_madison if verb == "madison" else _policy)(process, package)
    return 0


def _madison(process: Process, package: str) -> None:
    """golden/apt-cache-madison.txt"""
    versions = process.host.packages.versions(package)
    if not versions:
        process.complain(f"N: Unable to locate package {package}")
    _print_versions(process, package, versions)


def _print_versions(process: Process, package: str, versions: list[tuple[str, str]]) -> None:
    for version, url in versions:
        process.print(f"   {package} | {version} | {url}  Packages")


def _policy(process: Process, package: str) -> None:
    """golden/apt-cache-policy.txt"""
    state = process.host.packages
    installed = state.installed.get(package)
    known = dict(state.versions(package))
    if installed is None and not known:
        process.complain(f"N: Unable to locate package {package}")
        return
    process.print(
        f"{package}:\n  Installed: {installed or '(none)'}\n  Candidate: {state.candidate(package) or '(none)'}"
    )
    process.print("  Version table:")
    for version in sorted({*known, *([installed] if installed else [])}, key=version_key, reverse=True):
        mark = " ***" if version == installed else "    "
        process.print(f"{mark} {version} {500 if version in known else 100}")
        if version in known:
            process.print(f"        500 {known[version]}  Packages")
        if version == installed:
            process.print("        100 /var/lib/dpkg/status")
