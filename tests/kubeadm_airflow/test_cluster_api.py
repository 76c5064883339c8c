"""What the Kubernetes API may answer, and which of our errors it becomes: over a real HTTP server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from kubernetes_asyncio.client import ApiClient, Configuration

from kubeadm_airflow.hooks import cluster_api
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_upgrade.errors import (
    Conflict,
    Forbidden,
    NeedsPerson,
    ObjectNotFound,
    TimeCures,
    Unreachable,
    UnreadableOutput,
)
from kubeadm_upgrade.slots import Slots

Answer = Callable[[web.Request], Any]


@asynccontextmanager
async def api_that(answer: Answer) -> AsyncIterator[ClusterApi]:
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
            yield ClusterApi(client)
    finally:
        await runner.cleanup()


def ask(answer: Answer, question: Callable[[ClusterApi], Any]) -> Any:
    async def main() -> Any:
        async with api_that(answer) as api:
            return await question(api)

    return asyncio.run(main())


def says(status: int, text: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    return answer


def refusal(status: int, message: str) -> Answer:
    return says(status, json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": status}))


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        pytest.param(
            refusal(401, "Unauthorized"), Forbidden, "Unauthorized: the connection's credentials", id="who are you"
        ),
        pytest.param(
            refusal(403, "nodes is forbidden"), Forbidden, "nodes is forbidden .docs/rbac.yaml", id="not allowed"
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
            says(200, "<html>Please log in"), UnreadableOutput, "no JSON.*<html>Please log in", id="login page"
        ),
        pytest.param(says(200, "[]"), UnreadableOutput, "no JSON object", id="JSON of another shape"),
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
    with pytest.raises(Unreachable, match="the Kubernetes API does not answer: "):
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
        pytest.param(refusal(409, "the UID in the precondition"), None, id="another Pod has its name"),
        pytest.param(refusal(429, "Cannot evict"), "pod shop/web may not be evicted yet: Cannot evict", id="budget"),
        pytest.param(
            refusal(500, "more than one"), "pod shop/web may not be evicted yet: more than one", id="two budgets"
        ),
        pytest.param(says(500, "oops"), "pod shop/web may not be evicted yet: oops", id="no Status"),
    ],
)
def test_an_eviction_is_granted_or_waited_for(answer, said):
    """Neither a Pod that has gone nor one that may not go yet is an error."""
    assert ask(answer, lambda api: api.evict("shop", "web", "uid-1")) == said


@pytest.mark.parametrize(
    ("status", "error"),
    [pytest.param(403, Forbidden, id="not allowed"), pytest.param(503, Unreachable, id="not there")],
)
def test_an_eviction_may_be_refused(status, error):
    """That has nothing to do with the Pod."""
    with pytest.raises(error):
        ask(refusal(status, "no"), lambda api: api.evict("shop", "web", "uid-1"))


def sent(question: Callable[[ClusterApi], Any]) -> tuple[str, str, Any]:
    """What the API was asked: method, path and body."""
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.path, await request.json()))
        return web.json_response({})

    ask(answer, question)
    (one,) = asked
    return one


def test_slots_are_written_only_as_they_were_read():
    """Without the version the API takes the word of whoever writes last, and a slot is lost or given twice (I1)."""
    slots = Slots().take("worker", "w1", "run-1")
    method, path, body = sent(lambda api: api.write_slots(slots, "7"))
    assert (method, path) == ("PUT", "/api/v1/namespaces/kube-system/configmaps/kubeadm-fleet-slots")
    assert (body["metadata"]["resourceVersion"], body["data"]) == ("7", slots.data())
    method, path, body = sent(lambda api: api.write_slots(slots, None))
    assert (method, path) == ("POST", "/api/v1/namespaces/kube-system/configmaps")
    assert "resourceVersion" not in body["metadata"]


def test_an_eviction_is_of_this_very_pod():
    """A StatefulSet's Pod comes back elsewhere under the same name; that one must not be evicted."""
    method, path, body = sent(lambda api: api.evict("shop", "web-0", "uid-1"))
    assert (method, path) == ("POST", "/api/v1/namespaces/shop/pods/web-0/eviction")
    assert body["deleteOptions"] == {"preconditions": {"uid": "uid-1"}}


def test_readyz_says_what_fails_although_its_status_is_an_error():
    """Which check it is, is in the text."""
    assert "[-]etcd failed" in ask(says(500, "[+]ping ok\n[-]etcd failed"), lambda api: api.readyz())
    with pytest.raises(Forbidden):
        ask(refusal(403, "no"), lambda api: api.readyz())


def test_slots_that_nobody_has_taken_yet():
    """No object, no version: the first writer creates it."""
    assert ask(refusal(404, "not found"), lambda api: api.slots()) == (Slots(), None)


@pytest.mark.parametrize("text", ["w1", '["w1"]', '{"w1": 1}', ""], ids=["a word", "a list", "no run id", "empty"])
def test_slots_that_somebody_has_edited_badly(text):
    """A guess could take one node too many out of service."""
    found = {"metadata": {"resourceVersion": "7"}, "data": {"worker": text}}
    with pytest.raises(UnreadableOutput, match="ConfigMap kube-system/kubeadm-fleet-slots: worker must be"):
        ask(says(200, json.dumps(found)), lambda api: api.slots())
