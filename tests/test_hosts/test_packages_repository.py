"""Do the repositories hold what apt, dnf and gpg will check, and can each be broken in the ways that hosts meet?"""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
import urllib.error
import urllib.request
from http import HTTPStatus

import pytest
from debian.deb822 import Deb822

from hosts.packages import tools
from hosts.packages.catalog import Build
from hosts.packages.keys import GnuPG, gnupg
from hosts.packages.pkgs import Pkgs, pkgs

pytestmark = pytest.mark.skipif(tools.why_not() is not None, reason=str(tools.why_not()))

BUILDS = (Build("1.28.15"), Build("1.29.0"), Build("1.29.15"), Build("1.29.15", "2.1"))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with pkgs(tmp_path_factory.mktemp("repository"), "127.0.0.1", BUILDS) as found:
        yield found


@pytest.fixture
def mended(served: Pkgs):
    yield served
    served.mend()


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        return answer.read()


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def verify(gpg: GnuPG, key: bytes, *signed: str) -> str:
    """What gpg says of a signature to programs, with nothing but this key."""
    gpg("--import", data=key)
    argv = ("gpg", "--homedir", str(gpg.home), "--batch", "--status-fd", "1", "--verify", *signed)
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def verdict(served: Pkgs, minor: int, tmp_path) -> set[str]:
    """Of InRelease, by the key that is published beside it."""
    (tmp_path / "InRelease").write_bytes(fetch(served.of(minor, "deb") + "InRelease"))
    with gnupg() as gpg:
        told = verify(gpg, fetch(served.of(minor, "deb") + "Release.key"), str(tmp_path / "InRelease"))
    return {line.split()[1] for line in told.splitlines()}


def test_a_deb_repository_is_signed_by_the_key_that_it_publishes(served, tmp_path):
    assert {"GOODSIG", "VALIDSIG"} <= verdict(served, 29, tmp_path)


def test_release_vouches_for_the_index_and_the_index_for_the_packages(served):
    url = served.of(29, "deb")
    index = fetch(url + "Packages")
    release = fetch(url + "Release").decode()
    assert f" {hashlib.sha256(index).hexdigest()} {len(index)} Packages\n" in release
    assert gzip.decompress(fetch(url + "Packages.gz")) == index
    for stanza in index.decode().split("\n\n"):
        fields = dict(re.findall(r"^(\w+): (.*)$", stanza, re.MULTILINE))
        assert hashlib.sha256(fetch(url + fields["Filename"])).hexdigest() == fields["SHA256"]


def versions(url: str, name: str) -> list[str]:
    stanzas = Deb822.iter_paragraphs(fetch(url + "Packages"), use_apt_pkg=False)
    return [stanza["Version"] for stanza in stanzas if stanza["Package"] == name]


def test_every_build_is_in_the_index(served):
    assert versions(served.of(29, "deb"), "kubeadm") == ["1.29.0-1.1", "1.29.15-1.1", "1.29.15-2.1"]


@pytest.mark.parametrize("form", ["deb", "rpm"])
def test_fetchers_are_redirected_as_by_the_real_host(served, form):
    name = {"deb": "InRelease", "rpm": "repodata/repomd.xml"}[form]
    with urllib.request.urlopen(served.of(29, form) + name) as answer:
        assert answer.url == f"{served.server.url}/repositories/isv:/kubernetes:/core:/stable:/v1.29/{form}/{name}"


def test_an_rpm_repository_is_signed_and_so_is_each_package(served, tmp_path):
    url = served.of(29, "rpm")
    key = fetch(url + "repodata/repomd.xml.key")
    for name in ("repomd.xml", "repomd.xml.asc"):
        (tmp_path / name).write_bytes(fetch(url + f"repodata/{name}"))
    with gnupg() as gpg:
        assert "VALIDSIG" in verify(gpg, key, str(tmp_path / "repomd.xml.asc"), str(tmp_path / "repomd.xml"))
    (tmp_path / "key").write_bytes(key)
    database = ("--dbpath", str(tmp_path / "rpm"))
    subprocess.run(("rpmkeys", *database, "--import", str(tmp_path / "key")), check=True)
    directory = served.repository.directory(29, "rpm")
    checked = ("rpmkeys", *database, "--checksig", *map(str, directory.rglob("*.rpm")))
    lines = subprocess.run(checked, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == 11
    assert all(line.endswith("digests signatures OK") for line in lines)


def test_a_key_may_be_published_as_it_was_when_it_ended(mended, tmp_path):
    mended.expire_key(28)
    assert "EXPKEYSIG" in verdict(mended, 28, tmp_path)
    assert "GOODSIG" in verdict(mended, 29, tmp_path)


def test_the_key_of_a_newer_minor_is_good_for_an_older_one_whose_own_has_ended(mended, tmp_path):
    mended.expire_key(28)
    (tmp_path / "old").write_bytes(fetch(mended.of(28, "deb") + "InRelease"))
    with gnupg() as gpg:
        assert "GOODSIG" in verify(gpg, fetch(mended.of(29, "deb") + "Release.key"), str(tmp_path / "old"))


def test_a_rotated_key_is_not_known_to_who_has_the_old_one(mended, tmp_path):
    before = fetch(mended.of(29, "deb") + "Release.key")
    mended.rotate_key(29)
    assert "GOODSIG" in verdict(mended, 29, tmp_path)
    with gnupg() as gpg:
        assert "NO_PUBKEY" in verify(gpg, before, str(tmp_path / "InRelease"))


def test_an_unsigned_repository_has_no_signatures(mended):
    mended.unsign(29)
    missing = [("deb", "InRelease"), ("deb", "Release.gpg"), ("rpm", "repodata/repomd.xml.asc")]
    assert [status(mended.of(29, form) + name) for form, name in missing] == [404, 404, 404]
    assert status(mended.of(29, "deb") + "Release") == 200


def test_a_version_may_be_missing(mended):
    mended.withhold(29, "1.29.15-1.1", "1.29.15-2.1")
    assert versions(mended.of(29, "deb"), "kubelet") == ["1.29.0-1.1"]


def test_a_minor_may_be_away_or_slow_or_the_whole_server_gone(mended):
    url = mended.of(29, "deb") + "Packages"
    mended.fail(29, HTTPStatus.SERVICE_UNAVAILABLE)
    assert (status(url), status(mended.of(28, "deb") + "Packages")) == (503, 200)
    mended.slow_down(29, 0.01)
    assert status(url) == 200
    mended.withdraw(29)
    assert status(url) == 404
    mended.mend()
    mended.refuse_connections()
    with pytest.raises(urllib.error.URLError):
        fetch(url)
    mended.accept_connections()
    assert status(url) == 200


def test_requests_are_counted(mended):
    before = mended.server.asked("v1.28/deb/Release")
    fetch(mended.of(28, "deb") + "Release")
    assert mended.server.asked("v1.28/deb/Release") == before + 1


def test_nothing_outside_is_served(served):
    assert status(f"{served.server.url}/repositories/isv:/kubernetes:/../../etc/passwd") == 404
