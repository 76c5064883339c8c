"""What a drain asks of one cluster's Kubernetes API, beside what every step does."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping

from kubeadm_airflow.hooks.access_api import AccessApi
from kubeadm_airflow.hooks.api_answers import error_of
from kubeadm_airflow.hooks.cluster_api import Json
from kubeadm_upgrade.access.permissions import Permission
from kubeadm_upgrade.drain import answer, deletion
from kubeadm_upgrade.drain.obstacle import Obstacle, Why
from kubeadm_upgrade.drain.pod_object import OWNERS, Owner
from kubeadm_upgrade.errors import NeedsPerson, ObjectNotFound

# more owners of one kind are listed rather than asked for one by one
_FEW_OWNERS = 50


class DrainApi(AccessApi):
    """The same connection."""

    async def evict(
        self, namespace: str, pod: str, uid: str, grace: int | None = None, *, dry_run: bool = False
    ) -> Obstacle | None:
        """Ask for an eviction. Returns why it is not granted yet, None when it is or the Pod has gone.

        `dry_run`: whether it would be, as things are now.
        """
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
        options: Json = {"preconditions": {"uid": uid}}  # a Pod of the same name elsewhere is another one
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        query: list[tuple[str, str]] = []
        if dry_run:
            options["dryRun"] = ["All"]
            query = [("dryRun", "All")]  # webhooks are told of this one alone, and act where it is not there
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": namespace},
            "deleteOptions": options,
        }
        told = await self._request("POST", path, query, body)
        if told.status in (200, 201):
            return None
        if refused := answer.obstacle(f"{namespace}/{pod}", told.status, told.said, told.retry_after):
            return refused
        if told.status == 404:
            return None
        raise error_of(told, f"POST {path}")

    async def may_delete_pods(self, namespace: str) -> bool:
        """Not everybody grants it."""
        review = await self.may(Permission("delete", "", "pods", namespace=namespace))
        return bool(review["status"]["allowed"])

    async def delete_pod(self, namespace: str, pod: str, uid: str, grace: int | None = None) -> Obstacle | None:
        """Around its budgets, and within its grace period. Returns why it was not done yet, as `evict` does.

        None of a namespace on which the cluster lives, whoever has asked for it. A right that is missing is said at
        once, since `may_delete_pods` was asked before.
        """
        if namespace == deletion.SYSTEM:
            raise NeedsPerson(f"pods of {namespace} are never deleted, and somebody wanted {pod} to be")
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}"
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        told = await self._request("DELETE", path, body=options, once=True)  # whoever was noted for it waits
        if told.status in (200, 202, 404):
            return None
        refused = answer.obstacle(f"{namespace}/{pod}", told.status, told.said, told.retry_after)
        if refused is not None and refused.why is not Why.SERVER:
            return refused
        raise error_of(told, f"DELETE {path}")

    async def pods_in(self, namespace: str) -> list[Json]:
        return await self._list(f"/api/v1/namespaces/{namespace}/pods")

    async def budgets(self, namespace: str) -> list[Json]:
        return await self._list(f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets")

    async def all_budgets(self) -> list[Json]:
        return await self._list("/apis/policy/v1/poddisruptionbudgets")

    async def volumes(self) -> list[Json]:
        return await self._list("/api/v1/persistentvolumes")

    async def attachments(self) -> list[Json]:
        """Of all nodes: the API selects by no field of them."""
        return await self._list("/apis/storage.k8s.io/v1/volumeattachments")

    async def volume_of(self, namespace: str, claim: str) -> str:
        """The PersistentVolume of a claim; "" where it has none."""
        try:
            found = await self._call("GET", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}")
        except ObjectNotFound:
            return ""
        return str(found["spec"].get("volumeName") or "")

    async def makers(self, namespace: str) -> Mapping[Owner, Json | None]:
        """All that makes replicas in a namespace, also what has none now."""
        paths = {kind: OWNERS[kind].split("/") for kind in deletion.REPLICATED}
        listed = await asyncio.gather(
            *(self._list(f"/apis/{group}/{of}/namespaces/{namespace}/{plural}") for group, of, plural in paths.values())
        )
        found = zip(paths, listed, strict=True)
        return {(kind, namespace, item["metadata"]["name"]): item for kind, items in found for item in items}

    async def owners(self, wanted: Iterable[Owner]) -> Mapping[Owner, Json | None]:
        """The objects that own Pods; None for one that is gone."""
        by_kind: dict[str, set[Owner]] = defaultdict(set)
        for owner in wanted:
            by_kind[owner[0]].add(owner)
        found = await asyncio.gather(*(self._of_kind(kind, owners) for kind, owners in by_kind.items()))
        return {owner: item for one in found for owner, item in one.items()}

    async def _of_kind(self, kind: str, owners: set[Owner]) -> Mapping[Owner, Json | None]:
        if len(owners) <= _FEW_OWNERS:
            return {owner: await self._owner(*owner) for owner in sorted(owners)}
        items = await self._list(f"/apis/{OWNERS[kind]}")
        there = {(kind, item["metadata"]["namespace"], item["metadata"]["name"]): item for item in items}
        return {owner: there.get(owner) for owner in owners}

    async def _owner(self, kind: str, namespace: str, name: str) -> Json | None:
        group, version, plural = OWNERS[kind].split("/")
        try:
            return await self._call("GET", f"/apis/{group}/{version}/namespaces/{namespace}/{plural}/{name}")
        except ObjectNotFound:
            return None
