"""What matters of a long output."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.journal import essence, plain

REFUSED = Path(__file__).resolve().parents[1] / "golden" / "kubeadm-upgrade-apply-1.34-to-1.35-cgroup-v1.txt"


def test_kubeadms_own_errors_lead():
    """Of a screen full of kernel settings in colours, the line that says what to do."""
    told = essence(REFUSED.read_text())
    assert told.startswith("[ERROR SystemVerification]: cgroups v1 support is deprecated and will be removed")
    assert told.endswith("error: error execution phase preflight: preflight checks failed")
    assert "\x1b" not in told
    assert "CONFIG_" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("a\nfatal: no space left\nb\n", "fatal: no space left", id="the line that speaks of it"),
        pytest.param("one\ntwo\n\n", "one; two", id="none does: the last lines"),
        pytest.param("\t[ERROR A]: a\nx failed\n[ERROR B]: b", "[ERROR A]: a; [ERROR B]: b; x failed", id="order"),
        pytest.param("\x1b[0;31merror\x1b[0m: no", "error: no", id="colours"),
        pytest.param(
            "\x1b]0;kubeadm\x07\x1b[38:2::255:0:0merror\x1b[m: no\x1b(B", "error: no", id="a title, true colour"
        ),
        pytest.param("", "", id="nothing"),
        pytest.param(
            "\n".join(f"error {n}" for n in range(9)), "; ".join(f"error {n}" for n in range(1, 9)), id="many"
        ),
        pytest.param(
            "\n".join(["x failed", *(f"[ERROR {n}]" for n in range(9))]),
            "; ".join(f"[ERROR {n}]" for n in range(8)),
            id="many of kubeadm's",
        ),
    ],
)
def test_the_lines_that_say_why(text, told):
    assert essence(text) == told


@given(st.lists(st.sampled_from(["[ERROR A]: a", "x failed", "going on", "", "\x1b[1mfatal\x1b[0m"])))
def test_it_is_short_and_loses_no_error(lines):
    """Whatever else there is."""
    told = essence("\n".join(lines))
    assert len(told.split("; ")) <= 8
    assert ("[ERROR A]" in told) == ("[ERROR A]: a" in lines)
    assert plain(told) == told


def parameters(characters: str) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(characters), max_size=6)


def between(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


# ECMA-48, 5.4: control sequences; 5.6: control strings; ECMA-35: escape sequences
CONTROL_SEQUENCES = st.tuples(
    st.sampled_from(["\x1b[", "\x9b"]),
    parameters(between(0x30, 0x3F)),
    parameters(between(0x20, 0x2F)),
    st.sampled_from(between(0x40, 0x7E)),
)
STRINGS = st.tuples(
    st.sampled_from(["\x1b]", "\x1bP", "\x1b^", "\x1b_", "\x1bX", "\x9d", "\x90"]),
    parameters(between(0x20, 0x7E)),
    st.sampled_from(["\x07", "\x1b\\", "\x9c"]),
)
ESCAPES = st.tuples(
    st.just("\x1b"), st.text(st.sampled_from(between(0x20, 0x2F)), min_size=1, max_size=2), st.just("B")
)
SEQUENCES = st.one_of(CONTROL_SEQUENCES, STRINGS, ESCAPES).map("".join)
WORDS = st.text(st.sampled_from("[ERROR A]: no CONFIG;\n\t"), max_size=12)


@given(st.lists(st.tuples(WORDS, SEQUENCES)))
def test_whatever_a_program_writes_for_a_terminal_is_left_out(parts):
    """And nothing else with it."""
    assert plain("".join(word + sequence for word, sequence in parts)) == "".join(word for word, _ in parts)


@given(st.text(st.sampled_from("\x1b\x9b[]0;mB(\\\x07 \n")))
def test_no_escape_is_left_where_the_journal_begins_or_ends_in_one(text):
    """A journal's first line may have lost its beginning."""
    assert not {"\x1b", "\x9b"} & set(plain(text))
