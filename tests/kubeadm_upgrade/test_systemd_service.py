"""What systemd starts a service with, read as systemd reads it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.golden import FOLDER
from kubeadm_upgrade.systemd_service import Service, command_line, read_environment, read_service, words

RECORDED = json.loads((FOLDER / "systemd-environment-files.json").read_text())


@pytest.mark.parametrize("one", RECORDED, ids=lambda one: repr(one["text"]))
def test_environment_files_as_a_real_systemd_read_them(one):
    """The values that it set, and the words that it made of them."""
    found = read_environment(one["text"])
    service = Service(("$A", "$B", "${A}"), environment_files=("/e",))
    assert (found.get("A"), found.get("B")) == (one["A"], one["B"])
    assert list(command_line(service, {"/e": one["text"]})) == one["argv"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("A=--x=1 --y=2\n", {"A": "--x=1 --y=2"}, id="to the end of the line, without quotes"),
        pytest.param('A="--x=1 --y=2"\n', {"A": "--x=1 --y=2"}, id="quoted"),
        pytest.param("A=--x=1 \\\n  --y=2\nB=3", {"A": "--x=1   --y=2", "B": "3"}, id="a line that goes on"),
        pytest.param("; A=1\n# A=2\n  ;A=3\n", {}, id="comments"),
        pytest.param("A=1 # 2; 3\n", {"A": "1 # 2; 3"}, id="no comment behind a value"),
        pytest.param('A=--x="a b"\n', {"A": '--x="a b"'}, id="quotes within a value are its own"),
        pytest.param("A='1\nB=2'\n", {"A": "1\nB=2"}, id="quotes over lines"),
        pytest.param('A="$x \\$y"', {"A": "$x $y"}, id="no variable is looked up"),
        pytest.param("nothing\n=1\nA=1\r\n", {"A": "1"}, id="what assigns nothing, and a line end of Windows"),
        pytest.param("A=1\nA=2\n", {"A": "2"}, id="the last one holds"),
        pytest.param('A="never closed', {"A": "never closed"}, id="quotes that are not closed"),
        pytest.param("# goes on \\\nA=1\n", {"A": "1"}, id="a comment ends with its line"),
    ],
)
def test_an_environment_file(text, expected):
    assert read_environment(text) == expected


def test_a_real_unit_with_a_drop_in():
    """The drop-in's variable is one word of many; the file that comes later goes over it, where it sets the same."""
    service = read_service((FOLDER / "systemctl-show-kubelet-service.txt").read_text())
    assert service.environment_files == ("/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet")
    assert service.environment["SAID"] == 'a "word"'
    assert not service.outdated
    assert command_line(service, {}) == (
        "/usr/bin/kubelet",
        "--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf",
        "--kubeconfig=/etc/kubernetes/kubelet.conf",
        "--config=/var/lib/kubelet/config.yaml",
        "--node-ip=192.0.2.7",
        "--pod-infra-container-image=registry.example/pause:3.9",
    )
    assert command_line(service, {"/etc/default/kubelet": "KUBELET_EXTRA_ARGS=--v=2"})[4:] == ("--v=2",)
    assert command_line(service, {"/etc/default/kubelet": "KUBELET_EXTRA_ARGS=\n"})[4:] == ()


def test_files_that_systemd_has_not_read_yet():
    """It still shows what it has read."""
    assert read_service("Environment=\nNeedDaemonReload=yes\n") == Service(outdated=True)


def test_a_unit_that_there_is_not():
    """systemctl still prints an environment, of nothing."""
    assert read_service("Environment=\nNeedDaemonReload=no\n") == Service()


def test_a_variable_within_a_word_stays_there():
    """Braces make the difference, as systemd.service(5) says."""
    service = Service(("--a=${X}", "$X", "--b=$X", "${GONE}", "$GONE"), {"X": "1 2"})
    assert command_line(service, {}) == ("--a=1 2", "1", "2", "--b=$X", "")


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))
ARGUMENTS = st.lists(TEXTS)


@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]*", fullmatch=True), TEXTS), st.lists(st.sampled_from("#;")))
def test_what_is_quoted_by_the_rules_is_read_back(assignments, comments):
    """Whatever a value holds, newlines too, and whatever comments stand between."""
    lines = [f'{name}="{_escaped(value)}"' for name, value in assignments.items()]
    assert read_environment("\n".join([*(f"{one} X=1" for one in comments), *lines])) == assignments


def _escaped(value):
    for letter in '\\"`$':
        value = value.replace(letter, f"\\{letter}")
    return value


@given(ARGUMENTS)
def test_quoted_words_are_read_back(arguments):
    """In quotes of either kind, where a backslash takes what could end them, and itself."""
    quoted = (f'"{_escaped(one)}"' if "'" in one else "'" + one.replace("\\", "\\\\") + "'" for one in arguments)
    assert list(words(" ".join(quoted))) == arguments
