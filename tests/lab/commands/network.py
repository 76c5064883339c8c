"""curl, towards the package repository and nowhere else."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lab.file_tree import FileError
from lab.host_files import KEY
from lab.options import parse
from lab.packages import DEFAULT_BASE, KUBERNETES
from lab.process import Process
from lab.releases import LATEST_PATCH, packaged

_VALUED = (
    "-o",
    "--output",
    "--max-time",
    "-m",
    "--connect-timeout",
    "--retry",
    "-H",
    "--proto",
    "--retry-delay",
    "-K",
)


async def curl(process: Process) -> int:
    options = parse(process.arguments, valued=_VALUED)
    url = next(iter(options.operands), "")
    base = str(process.host.cluster.spec.repository.get("base", DEFAULT_BASE))
    silent = options.has("-s", "--silent") and not options.has("-S", "--show-error")
    if not url.startswith(base):
        return _fail(process, silent, 6, f"Could not resolve host: {urlsplit(url).hostname}")
    content = served(url.removeprefix(base), process.host.cluster.spec.repository.get("missing", ()))
    if content is None:
        if options.has("-f", "--fail"):
            return _fail(process, silent, 22, "The requested URL returned error: 404")
        content = "<html><head><title>404 Not Found</title></head></html>\n"
    return _deliver(process, options.last("-o", "--output"), content)


def _fail(process: Process, silent: bool, code: int, text: str) -> int:
    process.refused = True
    if not silent:
        process.complain(f"curl: ({code}) {text}")
    return code


def _deliver(process: Process, target: str, content: str) -> int:
    if not target:
        process.out(content)
        return 0
    try:
        process.host.files.write(target, content.encode(), process.root)
    except FileError as error:
        return process.refuse(f"curl: (23) Failure writing output to destination: {error.reason}", 23)
    return 0


def served(path: str, missing: object) -> str | None:
    """What the repository has at ``/v1.N/deb/…``; None is 404."""
    found = re.fullmatch(r"/+v1\.(\d+)/deb/(Packages|Release|InRelease|Release\.key|)", path)
    if found is None or int(found.group(1)) not in LATEST_PATCH:
        return None
    minor, name = int(found.group(1)), found.group(2)
    if isinstance(missing, list | tuple | set | frozenset) and minor in missing:
        return None
    if name == "Release.key":
        return KEY
    return _packages(minor) if name == "Packages" else f"Origin: isv:kubernetes:core:stable:v1.{minor}\nSuite: deb\n"


def _packages(minor: int) -> str:
    stanzas = [
        f"Package: {name}\nVersion: {release.package}\nArchitecture: amd64\n"
        f"Filename: amd64/{name}_{release.package}_amd64.deb\nSize: 41200000\n"
        for release in packaged(minor)
        for name in KUBERNETES
    ]
    return "\n".join(stanzas)
