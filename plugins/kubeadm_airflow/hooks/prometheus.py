"""Ask Prometheus over an Airflow connection of type http."""

from __future__ import annotations

import base64
import json

import aiohttp

from kubeadm_airflow.hooks.connections import base_url, connection_named
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.rollout.prometheus import PATH, why_not
from kubeadm_upgrade.rollout.strategy import Query

_SECONDS = 10.0


async def ask(query: Query) -> str:
    """Why it does not pass; empty where it does. No answer is a reason like any other, and holds no secret."""
    try:
        connection, _ = await connection_named(query.conn_id, "http")
        return await _ask(connection, query)
    except UpgradeError as error:
        return error.what
    except TimeoutError:
        return f"Prometheus has not answered in {_SECONDS:g} s"
    except (aiohttp.ClientError, OSError) as error:
        return f"Prometheus does not answer ({type(error).__name__})"


async def _ask(connection: object, query: Query) -> str:
    host, port, schema = (getattr(connection, name, None) for name in ("host", "port", "schema"))
    address = base_url(str(host or "").rstrip("/"), port, schema or "http")
    login, password = getattr(connection, "login", None), getattr(connection, "password", None)
    secret = base64.b64encode(f"{login}:{password or ''}".encode()).decode()
    headers = {"Authorization": f"Basic {secret}"} if login else {}
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
        session.post(f"{address}{PATH}", data={"query": query.expr}) as response,
    ):
        text = await response.text()
    if response.status != 200:
        return f"Prometheus answers with status {response.status}"
    return why_not(_json(text))


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
