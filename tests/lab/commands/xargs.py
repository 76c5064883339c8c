"""xargs: a command for every line of a file."""

from __future__ import annotations

import shlex

from lab.file_tree import FileError
from lab.process import Process

FAILED, NOT_FOUND = 123, 127


async def xargs(process: Process) -> int:
    """``xargs -a FILE -n 1 COMMAND``: goes on behind one that fails, and says at its end that one has."""
    from lab.shell import Line, Streams, execute

    match process.arguments:
        case ("-a", path, "-n", "1", *command) if command:
            pass
        case _:
            return process.refuse("xargs: the lab knows `-a FILE -n 1 COMMAND` only", 1)
    try:
        words = (process.host.files.read(path, process.root).content or b"").decode().split()
    except FileError as error:
        return process.refuse(f"xargs: Cannot open input file {path}: {error.reason}", 1)
    if not process.host.knows(command):
        return process.refuse(f"xargs: {command[0]}: No such file or directory", NOT_FOUND)
    codes = []
    for word in words:
        argv = (*command, word)
        line = Line(shlex.join(argv), argv, argv, dict(process.environment), process.root)
        codes.append(await execute(process.host, line, Streams(process.out, process.error), process.unit))
    return FAILED if any(codes) else 0
