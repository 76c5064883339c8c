"""What was built once is kept in $XDG_CACHE_HOME/kubeadm-fleet/packages, by the hash of all that went into it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def directory() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(root, "kubeadm-fleet", "packages")
    path.mkdir(parents=True, exist_ok=True)
    return path


def cached(ingredients: object, make: Callable[[], bytes]) -> Path:
    """The file that ``make`` writes once; ``ingredients`` must have a ``repr`` that says everything about it."""
    digest = hashlib.sha256(repr(ingredients).encode()).hexdigest()
    path = directory() / digest
    if not path.exists():
        # Two test runs may make the same file at once: each writes its own, and the last rename wins.
        with tempfile.NamedTemporaryFile(dir=directory(), delete=False) as unfinished:
            unfinished.write(make())
        Path(unfinished.name).replace(path)
    return path
