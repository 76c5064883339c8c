"""What anybody may ask a cluster's API about himself: who he is, and what he may do."""

from __future__ import annotations

from kubeadm_airflow.hooks.cluster_api import ClusterApi, Json
from kubeadm_upgrade.access.permissions import Permission
from kubeadm_upgrade.errors import Forbidden

_WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_NOBODY = "system:anonymous"
_MAY_I = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class AccessApi(ClusterApi):
    """Nothing here needs a right of its own: Kubernetes lets everybody whom it knows ask (system:basic-user)."""

    @property
    def is_verified(self) -> bool:
        """Whether whoever answers must show a certificate that the kubeconfig's authority has signed."""
        return bool(self._client.configuration.verify_ssl)

    async def version(self) -> str:
        return str((await self._call("GET", "/version"))["gitVersion"])

    async def who_am_i(self) -> str | None:
        """None where the API cannot say: before 1.28 it knows no SelfSubjectReview, and before 1.27 grants none.

        Raises Forbidden where it takes us for nobody, who may read its version and its health all the same.
        """
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = await self._ask("POST", _WHO_AM_I, body=asked)
        if answer.status == 403 and _NOBODY in answer.text:
            raise Forbidden(
                f"the API takes us for {_NOBODY}: the kubeconfig's user has no credentials",
                do="write a kubeconfig with a token: docs/rbac.yaml has the commands",
            )
        if answer.status in (403, 404):
            return None
        return str((await self._call("POST", _WHO_AM_I, asked))["status"]["userInfo"]["username"])

    async def may(self, permission: Permission) -> Json:
        """The SelfSubjectAccessReview as it comes back."""
        return await self._call("POST", _MAY_I, permission.review())
