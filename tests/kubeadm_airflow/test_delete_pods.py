"""Pods that are deleted and not evicted: who is asked, what is written, and what a drain then does, over the API."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from harness.desk import Deletion
from harness.fleet import ACCOUNT, RIGHTS
from harness.rest import wait_for
from kubeadm_airflow.endings import EndedForAPerson
from kubeadm_airflow.hooks import cluster_api, deleting
from kubeadm_airflow.hooks.cluster_claim import claim, ledger_of, release
from kubeadm_airflow.hooks.cluster_ledger import change_ledger
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_upgrade.actions import EvictOrDelete
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.drain.obstacle import Why
from kubeadm_upgrade.errors import Conflict, NeedsPerson
from kubeadm_upgrade.ledger.permit import PermittedPod
from lab import ClusterSpec

RUN = RunId("run-1")
NODE, OTHER = "forced-w1", "forced-w2"
NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
ASKS = {"when": "always", "approvers": ["ann", "bob"], "deadline": "20m", "then": "approve"}


def deployment(name, replicas, namespace="shop", grace=30):
    labels = {"app": name}
    pod = {"containers": [{"name": "app", "image": "app:1"}], "terminationGracePeriodSeconds": grace}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec, "status": {}}


def budget(name, namespace="shop", **spec):
    metadata = {"name": name, "namespace": namespace}
    spec = {"selector": {"matchLabels": {"app": name}}, **(spec or {"maxUnavailable": 0})}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec, "status": {}}


class Place:
    """A run that has two workers out of service and cordoned, and Pods that no budget lets go."""

    def __init__(self, walker, monkeypatch):
        self.walker, self.lab = walker, walker.lab
        self.deletion = Deletion("forced", monkeypatch)
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}}
        self.lab.apply([space])
        assert asyncio.run(claim(self.cluster, RUN, "", ())) is None
        for node in (NODE, OTHER):
            self.change(lambda ledger, node=node: ledger.taken(node, "worker", RUN, NOW))

    @property
    def cluster(self):
        return self.walker.cluster

    @property
    def ledger(self):
        return asyncio.run(ledger_of(self.cluster))

    def written(self):
        """Which state of the ledger's object this is."""
        return self.lab.object("ConfigMap", "kube-system", "kubeadm-fleet-ledger")["metadata"]["resourceVersion"]

    def change(self, change):
        asyncio.run(change_ledger(self.cluster, change))

    def with_pods(self, *items, number):
        self.lab.apply(items)
        wait_for(lambda: len(self.running("shop")) == number, f"{number} Pods to run", 30)
        return self

    def running(self, namespace):
        return [pod for pod in self.lab.objects("Pod", namespace) if pod["status"]["phase"] == "Running"]

    def cordon(self, *nodes):
        async def patch():
            async with DrainApi.open(self.cluster.kubernetes_conn_id) as api:
                for node in nodes or (NODE, OTHER):
                    await api.patch_node(node, {"spec": {"unschedulable": True}})

        asyncio.run(patch())
        return self

    def on(self, node, app="db"):
        pods = self.lab.objects("Pod", "shop")
        return [p for p in pods if p["spec"].get("nodeName") == node and p["metadata"]["labels"]["app"] == app]

    def agree(self, *pods, node=NODE, run=RUN):
        agreed = [PermittedPod(p["metadata"]["uid"], p["metadata"]["name"], "ann", NOW) for p in pods]
        self.change(lambda ledger: ledger.permitted(node, run, agreed))

    def drain(self, pod, node=NODE, run=RUN, grace=None):
        """What a drain does with one Pod that somebody has agreed to."""
        meta = pod["metadata"]
        action = EvictOrDelete(meta["namespace"], meta["name"], meta["uid"], grace, "approved by ann")

        async def act():
            async with DrainApi.open(self.cluster.kubernetes_conn_id) as api:
                return await deleting.act(api, action, node, run)

        return asyncio.run(act())

    def taken_away(self):
        return [(one.what, one.uid) for one in self.lab.pods if one.what in ("deleted", "evicted")]

    @property
    def desk(self):
        return self.deletion.desk

    def ask(self, node=NODE, **params):
        return self.deletion.ask(node, **params)

    def resume(self):
        return self.deletion.resume()


