"""Whether a piece of work may begin now, in words, and when it is worth looking again."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar, Exclusion, Once, OnDays, Scope, Work
from kubeadm_upgrade.windows.hold import BEFORE, Job, first_that_fits, hold

NOW = datetime(2026, 11, 26, 20, tzinfo=UTC)  # a Thursday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
A_NODE = Job(timedelta(minutes=40), Work(changes_minor=True, drains=True), "w5 takes")
TONIGHT = "opens on Thu 26 Nov 22:00 (UTC)"
WAY_OUT = "or start the run with ignore_window"
TAKES = "w5 takes about 40 minutes"
NIGHTLY = (OnDays(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), time(22), 4 * HOUR),)
SHORT = (OnDays(("fri",), time(22), HOUR / 2),)
YEAR_END = Exclusion(NOW - DAY, NOW + 30 * DAY, Scope.ALL, "year end")


def at(hour: int, minute: int = 0, day: int = 26) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


CASES = {
    "no windows": (ALWAYS, NOW, None),
    "open, and enough is left": (Calendar(recurring=NIGHTLY), at(22), None),
    "as much is left as it needs": (Calendar(recurring=NIGHTLY), at(1, 20), None),
    "a second less": (
        Calendar(recurring=NIGHTLY),
        at(1, 20) + timedelta(seconds=1),
        f"this one closes on Thu 26 Nov 02:00, and {TAKES}: the next that is long enough {TONIGHT}",
    ),
    "not yet": (Calendar(recurring=NIGHTLY), NOW, "it opens on Thu 26 Nov 22:00 (UTC)"),
    "in the calendar's own zone": (
        Calendar("Europe/Berlin", once=(Once(at(21), HOUR),)),
        NOW,
        "it opens on Thu 26 Nov 22:00 (Europe/Berlin)",
    ),
    "a moment before it opens": (
        Calendar(recurring=NIGHTLY),
        at(22) - timedelta(microseconds=1),
        "it opens on Thu 26 Nov 22:00 (UTC)",
    ),
    "the next is too short": (
        Calendar(recurring=SHORT, once=(Once(at(9, day=28), HOUR),)),
        NOW,
        f"it opens on Sat 28 Nov 09:00 (UTC), the first that is long enough: {TAKES}",
    ),
    "none is ever long enough": (
        Calendar(recurring=SHORT),
        NOW,
        f"none is ever long enough, since {TAKES}: lengthen one in the cluster's file, {WAY_OUT}",
    ),
    "none comes any more": (
        Calendar(once=(Once(at(9), HOUR),)),
        NOW,
        "none comes any more: add one to windows in the cluster's file, or start the run with ignore_window",
    ),
    "a freeze, without windows": (
        Calendar(exclusions=(YEAR_END,)),
        NOW,
        "year end (exclusion) until Sat 26 Dec 20:00 (UTC)",
    ),
    "a freeze of what it does not do": (
        Calendar(exclusions=(Exclusion(NOW, NOW + DAY, Scope.MINOR),)),
        NOW,
        "a freeze (exclusion) until Fri 27 Nov 20:00 (UTC)",
    ),
    "a freeze in a window": (
        Calendar(recurring=NIGHTLY, exclusions=(YEAR_END,)),
        at(23),
        "year end (exclusion) until Sat 26 Dec 20:00, and it opens on Sat 26 Dec 22:00 (UTC)",
    ),
    "a freeze, outside of windows as well": (
        Calendar(recurring=NIGHTLY, exclusions=(YEAR_END,)),
        NOW,
        "it opens on Sat 26 Dec 22:00 (UTC)",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_keeps_it(name):
    calendar, now, sentence = CASES[name]
    held = hold(calendar, now, A_NODE)
    assert (held and held.sentence) == (sentence and f"{BEFORE}{sentence}")


@pytest.mark.parametrize("work", [Work(), Work(changes_minor=True), Work(drains=True)], ids=str)
@pytest.mark.parametrize("scope", Scope)
def test_a_freeze_keeps_what_it_forbids(scope, work):
    calendar = Calendar(exclusions=(Exclusion(NOW - DAY, NOW + DAY, scope),))
    forbidden = scope is Scope.ALL or (scope is Scope.MINOR and work.changes_minor)
    forbidden = forbidden or (scope is Scope.NODES and work.drains)
    assert bool(hold(calendar, NOW, Job(HOUR, work, "w5 takes"))) is forbidden


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=3)))
def test_who_waits_looks_within_a_minute_and_right_when_it_opens(far):
    held = hold(Calendar(once=(Once(NOW + far, 2 * HOUR),)), NOW, A_NODE)
    slept = timedelta(seconds=2) * held.turns(NOW)
    assert timedelta(seconds=2) <= slept <= timedelta(seconds=50)
    assert slept <= far + timedelta(seconds=2)
    assert far > timedelta(seconds=50) or slept >= far


def test_what_never_opens_is_looked_at_within_a_minute_too():
    """Somebody may mend the cluster's file."""
    assert 2 * hold(Calendar(recurring=SHORT), NOW, A_NODE).turns(NOW) <= 60


@given(st.timedeltas(timedelta(0), timedelta(days=20)), st.timedeltas(timedelta(0), timedelta(hours=5)))
def test_nothing_begins_that_does_not_end_in_its_window(passed, needed):
    """About a change of clocks; what is open is told by hand: from 22:00 to 02:00 in Berlin, which is 21 or 20 UTC."""
    now = datetime(2026, 10, 20, tzinfo=UTC) + passed
    calendar = Calendar("Europe/Berlin", NIGHTLY)
    job = Job(needed, Work(), "w5 takes")
    evenings = [datetime(2026, 10, 18, tzinfo=UTC) + n * DAY for n in range(30)]
    opened = [day + (20 if day < datetime(2026, 10, 25, tzinfo=UTC) else 21) * HOUR for day in evenings]
    fits = any(start <= now and now + needed <= start + 4 * HOUR and now < start + 4 * HOUR for start in opened)
    assert (hold(calendar, now, job) is None) is fits
    coming = first_that_fits(calendar, now, job)
    assert (coming is None) is (needed > 4 * HOUR)
