"""What sudo says of its list and of one command: a real sudo's words, and lists as people write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kubeadm_upgrade.access import hosts, sudo
from kubeadm_upgrade.access.line import State
from kubeadm_upgrade.access.sudo import SudoList
from kubeadm_upgrade.query import Completed

SESSION = (Path(__file__).resolve().parents[2] / "golden" / "sudo-list.txt").read_text()


def answers(command: str) -> list[Completed]:
    """Every answer to a command in the session, in turn."""
    found = re.findall(rf"^\$ {re.escape(command)}\n((?:.*\n)*?)\[(\d)\]$", SESSION, re.MULTILINE)
    told = [(text if not text.startswith(("sudo:", "Sorry")) else "", text, int(status)) for text, status in found]
    return [Completed(status, out, both if not out else "") for out, both, status in told]


def test_one_command_as_a_real_sudo_answers():
    """Allowed, denied without a word, and not there."""
    assert [sudo.is_allowed(one) for one in answers("sudo -n -l -- systemctl daemon-reload")] == [True]
    assert [sudo.is_allowed(one) for one in answers("sudo -n -l -- systemctl stop x")] == [False]
    assert [sudo.is_allowed(one) for one in answers("sudo -n -l -- nosuch x")] == [None]


def test_a_list_as_a_real_sudo_answers():
    """A rule that asks for a password, some that do not; and all without."""
    _, mixed, free, _ = (sudo.read_list(one.stdout) for one in answers("sudo -n -l"))
    assert mixed == SudoList("up", everything=False, with_password=("ALL",))
    assert free == SudoList("up", everything=True)


LISTS = {
    "all": (["(ALL : ALL) NOPASSWD: ALL"], True, ()),
    "as root alone": (["(root) NOPASSWD: ALL"], True, ()),
    "with another tag": (["(ALL) NOPASSWD: SETENV: ALL"], True, ()),
    "as somebody else": (["(postgres) NOPASSWD: ALL"], False, ()),
    "with a password": (["(ALL) ALL"], False, ("ALL",)),
    "a password behind": (["(ALL) NOPASSWD: ALL", "(ALL) ALL"], False, ("ALL",)),
    "no password behind": (["(ALL) ALL", "(ALL) NOPASSWD: ALL"], True, ()),
    "one taken back": (["(ALL) NOPASSWD: ALL, !/usr/bin/su"], False, ()),
    "a tag holds on": (["(ALL) NOPASSWD: /usr/bin/ls, ALL"], True, ()),
    "a tag ends": (["(ALL) NOPASSWD: /usr/bin/ls, PASSWD: /usr/bin/dd"], False, ("/usr/bin/dd",)),
    "our list": (["(ALL : ALL) ALL", "(root) NOPASSWD: !ALL", "(root) NOPASSWD: /usr/bin/true"], False, ()),
    "our list, and behind it a group": (["(root) NOPASSWD: !ALL", "(ALL) ALL"], False, ("ALL",)),
    "a comma of its own": ([r"(root) NOPASSWD: /usr/bin/x a\, b"], False, ()),
    "nothing": ([], False, ()),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_as_people_write_them(name):
    """Of the rules that match, the last one decides."""
    rules, everything, with_password = LISTS[name]
    text = "\n".join(("Matching Defaults entries for ops on h:", "    env_reset", "", *_head(), *_indented(rules)))
    assert sudo.read_list(text) == SudoList("ops", everything, with_password)


def _head() -> tuple[str, ...]:
    return ("User ops may run the following commands on h:",)


def _indented(rules: list[str]) -> list[str]:
    return [f"    {rule}" for rule in rules]


def test_a_worker_is_not_asked_about_etcd_backups():
    """Steps of the control plane are its own; what is looked at, on every host."""
    everywhere, here = sudo.examples(control_plane=True), sudo.examples(control_plane=False)
    assert set(here) < set(everywhere)
    assert not any(argv[0] == "tar" for argv in here)
    assert ("true",) in here


@pytest.mark.parametrize(
    ("told", "denied", "state"),
    [
        (SudoList("ops", everything=True), (), State.OK),
        (SudoList("ops"), (), State.OK),
        (SudoList("ops"), (("apt-mark", "hold", "kubeadm"),), State.WRONG),
        (SudoList("ops", with_password=("ALL",)), (), State.UNKNOWN),
    ],
    ids=["everything", "each by itself", "one is denied", "a password may be asked for"],
)
def test_how_a_host_stands(told, denied, state):
    line = hosts.sudo_list("w1", told, denied, 60)
    assert line.state is state
    assert line.passes or "sudoers --user ops" in line.do