@pytest.fixture
def place(walk, monkeypatch):
    spec = ClusterSpec("forced", control_plane=1, workers=3, version="1.28.15", workloads=(), pdbs=())
    return Place(walk(spec, approval=ASKS), monkeypatch)


@pytest.fixture
def blocked(place):
    """Three replicas, one on each worker, and a budget that never allows."""
    return place.with_pods(deployment("db", 3), budget("db"), number=3).cordon()


# --- who is asked, and what is written


def test_somebody_is_asked_about_just_these_pods(blocked):
    """They see which, whose, what its budget says and how many are well; the ledger holds their name after it."""
    blocked.ask(reason="release  night")
    request, (pod,) = blocked.desk.row.request, blocked.on(NODE)
    assert [user.id for user in request.assigned_users] == ["ann", "bob"]
    assert request.defaults == ["Refuse"], "nothing is deleted because nobody has answered, whatever the file says"
    assert request.subject.startswith(f"forced: delete 1 Pod of {NODE} that no budget lets go? (")
    assert timedelta(minutes=19) < blocked.desk.parked.timeout <= timedelta(minutes=20)
    body = blocked.desk.body.replace("\\", "")
    assert "For run run-1. olga asks for it: release night." in body
    assert f"| shop/{pod['metadata']['name']} | Deployment shop/db | 3 of 3 | shop/db allows 0 disruptions" in body
    assert "(needs 3 healthy, has 3)" in body
    assert blocked.ledger.permits == {}

    blocked.desk.answer("Approve", "bob", reason="ticket 7")
    told = blocked.resume()
    (agreed,) = blocked.ledger.permit_of(NODE, RUN).pods
    assert (agreed.uid, agreed.by, agreed.deleted) == (pod["metadata"]["uid"], "bob", None)
    assert agreed.pod == f"shop/{pod['metadata']['name']}"
    assert told["said"] == f"the drain of {NODE} may delete {agreed.pod}: approved by bob"
    assert blocked.taken_away() == [], "the drain deletes, and nobody else"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param({"user": "ann", "reason": "no"}, "refused by ann: no; no Pod is deleted", id="refused"),
        pytest.param({"timedout": True}, "nobody has answered in time; no Pod is deleted", id="not answered"),
    ],
)
def test_without_a_yes_nothing_is_written(blocked, answer, sentence):
    blocked.ask()
    before = blocked.ledger
    blocked.desk.answer("Refuse", **answer)
    with pytest.raises(EndedForAPerson, match=sentence):
        blocked.resume()
    assert blocked.ledger == before


@pytest.mark.parametrize(
    ("meanwhile", "sentence"),
    [
        pytest.param(
            lambda ledger: ledger.claimed(RunId("run-2"), NOW), "run run-2 has forced by now, and not", id="another run"
        ),
        pytest.param(lambda ledger: ledger.given_back(NODE), f"{NODE} is not out of service", id="back in service"),
        pytest.param(
            lambda ledger: replace(ledger, given_up={NODE: "quarantined: x"}), f"{NODE} is given up", id="quarantined"
        ),
    ],
)
def test_an_answer_that_comes_too_late_is_worth_nothing(blocked, meanwhile, sentence):
    blocked.ask()
    blocked.change(meanwhile)
    blocked.desk.answer("Approve")
    with pytest.raises(EndedForAPerson, match=sentence):
        blocked.resume()
    assert blocked.ledger.permits == {}


def test_a_run_that_has_ended_may_be_asked_for_before_its_task_is_cleared(blocked):
    """As long as no other has come; and its end takes away what was agreed to before."""
    blocked.agree(*blocked.on(NODE))
    asyncio.run(release(blocked.cluster, RUN, {}))
    assert blocked.ledger.permits == {}
    blocked.ask()
    blocked.desk.answer("Approve")
    blocked.resume()
    assert len(blocked.ledger.permit_of(NODE, RUN).pods) == 1


