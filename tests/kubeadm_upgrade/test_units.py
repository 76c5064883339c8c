"""What is read of a named transient unit."""

from __future__ import annotations

import pytest

from kubeadm_upgrade import units

FIRST = "Started kubeadm-upgrade-v1.29.15.service - /usr/bin/kubeadm upgrade node.\nno space left on device"
ENDED = "kubeadm-upgrade-v1.29.15.service: Failed with result 'exit-code'."
SECOND = (
    "Started kubeadm-upgrade-v1.29.15.service - /usr/bin/kubeadm upgrade node.\nStarted container app\n[upgrade] done"
)


@pytest.mark.parametrize(
    ("journal", "last"),
    [
        pytest.param(f"{FIRST}\n{ENDED}\n{SECOND}\n", SECOND, id="twice"),
        pytest.param(SECOND, SECOND, id="once"),
        pytest.param(f"a\n{ENDED}\n", f"a\n{ENDED}", id="its start is further up than was asked for"),
        pytest.param(
            "Started /usr/bin/true.\na\nStarted /usr/bin/true.\nb\n", "Started /usr/bin/true.\nb", id="below 249"
        ),
        pytest.param("", "", id="nothing"),
    ],
)
def test_only_what_was_said_since_the_last_start(journal, last):
    """A retry's failure is not the one before it."""
    assert units.read_journal(journal) == last


def test_a_unit_speaks_english_and_utf_8():
    """systemd starts it, so it has systemd's environment and not the session's."""
    start = units.start("upgrade-kubeadm-v1.29.15", ("kubeadm", "upgrade", "node"))
    assert "--setenv=LC_ALL=C.UTF-8" in start[: start.index("--")]
