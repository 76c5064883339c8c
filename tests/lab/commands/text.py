"""Commands that read files."""

from __future__ import annotations

import fnmatch
import hashlib
import posixpath
import re

from lab.file_tree import Entry, FileError, normal
from lab.options import parse
from lab.process import Process
from lab.timestamps import rfc3339


async def cat(process: Process) -> int:
    operands = parse(process.arguments).operands
    if not operands:
        process.out((await process.stdin_bytes()).decode(errors="surrogateescape"))
        return 0
    code = 0
    for path in operands:
        try:
            process.out((process.host.files.read(path, process.root).content or b"").decode(errors="surrogateescape"))
        except FileError as error:
            process.complain(f"cat: {path}: {error.reason}")
            code = 1
    return code


async def ls(process: Process) -> int:
    options = parse(process.arguments)
    code = 0
    for path in options.operands or ["."]:
        try:
            _list(process, path, options.has("-l"), options.has("-d"))
        except FileError as error:
            what = "open directory" if error.reason == "Permission denied" else "access"
            process.complain(f"ls: cannot {what} '{path}': {error.reason}")
            code = 2
    return code


def _list(process: Process, path: str, long: bool, itself: bool) -> None:
    files = process.host.files
    entry = files.lookup(path, process.root)
    inside = entry.directory and not itself
    names = files.children(path, process.root) if inside else [path]
    if long and inside:
        process.print(f"total {len(names) * 4}")
    for name in names:
        found = files.entries[normal(posixpath.join(path, name) if inside else name)]
        process.print(_long(found, name) if long else name)


def _long(entry: Entry, name: str) -> str:
    letters = "".join(letter if entry.mode >> (8 - i) & 1 else "-" for i, letter in enumerate("rwxrwxrwx"))
    owner = f"{entry.owner} {entry.owner}"
    size = 4096 if entry.directory else entry.size
    return f"{'d' if entry.directory else '-'}{letters} 1 {owner} {size:>8} {rfc3339(entry.mtime)[:16]} {name}"


async def find(process: Process) -> int:
    options = parse(process.arguments, valued=("-maxdepth", "-mindepth", "-name", "-printf", "-type"))
    top = (options.operands or ["."])[0]
    files = process.host.files
    try:
        files.lookup(top, process.root)
        files.children(top, process.root)
    except FileError as error:
        process.complain(f"find: '{top}': {error.reason}")
        return 1
    depth = int(options.last("-maxdepth", default="99"))
    for path in sorted(files.entries):
        if _found(process, normal(top), path, depth, int(options.last("-mindepth", default="0"))) and _suits(
            files.entries[path], path, options.last("-name", default="*"), options.last("-type")
        ):
            process.out(_printf(options.last("-printf", default="%p\\n"), path, files.entries[path]))
    return 0


def _found(process: Process, top: str, path: str, deepest: int, shallowest: int) -> bool:
    if path != top and not path.startswith(top.rstrip("/") + "/"):
        return False
    depth = 0 if path == top else path[len(top.rstrip("/")) :].count("/")
    return shallowest <= depth <= deepest


def _suits(entry: Entry, path: str, pattern: str, kind: str) -> bool:
    right = {"": True, "d": entry.directory, "f": not entry.directory}.get(kind, False)
    return right and fnmatch.fnmatchcase(posixpath.basename(path), pattern)


def _printf(form: str, path: str, entry: Entry) -> str:
    values = {"f": posixpath.basename(path), "p": path, "s": str(entry.size), "T@": f"{entry.mtime:.10f}"}
    values |= {
        "h": posixpath.dirname(path),
        "m": f"{entry.mode & 0o7777:o}",
        "y": "d" if entry.directory else "f",
    }
    text = re.sub(r"%(T@|[fpshmy])", lambda found: values[found.group(1)], form)
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0")


