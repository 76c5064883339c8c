"""What anybody may ask a cluster's API about himself: who he is, and what he may do."""

from __future__ import annotations

from kubeadm_airflow.hooks.cluster_api import ClusterApi, Json
from kubeadm_upgrade.access.permissions import Permission
from kubeadm_upgrade.errors import ObjectNotFound

_WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_MAY_I = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class AccessApi(ClusterApi):
    """Nothing here needs a right of its own: Kubernetes lets everybody whom it knows ask (system:basic-user)."""

    async def version(self) -> str:
        return str((await self._call("GET", "/version"))["gitVersion"])

    async def who_am_i(self) -> str | None:
        """None where the API cannot say: before 1.28 it knows no SelfSubjectReview."""
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            review = await self._call("POST", _WHO_AM_I, asked)
        except ObjectNotFound:
            return None
        return str(review["status"]["userInfo"]["username"])

    async def may(self, permission: Permission) -> Json:
        """The SelfSubjectAccessReview as it comes back."""
        return await self._call("POST", _MAY_I, permission.review())
