"""All release facts: ours in facts/, one file per minor release, and the fleet's own over them.

A fleet adds to them, or overrides them, with files of the same form in a directory of its own, named by the
environment variable KUBEADM_UPGRADE_RELEASES: what such a file says replaces what ours says, key by key. So a new
minor release needs no release of this project.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from kubeadm_upgrade.releases.release import DIRECTORY_VARIABLE, Releases

OWN_DIRECTORY = Path(__file__).parent / "facts"


def releases() -> Releases:
    """Raises ReleaseFactsError with every problem at once."""
    return _read(os.environ.get(DIRECTORY_VARIABLE) or None)


@cache
def _read(own: str | None) -> Releases:
    from kubeadm_upgrade.releases.files import read_releases  # a schema is built at its import

    return Releases(read_releases([OWN_DIRECTORY, *([Path(own)] if own else [])]))
