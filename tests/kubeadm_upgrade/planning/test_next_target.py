"""The version that is offered where nobody has named one."""

from __future__ import annotations

from datetime import date

import pytest

from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.planning.next_target import next_target
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.version import Version

TODAY = date(2026, 8, 25)  # the day before 1.37


def node(version: str, *, control_plane: bool = False) -> NodeFacts:
    return NodeFacts(version, Version.parse(version), ready=True, control_plane=control_plane)


@pytest.mark.parametrize(
    ("planes", "workers", "target"),
    [
        pytest.param(["1.28.15"], ["1.28.15"], "1.29", id="the next"),
        pytest.param(["1.28.15"], ["1.26.3"], "1.29", id="workers are behind"),
        pytest.param(["1.29.1", "1.28.15"], [], "1.29", id="a hop was interrupted"),
        pytest.param(["1.36.1"], [], "1.36", id="the next is not out yet"),
        pytest.param(["1.99.0"], [], "1.99", id="nothing is known of the next"),
        pytest.param([], ["1.28.15"], "1.29", id="no control plane is labelled"),
        pytest.param([], [], "None", id="no node"),
    ],
)
def test_what_is_offered(planes, workers, target):
    nodes = [*(node(one, control_plane=True) for one in planes), *map(node, workers)]
    assert str(next_target(nodes, releases(), TODAY)) == target
