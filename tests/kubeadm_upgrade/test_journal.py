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
