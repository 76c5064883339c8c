"""Windows in words, and as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import islice

import pytest

from kubeadm_upgrade.windows.calendar import ALWAYS
from kubeadm_upgrade.windows.plain import from_json, to_json
from kubeadm_upgrade.windows.words import calendar_told, exclusion_told, moment_told, opening_told
from kubeadm_upgrade.windows_file import WindowsSettings

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def calendar(**said):
    return WindowsSettings.model_validate({"timezone": "Europe/Berlin"} | said).calendar


def days(names, start="22:00", duration="4h"):
    return {"days": names.split(), "start": start, "duration": duration}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        pytest.param({}, "at any time", id="always"),
        pytest.param({"recurring": [days("sat sun")]}, "Sat, Sun 22:00 to 02:00 (Europe/Berlin)", id="two nights"),
        pytest.param(
            {"recurring": [days("mon tue wed thu fri")]}, "Mon to Fri 22:00 to 02:00 (Europe/Berlin)", id="a run"
        ),
        pytest.param(
            {"recurring": [days("sun mon tue wed fri")]},
            "Mon to Wed, Fri, Sun 22:00 to 02:00 (Europe/Berlin)",
            id="runs",
        ),
        pytest.param(
            {"recurring": [days("mon tue wed thu fri sat sun")]}, "daily 22:00 to 02:00 (Europe/Berlin)", id="all days"
        ),
        pytest.param({"recurring": [days("fri", "20:00", "2d12h")]}, "Fri 20:00 for 2d12h (Europe/Berlin)", id="long"),
        pytest.param(
            {"recurring": [days("sat", "22:00:30", "45s")]}, "Sat 22:00:30 to 22:01:15 (Europe/Berlin)", id="seconds"
        ),
        pytest.param(
            {"recurring": [{"cron": "0 22 * * 1-5", "duration": "90m"}, days("sat")]},
            "0 22 * * 1-5 (cron) for 1h30m; Sat 22:00 to 02:00 (Europe/Berlin)",
            id="two kinds",
        ),
        pytest.param(
            {
                "once": [
                    {"start": "2026-12-05T22:00", "duration": "6h"},
                    {"start": "2027-01-09T08:00", "duration": "1h"},
                ]
            },
            "Sat 5 Dec 22:00 to Sun 04:00; Sat 9 Jan 2027 08:00 to 09:00 (Europe/Berlin)",
            id="once, and once in another year",
        ),
        pytest.param(
            {"once": [{"start": "2025-12-05T22:00", "duration": "6h"}]},
            "all windows are over (Europe/Berlin)",
            id="over",
        ),
        pytest.param(
            {"once": [{"start": "2026-12-05T22:00", "duration": "3d"}]},
            "Sat 5 Dec 22:00 to Tue 8 Dec 22:00 (Europe/Berlin)",
            id="over days",
        ),
    ],
)
def test_a_calendar_in_words(said, words):
    of = calendar(**said)
    assert calendar_told(of, NOW) == words
    assert from_json(json.loads(json.dumps(to_json(of)))) == of


def test_openings_in_words():
    """Also those that have no start, or no end."""
    of = calendar(exclusions=[{"from": "2026-12-20", "to": "2027-01-03", "scope": "nodes", "reason": "year end"}])
    assert opening_told(next(of.openings(NOW)), of, NOW) == "at any time"
    of = calendar(exclusions=[{"from": "2026-12-20", "to": "2027-01-03", "reason": "year end"}])
    first, second = (opening_told(one, of, NOW) for one in islice(of.openings(NOW), 2))
    assert (first, second) == ("until Sun 20 Dec 00:00", "from Mon 4 Jan 2027 00:00 on")


@pytest.mark.parametrize(
    ("scope", "words"), [("all", "nothing"), ("minor", "no other minor release"), ("nodes", "no drain")]
)
def test_exclusions_in_words(scope, words):
    of = calendar(exclusions=[{"from": "2026-12-20", "to": "2027-01-03", "scope": scope, "reason": "year end"}])
    assert exclusion_told(of.exclusions[0], of) == f"{words} from Sun 20 Dec 00:00 to Mon 4 Jan 00:00: year end"
    of = calendar(exclusions=[{"from": "2026-12-20", "to": "2026-12-20"}])
    assert exclusion_told(of.exclusions[0], of) == "nothing from Sun 20 Dec 00:00 to Mon 21 Dec 00:00"


def test_a_moment_is_told_by_the_zones_clocks():
    assert moment_told(datetime(2026, 12, 5, 21, tzinfo=UTC), calendar().zone) == "Sat 5 Dec 22:00"
    assert moment_told(datetime(2026, 12, 5, 21, 0, 7, tzinfo=UTC), ALWAYS.zone) == "Sat 5 Dec 21:00:07"


def test_all_of_a_calendar_survives_as_json():
    of = calendar(
        recurring=[days("sat sun", "22:00:30"), {"cron": "0 22 * * 1-5", "duration": "90m"}],
        once=[{"start": "2026-12-05T22:00:07", "duration": "45s"}],
        exclusions=[{"from": "2026-12-20", "to": "2027-01-03", "scope": "minor", "reason": "year end"}],
        open_before="15m",
        when_over="stop",
    )
    assert from_json(json.loads(json.dumps(to_json(of)))) == of
    assert from_json(to_json(ALWAYS)) == ALWAYS
