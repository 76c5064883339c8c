"""How does a stand-in become one file that a host can run? As a zip archive that Python executes."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
#: What goes into every archive; nothing else of this repository is on the host.
_MODULES = ("client.py", "command.py", "kubelet.py", "klog.py")
_MAIN = """\
import sys

from hosts.standins.{module} import main

sys.exit(main({program!r}, {version!r}, sys.argv[1:]))
"""


@cache
def archive(program: str, version: str) -> bytes:
    """An executable of the package version ``version``; the same input gives the same bytes."""
    module = "kubelet" if program == "kubelet" else "command"
    members = {"__main__.py": _MAIN.format(module=module, program=program, version=version)}
    members |= dict.fromkeys(("hosts/__init__.py", "hosts/standins/__init__.py"), "")
    members |= {f"hosts/standins/{name}": (_HERE / name).read_text() for name in _MODULES}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, text in members.items():
            packed.writestr(zipfile.ZipInfo(name, (2023, 11, 14, 0, 0, 0)), text)
    # Neither site packages nor PYTHON* variables of the host: what is in the archive is all there is.
    return b"#!/usr/bin/python3 -SE\n" + buffer.getvalue()
