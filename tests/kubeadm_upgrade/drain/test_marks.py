"""What is written on a Node, and taken off again: by the rules of a merge patch."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.actions import CORDONED_BY, PatchNode, cordon
from kubeadm_upgrade.drain.marks import label_quarantined, uncordon
from kubeadm_upgrade.drain.to_come import TAINT, with_taint, without_taint
from kubeadm_upgrade.objects import read_node

THEIRS = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
NODE = {
    "metadata": {"name": "w1", "annotations": {"theirs": "x"}, "labels": {"zone": "a"}, "resourceVersion": "7"},
    "spec": {"podCIDR": "10.0.0.0/24", "taints": [THEIRS]},
    "status": {"nodeInfo": {"kubeletVersion": "v1.29.15", "operatingSystem": "linux"}},
}


def merged(node: dict[str, Any], action: PatchNode) -> dict[str, Any]:
    """RFC 7386: null removes."""

    def merge(target, patch):
        if not isinstance(patch, dict):
            return patch
        out = dict(target if isinstance(target, dict) else {})
        for key, value in patch.items():
            out.pop(key, None) if value is None else out.__setitem__(key, merge(out.get(key), value))
        return out

    return merge(node, action.patch)


def marked(*, by_us: bool, taint: bool, label: bool) -> dict[str, Any]:
    node = copy.deepcopy(NODE)
    node["spec"]["taints"] = with_taint([THEIRS]) if taint else [THEIRS]
    if label:
        node = merged(node, label_quarantined(read_node(node)))
    return merged(node, cordon("w1", "7", "prod/v1.29.15")) if by_us else node


@given(st.booleans(), st.booleans(), st.booleans())
def test_uncordon_takes_everything_of_ours_and_nothing_else(by_us, taint, label):
    """What others wrote on the Node stays as it was."""
    node = marked(by_us=by_us, taint=taint, label=label)
    assert node["spec"].get("unschedulable", False) is by_us
    seen = read_node(node)
    assert seen.shows_us is (by_us or taint or label)
    after = merged(node, uncordon(seen))
    assert after == NODE
    assert not read_node(after).shows_us


@pytest.mark.parametrize("taint", [True, False])
def test_a_cordon_of_somebody_elses_stays(taint):
    """Invariant I7, also where our taint or label goes."""
    node = marked(by_us=False, taint=taint, label=True)
    node["spec"]["unschedulable"] = True
    action = uncordon(read_node(node))
    assert action.verb == "unmark"
    assert merged(node, action)["spec"]["unschedulable"] is True
    assert CORDONED_BY not in str(action)


@given(
    st.lists(
        st.sampled_from([THEIRS, {"key": TAINT, "effect": "PreferNoSchedule"}, {"key": "x", "effect": "NoExecute"}])
    )
)
def test_the_taint_is_there_once_or_not_at_all(taints):
    """Whoever puts it there twice, or takes it off twice, changes nothing the second time."""
    others = [taint for taint in taints if taint["key"] != TAINT]
    assert without_taint(with_taint(taints)) == without_taint(taints) == others
    assert with_taint(with_taint(taints)) == with_taint(taints)
    assert sum(taint["key"] == TAINT for taint in with_taint(taints)) == 1
