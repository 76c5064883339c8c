"""All release facts: ours in facts/, one file per minor release, and the fleet's own over them.

A fleet adds to them, or overrides them, with files of the same form in a directory of its own, named by the
environment variable KUBEADM_UPGRADE_RELEASES: what such a file says replaces what ours says, key by key. So a new
minor release needs no release of this project.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from kubeadm_upgrade.releases.release import DIRECTORY_VARIABLE, Releases

OWN_DIRECTORY = Path(__file__).parent / "facts"


def releases() -> Releases:
    """Raises ReleaseFactsError with every problem at once. They are read again once a file of the fleet has changed."""
    own = os.environ.get(DIRECTORY_VARIABLE)
    return _read(own, _stamps(Path(own))) if own else _read(None, ())


@lru_cache(maxsize=2)
def _read(own: str | None, _: tuple[tuple[str, int], ...]) -> Releases:
    from kubeadm_upgrade.releases.files import read_releases  # a schema is built at its import

    return Releases(read_releases([OWN_DIRECTORY, *([Path(own)] if own else [])]))


def _stamps(directory: Path) -> tuple[tuple[str, int], ...]:
    """When each of its files was written last; nothing of what cannot be looked at, which is told when it is read."""
    with suppress(OSError):
        return tuple(sorted((one.name, one.stat().st_mtime_ns) for one in directory.iterdir()))
    return ()
