"""Command lines, read as Go's pflag reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.flags import gates, is_false, last, listed, read_flags


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("", {}, id="nothing"),
        pytest.param("/usr/bin/kubelet --v=3", {"v": ("3",)}, id="a program is no flag"),
        pytest.param("--node-ip 192.0.2.7 --v 3", {"node-ip": ("192.0.2.7",), "v": ("3",)}, id="values after a blank"),
        pytest.param("--fail-swap-on=false -v 3", {"fail-swap-on": ("false",), "v": ("3",)}, id="short, with a blank"),
        pytest.param("-v3 -v=4", {"v": ("3", "4")}, id="short, in one word"),
        pytest.param("--register-node --v=2", {"register-node": ("",), "v": ("2",)}, id="alone"),
        pytest.param("--oom-score-adj -999", {"oom-score-adj": ("-999",)}, id="a negative number is a value"),
        pytest.param("--feature_gates=A=true", {"feature-gates": ("A=true",)}, id="underscores"),
        pytest.param("--v=2 -- --not-a-flag", {"v": ("2",)}, id="two dashes end the flags"),
        pytest.param("--node-labels=a=b,c=d", {"node-labels": ("a=b,c=d",)}, id="a value with equals signs"),
    ],
)
def test_a_command_line(line, expected):
    """By name, every value that was given."""
    assert read_flags(line.split()) == expected


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("--feature-gates A=true --feature-gates=B=false", id="given twice"),
        pytest.param("--feature-gates=A=true,B=false,", id="in one list"),
        pytest.param("--feature-gates=kube:A=true,B=false", id="with the component that is meant"),
    ],
)
def test_feature_gates_add_up(line):
    """A map of pflag takes what every use of its flag says."""
    assert gates(read_flags(line.split())) == ("A", "B")


def test_of_other_flags_the_last_holds():
    flags = read_flags(["--v=1", "--v=2", "--admission=X, Y", "--admission=Z"])
    assert (last(flags, "v"), last(flags, "w")) == ("2", None)
    assert listed(flags, "admission") == ("X", "Y", "Z")


@pytest.mark.parametrize(
    ("value", "expected"), [("false", True), ("False", True), ("0", True), ("F", True), ("true", False), ("", False)]
)
def test_what_is_false(value, expected):
    """A flag that stands alone is true."""
    assert is_false(value) is expected


NAMES = st.from_regex(r"[a-z][a-z0-9]+(-[a-z0-9]+){0,3}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1).filter(
    lambda value: not value.startswith("-")
)
SPELLINGS = st.sampled_from(("--{0}={1}", "--{0}\0{1}"))


@given(st.lists(st.tuples(NAMES, VALUES, SPELLINGS)))
def test_what_is_written_in_any_spelling_is_read_back(written):
    """Whatever a value holds: pflag looks for nothing in it."""
    words = [word for name, value, spelling in written for word in spelling.format(name, value).split("\0")]
    expected: dict[str, tuple[str, ...]] = {}
    for name, value, _ in written:
        expected[name] = (*expected.get(name, ()), value)
    assert read_flags(words) == expected
