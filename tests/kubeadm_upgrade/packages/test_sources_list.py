"""What apt reads, the product reads: the table of spellings that tests/hosts asks apt itself about, and its grammar."""

from __future__ import annotations

import pytest
from debian.deb822 import Deb822
from hypothesis import given
from hypothesis import strategies as st

from hosts.packages.spellings import OF_APT
from kubeadm_upgrade.packages.sources_list import DIRECTORY, ONE_FILE, Entry, entries, is_read


def indexes(entry: Entry) -> set[str]:
    """What apt would fetch for an entry."""
    return {
        f"{uri.rstrip('/')}/{suite.removeprefix('/') if suite.endswith('/') else f'dists/{suite}/'}InRelease"
        for uri in entry.uris
        for suite in entry.suites
    }


@pytest.mark.parametrize("spelling", OF_APT, ids=lambda one: one.name)
def test_files_are_read_as_apt_reads_them(spelling):
    """What apt refuses is an entry without URIs, which nobody takes for one of ours."""
    found = entries(f"{DIRECTORY}/{spelling.name}", spelling.text)
    if spelling.indexes is None:
        assert [entry.uris for entry in found] == [()]
    else:
        assert set().union(*(indexes(entry) for entry in found if entry.enabled)) == set(spelling.indexes)
    assert is_read(f"{DIRECTORY}/{spelling.name}") is spelling.is_read


def test_apt_looks_into_no_other_directory():
    assert is_read(ONE_FILE)
    assert not is_read(f"{DIRECTORY}/below/kubernetes.list")
    assert not is_read("/etc/apt/trusted.gpg.d/kubernetes.list")


names = st.text("abcdefghij0123456789-.", min_size=1, max_size=12)
uris = st.builds("https://{}.example/{}/".format, st.text("abc", min_size=1), names)
options = st.dictionaries(st.sampled_from(["arch", "trusted", "lang", "by-hash"]), names, max_size=3)
blanks = st.text(" \t", min_size=1, max_size=3)
comments = st.sampled_from(["", " # ours", "#ours", "  # deb http://x.example/ y"])


@st.composite
def lines(draw):
    """A line as sources.list(5) has it, and the entry that it is."""
    uri, suite, given_options = draw(uris), draw(st.sampled_from(["/", "./", "stable"])), draw(options)
    words = [f"{name}={value}" for name, value in given_options.items()]
    gap = draw(st.sampled_from(["", " "]))
    bracket = f"[{gap}{draw(blanks).join(words)}{gap}]" if words else ""
    components = ["main"] if suite == "stable" else []
    line = draw(blanks).join(part for part in ("deb", bracket, uri, suite, *components) if part)
    return line + draw(comments), (uri, suite, given_options)


@given(st.lists(lines()))
def test_lines_are_read_back(written):
    """Each with all of its options."""
    found = entries("x.list", "\n\n".join(line for line, _ in written))
    assert [(*entry.uris, *entry.suites, dict(entry.options)) for entry in found] == [wanted for _, wanted in written]


@given(st.lists(st.tuples(st.lists(uris, min_size=1), st.sampled_from(["yes", "no"]), names)))
def test_stanzas_that_a_maintained_writer_writes_are_read_back(written):
    """By python-debian, in whatever number, with fields that we do not know."""
    stanzas = [
        Deb822({"Types": "deb", "URIs": " ".join(urls), "Suites": "/", "Enabled": enabled, "X-Repolib-Name": name})
        for urls, enabled, name in written
    ]
    found = entries("x.sources", "\n".join(stanza.dump() for stanza in stanzas))
    assert [(list(one.uris), one.enabled, dict(one.options)) for one in found] == [
        (urls, enabled == "yes", {"X-Repolib-Name": name}) for urls, enabled, name in written
    ]
