"""What is said of a host where an error says no remedy of its own."""

from __future__ import annotations

import pytest

from kubeadm_upgrade.access import hosts
from kubeadm_upgrade.access.line import State
from kubeadm_upgrade.errors import CommandFailed, Forbidden, Unreachable, UnreadableOutput
from kubeadm_upgrade.facts import OsRelease
from kubeadm_upgrade.version import TargetVersion

REMEDIES = {
    "requiretty": (
        hosts.SUDO,
        CommandFailed("w1: sudo -n true: exit status 1: sudo: sorry, you must have a tty to run sudo"),
        "!requiretty",
    ),
    "no sudo at all": (
        hosts.SUDO,
        CommandFailed("w1: sudo -n true: exit status 127: bash: line 1: sudo: command not found"),
        "install sudo",
    ),
    "a password": (hosts.SUDO, Forbidden("w1: sudo asks for a password"), "NOPASSWD"),
    "a shell that prints": (hosts.LOGIN, UnreadableOutput("w1: the SSH user's shell prints 'hi'"), ".bashrc"),
    "no answer": (hosts.REACHED, Unreachable("w1: no SSH connection"), "nodes.w1.address"),
    "an answer that cannot be read": (
        hosts.PACKAGES,
        UnreadableOutput("w1: cat /etc/os-release: ?"),
        "see what it answers",
    ),
    "its own remedy goes first": (hosts.SUDO, Forbidden("w1: no", do="say please"), "say please"),
}


@pytest.mark.parametrize("name", REMEDIES)
def test_there_is_always_a_remedy(name):
    question, error, do = REMEDIES[name]
    line = hosts.failed("w1", question, error)
    assert (line.state, line.what) == (State.WRONG, error.what)
    assert do in line.do


@pytest.mark.parametrize("question", hosts.ON_THE_WAY)
def test_what_was_behind_us_is_ok(question):
    """The way to a host has an order."""
    lines = list(hosts.stopped("w1", "10.0.0.1", question, Unreachable("no")))
    assert [line.question for line in lines] == list(hosts.ON_THE_WAY[: hosts.ON_THE_WAY.index(question) + 1])
    assert [line.state for line in lines] == [*[State.OK] * (len(lines) - 1), State.WRONG]


def test_a_system_that_nobody_supports():
    line = hosts.packages("w1", OsRelease("alpine", name="Alpine Linux v3.20"))
    assert line.state is State.WRONG
    assert line.what.startswith("Alpine Linux v3.20: only systems with apt")


@pytest.mark.parametrize(
    ("published", "words"),
    [
        ({"kubeadm": ("1.29.14-1.1", "1.29.15-1.1")}, "1.29: 1.29.15"),
        ({"kubeadm": ("1.28.15-1.1", "of-our-own")}, "publishes no kubeadm 1.29: its latest is 1.28.15"),
        ({}, "publishes no kubeadm 1.29: it has none"),
    ],
)
def test_what_a_repository_publishes(published, words):
    line = hosts.repository("w1", TargetVersion(1, 29), "https://pkgs.example/v1.29/deb/", published)
    assert words in line.what
    assert line.passes == words.startswith("1.29")
