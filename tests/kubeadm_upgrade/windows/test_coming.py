"""Which windows come next, in words."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from kubeadm_upgrade.windows.calendar import Calendar, Once, OnDays
from kubeadm_upgrade.windows.coming import coming_told, next_window_told

WEEKEND = Calendar("Europe/Berlin", (OnDays(("sat", "sun"), time(22), timedelta(hours=4)),))
OVER = Calendar(once=(Once(datetime(2026, 12, 1, tzinfo=UTC), timedelta(hours=4)),))


@pytest.mark.parametrize(
    ("calendar", "now", "following", "coming"),
    [
        pytest.param(
            WEEKEND,
            datetime(2026, 12, 2, tzinfo=UTC),
            "The next window opens on Sat 5 Dec 22:00 (Europe/Berlin)",
            "Next: Sat 5 Dec 22:00 to Sun 02:00; Sun 6 Dec 22:00 to Mon 02:00 (Europe/Berlin)",
            id="between two",
        ),
        pytest.param(
            WEEKEND,
            datetime(2026, 12, 5, 22, tzinfo=UTC),
            "The next window opens on Sun 6 Dec 22:00 (Europe/Berlin)",
            "Open: Sat 5 Dec 22:00 to Sun 02:00. Next: Sun 6 Dec 22:00 to Mon 02:00; Sat 12 Dec 22:00 to Sun 02:00 "
            "(Europe/Berlin)",
            id="while one is open",
        ),
        pytest.param(
            OVER, datetime(2026, 12, 2, tzinfo=UTC), "No other window is to come", "Next: none (UTC)", id="none"
        ),
    ],
)
def test_what_comes_next_is_told_by_the_clocks_of_the_zone(calendar, now, following, coming):
    assert next_window_told(calendar, now) == following
    assert coming_told(calendar, now, 2) == coming
