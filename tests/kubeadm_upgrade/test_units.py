"""What is read of a named transient unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade import units
from kubeadm_upgrade.units import Unit

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


def test_a_unit_speaks_english():
    """systemd starts it, so it has systemd's environment and not the session's."""
    start = units.start("upgrade-kubeadm-v1.29.15", ("kubeadm", "upgrade", "node"))
    assert "--setenv=LC_ALL=C" in start[: start.index("--")]


BASE = "kubeadm-upgrade-v1.29.15"


def listed(*names, load="loaded", mark=""):
    """As `systemctl list-units --plain --no-legend` prints them."""
    return "".join(f"{mark}{name}.service {load} failed failed /usr/bin/kubeadm upgrade node\n" for name in names)


@pytest.mark.parametrize(
    ("output", "newest"),
    [
        pytest.param("", None, id="none"),
        pytest.param(listed(BASE), BASE, id="the first"),
        pytest.param(listed(BASE, f"{BASE}.try-2"), f"{BASE}.try-2", id="the second"),
        pytest.param(
            listed(f"{BASE}.try-10", f"{BASE}.try-2", f"{BASE}.try-9"), f"{BASE}.try-10", id="by number, not by text"
        ),
        pytest.param(listed(f"{BASE}.try-3"), f"{BASE}.try-3", id="the others were forgotten by hand"),
        pytest.param(listed(BASE, load="not-found"), None, id="only referred to by another unit"),
        pytest.param(listed(BASE, mark="\N{BLACK CIRCLE} "), BASE, id="with the mark that older ones print"),
        pytest.param(listed(BASE, mark="* "), BASE, id="with that mark in ASCII"),
        pytest.param("\n\n", None, id="empty lines"),
    ],
)
def test_the_newest_try_is_the_one_that_counts(output, newest):
    """Whoever started it, and whatever became of it."""
    assert units.read_tries(output) == newest


@given(st.lists(st.sampled_from(["running", "failed", "forgotten", "succeeded"]), max_size=30))
def test_no_try_ever_takes_a_name_that_is_remembered(ends):
    """Nothing is stopped or forgotten to make a name free; where a host forgets all, it begins anew."""
    there: list[str] = []
    for end in ends:
        newest = units.read_tries(listed(*there))
        name = units.next_try(BASE, Unit(newest, "loaded", "failed", "failed") if newest else Unit())
        assert name not in there
        assert name == BASE or name.startswith(f"{BASE}.try-")
        there.append(name)
        if end == "forgotten":
            there.clear()


@pytest.mark.parametrize(
    ("remembered", "failed", "name"),
    [
        ("", "", BASE),
        ("", BASE, f"{BASE}.try-2"),
        (BASE, f"{BASE}.try-3", f"{BASE}.try-4"),
        (f"{BASE}.try-3", BASE, f"{BASE}.try-4"),
        ("", "kubeadm-upgrade-v1.28.1.try-7", BASE),
    ],
)
def test_nor_the_name_of_one_that_a_person_was_told_has_failed(remembered, failed, name):
    """systemctl reset-failed, or a reboot: under the same name a second failure would be taken for the first."""
    unit = Unit(remembered, "loaded", "failed", "failed") if remembered else Unit()
    assert units.next_try(BASE, unit, failed) == name


def test_every_try_of_a_unit_and_of_no_other_is_listed():
    """v1.29.1 is no try of v1.29.15, and stage-packages none of kubeadm-upgrade."""
    *_, first, others = units.tries("kubeadm-upgrade-v1.29.1")
    assert (first, others) == ("kubeadm-upgrade-v1.29.1.service", "kubeadm-upgrade-v1.29.1.try-*.service")
