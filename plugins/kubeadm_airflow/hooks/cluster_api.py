"""One cluster's Kubernetes API: JSON in, JSON out, our own errors.

Raw JSON rather than the client's models: a client of one release must read clusters of fifteen, and a field that
its models think mandatory may be absent in an old one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

import aiohttp
from airflow.providers.cncf.kubernetes.hooks.kubernetes import AsyncKubernetesHook

from kubeadm_airflow.hooks.api_answers import Answer, date_of, error_of, not_ready, parsed, words
from kubeadm_airflow.hooks.connections import connection_named
from kubeadm_airflow.hooks.kubeconfig import expired_certificate, refusal
from kubeadm_airflow.hooks.no_answer import no_answer, not_the_api
from kubeadm_upgrade.drain.answer import denied_by_admission
from kubeadm_upgrade.errors import (
    Misdirected,
    ObjectNotFound,
    Unauthorized,
)
from kubeadm_upgrade.leases import Lease, read_lease
from kubeadm_upgrade.ledger import wire
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.rollout.workload import Workload, read_workload

Json = dict[str, Any]

REQUEST_SECONDS = 30
_CONFIG_MAPS = f"/api/v1/namespaces/{wire.NAMESPACE}/configmaps"
FORBIDDEN_SECONDS = 20.0  # how long an API server that is ready must refuse before a right is missing
FORBIDDEN_PAUSE = 2.0
PAGE = 500


class ClusterApi:
    """What the upgrade reads from the API and writes to it: docs/rbac.yaml grants exactly this."""

    def __init__(self, client: Any, conn_id: str, *, asks_again: bool = True) -> None:
        self._client = client
        self._conn_id = conn_id
        self._now = datetime.now(UTC)  # by the clock of whoever has answered last, where it tells
        self._asks_again = asks_again  # where it is refused

    @classmethod
    @asynccontextmanager
    async def open(cls, conn_id: str) -> AsyncIterator[Self]:
        """Connect with the credentials of an Airflow connection of type kubernetes."""
        _, extras = await connection_named(conn_id, "kubernetes")
        hook = AsyncKubernetesHook(conn_id=conn_id, connection_extras=extras)
        async with AsyncExitStack() as stack:
            try:
                client = await stack.enter_async_context(hook.get_conn())
            except Exception as error:  # of half a dozen libraries: what they could not read is named here
                raise refusal(conn_id, extras, error) from error
            yield cls(client, conn_id)

    def at_its_word(self) -> Self:
        """The same connection, for whoever has no time to ask again: a ready API's first 403 is believed."""
        return type(self)(self._client, self._conn_id, asks_again=False)

    async def nodes(self) -> list[Json]:
        return await self._list("/api/v1/nodes")

    async def node(self, name: str) -> Json:
        return await self._call("GET", f"/api/v1/nodes/{name}")

    async def pods_on(self, node: str) -> list[Json]:
        return await self._list("/api/v1/pods", [("fieldSelector", f"spec.nodeName={node}")])

    async def pods(self) -> list[Json]:
        return await self._list("/api/v1/pods")

    async def control_plane_pods(self) -> list[Json]:
        selector = [("labelSelector", "tier=control-plane")]
        return await self._list("/api/v1/namespaces/kube-system/pods", selector)

    async def kube_proxy_pods(self) -> list[Json]:
        return await self._list("/api/v1/namespaces/kube-system/pods", [("labelSelector", "k8s-app=kube-proxy")])

    async def kubeadm_config(self) -> Json:
        return await self._call("GET", "/api/v1/namespaces/kube-system/configmaps/kubeadm-config")

    async def kubelet_config(self, minor: int) -> str | None:
        """The configuration that kubeadm gives every kubelet; until 1.23 its name has the cluster's minor release."""
        names = (f"kubelet-config-1.{minor}", "kubelet-config") if minor < 24 else ("kubelet-config",)
        for name in names:
            if (found := await self._config_map(name)) is not None:
                return (found.get("data") or {}).get("kubelet")
        return None

    async def lease(self, namespace: str, name: str) -> Lease | None:
        """None where there is none: it may not have been made yet."""
        try:
            found = await self._call("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
        except ObjectNotFound:
            return None
        return read_lease(found, self._now)

    async def workloads(self) -> tuple[Workload, ...]:
        """Of all namespaces."""
        found: list[Workload] = []
        for kind in ("Deployment", "StatefulSet", "DaemonSet"):
            found += [read_workload(item, kind) for item in await self._list(f"/apis/apps/v1/{kind.lower()}s")]
        return tuple(found)

    async def readyz(self) -> str:
        """The text of `/readyz?verbose`; a failing check makes the status 500, and the text says which."""
        status, text, _ = await self._request("GET", "/readyz", [("verbose", "true")])
        if status == 403:
            raise not_ready(status, text)
        if status not in (200, 500):
            raise error_of(Answer(status, text), "GET /readyz")
        return text

    async def patch_node(self, name: str, patch: Mapping[str, Any]) -> None:
        """A merge patch. Raises Conflict when it names a resourceVersion that is no longer the Node's."""
        await self._call("PATCH", f"/api/v1/nodes/{name}", patch, "application/merge-patch+json")

    async def patch_config_map(self, name: str, patch: Mapping[str, Any]) -> None:
        """A merge patch of a ConfigMap in kube-system. Raises Conflict as `patch_node` does."""
        await self._call("PATCH", f"{_CONFIG_MAPS}/{name}", patch, "application/merge-patch+json")

    async def ledger(self) -> tuple[Ledger, Json | None]:
        """The ledger, and the object that it was read from; None when there is none yet."""
        found = await self._config_map(wire.CONFIG_MAP)
        if found is not None:
            return wire.read(found.get("data") or {}), found
        before = await self._config_map(wire.SLOTS)  # of a release that had no ledger
        return wire.read_slots((before or {}).get("data") or {}), None

    async def write_ledger(self, ledger: Ledger, found: Json | None) -> Json:
        """Write the ledger if the object is still as it was read, and keep what is not ours. Raises Conflict."""
        if found is None:
            metadata = {"name": wire.CONFIG_MAP, "namespace": wire.NAMESPACE}
            new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": wire.write(ledger, {})}
            return await self._call("POST", _CONFIG_MAPS, new)
        changed = {**found, "data": wire.write(ledger, found.get("data") or {})}
        return await self._call("PUT", f"{_CONFIG_MAPS}/{wire.CONFIG_MAP}", changed)

    async def _config_map(self, name: str) -> Json | None:
        try:
            return await self._call("GET", f"{_CONFIG_MAPS}/{name}")
        except ObjectNotFound:
            return None

    async def _list(self, path: str, query: Sequence[tuple[str, str]] = ()) -> list[Json]:
        items: list[Json] = []
        more = ""
        while True:
            page = [*query, ("limit", str(PAGE)), *([("continue", more)] if more else [])]
            answer = await self._call("GET", path, query=page)
            items += answer["items"]
            more = answer["metadata"].get("continue", "")
            if not more:
                return items

    async def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        query: Sequence[tuple[str, str]] = (),
    ) -> Json:
        answer = await self._request(method, path, query, body, content_type)
        if answer.status >= 300:
            raise error_of(answer, f"{method} {path}")
        found = parsed(answer.text)
        if not isinstance(found, dict):
            raise not_the_api(f"{method} {path}", self._server, self._conn_id, answer.text)
        return found

    async def _request(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        *,
        once: bool = False,
    ) -> Answer:
        """A 403 only when it lasts; `once`: as it comes."""
        ask = partial(self._ask, method, path, query, body, content_type)
        answer = await (ask() if once else self._lasting(ask))
        if answer.status == 401 and not denied_by_admission(answer.said):
            raise self._unauthorized(f"{method} {path}: {words(answer.text)}")
        if answer.status == 400 and "HTTP request to an HTTPS server" in answer.text:
            raise Misdirected(
                f"the Kubernetes API at {self._server} speaks HTTPS",
                do=f"write https:// into server in the kubeconfig of connection {self._conn_id}",
            )
        return answer

    def _unauthorized(self, said: str) -> Unauthorized:
        ended = expired_certificate(self._client.configuration.cert_file)
        why = f"its client certificate has ended on {ended}" if ended else "they are not valid, or have expired"
        return Unauthorized(
            f"{said}: the credentials of connection {self._conn_id} are not accepted: {why}",
            do=f"renew them in Airflow's connection {self._conn_id}",
        )

    @property
    def _server(self) -> str:
        return str(self._client.configuration.host)

    async def _lasting(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """An answer; a missing right is one only when an API server that is ready stays with it.

        One that comes back refuses everybody until its RBAC rules are loaded, and behind a load balancer another one
        may be asked whether it is ready. What was refused did nothing, so any request may be made again.
        """
        answer = await ask()
        enough = time.monotonic() + (FORBIDDEN_SECONDS if self._asks_again else 0.0)
        while answer.status == 403 and not denied_by_admission(answer.said):
            await self._check_ready()
            if time.monotonic() >= enough:
                break
            await asyncio.sleep(FORBIDDEN_PAUSE)
            answer = await ask()
        return answer

    async def _check_ready(self) -> None:
        status, text, _ = await self._ask("GET", "/readyz", [("verbose", "true")])
        if status != 200:
            raise not_ready(status, text)

    async def _ask(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        try:
            response = await self._client.call_api(
                path,
                method,
                query_params=list(query),
                header_params=headers,
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=REQUEST_SECONDS,
            )
            self._now = date_of(response.headers.get("Date")) or datetime.now(UTC)
            return Answer(response.status, await response.text(), response.headers.get("Retry-After", ""))
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise no_answer(error, self._server, self._conn_id) from error
