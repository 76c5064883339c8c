"""Which Pods leave in a drain: kubectl's rules, for any Pods."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.drain import evictable, objections
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
