"""A checkout as a newcomer has it, and the environment of their shells."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from first_hour.foreign import Foreign
from harness.settings import REPOSITORY, base_environment


def copy_of_checkout(folder: Path, *, installed: bool) -> Path:
    """What git has or would take, as it is now; `installed`: with this checkout's own virtual environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (source := REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    if installed:
        (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    return folder


def environment_of(home: Path, port: int, foreign: Foreign) -> dict[str, str]:
    """Nothing of whoever runs the tests; KUBECONFIG is the foreign cluster's administrator's."""
    return {**base_environment(), "HOME": str(home), "PORT": str(port), "KUBECONFIG": str(foreign.admin_kubeconfig)}
