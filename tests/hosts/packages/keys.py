"""Real signing keys, and what of them is published."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hosts.packages.cache import cached

#: The signing key of pkgs.k8s.io is of 2022 and would have ended in 2024; then its end was put off. Repositories of
#: releases that were dead by then still publish it as it was, kubernetes/release#3818.
CREATED, ENDED = "20220825T000000", "20241102T000000"
BEFORE_THE_END = "20240101T000000"


class GnuPG:
    """A GNUPGHOME of our own. Its path must be short: the agent's socket lies in it."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *arguments: str, data: bytes = b"") -> bytes:
        argv = ("gpg", "--homedir", str(self.home), "--batch", "--quiet", "--no-tty", "--yes", *arguments)
        done = subprocess.run(argv, input=data, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.decode()}")
        return done.stdout

    def sign(self, key: str, data: bytes, *how: str) -> bytes:
        """``how``: --clearsign, or --armor --detach-sign. The key's end is not asked: it is the reader who cares."""
        return self("--local-user", key, "--digest-algo", "SHA256", *how, data=data)


@contextmanager
def gnupg() -> Iterator[GnuPG]:
    home = Path(tempfile.mkdtemp(prefix="gpg-"))
    try:
        yield GnuPG(home)
    finally:
        subprocess.run(("gpgconf", "--homedir", str(home), "--kill", "all"), check=False, capture_output=True)
        # The agent may be removing its sockets at the same moment.
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True)
class SigningKey:
    """``secret`` and both public forms are armored; ``before`` says when the key ends, ``public`` that it does not."""

    name: str
    secret: Path
    public: bytes
    before: bytes

    @cached_property
    def fingerprint(self) -> str:
        with gnupg() as gpg:
            shown = gpg("--with-colons", "--show-keys", data=self.public).decode()
        return next(line.split(":")[9] for line in shown.splitlines() if line.startswith("fpr:"))

    @property
    def user(self) -> str:
        return _user(self.name)


def signing_key(name: str) -> SigningKey:
    """The key of this name, made on the first call on this machine."""
    secret = cached(("signing key", name, 2), lambda: _generate(name))
    with gnupg() as gpg:
        gpg("--import", data=secret.read_bytes())
        before = gpg("--armor", "--export", _user(name))
        gpg("--quick-set-expire", _fingerprint(gpg), "0")
        return SigningKey(name, secret, gpg("--armor", "--export", _user(name)), before)


def _generate(name: str) -> bytes:
    with gnupg() as gpg:
        then = ("--faked-system-time", f"{CREATED}!", "--passphrase", "", "--pinentry-mode", "loopback")
        gpg(*then, "--quick-generate-key", _user(name), "rsa2048", "sign", ENDED)
        return gpg("--armor", "--passphrase", "", "--pinentry-mode", "loopback", "--export-secret-keys")


def _fingerprint(gpg: GnuPG) -> str:
    lines = gpg("--with-colons", "--list-keys").decode().splitlines()
    return next(line.split(":")[9] for line in lines if line.startswith("fpr:"))


def _user(name: str) -> str:
    return f"isv:kubernetes OBS Project <isv:kubernetes-{name}@build.example.org>"
