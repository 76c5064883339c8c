"""A checkout as small as can be: two packages to install, from a folder; pip and venv are the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from harness.settings import REPOSITORY

UV_PIN = (REPOSITORY / "requirements-installer.txt").read_text().split()[-1]
REAL_UV = Path(sys.executable).with_name("uv")


class Checkout:
    """`wheels` is the only place that packages come from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = folder / "wheels"
        self.wheels.mkdir(parents=True)
        self._write("requirements.txt", "one==1")
        self._write("requirements-dev.txt", "-r requirements.txt", "two==2")
        self._write("requirements-installer.txt", UV_PIN)
        self._write("constraints.txt", "one==1", "two==2")
        for name in ("one", "two"):
            self.add_package(name)

    @property
    def ready(self) -> bool:
        return (self.folder / ".venv" / ".ready").exists()

    @property
    def installed(self) -> set[str]:
        """What is whole there: it can be imported."""
        python = self.folder / ".venv" / "bin" / "python"
        code = "import importlib.util as u; print(*(n for n in ('one', 'two', 'pip') if u.find_spec(n)))"
        return set(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split())

    def add_package(self, name: str) -> None:
        version = {"one": "1", "two": "2"}[name]
        self._wheel(f"{name}-{version}", {f"{name}.py": b"", **_metadata(name, version)})

    def remove_package(self, name: str) -> None:
        next(self.wheels.glob(f"{name}-*")).unlink()

    def add_uv(self, program: bytes) -> None:
        """As uv's own wheels: one program."""
        name, version = UV_PIN.split("==")
        files = {f"{name}-{version}.data/scripts/uv": program, **_metadata(name, version)}
        self._wheel(f"{name}-{version}", files)

    def add_script_as_uv(self, *lines: str) -> None:
        self.add_uv("\n".join(["#!/bin/sh", *lines, ""]).encode())

    def environment(self, **more: str) -> dict[str, str]:
        """No setting of this machine's pip or uv."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))}
        return {
            **kept,
            "PYTHONPATH": str(REPOSITORY / "tests"),
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "UV_CACHE_DIR": str(self.folder / "cache"),
            **more,
        }

    def start(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "installation"],
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def install(self, **environment: str) -> tuple[int, str]:
        """Its exit code, and all that it says."""
        process = self.start(**environment)
        said, _ = process.communicate(timeout=200)
        return process.returncode, said

    def _write(self, name: str, *lines: str) -> None:
        (self.folder / name).write_text("\n".join(lines) + "\n")

    def _wheel(self, name: str, files: dict[str, bytes]) -> None:
        """Not compressed: uv has some fifty megabytes."""
        with zipfile.ZipFile(self.wheels / f"{name}-py3-none-any.whl", "w") as wheel:
            for path, content in files.items():
                member = zipfile.ZipInfo(path)
                member.external_attr = 0o100755 << 16
                wheel.writestr(member, content)


def _metadata(name: str, version: str) -> dict[str, bytes]:
    folder = f"{name}-{version}.dist-info"
    return {
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder}/RECORD": b"",
    }
