"""Small commands about the machine itself."""

from __future__ import annotations

import asyncio
import posixpath
import time

from lab.file_tree import FileError
from lab.options import parse
from lab.process import Process
from lab.timestamps import systemd

_KERNEL = "6.1.0-28-amd64"


async def true(process: Process) -> int:
    return 0


async def false(process: Process) -> int:
    return 1


async def echo(process: Process) -> int:
    process.print(" ".join(process.arguments))
    return 0


async def sleep(process: Process) -> int:
    await asyncio.sleep(float(process.arguments[0]))
    return 0


async def hostname(process: Process) -> int:
    process.print(process.host.name)
    return 0


async def readlink(process: Process) -> int:
    """``/proc/PID/exe``: the kernel marks a binary that was replaced under its process; others may not look."""
    host, paths = process.host, [word for word in process.arguments if not word.startswith("-")]
    if not process.root or not host.kubelet.active or paths != [f"/proc/{host.kubelet.pid}/exe"]:
        return 1
    replaced = host.kubelet.running != host.installed("kubelet")
    process.print("/usr/bin/kubelet" + (" (deleted)" if replaced else ""))
    return 0


async def whoami(process: Process) -> int:
    process.print("root" if process.root else "ops")
    return 0


async def uname(process: Process) -> int:
    words = {"-r": _KERNEL, "-m": "x86_64", "-n": process.host.name, "-s": "Linux"}
    whole = f"Linux {process.host.name} {_KERNEL} #1 SMP PREEMPT_DYNAMIC x86_64 GNU/Linux"
    process.print(whole if "-a" in process.arguments else words.get((process.arguments or ("-s",))[0], "Linux"))
    return 0


async def id_(process: Process) -> int:
    number, name = (0, "root") if process.root else (1000, "ops")
    if "-u" in process.arguments:
        process.print(name if "-n" in process.arguments else str(number))
    else:
        process.print(f"uid={number}({name}) gid={number}({name}) groups={number}({name})")
    return 0


async def date(process: Process) -> int:
    form = next((word[1:] for word in process.arguments if word.startswith("+")), None)
    faults, node = process.host.cluster.faults, process.host.name
    moment = time.time() + sum(fault.seconds or 0.0 for fault in faults.matching("clock_off", node))
    if form is None:
        process.print(systemd(moment))
    else:
        seconds, fraction = f"{moment:.9f}".split(".")
        process.print(time.strftime(form.replace("%s", seconds).replace("%N", fraction), time.gmtime(moment)))
    return 0


async def nproc(process: Process) -> int:
    process.print("2")
    return 0


async def containerd(process: Process) -> int:
    process.print("containerd github.com/containerd/containerd 1.7.24 0000000000000000000000000000000000000000")
    return 0


async def df(process: Process) -> int:
    """golden/df.txt, with room enough everywhere; or three columns of it, in bytes."""
    options = parse(process.arguments)
    columns, paths = options.last("--output", default=""), []
    for path in options.operands or ["/"]:
        try:
            process.host.files.lookup(path, True)
            paths.append(path)
        except FileError as error:
            process.complain(f"df: {path}: {error.reason}")
    # Everything is on the root file system.
    width, free = max(map(len, [*paths, "File"])), str(68283232 * 1024)
    if columns:
        process.print(f"{'File':<{width}} {'Avail':>{len(free)}} Mounted on")
    else:
        process.print("Filesystem     1024-blocks     Used Available Capacity Mounted on")
    for path in paths:
        row = f"{path:<{width}} {free}" if columns else "/dev/vda         264212084 38107680  68283232      36%"
        process.print(f"{row} {posixpath.sep}")
    return int(len(paths) < len(options.operands))
