"""What the Kubernetes API may answer, and which of our errors it becomes: over a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from kubernetes_asyncio.client import ApiClient, Configuration

from kubeadm_airflow.hooks import cluster_api
from kubeadm_airflow.hooks.deleting import look_around
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.errors import (
    Conflict,
    Forbidden,
    Misdirected,
    NeedsPerson,
    ObjectNotFound,
    TimeCures,
    Unauthorized,
    Unreachable,
    UnreadableOutput,
)
from kubeadm_upgrade.ledger import wire
from kubeadm_upgrade.ledger.ledger import Ledger

Answer = Callable[[web.Request], Any]


@asynccontextmanager
async def api_that(answer: Answer) -> AsyncIterator[DrainApi]:
    async def handle(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await answer(request)
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        async with ApiClient(Configuration(host=f"http://{host}:{port}")) as client:
            yield DrainApi(client, "prod_kubernetes")
    finally:
        await runner.cleanup()


def ask(answer: Answer, question: Callable[[DrainApi], Any]) -> Any:
    async def main() -> Any:
        async with api_that(answer) as api:
            return await question(api)

    return asyncio.run(main())


def says(status: int, text: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    return answer


def refusal(status: int, message: str, **details: Any) -> Answer:
    said = {"kind": "Status", "status": "Failure", "message": message, "code": status, "details": details}
    return says(status, json.dumps(said))


def readyz(ready: Answer, other: Answer) -> Answer:
    """An API server that answers /readyz in one way, and everything else in another."""

    async def answer(request: web.Request) -> Any:
        return await (ready if request.path == "/readyz" else other)(request)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """First this, then that; the last one for ever."""
    left = list(answers)

    async def answer(request: web.Request) -> Any:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


READY = says(200, "[+]ping ok\nreadyz check passed\n")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """A missing right is believed soon."""
    monkeypatch.setattr(cluster_api, "FORBIDDEN_SECONDS", 0.2)
    monkeypatch.setattr(cluster_api, "FORBIDDEN_PAUSE", 0.01)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        pytest.param(
            refusal(401, "Unauthorized"),
            Unauthorized,
            "Unauthorized: the credentials of connection prod_kubernetes are not accepted: they are not valid, or have "
            "expired: renew them in Airflow's connection prod_kubernetes",
            id="who are you",
        ),
        pytest.param(
            readyz(READY, refusal(403, "nodes is forbidden")),
            Forbidden,
            "nodes is forbidden: grant all that docs/rbac.yaml lists",
            id="not allowed",
        ),
        pytest.param(refusal(404, 'nodes "w1" not found'), ObjectNotFound, 'nodes "w1" not found', id="gone"),
        pytest.param(refusal(409, "has been modified"), Conflict, "has been modified", id="conflict"),
        pytest.param(
            refusal(410, "too old continue token"), TimeCures, "too old continue token", id="list took too long"
        ),
        pytest.param(refusal(422, "is invalid"), NeedsPerson, "status 422: is invalid", id="invalid"),
        pytest.param(refusal(429, "too many requests"), Unreachable, "status 429: too many", id="throttled"),
        pytest.param(refusal(500, "etcdserver: leader changed"), Unreachable, "leader changed", id="etcd moves"),
        pytest.param(refusal(504, "request timed out"), Unreachable, "request timed out", id="timeout"),
        pytest.param(says(502, "<html>Bad Gateway"), Unreachable, "status 502: <html>Bad Gateway", id="load balancer"),
        pytest.param(says(503, ""), Unreachable, "status 503", id="nothing behind it"),
        pytest.param(
            says(200, "<html>Please log in"),
            Misdirected,
            "something else than .* answers at .*, a web page",
            id="login page",
        ),
        pytest.param(says(200, "[]"), Misdirected, "no JSON object", id="JSON of another shape"),
        pytest.param(
            says(400, "Client sent an HTTP request to an HTTPS server.\n"), Misdirected, "write https://", id="no TLS"
        ),
    ],
)
def test_an_answer_becomes_an_error_with_the_apis_own_words(answer, error, words):
    """What time can cure is tried again; what only a person can cure is not."""
    with pytest.raises(error, match=words):
        ask(answer, lambda api: api.node("w1"))


async def hangs_up(request: web.Request) -> web.Response:
    request.transport.close()
    return web.Response()


async def hangs_up_in_mid_answer(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b'{"items": [')
    request.transport.close()
    return response


async def never_answers(request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


@pytest.mark.parametrize("answer", [hangs_up, hangs_up_in_mid_answer, never_answers], ids=lambda one: one.__name__)
def test_an_api_that_does_not_answer_is_waited_for(answer, monkeypatch):
    """The control plane goes away while it is upgraded."""
    monkeypatch.setattr(cluster_api, "REQUEST_SECONDS", 0.5)
    with pytest.raises(Unreachable, match="the Kubernetes API does not answer at http://"):
        ask(answer, lambda api: api.nodes())


def test_a_list_comes_in_pages():
    """Every page is asked for as the one before it says, with the same selector."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(dict(request.query))
        page = int(request.query.get("continue", "0"))
        more = {"continue": str(page + 1)} if page < 2 else {}
        return web.json_response({"metadata": more, "items": [{"number": page}]})

    found = ask(answer, lambda api: api.pods_on("w1"))
    assert [item["number"] for item in found] == [0, 1, 2]
    assert [query.get("continue") for query in asked] == [None, "1", "2"]
    assert {query["fieldSelector"] for query in asked} == {"spec.nodeName=w1"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(refusal(201, ""), None, id="granted"),
        pytest.param(refusal(404, "not found"), None, id="it has gone"),
        pytest.param(
            refusal(409, "the UID in it"), "pod shop/web may not be evicted yet: the UID in it", id="another Pod"
        ),
        pytest.param(refusal(429, "Cannot evict"), "pod shop/web may not be evicted yet: Cannot evict", id="budget"),
        pytest.param(
            refusal(500, "more than one"), "pod shop/web may not be evicted yet: more than one", id="two budgets"
        ),
        pytest.param(says(500, "oops"), "pod shop/web may not be evicted yet: oops", id="no Status"),
    ],
)
def test_an_eviction_is_granted_or_waited_for(answer, said):
    """Neither a Pod that has gone nor one that may not go yet is an error."""
    found = ask(answer, lambda api: api.evict("shop", "web", "uid-1"))
    assert (found and str(found)) == said


