"""A pkgs.k8s.io of a test's own, in one word: packages, keys, repositories and the server, and what can be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from hosts.packages.catalog import BUILDS, Build
from hosts.packages.keys import SigningKey, signing_key
from hosts.packages.model import Format
from hosts.packages.repository import STABLE, Publication, Repository
from hosts.packages.server import PackageServer, Trouble
from hosts.packages.signer import signer


class Pkgs:
    """Every minor is published as it should be until it is broken; ``mend`` makes everything good again."""

    def __init__(self, repository: Repository, server: PackageServer, key: SigningKey, next_key: SigningKey) -> None:
        self.repository, self.server = repository, server
        self.key, self.next_key = key, next_key
        self._published: dict[int, Publication] = {}

    @property
    def url(self) -> str:
        """For the product's setting ``repository.url``."""
        return f"{self.server.stable}/v{{minor}}/{{format}}/"

    def of(self, minor: int, form: str) -> str:
        return f"{self.server.stable}/v1.{minor}/{form}/"

    def publish(self, minor: int, **changes: object) -> None:
        """Publish a minor anew, in the ways of a ``Publication`` that are given."""
        publication = replace(self._published.get(minor, Publication(self.key)), **changes)
        if self._published.get(minor) != publication:
            self.repository.publish(minor, publication)
            self._published[minor] = publication

    def expire_key(self, minor: int) -> None:
        """What is published as the key has ended; the signatures are as before."""
        self.publish(minor, key_as_it_was=True)

    def rotate_key(self, minor: int) -> None:
        """Signed with another key, which is published there."""
        self.publish(minor, key=self.next_key)

    def unsign(self, minor: int) -> None:
        self.publish(minor, signed=False)

    def withhold(self, minor: int, *versions: str) -> None:
        """Without these package versions, as ``1.29.15-1.1``."""
        self.publish(minor, without=frozenset(versions))

    def withdraw(self, minor: int) -> None:
        self._published.pop(minor, None)
        self.repository.withdraw(minor)

    def fail(self, minor: int, status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE) -> None:
        self.server.troubles[f"{STABLE}/v1.{minor}/"] = Trouble(status)

    def ask_for_login(self, minor: int, login: str) -> None:
        """`user:password`, of whoever fetches anything of this minor."""
        self.server.logins[f"{STABLE}/v1.{minor}/"] = login

    def pack_only(self, minor: int) -> None:
        """As mirrors do: the index is there as Packages.gz and not plain."""
        (self.repository.directory(minor, Format.DEB) / "Packages").unlink()

    def slow_down(self, minor: int, seconds: float) -> None:
        self.server.troubles[f"{STABLE}/v1.{minor}/"] = Trouble(seconds=seconds)

    def refuse_connections(self) -> None:
        self.server.stop()

    def accept_connections(self) -> None:
        self.server.start()

    def mend(self) -> None:
        self.server.troubles.clear()
        self.server.logins.clear()
        for minor in self.repository.minors:
            self.publish(minor, **vars(Publication(self.key)))


@contextmanager
def pkgs(directory: Path, address: str, builds: Iterable[Build] = BUILDS) -> Iterator[Pkgs]:
    """Served at ``address``, on a free port, for as long as the block lasts."""
    key, next_key = signing_key("first"), signing_key("second")
    with signer(key, next_key) as hand, PackageServer(directory, address) as server:
        found = Pkgs(Repository(directory, hand, builds), server, key, next_key)
        found.mend()
        yield found
