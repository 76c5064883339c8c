"""Which resources does the simulated API serve?"""

from __future__ import annotations

from dataclasses import dataclass

VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True)
class Resource:
    """One row of discovery."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    status: bool = False

    @property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As error messages name it: ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


_RBAC = "rbac.authorization.k8s.io"

RESOURCES = (
    Resource("", "v1", "nodes", "Node", False, ("no",), status=True),
    Resource("", "v1", "pods", "Pod", True, ("po",), status=True),
    Resource("", "v1", "configmaps", "ConfigMap", True, ("cm",)),
    Resource("", "v1", "secrets", "Secret", True),
    Resource("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",)),
    Resource("", "v1", "namespaces", "Namespace", False, ("ns",), status=True),
    Resource("", "v1", "events", "Event", True, ("ev",)),
    Resource("apps", "v1", "daemonsets", "DaemonSet", True, ("ds",), status=True),
    Resource("apps", "v1", "deployments", "Deployment", True, ("deploy",), status=True),
    Resource("apps", "v1", "replicasets", "ReplicaSet", True, ("rs",), status=True),
    Resource("apps", "v1", "statefulsets", "StatefulSet", True, ("sts",), status=True),
    Resource("batch", "v1", "jobs", "Job", True, status=True),
    Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",), status=True),
    Resource("", "v1", "persistentvolumes", "PersistentVolume", False, ("pv",), status=True),
    Resource("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", False, status=True),
    Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ("pdb",), status=True),
    Resource("coordination.k8s.io", "v1", "leases", "Lease", True),
    Resource(_RBAC, "v1", "clusterroles", "ClusterRole", False),
    Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", False),
    Resource(_RBAC, "v1", "roles", "Role", True),
    Resource(_RBAC, "v1", "rolebindings", "RoleBinding", True),
)

BY_PLURAL = {(r.group, r.version, r.plural): r for r in RESOURCES}
BY_KIND = {r.kind: r for r in RESOURCES}
BY_GROUP_KIND = {(r.group_version, r.kind): r for r in RESOURCES}

#: Virtual resources: answered, never stored.
REVIEWS = {
    ("authorization.k8s.io", "v1", "selfsubjectaccessreviews"): "SelfSubjectAccessReview",
    ("authentication.k8s.io", "v1", "selfsubjectreviews"): "SelfSubjectReview",
}


def groups() -> list[str]:
    named = {r.group for r in RESOURCES if r.group} | {group for group, _, _ in REVIEWS}
    return sorted(named)
