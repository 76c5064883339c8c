"""How carefully a run goes about its work."""

from __future__ import annotations

import pytest

from kubeadm_upgrade.policy import RolloutPolicy


@pytest.mark.parametrize(
    ("value", "workers", "expected"),
    [
        pytest.param(1, 10, 1, id="count"),
        pytest.param(3, 2, 3, id="count above the fleet"),
        pytest.param("50%", 4, 2, id="half of four"),
        pytest.param("50%", 5, 2, id="half of five is rounded down"),
        pytest.param("25%", 7, 1, id="a quarter of seven"),
        pytest.param("10%", 5, 1, id="never below one"),
        pytest.param("0%", 50, 1, id="not even then"),
        pytest.param("100%", 3, 3, id="all"),
        pytest.param("34%", 100, 34, id="no rounding errors"),
    ],
)
def test_max_unavailable_is_rounded_as_kubernetes_does(value, workers, expected):
    """Down, and never below one."""
    assert RolloutPolicy(value).workers_at_once(workers) == expected
