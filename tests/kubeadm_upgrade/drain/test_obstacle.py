"""What the API answers to an Eviction, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubeadm_upgrade.drain.answer import obstacle
from kubeadm_upgrade.drain.attachment import of_the_evicted, read_attachments
from kubeadm_upgrade.drain.blocked import Candidate
from kubeadm_upgrade.drain.deletion import Around
from kubeadm_upgrade.drain.obstacle import Budget, Obstacle, Why, over, told
from kubeadm_upgrade.drain.pause import turns_until_asked_again
from kubeadm_upgrade.drain.pod import PodFacts

SINCE = "2026-11-27T02:00:00Z"


def of_a_budget(message):
    return {"details": {"causes": [{"reason": "DisruptionBudget", "message": f"The disruption budget web {message}"}]}}


CAUSES = of_a_budget("needs 3 healthy pods and has 3 currently")
PROCESSED = of_a_budget("is still being processed by the server.")
SEVERAL = {
    "message": "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
}
GOES = {"details": {"causes": [{"reason": "NamespaceTerminating", "message": "shop is being terminated"}]}}
DENIED = {"message": 'admission webhook "x.example.org" denied the request: not on a Friday'}
NOT_CALLED = {"message": 'Internal error occurred: failed calling webhook "x.example.org": connection refused'}


BOUND = "'x.example.org' with binding 'x' denied request: not on a Friday"


def denied_by_policy(words):
    """The API says it twice."""
    return {"message": f'pods "web-1" is forbidden: {words}', "details": {"causes": [{"message": words}]}}


@pytest.mark.parametrize(
    ("status", "said", "retry_after", "why", "seconds"),
    [
        pytest.param(429, CAUSES, "", Why.BUDGET, None, id="a budget"),
        pytest.param(429, PROCESSED, "10", Why.BUDGET, 10, id="a budget that its controller has not seen yet"),
        pytest.param(429, {"message": "Too many requests"}, "1", Why.BUSY, 1, id="priority and fairness"),
        pytest.param(429, {"message": "x"}, "Fri, 27 Nov 2026 03:00:00 GMT", Why.BUSY, None, id="a date for seconds"),
        pytest.param(500, {"message": "more than one PodDisruptionBudget"}, "", Why.BUDGETS, None, id="two budgets"),
        pytest.param(500, {"message": "etcdserver: request timed out"}, "", Why.SERVER, None, id="its own failure"),
        pytest.param(
            500,
            {"message": 'Internal error: failed calling webhook "x": refused'},
            "",
            Why.WEBHOOK,
            None,
            id="no webhook",
        ),
        pytest.param(403, GOES, "", Why.NAMESPACE, None, id="the namespace goes"),
        pytest.param(403, DENIED, "", Why.WEBHOOK, None, id="a webhook denies"),
        pytest.param(400, DENIED, "", Why.WEBHOOK, None, id="a webhook with a status of its own"),
        *(
            pytest.param(status, denied_by_policy(words), "", Why.WEBHOOK, None, id=name)
            for status, words, name in (
                (422, f"ValidatingAdmissionPolicy {BOUND}", "a policy denies"),
                (403, f"ValidatingAdmissionPolicy {BOUND}", "a policy whose reason is Forbidden"),
                (401, f"ValidatingAdmissionPolicy {BOUND}", "a policy whose reason is Unauthorized"),
                (422, "ValidatingAdmissionPolicy 'x' denied request: no such key", "a policy that could not be bound"),
                (403, f"policy {BOUND}", "a mutating policy"),
                (403, 'policy "x" denied request: failed to configure policy', "a mutating policy without a binding"),
            )
        ),
        pytest.param(409, {"message": "UID in precondition"}, "", Why.CHANGED, None, id="another Pod of that name"),
    ],
)
def test_an_answer_is_an_obstacle_of_its_kind(status, said, retry_after, why, seconds):
    """With the API's own words, and with its own pause."""
    found = obstacle("shop/web-1", status, said, retry_after)
    assert (found.why, found.retry_after) == (why, seconds)
    assert str(found).startswith("pod shop/web-1 may not be evicted yet: ")