async def grep(process: Process) -> int:
    options = parse(process.arguments, valued=("-e", "--include", "-m"))
    pattern, paths = (options.last("-e"), options.operands)
    if not options.has("-e"):
        pattern, paths = options.operands[0], options.operands[1:]
    flags = re.IGNORECASE if options.has("-i") else 0
    expression = re.compile(re.escape(pattern) if options.has("-F") else pattern, flags)
    recursive, failed, matched = options.has("-r", "-R"), False, False
    between = "\0" if options.has("-Z", "--null") else ":"
    named = options.has("-H") or recursive or len(paths) > 1
    for path in paths:
        try:
            for name, line in _lines(process, path, recursive, options.last("--include", default="*")):
                if expression.search(line):
                    matched = True
                    process.print(f"{name}{between}{line}" if named and not options.has("-h") else line)
        except FileError as error:
            failed = True
            if not options.has("-s"):
                process.complain(f"grep: {path}: {error.reason}")
    return 2 if failed else int(not matched)


def _lines(process: Process, path: str, recursive: bool, include: str) -> list[tuple[str, str]]:
    files = process.host.files
    entry = files.lookup(path, process.root)
    if not entry.directory:
        text = (files.read(path, process.root).content or b"").decode(errors="surrogateescape")
        return [(path, line) for line in text.splitlines()]
    if not recursive:
        raise FileError(path, "Is a directory")
    files.children(path, process.root)
    below = [name for name in files.files_below(path) if fnmatch.fnmatch(posixpath.basename(name), include)]
    return [line for name in below for line in _lines(process, name, False, "*")]


async def stat(process: Process) -> int:
    options = parse(process.arguments, valued=("-c", "--format"))
    form, code = options.last("-c", "--format", default="%n %s"), 0
    for path in options.operands:
        try:
            process.print(_stat(process, form, path, options.has("-f")))
        except FileError as error:
            process.complain(f"stat: cannot statx '{path}': {error.reason}")
            code = 1
    return code


def _stat(process: Process, form: str, path: str, filesystem: bool) -> str:
    entry = process.host.files.lookup(path, process.root)
    if filesystem:
        name, magic = _file_system(process, path)
        return form.replace("%T", name).replace("%t", magic)
    values = {"s": str(4096 if entry.directory else entry.size), "n": path, "Y": str(int(entry.mtime))}
    values |= {"a": f"{entry.mode & 0o7777:o}", "U": entry.owner, "G": entry.owner}
    values |= {"F": "directory" if entry.directory else "regular file", "y": rfc3339(entry.mtime)}
    return re.sub(r"%([snYaUGFy])", lambda found: values[found.group(1)], form)


def _file_system(process: Process, path: str) -> tuple[str, str]:
    """Its name and its type. Where cgroup v1 is mounted there is a directory for each controller, on a tmpfs."""
    if not path.startswith("/sys/fs/cgroup"):
        return "ext2/ext3", "ef53"
    return ("tmpfs", "1021994") if process.host.has_cgroup_v1 else ("cgroup2fs", "63677270")


async def sha256sum(process: Process) -> int:
    code = 0
    for path in parse(process.arguments).operands:
        try:
            content = process.host.files.read(path, process.root).content or b""
            process.print(f"{hashlib.sha256(content).hexdigest()}  {path}")
        except FileError as error:
            process.complain(f"sha256sum: {path}: {error.reason}")
            code = 1
    return code


async def test(process: Process) -> int:
    """-e, -f, -d, -s and -r of one path."""
    arguments = process.arguments
    if len(arguments) != 2:
        process.complain("test: the lab knows `test -e|-f|-d|-s|-r PATH` only")
        return 2
    try:
        entry = process.host.files.lookup(arguments[1], process.root)
    except FileError:
        return 1
    answers = {"-e": True, "-f": not entry.directory, "-d": entry.directory, "-s": entry.size > 0, "-r": True}
    return int(not answers.get(arguments[0], False))
