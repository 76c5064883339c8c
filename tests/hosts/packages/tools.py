"""What this machine needs to build and sign packages."""

from __future__ import annotations

import shutil

#: Program -> the Debian package that brings it.
TOOLS = {"cc": "gcc libc6-dev", "rpmbuild": "rpm", "rpmsign": "rpm", "createrepo_c": "createrepo-c", "gpg": "gnupg"}


def why_not() -> str | None:
    """Why packages cannot be built here; None where they can."""
    lacking = [program for program in TOOLS if shutil.which(program) is None]
    wanted = " ".join(dict.fromkeys(TOOLS[program] for program in lacking))
    return f"{', '.join(lacking)} missing: apt-get install {wanted}" if lacking else None
