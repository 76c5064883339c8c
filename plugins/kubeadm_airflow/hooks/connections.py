"""Airflow connections, as hooks need them inside an event loop."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson
from airflow.sdk.exceptions import AirflowNotFoundException

from kubeadm_upgrade.errors import NeedsPerson


async def connection_named(conn_id: str) -> tuple[Any, dict[str, Any]]:
    """A connection and its extra. Raises NeedsPerson when there is none of this id.

    The extra is unpacked without a synchronous call, which can deadlock a triggerer that serves many triggers.
    """
    try:
        connection = await get_async_connection(conn_id)
    except AirflowNotFoundException as error:
        raise NeedsPerson(f"Airflow has no connection {conn_id}: make it, or mend the inventory file") from error
    return connection, await get_async_extra_dejson(connection)
