"""Copies and archives."""

from __future__ import annotations

import fnmatch
import gzip
import posixpath
from dataclasses import replace

from lab.file_tree import FileError, normal
from lab.options import parse
from lab.process import Process


async def tar(process: Process) -> int:
    """``tar -czf FILE PATH..`` writes a list of what would be in it; ``-tzf FILE`` reads it back."""
    options = parse(process.arguments, valued=("-C", "--directory", "-f", "--file", "--exclude"))
    archive, base = options.last("-f", "--file"), options.last("-C", "--directory", default="/home/ops")
    if options.has("-t"):
        return _list(process, archive)
    if not options.has("-c"):
        return process.refuse("tar: the lab knows -c and -t only", 2)
    names: list[str] = []
    for path in options.operands:
        whole = posixpath.join(base, path)
        try:
            process.host.files.lookup(whole, process.root)
            if not process.root:
                process.host.files.children(whole, process.root)
        except FileError as error:
            return process.refuse(f"tar: {path}: Cannot stat: {error.reason}", 2)
        names += [n for n in process.host.files.files_below(whole) if not _excluded(n, options.all("--exclude"))]
    return _write(process, archive, names)


def _write(process: Process, archive: str, names: list[str]) -> int:
    listing = "".join(f"{name.lstrip('/')}\n" for name in names)
    try:
        process.host.files.write(archive, gzip.compress(listing.encode(), mtime=0), process.root, 0o600)
    except FileError as error:
        return process.refuse(f"tar (child): {archive}: Cannot open: {error.reason}", 2)
    process.host.files.entries[normal(archive)].size = 2000 * len(names) + 100
    return 0


def _list(process: Process, archive: str) -> int:
    try:
        content = process.host.files.read(archive, process.root).content or b""
        process.out(gzip.decompress(content).decode())
    except FileError as error:
        process.complain(f"tar (child): {archive}: Cannot open: {error.reason}")
        return 2
    except OSError:
        process.complain("gzip: stdin: not in gzip format\ntar: Child returned status 1")
        return 2
    return 0


def _excluded(name: str, patterns: list[str]) -> bool:
    """As tar: a pattern may match from any directory on, and takes everything below with it."""
    parts = name.lstrip("/").split("/")
    tails = ["/".join(parts[i : j + 1]) for i in range(len(parts)) for j in range(i, len(parts))]
    return any(fnmatch.fnmatch(tail, pattern.strip("/").removeprefix("./")) for tail in tails for pattern in patterns)


async def cp(process: Process) -> int:
    options = parse(process.arguments)
    files = process.host.files
    *sources, target = options.operands or [""]
    into = normal(target) in files.entries and files.entries[normal(target)].directory
    for source in sources:
        place = posixpath.join(target, posixpath.basename(source.rstrip("/"))) if into else target
        try:
            entry = files.lookup(source, process.root)
            if not entry.directory:
                files.read(source, process.root)
            files.check_parent(place, process.root)
        except FileError as error:
            return process.refuse(f"cp: cannot stat '{source}': {error.reason}", 1)
        if entry.directory and not options.has("-a", "-r", "-R"):
            return process.refuse(f"cp: -r not specified; omitting directory '{source}'", 1)
        _copy(process, normal(source), normal(place))
    return 0


def _copy(process: Process, source: str, target: str) -> None:
    files = process.host.files
    for path in [p for p in files.entries if p == source or p.startswith(source + "/")]:
        files.entries[target + path[len(source) :]] = replace(files.entries[path])
