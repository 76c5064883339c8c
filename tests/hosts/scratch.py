"""Directories that end with the run that made them, or at the next run's beginning where it was killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch(parent: Path, kind: str) -> Iterator[Path]:
    """A directory `<kind>-<pid>-…`; those of the kind whose process is gone are removed first."""
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{kind}-*-*"):
        owner = left.name.removeprefix(f"{kind}-").partition("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            _discard(left)
    path = Path(tempfile.mkdtemp(prefix=f"{kind}-{os.getpid()}-", dir=parent))
    try:
        yield path
    finally:
        _discard(path)


def _discard(path: Path) -> None:
    """With what is mounted below: debootstrap and dockerd leave that behind when they are killed."""
    for mounted in reversed(_mounts_below(path)):
        subprocess.run(["umount", "--lazy", mounted], check=False, capture_output=True)
    if not _mounts_below(path):  # nothing of this machine's /proc is removed through a mount
        shutil.rmtree(path, ignore_errors=True)


def _mounts_below(path: Path) -> list[str]:
    mounts = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    return [mounted for mounted in mounts if mounted.startswith(f"{path}/")]
