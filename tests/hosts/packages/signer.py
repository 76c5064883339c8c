"""Signs what a repository holds: its indexes, and rpm packages, which carry a signature each."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hosts.packages.cache import cached
from hosts.packages.keys import GnuPG, SigningKey, gnupg

DETACHED = ("--armor", "--detach-sign")


class Signer:
    """Has the secret keys of every ``SigningKey`` it was given."""

    def __init__(self, gpg: GnuPG) -> None:
        self._gpg = gpg

    def detached(self, key: SigningKey, data: bytes) -> bytes:
        return self._gpg.sign(key.user, data, *DETACHED)

    def inline(self, key: SigningKey, data: bytes) -> bytes:
        return self._gpg.sign(key.user, data, "--clearsign")

    def signed_rpms(self, key: SigningKey, packages: Mapping[str, Path]) -> Mapping[str, Path]:
        """File name -> file, signed; each package only once per key, ever."""
        return {name: self._signed(key, path) for name, path in packages.items()}

    def _signed(self, key: SigningKey, package: Path) -> Path:
        return cached((package.name, key.fingerprint), lambda: self._rpm(key, package))

    def _rpm(self, key: SigningKey, package: Path) -> bytes:
        with tempfile.TemporaryDirectory() as directory:
            copy = Path(directory, "package.rpm")
            shutil.copyfile(package, copy)
            macros = {"_gpg_name": key.fingerprint, "_gpg_path": str(self._gpg.home), "__gpg": str(shutil.which("gpg"))}
            defines = (word for name, value in macros.items() for word in ("--define", f"{name} {value}"))
            argv = ("rpmsign", *defines, "--addsign", str(copy))
            environment = {**os.environ, "GNUPGHOME": str(self._gpg.home)}
            done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment)
            if done.returncode:
                raise RuntimeError(f"rpmsign of {package}: {done.stderr}")
            return copy.read_bytes()


@contextmanager
def signer(*keys: SigningKey) -> Iterator[Signer]:
    with gnupg() as gpg:
        for key in keys:
            # Without an end: gpg signs nothing with a key that has ended.
            gpg("--import", data=key.secret.read_bytes())
            gpg("--import", data=key.public)
        yield Signer(gpg)
