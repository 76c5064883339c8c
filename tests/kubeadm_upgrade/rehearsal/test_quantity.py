"""Amounts as Kubernetes writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.rehearsal.quantity import added, amounts, most, thousandths


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0", 0),
        ("1", 1000),
        ("250m", 250),
        ("1.5", 1500),
        (".5", 500),
        ("1e3", 1_000_000),
        ("2E", 2 * 10**21),
        ("64Mi", 64 * 2**20 * 1000),
        ("24581692Ki", 24581692 * 1024 * 1000),
        ("1Gi", 2**30 * 1000),
        ("100n", 1),
        ("1500u", 2),
    ],
)
def test_a_quantity(written, expected):
    """Rounded up to a thousandth: the scheduler does not let less through than was asked."""
    assert thousandths(written) == expected


@pytest.mark.parametrize("written", ["", "lots", "1 Gi", "1ki", "--1", "1.2.3", "1Zi"])
def test_what_is_none_is_refused(written):
    with pytest.raises(ValueError, match="is no quantity"):
        thousandths(written)


@given(st.integers(0, 10**12))
def test_whole_numbers_are_read_exactly(number):
    assert thousandths(str(number)) == number * 1000
    assert thousandths(f"{number}m") == number
    assert thousandths(f"{number}Ki") == number * 1024 * 1000


def test_amounts_of_several():
    one, other = amounts({"cpu": "1", "memory": "1Ki"}), amounts({"cpu": "500m", "pods": 3})
    assert added((one, other)) == {"cpu": 1500, "memory": 1024_000, "pods": 3000}
    assert most((one, other)) == {"cpu": 1000, "memory": 1024_000, "pods": 3000}
    assert amounts(None) == {}
