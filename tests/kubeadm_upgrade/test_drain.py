"""Which Pods leave in a drain: kubectl's rules, for any Pods."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.drain import evictable, left, objections
from kubeadm_upgrade.facts import PodFacts
from kubeadm_upgrade.policy import DrainPolicy

PODS = st.lists(
    st.builds(
        PodFacts,
        namespace=st.just("shop"),
        name=st.integers(0, 99).map("web-{}".format),
        uid=st.just("u"),
        owner_kind=st.sampled_from([None, "ReplicaSet", "StatefulSet", "Job", "DaemonSet"]),
        mirror=st.booleans(),
        finished=st.booleans(),
        empty_dir=st.booleans(),
        terminating=st.booleans(),
    ),
    unique_by=lambda pod: pod.name,
)
SINCE = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
DUE = SINCE + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("changes", "seconds", "said"),
    [
        pytest.param({}, 0, "shop/web", id="not terminating"),
        pytest.param({"terminating_since": SINCE, "due": DUE}, 30, "shop/web", id="within its grace period"),
        pytest.param(
            {"terminating_since": SINCE, "due": DUE},
            31,
            "shop/web (terminating since 2026-11-23 04:00:00 UTC, and its kubelet has not ended it)",
            id="its kubelet does not end it",
        ),
        pytest.param(
            {"terminating_since": SINCE, "due": SINCE, "finalizers": ("example.org/keep", "b/c")},
            1,
            "shop/web (terminating since 2026-11-23 04:00:00 UTC, held by finalizers example.org/keep, b/c)",
            id="finalizers",
        ),
        pytest.param({"finalizers": ("example.org/keep",)}, 99, "shop/web", id="a finalizer that holds nothing yet"),
    ],
)
def test_a_pod_that_does_not_go_says_why(changes, seconds, said):
    """Once it should have gone; the sentence stays the same from look to look."""
    pod = replace(PodFacts("shop", "web", "u", "ReplicaSet"), terminating=bool(changes.get("due")), **changes)
    assert left(pod, SINCE + timedelta(seconds=seconds)) == said


POLICIES = st.builds(DrainPolicy, st.booleans(), st.booleans())


@given(PODS)
def test_static_pods_and_daemonsets_stay(pods):
    """Whatever else is true of them; a finished Pod of a DaemonSet is no daemon any more."""
    stay = set(pods) - set(evictable(pods))
    assert stay == {pod for pod in pods if pod.mirror or (pod.owner_kind == "DaemonSet" and not pod.finished)}


@given(PODS, POLICIES)
def test_only_a_pod_whose_loss_hurts_is_objected_to(pods, policy):
    """One that leaves, still runs, and is either recreated by nothing or keeps data here."""
    hurts = [
        pod
        for pod in evictable(pods)
        if not (pod.finished or pod.terminating)
        and ((pod.owner_kind is None and not policy.force) or (pod.empty_dir and not policy.delete_emptydir_data))
    ]
    said = list(objections(pods, policy))
    assert [sentence.split()[1] for sentence in said] == [str(pod) for pod in hurts]
    assert all("in the inventory" in sentence for sentence in said)