def test_a_worker_that_dies_with_an_answer_in_its_hands_loses_nothing(blocked, monkeypatch):
    blocked.ask()
    blocked.desk.answer("Approve")

    async def dies(*_):
        raise MemoryError

    with monkeypatch.context() as deadly:
        deadly.setattr("kubeadm_airflow.hooks.cluster_ledger.change_ledger", dies)
        with pytest.raises(MemoryError):
            blocked.resume()
    blocked.ask()
    assert blocked.resume()["by"] == "ann"
    assert (blocked.desk.asked, len(blocked.ledger.permits)) == (1, 1)


def test_what_is_never_deleted_is_shown_with_why(place):
    """Beside one that may be: the last one of its kind, and what no budget keeps."""
    place.with_pods(deployment("db", 3), budget("db"), deployment("one", 1), budget("one"), number=4)
    (one,) = [pod for pod in place.running("shop") if pod["metadata"]["labels"]["app"] == "one"]
    node = one["spec"]["nodeName"]
    place.change(lambda ledger: ledger.taken(node, "worker", RUN, NOW))
    place.cordon(node).ask(node)
    body = place.desk.body.replace("\\", "")
    assert f"- pod shop/{one['metadata']['name']}: it is the last healthy Pod of Deployment shop/one" in body
    assert place.desk.parked.kwargs["shown"]["pods"].keys() == {p["metadata"]["uid"] for p in place.on(node)}


