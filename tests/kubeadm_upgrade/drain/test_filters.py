"""Which Pods leave in a drain: kubectl's rules, for any Pods."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.drain.filters import Fate, leaving, objections, to_evict, verdict_on
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.drain.rule import Behavior, Rule
from kubeadm_upgrade.drain.waiting import on_its_way

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
    assert str(on_its_way(pod, SINCE + timedelta(seconds=seconds))) == said


POLICIES = st.builds(DrainPolicy, st.booleans(), st.booleans())
DEFAULT = DrainPolicy()


@given(PODS, POLICIES)
def test_static_pods_and_daemonsets_stay(pods, policy):
    """Whatever else is true of them; a finished Pod of a DaemonSet is no daemon any more."""
    stay = [pod for pod in pods if verdict_on(pod, policy).fate is Fate.STAYS]
    assert stay == [pod for pod in pods if pod.mirror or (pod.owner_kind == "DaemonSet" and not pod.finished)]


@given(PODS, POLICIES)
def test_only_a_pod_whose_loss_hurts_is_objected_to(pods, policy):
    """One that leaves, still runs, and is either recreated by nothing or keeps data here."""
    hurts = [
        one.pod
        for one in leaving(pods, policy)
        if not (one.pod.finished or one.pod.terminating)
        and (
            (one.pod.owner_kind is None and not policy.force) or (one.pod.empty_dir and not policy.delete_emptydir_data)
        )
    ]
    said = list(objections(pods, policy))
    assert [sentence.split()[1] for sentence in said] == [str(pod) for pod in hurts]
    assert all("in the inventory" in sentence for sentence in said)


WAITS, SKIPS = Rule(behavior=Behavior.WAIT_COMPLETED), Rule(behavior=Behavior.SKIP)


@pytest.mark.parametrize(
    ("pod", "rules", "fate", "said"),
    [
        pytest.param({"owner_kind": None}, (SKIPS,), Fate.STAYS, "", id="a bare Pod that is skipped is no reason"),
        pytest.param({"empty_dir": True}, (WAITS,), Fate.GOES, "", id="what has completed loses nothing"),
        pytest.param({"restarts": True}, (WAITS,), Fate.BLOCKS, "never lets it", id="what never completes"),
        pytest.param({"restarts": True, "finished": True}, (WAITS,), Fate.GOES, "", id="what has completed"),
        pytest.param(
            {"owner_kind": "DaemonSet", "owner_name": "logs", "owner_is_gone": True},
            (),
            Fate.BLOCKS,
            "is of DaemonSet logs, which is gone: nobody makes it anew (delete it, or set drain.force in",
            id="orphaned",
        ),
        pytest.param(
            {"notes": {"kubeadm-fleet.io/drain": "never"}},
            (),
            Fate.BLOCKS,
            "pod shop/web has annotation kubeadm-fleet.io/drain: 'never', which must be one of evict, skip, wait",
            id="an annotation that nobody can read",
        ),
        pytest.param(
            {"owner_kind": "DaemonSet", "owner_notes": {"kubeadm-fleet.io/drain": "x"}},
            (),
            Fate.STAYS,
            "",
            id="of what stays in any case nobody reads it",
        ),
    ],
)
def test_rules_and_annotations(pod, rules, fate, said):
    """What is done with a Pod, and what is said of it."""
    verdict = verdict_on(PodFacts("shop", "web", "u", **{"owner_kind": "ReplicaSet", **pod}), DrainPolicy(rules=rules))
    assert verdict.fate is fate
    assert said in str(verdict)


def ordered(name: str, order: int, **facts: object) -> PodFacts:
    return PodFacts("shop", name, name, "ReplicaSet", notes={"kubeadm-fleet.io/drain-order": str(order)}, **facts)


@given(st.lists(st.tuples(st.integers(-2, 2), st.sampled_from(["there", "terminating", "gone"])), max_size=8))
def test_what_goes_first_has_gone_before_the_next_is_asked(pods):
    """Of any Pods at any moment: those who are asked are of one order, and nobody of a lower one is there."""
    there = [
        ordered(f"p{n}", order, terminating=state == "terminating")
        for n, (order, state) in enumerate(pods)
        if state != "gone"
    ]
    asked = to_evict(there, DEFAULT)
    turn = min((int(pod.notes["kubeadm-fleet.io/drain-order"]) for pod in there), default=0)
    assert [one.pod for one in asked] == [
        pod for pod in there if not pod.terminating and pod.notes["kubeadm-fleet.io/drain-order"] == str(turn)
    ]


def test_a_job_is_left_to_complete_and_then_goes():
    """It is waited for, and not evicted before it has finished."""
    policy = DrainPolicy(rules=(WAITS,))
    job = PodFacts("shop", "job", "u", "Job")
    assert [one.fate for one in leaving([job], policy)] == [Fate.GOES]
    assert to_evict([job], policy) == ()
    assert [one.pod.name for one in to_evict([replace(job, finished=True)], policy)] == ["job"]
