"""Airflow connections, as hooks need them inside an event loop."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.common.compat.connection import get_async_connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import amask_secret

from kubeadm_upgrade.errors import NeedsPerson


async def connection_named(conn_id: str, conn_type: str | None = None) -> tuple[Any, dict[str, Any]]:
    """A connection and its extra. Raises NeedsPerson when there is none of this id, or it is of another type.

    The extra is read here, and not by the connection itself, which takes one that is no JSON for none. Its secrets are
    hidden without a synchronous call, which can deadlock a triggerer that serves many triggers.
    """
    try:
        connection = await get_async_connection(conn_id)
    except AirflowNotFoundException as error:
        raise NeedsPerson(
            f"Airflow has no connection {conn_id}", do="make it in Airflow, or name another in the cluster's file"
        ) from error
    if conn_type and connection.conn_type != conn_type:
        raise NeedsPerson(
            f"the connection {conn_id} is of type {connection.conn_type}, and must be of type {conn_type}",
            do=f"name one of type {conn_type} as {conn_type}_conn_id in the cluster's file, or change this one's type",
        )
    extra = _extra(conn_id, connection.conn_type, connection.extra)
    await amask_secret(extra)
    return connection, extra


def _extra(conn_id: str, conn_type: str | None, text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        if "clusters:" in str(text):
            raise NeedsPerson(
                f"the extra of connection {conn_id} is no JSON, but a kubeconfig in YAML", do=_KUBECONFIG_AS_JSON
            ) from error
        raise NeedsPerson(f"the extra of connection {conn_id} is no JSON: {error}", do=_as_json(conn_type)) from error
    if not isinstance(found, dict):
        raise NeedsPerson(f"the extra of connection {conn_id} is no JSON object", do=_as_json(conn_type))
    return found


_KUBECONFIG_AS_JSON = (
    "put it into the extra's field kube_config, as a string: jq -Rs '{kube_config: .}' KUBECONFIG prints that"
)


def _as_json(conn_type: str | None) -> str:
    field = "key_file" if conn_type == "ssh" else "kube_config_path"
    return f'write it as JSON, such as {{"{field}": "/the/path"}}'


def base_url(host: str, port: int | None, schema: str) -> str:
    """Where a connection of type http leads. Its host may be a URL, as Airflow's own HttpHook takes one."""
    return host if "://" in host else f"{schema}://{host}" + (f":{port}" if port else "")
