"""Who holds the lock, in the words of apt, dpkg and dnf; each was seen on a real host."""

from __future__ import annotations

import pytest

from kubeadm_upgrade.packages.locks import Holder, holder, name_of

DPKG = (
    "dpkg: error: dpkg frontend lock was locked by another process with pid 640\n"
    "Note: removing the lock file is always wrong, can damage the locked area\n"
    "E: Sub-process dpkg --set-selections returned an error code (2)\n"
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(
            "Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. "
            "It is held by process 596 (unattended-upgr)...",
            "process 596 (unattended-upgr)",
            id="apt-get install waits",
        ),
        pytest.param(
            "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 640 (apt-get)\n"
            "E: Unable to lock directory /var/lib/apt/lists/",
            "process 640 (apt-get)",
            id="apt-get update does not",
        ),
        pytest.param(DPKG, "process 640", id="apt-mark does not"),
        pytest.param("Waiting for process with pid 230 to finish.", "process 230", id="dnf waits"),
        pytest.param("E: Unable to locate package kubeadm", None, id="something else"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_the_holder_is_named(said, expected):
    """By number, and by name where the tool says it."""
    found = holder(said)
    assert (found and str(found)) == expected


def test_a_name_is_asked_of_the_process_table():
    """dpkg and dnf know the number only."""
    assert str(name_of(7).run) == "ps -o args= -p 7"
    assert str(Holder(7, name_of(7).read("/usr/bin/dnf-automatic\n"))) == "process 7 (/usr/bin/dnf-automatic)"
