"""Configuration files that administrators edit: never overwritten, and what a package would have changed is said."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from kubeadm_upgrade.packages.port import PackageManager


def kept(manager: PackageManager, files: Mapping[str, str]) -> Iterator[str]:
    """For each edited file beside which the package manager has left the package's own: a sentence, then a diff.

    `files` are texts by path, both the edited ones and those that the package manager has put beside them.
    """
    for path in manager.CONFFILES:
        shipped = f"{path}{manager.SHIPPED}"
        if path in files and shipped in files:
            yield f"{path} stays as it was edited; the package's own is {shipped}:"
            lines = difflib.unified_diff(files[path].splitlines(), files[shipped].splitlines(), lineterm="", n=0)
            yield from (f"  {line}" for line in lines if not line.startswith(("---", "+++", "@@")))
