"""Commands that write files."""

from __future__ import annotations

import posixpath

from lab.file_tree import Entry, FileError, normal
from lab.options import Options, parse
from lab.process import Process


async def dd(process: Process) -> int:
    """``dd of=FILE``: what stdin says, or ``if=FILE``."""
    settings = dict(argument.partition("=")[::2] for argument in process.arguments)
    target, source = settings.get("of"), settings.get("if")
    try:
        if source:
            data = process.host.files.read(source, process.root).content or b""
        else:
            data = await process.stdin_bytes()
        if target is None:
            process.out(data.decode(errors="surrogateescape"))
        else:
            process.host.files.write(target, data, process.root)
    except FileError as error:
        return process.refuse(f"dd: failed to open '{error.path}': {error.reason}", 1)
    if settings.get("status") != "none":
        process.complain(f"0+1 records in\n0+1 records out\n{len(data)} bytes copied")
    return 0


async def tee(process: Process) -> int:
    options = parse(process.arguments)
    data = await process.stdin_bytes()
    process.out(data.decode(errors="surrogateescape"))
    for path in options.operands:
        try:
            old = b""
            if options.has("-a", "--append") and normal(path) in process.host.files.entries:
                old = process.host.files.read(path, True).content or b""
            process.host.files.write(path, old + data, process.root)
        except FileError as error:
            return process.refuse(f"tee: {path}: {error.reason}", 1)
    return 0


async def mv(process: Process) -> int:
    operands = parse(process.arguments).operands
    if len(operands) != 2:
        return process.refuse("mv: missing file operand", 1)
    files, (source, target) = process.host.files, operands
    try:
        files.lookup(source, process.root)
        files.check_parent(source, process.root)
        if normal(target) in files.entries and files.entries[normal(target)].directory:
            target = posixpath.join(target, posixpath.basename(source))
        files.check_parent(target, process.root)
    except FileError as error:
        return process.refuse(f"mv: cannot move '{source}' to '{target}': {error.reason}", 1)
    old, new = normal(source), normal(target)
    for path in [p for p in files.entries if p == old or p.startswith(old + "/")]:
        files.entries[new + path[len(old) :]] = files.entries.pop(path)
    return 0


async def install(process: Process) -> int:
    """``install -d DIR..`` and ``install [-m MODE] SOURCE TARGET``; /dev/stdin is stdin."""
    options = parse(process.arguments, valued=("-m", "--mode", "-o", "-g", "--owner", "--group"))
    mode = int(options.last("-m", "--mode", default="755"), 8)
    try:
        if options.has("-d"):
            return _make_directories(process, options, mode)
        return await _install_file(process, options.operands, mode)
    except FileError as error:
        return process.refuse(f"install: cannot create '{error.path}': {error.reason}", 1)


def _make_directories(process: Process, options: Options, mode: int) -> int:
    for path in options.operands:
        if not process.root:
            process.host.files.check_parent(path, process.root)
        process.host.files.make_directory(path, mode)
        process.host.files.entries[normal(path)].mode = mode
    return 0


async def _install_file(process: Process, operands: list[str], mode: int) -> int:
    files = process.host.files
    if len(operands) != 2:
        return process.refuse("install: missing destination file operand", 1)
    source, target = operands
    data = await process.stdin_bytes() if source == "/dev/stdin" else files.read(source, process.root).content
    target_entry = files.entries.get(normal(target))
    if target_entry is not None and target_entry.directory:
        target = posixpath.join(target, posixpath.basename(source))
    files.write(target, data or b"", process.root, mode)
    files.entries[normal(target)].mode = mode
    return 0


async def mkdir(process: Process) -> int:
    options = parse(process.arguments, valued=("-m", "--mode"))
    mode = int(options.last("-m", "--mode", default="755"), 8)
    for path in options.operands:
        there, parents = normal(path) in process.host.files.entries, options.has("-p", "--parents")
        try:
            if there and not parents:
                raise FileError(path, "File exists")
            if not parents or not process.root:
                process.host.files.check_parent(path, process.root)
        except FileError as error:
            return process.refuse(f"mkdir: cannot create directory '{path}': {error.reason}", 1)
        process.host.files.make_directory(path, mode)
        if not there and not process.root:
            process.host.files.entries[normal(path)].owner = "ops"
    return 0


async def rm(process: Process) -> int:
    options = parse(process.arguments)
    for path in options.operands:
        try:
            entry: Entry = process.host.files.lookup(path, process.root)
            process.host.files.check_parent(path, process.root)
        except FileError as error:
            if options.has("-f") and error.reason == "No such file or directory":
                continue
            return process.refuse(f"rm: cannot remove '{path}': {error.reason}", 1)
        if entry.directory and not options.has("-r", "-R"):
            return process.refuse(f"rm: cannot remove '{path}': Is a directory", 1)
        process.host.files.remove(path)
    return 0
