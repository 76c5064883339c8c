"""A query of Prometheus' over an Airflow connection: no answer is a reason to wait, and holds no secret."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web

from kubeadm_airflow.hooks import prometheus
from kubeadm_upgrade.rollout.strategy import Query

PASSES = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}}
LOCAL = {"conn_type": "http", "host": "127.0.0.1", "login": "fleet", "password": "s3cret"}


@pytest.fixture
def asked(monkeypatch):
    """Ask a server that answers like this; returns what was said, and what the server was asked."""

    def ask(status, body, port=None):
        seen = {}

        async def answer(request):
            seen.update(query=(await request.post())["query"], auth=request.headers["Authorization"])
            return web.Response(status=status, text=body)

        async def run():
            app = web.Application()
            app.router.add_post("/api/v1/query", answer)
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            there = LOCAL | {"port": port or runner.addresses[0][1]}
            monkeypatch.setenv("AIRFLOW_CONN_PROM", json.dumps(there))
            try:
                return await prometheus.ask(Query("prom", "up > bool 0"))
            finally:
                await runner.cleanup()

        return asyncio.run(run()), seen

    return ask


def test_it_is_asked_as_the_connection_says(asked):
    said, seen = asked(200, json.dumps(PASSES))
    assert (said, seen["query"]) == ("", "up > bool 0")
    assert seen["auth"].startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        pytest.param(503, "s3cret", "Prometheus answers with status 503", id="an error"),
        pytest.param(200, "<html>", "its answer is none of Prometheus' (/api/v1/query)", id="a page"),
        pytest.param(200, "{}", "its answer is none of Prometheus' (/api/v1/query)", id="another's JSON"),
    ],
)
def test_no_answer_is_no_pass(asked, status, body, why):
    assert asked(status, body)[0] == why


def test_nobody_there_is_no_pass(asked):
    said, _ = asked(200, "", port=1)
    assert said == "Prometheus does not answer (ClientConnectorError)"


def test_a_connection_that_is_not_there_is_no_pass():
    said = asyncio.run(prometheus.ask(Query("nowhere", "up")))
    assert said == "Airflow has no connection nowhere"