def test_an_eviction_says_how_long_to_wait_and_how_long_the_pod_gets():
    """Retry-After of the answer; the grace period and the Pod's uid in the request."""
    asked = []

    async def busy(request: web.Request) -> web.Response:
        asked.append((await request.json())["deleteOptions"])
        return web.json_response({"message": "Too many requests"}, status=429, headers={"Retry-After": "7"})

    assert ask(busy, lambda api: api.evict("shop", "web", "uid-1", 60)).retry_after == 7
    assert asked == [{"preconditions": {"uid": "uid-1"}, "gracePeriodSeconds": 60}]


def test_what_a_deletion_is_judged_by_is_this_namespace_with_its_pods_at_last():
    """A thousand owners are three requests; and one that is ill by the time they have come is seen so."""
    asked = []

    async def nothing(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response({"items": [], "metadata": {}})

    around, items = ask(nothing, lambda api: look_around(api, "shop", Ledger()))
    assert (around.pods, dict(around.owners), around.budgets, items) == ([], {}, [], {})
    assert asked[-1] == "/api/v1/namespaces/shop/pods"
    assert sorted(asked[:-1]) == [
        "/apis/apps/v1/namespaces/shop/replicasets",
        "/apis/apps/v1/namespaces/shop/statefulsets",
        "/apis/policy/v1/namespaces/shop/poddisruptionbudgets",
    ]


TERMINATING = {"causes": [{"reason": "NamespaceTerminating", "message": "namespace shop is being terminated"}]}
DENIED = 'admission webhook "guard.example.org" denied the request: not before six'
BY_POLICY = "ValidatingAdmissionPolicy 'guard' with binding 'guard' denied request: not before six"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(
            refusal(403, "unable to create new content", **TERMINATING),
            "namespace shop is being terminated",
            id="ending",
        ),
        pytest.param(refusal(403, DENIED), DENIED, id="a webhook says 403"),
        pytest.param(refusal(400, DENIED), DENIED, id="a webhook gives no status, so the API says 400"),
        pytest.param(refusal(404, DENIED), DENIED, id="a webhook says what would mean gone of the API"),
        pytest.param(refusal(422, BY_POLICY), BY_POLICY, id="a policy without a reason of its own"),
        pytest.param(refusal(403, BY_POLICY), BY_POLICY, id="a policy that forbids"),
        pytest.param(
            refusal(401, BY_POLICY), BY_POLICY, id="a policy whose reason would mean bad credentials of the API"
        ),
    ],
)
def test_what_forbids_an_eviction_today_is_waited_for(answer, words):
    """As by kubectl's drain: it is about the Pod and the moment, and no right is missing."""
    found = ask(answer, lambda api: api.evict("shop", "web", "uid-1"))
    assert str(found) == f"pod shop/web may not be evicted yet: {words}"