@pytest.mark.parametrize(
    ("status", "said", "judged"),
    [
        pytest.param(429, CAUSES, True, id="it has counted"),
        pytest.param(429, PROCESSED, False, id="its controller has not seen it yet, or not as it is now"),
        pytest.param(
            429,
            of_a_budget("does not allow evicting pods currently because it failed sync: no matches for kind"),
            False,
            id="its controller cannot count",
        ),
        pytest.param(429, {"message": "Too many requests"}, False, id="no budget"),
        pytest.param(500, SEVERAL, True, id="two, of which the API never asks any"),
        pytest.param(500, {"message": "etcdserver: request timed out"}, False, id="a failure"),
        pytest.param(409, CAUSES, False, id="another Pod"),
        pytest.param(403, DENIED | CAUSES, False, id="a webhook"),
    ],
)
def test_only_what_was_judged_may_be_gone_around(status, said, judged):
    """Whatever else keeps a Pod may be otherwise in a second."""
    found = obstacle("shop/web-1", status, said)
    assert found.is_judged is judged
    candidate = Candidate.of(PodFacts("shop", "web-1", "u", "ReplicaSet"), found, Around())
    assert (": " in candidate.kept) is not judged


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 503])
def test_whatever_else_is_an_error(status):
    """A missing right is no obstacle that time could move."""
    assert obstacle("shop/web-1", status, {"message": "pods/eviction is forbidden"}) is None


def a_budget(name="web", selector=None, **status):
    conditions = [{"type": "DisruptionAllowed", "status": "False", "lastTransitionTime": SINCE}]
    return {
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"selector": selector},
        "status": {
            "disruptionsAllowed": 0,
            "currentHealthy": 3,
            "desiredHealthy": 3,
            "conditions": conditions,
            **status,
        },
    }


def test_a_budget_says_what_it_allows_and_since_when():
    """Of all in the namespace, those that are over the Pod; one without a selector is over nobody."""
    web, none = a_budget(selector={"matchLabels": {"app": "web"}}), a_budget("none")
    other, every = a_budget("db", {"matchLabels": {"app": "db"}}), a_budget("all", {}, disruptionsAllowed=1)
    found = over({"app": "web"}, [web, none, other, every])
    assert [str(one) for one in found] == [
        "shop/web allows 0 disruptions since 2026-11-27 02:00:00 UTC",
        "shop/all allows 1 disruption",
    ]


def test_pods_that_one_budget_keeps_are_told_together():
    """And what else is in the way, behind them."""
    budget = Budget("shop", "web", 0, datetime(2026, 11, 27, 2, tzinfo=UTC))
    kept = [Obstacle(Why.BUDGET, f"shop/web-{n}", "needs 3", (budget,)) for n in range(7)]
    assert told([kept[0], "somebody else changed it"]) == (
        "pod shop/web-0 may not be evicted yet: needs 3 (shop/web allows 0 disruptions since 2026-11-27 02:00:00 UTC); "
        "somebody else changed it"
    )
    assert told(kept).startswith(
        "pods shop/web-0, shop/web-1, shop/web-2, shop/web-3, shop/web-4 and 2 more may not be evicted yet: needs 3 ("
    )


def test_who_is_refused_asks_again_after_a_growing_pause():
    """As long as the API says at least, and never longer than half a minute by itself."""
    assert [turns_until_asked_again([], n) for n in (0, 1, 2, 4, 6, 8, 50, 5000)] == [1, 1, 2, 4, 8, 16, 16, 16]
    busy = Obstacle(Why.BUSY, "shop/web-1", retry_after=10)
    assert turns_until_asked_again(["x", busy], 1) == 5
    assert turns_until_asked_again([Obstacle(Why.BUSY, "shop/web-1", retry_after=9999)], 1) == 25


def attachment(name, node="w1", volume="pv-1", **more):
    spec = {"nodeName": node, "source": {"persistentVolumeName": volume} if volume else {}}
    return {"metadata": {"name": name, **more.pop("metadata", {})}, "spec": spec, "status": {"attached": True, **more}}


def test_volumes_of_evicted_pods_are_waited_for():
    """Not those of another node, nor those of Pods that stay."""
    detaching = {"deletionTimestamp": SINCE, "finalizers": ["external-attacher/x"]}
    found = read_attachments(
        [
            attachment("csi-1"),
            attachment("csi-2", "w2", "pv-2"),
            attachment("csi-3", volume="pv-3"),
            attachment("csi-5", volume="pv-5", attached=False),
            attachment("csi-4", volume="", metadata=detaching, detachError={"message": "disk is busy"}),
        ],
        "w1",
    )
    assert [str(one.obstacle) for one in of_the_evicted(found, {"pv-3"})] == [
        "volume pv-1 (still attached)",
        "volume csi-4 (detaching since 2026-11-27 02:00:00 UTC; held by finalizer external-attacher/x; disk is busy)",
    ]
