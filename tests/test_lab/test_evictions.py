"""How the lab's API answers an Eviction, and what it writes down of a Pod that is taken away."""

from __future__ import annotations

import json

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from lab import LabCluster
from lab.pod_objects import NEEDS
from test_lab.conftest import eventually


def a_pod(name: str, seconds: float, grace: int) -> dict[str, object]:
    spec = {
        "nodeName": "demo-a-w1",
        "terminationGracePeriodSeconds": grace,
        "containers": [{"name": "a", "image": "a"}],
    }
    metadata = {"name": name, "namespace": "default", "annotations": {NEEDS: str(seconds)}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


def evict(
    api: client.CoreV1Api, name: str, namespace: str = "default", query: str | None = None, **options: object
) -> None:
    """`query`: its dryRun."""
    metadata = client.V1ObjectMeta(name=name, namespace=namespace)
    body = client.V1Eviction(metadata=metadata, delete_options=client.V1DeleteOptions(**options))
    api.create_namespaced_pod_eviction(name, namespace, body, **({"dry_run": query} if query else {}))


@pytest.mark.parametrize(
    ("seconds", "grace", "options", "what", "lasts"),
    [
        pytest.param(0.2, 30, {}, "ended", 0.2, id="it ends by itself"),
        pytest.param(60, 30, {"grace_period_seconds": 1}, "killed", 1, id="it is killed when its grace period ends"),
    ],
)
def test_a_pod_gets_its_grace_period(small: LabCluster, api, seconds, grace, options, what, lasts) -> None:
    """Of its own, or of whoever asked; and the lab writes down both ends."""
    small.apply([a_pod("slow", seconds, grace)])
    evict(api, "slow", **options)
    eventually(lambda: small.object("Pod", "default", "slow") is None)
    told, ended = (one for one in small.pods if one.name == "slow")
    assert (told.what, told.grace, ended.what) == ("evicted", options.get("grace_period_seconds", grace), what)
    assert ended.time - told.time >= lasts - 0.01


def test_what_stands_before_the_apis_own_judgement(small: LabCluster, api) -> None:
    """A webhook, a policy, too much to do, a uid that is another's, a namespace that goes."""
    small.apply([a_pod("kept", 0, 30)])

    def refused(**options: object) -> ApiException:
        with pytest.raises(ApiException) as caught:
            evict(api, "kept", **options)
        return caught.value

    with small.faults.webhook_denies("default", "not on a Friday"):
        assert "denied the request: not on a Friday" in refused().body
    with small.faults.policy_denies("default", "not on a Friday"):
        denied = refused()
        words = json.loads(denied.body)
        (cause,) = words["details"]["causes"]
        assert (denied.status, words["reason"]) == (422, "Invalid")
        assert words["message"] == f'pods "kept" is forbidden: {cause["message"]}'
        assert cause["message"].endswith("' denied request: not on a Friday")
    with small.faults.api_busy("default"):
        busy = refused()
        assert (busy.status, busy.headers["Retry-After"]) == (429, "1")
    assert refused(preconditions=client.V1Preconditions(uid="another")).status == 409
    small.apply(
        [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}, "status": {"phase": "Terminating"}}]
    )
    going = refused()
    assert going.status == 403
    assert json.loads(going.body)["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert small.object("Pod", "default", "kept") is not None


def test_a_deletion_of_another_pod_of_that_name_is_refused(small: LabCluster, api) -> None:
    """By its UID, in the words of an API server; nothing becomes of the one that is there."""
    small.apply([a_pod("kept", 0, 30)])
    another = client.V1DeleteOptions(preconditions=client.V1Preconditions(uid="another"))
    with pytest.raises(ApiException, match=r"the UID in the precondition \(another\) does not match") as refused:
        api.delete_namespaced_pod("kept", "default", body=another)
    assert refused.value.status == 409
    kept = small.object("Pod", "default", "kept")
    assert "deletionTimestamp" not in kept["metadata"]
    mine = client.V1Preconditions(uid=kept["metadata"]["uid"])
    api.delete_namespaced_pod("kept", "default", body=client.V1DeleteOptions(preconditions=mine))
    eventually(lambda: small.object("Pod", "default", "kept") is None)


def test_who_deletes_around_a_budget_is_written_down(small: LabCluster, api) -> None:
    """The API lets anybody do it; the lab remembers."""
    for pod in small.objects("Pod", "shop"):
        if pod["metadata"]["labels"]["app"] == "web":
            api.delete_namespaced_pod(pod["metadata"]["name"], "shop")
    assert any("was deleted: budget web needs 3 healthy pods and has" in one for one in small.violations)


def test_a_dry_run_is_answered_as_the_real_one_and_changes_nothing(small: LabCluster, api) -> None:
    """Neither a Pod, nor what a budget has left, nor what the lab remembers of changes."""
    web = [pod["metadata"]["name"] for pod in small.objects("Pod", "shop") if pod["metadata"]["labels"]["app"] == "web"]
    before = [pod["metadata"]["uid"] for pod in small.objects("Pod", "shop")], len(small.mutations), len(small.pods)

    for name in web:  # the budget allows one of them
        evict(api, name, "shop", dry_run=["All"])
    assert small.object("PodDisruptionBudget", "shop", "web")["status"]["disruptionsAllowed"] == 1
    assert before == (
        [pod["metadata"]["uid"] for pod in small.objects("Pod", "shop")],
        len(small.mutations),
        len(small.pods),
    )
    assert len(small.dry_runs) == len(web)

    with small.faults.budget_never_allows("shop", "web"), pytest.raises(ApiException) as caught:
        evict(api, web[0], "shop", dry_run=["All"])
    assert caught.value.status == 429
    assert json.loads(caught.value.body)["details"]["causes"][0]["reason"] == "DisruptionBudget"


def test_a_webhook_with_side_effects_knows_no_dry_run(small: LabCluster, api) -> None:
    """It is not asked then, and the API answers with an error; the real eviction goes through."""
    small.apply([a_pod("kept", 0, 30)])
    with small.faults.webhook_no_dry_run("default"):
        with pytest.raises(ApiException) as caught:
            evict(api, "kept", query="All", dry_run=["All"])
        assert caught.value.status == 400
        assert "does not support dry run" in caught.value.body
        assert small.object("Pod", "default", "kept")["metadata"].get("deletionTimestamp") is None
        assert small.effects == []
        evict(api, "kept")
        assert small.effects == ["default/kept"]
    eventually(lambda: small.object("Pod", "default", "kept") is None)


def test_a_dry_run_in_the_body_alone_is_one_to_the_registry_and_not_to_webhooks(small: LabCluster, api) -> None:
    """The Pod stays, and a webhook with effects of its own has had them: as an API server of Kubernetes does it."""
    small.apply([a_pod("kept", 0, 30)])
    with small.faults.webhook_no_dry_run("default"):
        evict(api, "kept", dry_run=["All"])
    assert small.effects == ["default/kept"]
    assert "deletionTimestamp" not in small.object("Pod", "default", "kept")["metadata"]

    evict(api, "kept", query="All")
    evict(api, "kept", query="All", dry_run=["All"])
    assert "deletionTimestamp" not in small.object("Pod", "default", "kept")["metadata"]
    assert len(small.dry_runs) == 3