@pytest.mark.parametrize(
    ("status", "error"),
    [pytest.param(403, Forbidden, id="not allowed"), pytest.param(503, Unreachable, id="not there")],
)
def test_an_eviction_may_be_refused(status, error):
    """That has nothing to do with the Pod."""
    with pytest.raises(error):
        ask(readyz(READY, refusal(status, "no")), lambda api: api.evict("shop", "web", "uid-1"))


@pytest.mark.parametrize("words", [pytest.param(DENIED, id="a webhook"), pytest.param(BY_POLICY, id="a policy")])
def test_what_admission_denies_is_no_missing_right(words):
    """So docs/rbac.yaml would not help; and it is said at once."""
    with pytest.raises(Forbidden, match=r"denied (the )?request: not before six$"):
        ask(readyz(says(500, ""), refusal(403, words)), lambda api: api.patch_node("w1", {}))


RETURNING = "[+]ping ok\n[-]poststarthook/rbac/bootstrap-roles failed: reason withheld\nreadyz check failed"


@pytest.mark.parametrize(
    ("ready", "words"),
    [
        pytest.param(
            refusal(403, 'forbidden: User "x" cannot get path "/readyz"'),
            "status 403: forbidden: User",
            id="no rules yet",
        ),
        pytest.param(says(500, RETURNING), "status 500: poststarthook/rbac/bootstrap-roles", id="not all of them"),
        pytest.param(refusal(401, "Unauthorized"), "status 401: Unauthorized", id="service accounts are not known yet"),
        pytest.param(says(503, ""), "status 503", id="nothing behind the load balancer"),
    ],
)
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(lambda api: api.nodes(), id="a list"),
        pytest.param(lambda api: api.ledger(), id="the ledger"),
        pytest.param(lambda api: api.evict("shop", "web", "uid-1"), id="an eviction"),
    ],
)
def test_an_api_server_that_comes_back_and_refuses_everybody_is_waited_for(ready, words, request_):
    """Its RBAC rules are not loaded yet, which is no missing right: seen on a cluster with one control plane node."""
    with pytest.raises(Unreachable, match=f"the API server is not ready yet: GET /readyz: {words}"):
        ask(readyz(ready, refusal(403, "nodes is forbidden")), request_)


def test_a_refusal_that_does_not_last_is_none():
    """Behind a load balancer, another API server may have answered than the one that was asked whether it is ready."""
    found = says(200, json.dumps({"metadata": {}, "items": [{"number": 1}]}))
    forbidden = refusal(403, "nodes is forbidden")
    assert ask(readyz(READY, in_turn(forbidden, forbidden, found)), lambda api: api.nodes()) == [{"number": 1}]


def test_what_is_asked_again_is_the_same_request():
    """Method, path, query and body."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.path_qs, await request.text()))
        return web.Response(status=403 if len(asked) < 3 else 200, text="{}")

    ask(readyz(READY, answer), lambda api: api.patch_node("w1", {"spec": {"unschedulable": True}}))
    assert asked == [("PATCH", "/api/v1/nodes/w1", '{"spec": {"unschedulable": true}}')] * 3


def sent(question: Callable[[DrainApi], Any]) -> tuple[str, str, Any]:
    """What the API was asked: method, path and body."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.path, await request.json()))
        return web.json_response({})

    ask(answer, question)
    (one,) = asked
    return one


