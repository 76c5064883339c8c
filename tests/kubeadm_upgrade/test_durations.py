"""Durations as people write them, and back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.durations import parse_duration, told


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90m", 5400),
        ("4h", 4 * 3600),
        ("1h30m", 5400),
        ("45s", 45),
        ("2d", 2 * 86400),
        ("1d2h3m4s", 86400 + 7384),
        ("0m", 0),
        ("007s", 7),
    ],
)
def test_what_is_a_duration(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "4", "h", "4 h", "1.5h", "-4h", "4H", "30m1h", "4h4h", "4h\n", "٤h", "1w", "PT4H", 4, 4.5, None, True, ["4h"]],
)
def test_what_is_none(text):
    with pytest.raises(
        ValueError, match=r"^must be a duration such as 90m, 4h, 1h30m, 45s or 2d: its units are d, h, m and s$"
    ):
        parse_duration(text)


def test_what_is_longer_than_python_counts():
    with pytest.raises(ValueError, match="is longer than anything takes"):
        parse_duration("999999999d")
    assert parse_duration("99999999s") > timedelta(days=1000)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=1, seconds=1), "1d1s"),
        (timedelta(seconds=1.9), "1s"),
        (timedelta(minutes=-90), "-1h30m"),
    ],
)
def test_how_one_is_told(duration, text):
    assert told(duration) == text


@given(st.integers(0, 10**8))
def test_what_is_told_is_read_again(seconds):
    assert parse_duration(told(timedelta(seconds=seconds))) == timedelta(seconds=seconds)
