"""Lines of a check: what passes, what is told once, and what a task fails with."""

from __future__ import annotations

import pytest

from kubeadm_upgrade.access.hosts import clocks
from kubeadm_upgrade.access.line import Line, NoRunPossible, State, not_passed, refuse, troubles, with_those_not_reached
from kubeadm_upgrade.errors import remedy

OK = Line("w1", "login", State.OK)
WRONG = Line("w1", "sudo", State.WRONG, "it asks", "allow it")
MIND = Line("API", "least rights", State.MIND, "too many", "grant fewer")


@pytest.mark.parametrize("state", State)
def test_what_is_not_known_is_not_passed(state):
    assert bool(not_passed([Line("w1", "login", state)])) == (state not in (State.OK, State.MIND))


def test_what_is_the_same_on_many_hosts_is_told_once():
    """And what is behind it not at all."""
    lines = [Line(f"w{n}", "login", State.WRONG, "no key", "make one") for n in range(7)]
    lines += [Line("w0", "sudo", State.NOT_REACHED), OK]
    (trouble,) = troubles(lines)
    assert str(trouble) == "7 hosts: w0, w1, w2, w3 and 3 more: login: no key"


def test_what_differs_by_the_host_alone_is_the_same():
    """Hosts in the order of their names, whoever answered first."""
    lines = [
        Line(f"w{n}", "login", State.WRONG, f"w{n} (10.0.0.{n} port 22): refused for root on host 10.0.0.{n}", "see")
        for n in (10, 2, 1)
    ]
    (trouble,) = troubles(lines)
    assert trouble.subjects == ("w1", "w2", "w10")
    assert (trouble.where, trouble.what) == ("3 hosts: w1, w2, w10: login", "port 22: refused for root on host HOST")
    (one,) = troubles(lines[:1])
    assert (one.where, one.what) == ("w10: login", lines[0].what)


def test_a_remedy_that_names_the_host_names_it_for_all():
    lines = [
        Line(f"w{n}", "reached", State.WRONG, f"w{n} (10.0.0.{n} port 22): no", f"write nodes.w{n}.address")
        for n in (1, 2)
    ]
    (trouble,) = troubles(lines)
    assert trouble.do == "write nodes.NODE.address"


def test_every_question_has_its_line():
    """In their order, whatever came first."""
    lines = list(with_those_not_reached("w1", ("login", "sudo", "clock"), [WRONG, OK]))
    assert [line.state for line in lines] == [State.OK, State.WRONG, State.NOT_REACHED]


def test_a_task_fails_with_all_of_it():
    """How many lines, each trouble, and its remedy where there is one."""
    refuse("prod", [OK, MIND])
    with pytest.raises(NoRunPossible) as refused:
        refuse("prod", [OK, MIND, WRONG, Line("w1", "clock", State.NOT_REACHED)])
    assert refused.value.what == (
        "prod: 1 of 4 lines of the check does not pass, and 1 behind could not be asked\nw1: sudo: it asks"
    )
    assert remedy(refused.value) == "allow it, then clear this task: it asks again"
    with pytest.raises(NoRunPossible, match="mend what the lines above name"):
        refuse("prod", [WRONG, Line("w2", "sudo", State.WRONG, "it is not there", "install it")])


def test_a_line_survives_xcom():
    assert Line.from_json(WRONG.to_json()) == WRONG


CLOCKS = {
    "all agree": ({"a": 0.1, "b": -0.2, "c": 0.0}, {}),
    "one is off": ({"a": 0.1, "b": -95.0, "c": 0.0}, {"b": "95 s behind"}),
    "ours is off": ({"a": 95.2, "b": 95.0, "c": 94.9}, {}),
    "the only one": ({"a": 95.0}, {"a": "95 s ahead of"}),
    "none": ({}, {}),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_clocks(name):
    """Against the others, of which ours is one."""
    ahead, off = CLOCKS[name]
    found = {line.subject: line for line in clocks(ahead)}
    assert {host: line.state for host, line in found.items()} == {
        host: State.WRONG if host in off else State.OK for host in ahead
    }
    assert all(words in found[host].what for host, words in off.items())
