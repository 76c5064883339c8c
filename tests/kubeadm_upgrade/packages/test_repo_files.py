"""What dnf reads, the product reads: the table of spellings that tests/hosts asks dnf itself about, and its grammar."""

from __future__ import annotations

import configparser
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.packages.spellings import OF_DNF, VARIABLES
from kubeadm_upgrade.packages import repo_files
from kubeadm_upgrade.packages.repo_files import DIRECTORY, MAIN, UnreadableFile, every_section, sections

PATH = f"{DIRECTORY}/x.repo"


@pytest.mark.parametrize("spelling", OF_DNF, ids=lambda one: one.name)
def test_files_are_read_as_dnf_reads_them(spelling):
    sources = {PATH: spelling.text, **{f"/etc/dnf/vars/{name}": f"{value}\n" for name, value in VARIABLES.items()}}
    if spelling.repositories is None:
        with pytest.raises(UnreadableFile, match=PATH):
            sections(PATH, sources)
        assert list(every_section(sources)) == []
    else:
        assert {one.id: (one.urls, one.excludes, one.enabled) for one in sections(PATH, sources)} == (
            spelling.repositories
        )


def test_one_file_that_cannot_be_read_does_not_take_the_others_with_it():
    sources = {PATH: "garbage\n", f"{DIRECTORY}/y.repo": "[y]\nbaseurl=https://y.example/\n", MAIN: "[main]\nbest=1\n"}
    assert [(one.path, one.id) for one in every_section(sources)] == [(MAIN, "main"), (f"{DIRECTORY}/y.repo", "y")]


def test_a_section_of_that_name_is_a_repository():
    """configparser would take it for the defaults of all others."""
    (one,) = sections(PATH, {PATH: "[DEFAULT]\nbaseurl=https://x.example/\n"})
    assert (one.id, one.urls) == ("DEFAULT", ("https://x.example/",))


words = st.text("abcdefghijklm0123456789-._*", min_size=1, max_size=10)
keys = st.text("abcdefghijklm_", min_size=1, max_size=8)


@given(st.dictionaries(words, st.dictionaries(keys, st.lists(words, max_size=3))))
def test_what_a_maintained_writer_writes_is_read_back(written):
    parser = configparser.RawConfigParser(default_section="")
    parser.read_dict({name: {key: "\n".join(value) for key, value in one.items()} for name, one in written.items()})
    text = io.StringIO()
    parser.write(text)
    found = sections(PATH, {PATH: text.getvalue()})
    assert {one.id: {key: list(repo_files.words(value)) for key, value in one.options.items()} for one in found} == (
        written
    )