@pytest.mark.parametrize(
    ("prepare", "asked", "sentence"),
    [
        pytest.param(lambda p: p.cordon(), {}, f"nothing that blocks the drain of {NODE} may be deleted", id="nothing"),
        pytest.param(lambda p: p, {}, f"{NODE} is not cordoned: its drain has not begun", id="not cordoned"),
        pytest.param(lambda p: p, {"node": "forced-w3"}, "forced-w3 is not out of service for run run-1", id="no slot"),
        pytest.param(lambda p: p, {"node": " "}, "no node is named", id="no node"),
        pytest.param(lambda p: p, {"run": "run-0"}, "run run-1 has forced by now, and not run run-0", id="another run"),
        pytest.param(lambda p: p, {"nodes": "x"}, "unknown parameter", id="a misspelt parameter"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_at_once(place, prepare, asked, sentence):
    """Nobody is asked."""
    prepare(place)
    with pytest.raises(EndedForAPerson, match=sentence):
        place.ask(**asked)
    assert place.desk.asked == 0


# --- what the drain then does


def test_what_was_agreed_to_is_deleted_and_told_and_nothing_else(blocked):
    """With its UID, within its own grace period, and noted before."""
    (pod,), (other,) = blocked.on(NODE), blocked.on(OTHER)
    blocked.agree(pod)
    assert blocked.drain(pod) is None
    (request,) = [one for one in blocked.lab.mutations if one.verb == "delete"]
    assert request.body["preconditions"] == {"uid": pod["metadata"]["uid"]}
    assert "gracePeriodSeconds" not in request.body
    assert blocked.taken_away() == [("deleted", pod["metadata"]["uid"])]
    (noted,) = blocked.ledger.permit_of(NODE, RUN).deleted
    assert noted.uid == pod["metadata"]["uid"]
    refused = blocked.drain(other, OTHER)
    assert (refused.why, refused.kept) == (Why.BUDGET, "")
    assert len(blocked.taken_away()) == 1


@pytest.mark.parametrize(
    ("node", "run", "how"),
    [
        pytest.param(OTHER, RUN, {}, id="of another node"),
        pytest.param(NODE, RunId("run-2"), {}, id="by another run"),
        pytest.param(NODE, RUN, {"node": OTHER}, id="agreed to for another node"),
        pytest.param(NODE, RUN, {"run": RunId("run-0")}, id="agreed to in an earlier run"),
    ],
)
def test_an_agreement_is_worth_nothing_elsewhere(blocked, node, run, how):
    (pod,) = blocked.on(NODE)
    blocked.agree(pod, **how)
    assert blocked.drain(pod, node, run).why is Why.BUDGET
    assert blocked.taken_away() == []


def test_what_is_not_blocked_any_more_is_evicted(blocked):
    (pod,) = blocked.on(NODE)
    blocked.agree(pod)
    blocked.lab.apply([budget("db", maxUnavailable=1)])
    wait_for(lambda: blocked.drain(pod) is None, "the budget to allow it", 10)
    assert blocked.taken_away() == [("evicted", pod["metadata"]["uid"])]
    assert blocked.ledger.permit_of(NODE, RUN).deleted == ()


def test_the_last_healthy_one_stays_until_another_is(place):
    """Two on one node: the second waits for what replaces the first."""
    place.cordon(OTHER, "forced-w3").with_pods(deployment("db", 2), budget("db"), number=2).cordon(NODE)
    first, second = place.on(NODE)
    place.agree(first, second)
    assert place.drain(first) is None
    kept = place.drain(second)
    assert kept.kept == "it is the last healthy Pod of Deployment shop/db"
    assert str(kept).endswith("and is not deleted: it is the last healthy Pod of Deployment shop/db")
    assert place.taken_away() == [("deleted", first["metadata"]["uid"])]

    async def uncordon():
        async with DrainApi.open(place.cluster.kubernetes_conn_id) as api:
            await api.patch_node(OTHER, {"spec": {"unschedulable": None}})

    asyncio.run(uncordon())
    wait_for(lambda: place.on(OTHER) and place.running("shop"), "another to run", 10)
    wait_for(lambda: place.drain(second) is None, "the last one to be spared no more", 20)
    assert place.taken_away()[-1] == ("deleted", second["metadata"]["uid"])


def test_two_drains_never_take_the_last_two_from_each_other(place, monkeypatch):
    """Both have looked while both Pods were healthy: whoever notes later judges anew."""
    place.cordon("forced-w3").with_pods(deployment("db", 2), budget("db"), number=2).cordon()
    (one,), (two,) = place.on(NODE), place.on(OTHER)
    place.agree(one)
    place.agree(two, node=OTHER)
    look, other_drain = deleting.look_around, iter([(two, OTHER)])

    async def both_look(*args):
        """Between this look and what is made of it, the other drain has done all of its own."""
        seen = await look(*args)
        for what in other_drain:
            assert await asyncio.to_thread(place.drain, *what) is None
        return seen

    monkeypatch.setattr(deleting, "look_around", both_look)
    with pytest.raises(Conflict):
        place.drain(one)
    assert place.taken_away() == [("deleted", two["metadata"]["uid"])]
    assert place.drain(one).kept == "it is the last healthy Pod of Deployment shop/db"


def test_nothing_of_kube_system_is_deleted_whoever_wants_it(place):
    """Not where the ledger says so by hand, and not by whoever calls the API's door."""
    place.lab.apply([deployment("dns", 2, "kube-system"), budget("dns", "kube-system")])

    def dns():
        return [pod for pod in place.running("kube-system") if pod["metadata"]["labels"].get("app") == "dns"]

    wait_for(lambda: len(dns()) == 2, "two to run", 20)
    pod, _ = dns()
    place.agree(pod)
    assert place.drain(pod).kept == "it is of kube-system"

    async def delete():
        async with DrainApi.open(place.cluster.kubernetes_conn_id) as api:
            await api.delete_pod("kube-system", pod["metadata"]["name"], pod["metadata"]["uid"])

    with pytest.raises(NeedsPerson, match="pods of kube-system are never deleted"):
        asyncio.run(delete())
    assert place.taken_away() == []


def test_another_pod_of_that_name_is_not_meant(blocked):
    """As a StatefulSet makes one: the precondition of both requests is the UID that somebody has agreed to."""
    (pod,) = blocked.on(NODE)
    blocked.agree(pod)
    before = {**pod, "metadata": {**pod["metadata"], "uid": "of-yesterday"}}
    assert blocked.drain(before).why is Why.CHANGED
    assert blocked.taken_away() == []


@pytest.mark.parametrize("fault", ["webhook_denies", "policy_denies"])
def test_admissions_no_is_not_gone_around(blocked, fault):
    """It says why; whoever keeps it can say otherwise."""
    (pod,) = blocked.on(NODE)
    blocked.agree(pod)
    with getattr(blocked.lab.faults, fault)("shop", "the primary"):
        refused = blocked.drain(pod)
        blocked.desk.row = None
        with pytest.raises(EndedForAPerson, match=r"no budget keeps it: .*the primary"):
            blocked.ask()
    assert refused.why is Why.WEBHOOK
    assert blocked.taken_away() == []


def test_without_the_right_it_is_told_in_a_sentence_at_once_and_nothing_is_written(blocked):
    """Who leaves the ClusterRole out has a drain that waits on, as before."""
    less = [
        item
        for item in yaml.safe_load_all(RIGHTS.read_text())
        if item["metadata"]["name"] != "kubeadm-fleet-delete-pods"
    ]
    blocked.lab.remove("ClusterRoleBinding", None, "kubeadm-fleet-delete-pods")
    blocked.lab.apply(less)
    (pod,) = blocked.on(NODE)
    blocked.agree(pod)
    before, began = blocked.written(), time.monotonic()
    refused = blocked.drain(pod)
    assert time.monotonic() - began < cluster_api.FORBIDDEN_SECONDS / 2
    assert refused.kept == "the API forbids it (docs/rbac.yaml: ClusterRole kubeadm-fleet-delete-pods)"
    assert (blocked.taken_away(), blocked.written()) == ([], before)


def test_a_right_that_is_taken_away_meanwhile_is_not_asked_for_again_and_again(blocked, monkeypatch):
    """The note goes with it."""
    (pod,) = blocked.on(NODE)
    blocked.agree(pod)

    async def may(*_):
        return True

    monkeypatch.setattr(DrainApi, "may_delete_pods", may)
    blocked.lab.remove("ClusterRoleBinding", None, "kubeadm-fleet-delete-pods")
    began = time.monotonic()
    kept = blocked.drain(pod).kept
    assert time.monotonic() - began < cluster_api.FORBIDDEN_SECONDS / 2
    assert kept.startswith("the API forbids it (docs/rbac.yaml: ClusterRole kubeadm-fleet-delete-pods): DELETE ")
    assert str(ACCOUNT).replace("/", ":") in kept
    assert (blocked.taken_away(), blocked.ledger.permit_of(NODE, RUN).deleted) == ([], ())


def test_whoever_dies_between_note_and_deletion_deletes_it_when_he_is_back(blocked, monkeypatch):
    """And the note stands, whoever it was: no other drain counts on that Pod meanwhile."""
    (pod,) = blocked.on(NODE)
    blocked.agree(pod)

    async def dies(*_):
        raise MemoryError

    with monkeypatch.context() as deadly:
        deadly.setattr(DrainApi, "delete_pod", dies)
        with pytest.raises(MemoryError):
            blocked.drain(pod)
    assert blocked.ledger.deleted_pods == {pod["metadata"]["uid"]}
    noted = blocked.ledger.permit_of(NODE, RUN).deleted
    assert blocked.drain(pod) is None
    assert blocked.drain(pod) is None, "it goes by now"
    assert blocked.taken_away() == [("deleted", pod["metadata"]["uid"])]
    assert blocked.ledger.permit_of(NODE, RUN).deleted == noted


def test_what_is_evicted_after_all_is_not_told_to_be_deleted(blocked, monkeypatch):
    """Whoever noted it has died before, and its budget allows it now."""
    (pod,) = blocked.on(NODE)
    blocked.agree(pod)

    async def dies(*_):
        raise MemoryError

    with monkeypatch.context() as deadly:
        deadly.setattr(DrainApi, "delete_pod", dies)
        with pytest.raises(MemoryError):
            blocked.drain(pod)
    blocked.lab.apply([budget("db", maxUnavailable=1)])
    wait_for(lambda: blocked.drain(pod) is None, "the budget to allow it", 10)
    assert blocked.taken_away() == [("evicted", pod["metadata"]["uid"])]
    assert blocked.ledger.permit_of(NODE, RUN).deleted == ()


def test_no_grace_period_is_ever_none(place):
    """A Pod that asks for none would be killed without being asked; one that a rule gives another has that."""
    place.with_pods(deployment("db", 3, grace=0), budget("db"), number=3).cordon()
    (pod,), (other,) = place.on(NODE), place.on(OTHER)
    place.agree(pod)
    place.agree(other, node=OTHER)
    assert place.drain(pod) is None
    wait_for(lambda: len(place.running("shop")) == 3, "its replacement", 20)
    assert place.drain(other, OTHER, grace=7) is None
    assert [one.body["gracePeriodSeconds"] for one in place.lab.mutations if one.verb == "delete"] == [1, 7]