NOW = datetime(2026, 11, 25, 20, tzinfo=UTC)
HELD = Ledger().claimed(RunId("run-1"), NOW).taken("w1", "worker", RunId("run-1"), NOW)


def test_the_ledger_is_written_only_as_it_was_read():
    """Without the version the API takes the word of whoever writes last, and a slot is lost or given twice (I1)."""
    found = {"metadata": {"resourceVersion": "7", "labels": {"team": "platform"}}, "data": {"note": "by a person"}}
    method, path, body = sent(lambda api: api.write_ledger(HELD, found))
    assert (method, path) == ("PUT", "/api/v1/namespaces/kube-system/configmaps/kubeadm-fleet-ledger")
    assert body["metadata"] == found["metadata"]
    assert body["data"] == wire.write(HELD, {}) | {"note": "by a person"}
    method, path, body = sent(lambda api: api.write_ledger(HELD, None))
    assert (method, path) == ("POST", "/api/v1/namespaces/kube-system/configmaps")
    assert "resourceVersion" not in body["metadata"]


def test_an_eviction_is_of_this_very_pod():
    """A StatefulSet's Pod comes back elsewhere under the same name; that one must not be evicted."""
    method, path, body = sent(lambda api: api.evict("shop", "web-0", "uid-1"))
    assert (method, path) == ("POST", "/api/v1/namespaces/shop/pods/web-0/eviction")
    assert body["deleteOptions"] == {"preconditions": {"uid": "uid-1"}}


def test_an_eviction_in_a_dry_run_says_so_to_admission_as_well():
    """Webhooks are told of the query's alone: without it one with effects acts, and restarts Kafka's brokers."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.query_string, (await request.json())["deleteOptions"].get("dryRun")))
        return web.json_response({})

    ask(answer, lambda api: api.evict("shop", "web-0", "uid-1", dry_run=True))
    ask(answer, lambda api: api.evict("shop", "web-0", "uid-1"))
    assert asked == [("dryRun=All", ["All"]), ("", None)]


def test_readyz_says_what_fails_although_its_status_is_an_error():
    """Which check it is, is in the text."""
    assert "[-]etcd failed" in ask(says(500, "[+]ping ok\n[-]etcd failed"), lambda api: api.readyz())


def test_a_proxy_may_refuse_in_json_of_its_own():
    """Nothing of a Status is taken for granted."""
    said = says(403, json.dumps({"message": 7, "details": "blocked by policy"}))
    with pytest.raises(Forbidden, match="7"):
        ask(readyz(READY, said), lambda api: api.evict("shop", "web", "uid-1"))


def test_readyz_is_refused_only_by_an_api_server_that_comes_back():
    """Kubernetes lets everybody read it, once its own rules are loaded."""
    with pytest.raises(Unreachable, match=r"the API server is not ready yet: .* status 403: no .*public-info-viewer"):
        ask(refusal(403, "no"), lambda api: api.readyz())


def test_a_cluster_that_has_no_ledger_yet():
    """No object, no version: the first writer creates it."""
    assert ask(refusal(404, "not found"), lambda api: api.ledger()) == (Ledger(), None)


def test_slots_from_before_the_ledger_are_taken_over():
    """They are in the first ledger that is written; then the old object is not read any more."""

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/kubeadm-fleet-slots"):
            return web.json_response({"metadata": {}, "data": {"worker": '{"w1": "run-0"}'}})
        return web.json_response({"message": "not found"}, status=404)

    ledger, found = ask(answer, lambda api: api.ledger())
    assert (ledger.held_in("worker"), found) == ({"w1"}, None)


@pytest.mark.parametrize("text", ["w1", "[w1]", "{w1: 1", ""], ids=["a word", "a list", "no YAML", "empty"])
def test_a_ledger_that_somebody_has_edited_badly(text):
    """A guess could take one node too many out of service."""
    found = {"metadata": {"resourceVersion": "7"}, "data": {"out-of-service.w1": text}}
    with pytest.raises(UnreadableOutput, match=r"kube-system/kubeadm-fleet-ledger: out-of-service.w1 must be"):
        ask(says(200, json.dumps(found)), lambda api: api.ledger())
