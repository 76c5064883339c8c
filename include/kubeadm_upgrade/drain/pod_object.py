"""How a Pod, as the API's JSON shows it, becomes facts of a drain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.rule import NOTES
from kubeadm_upgrade.reading import condition, moment, name_of, reading

# what the node lifecycle controller adds to a cordoned Node
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"

Json = Mapping[str, Any]
# Whose annotations a drain reads: kind -> its path below a namespace's. A Deployment's are on its ReplicaSets as well.
OWNERS: Mapping[str, str] = {
    "ReplicaSet": "apps/v1/replicasets",
    "StatefulSet": "apps/v1/statefulsets",
    "DaemonSet": "apps/v1/daemonsets",
    "Job": "batch/v1/jobs",
}
Owner = tuple[str, str, str]  # kind, namespace, name


def read_pod(pod: Json, cordoned_at: datetime | None = None) -> PodFacts:
    """A Pod on a node that was, or was not, cordoned at that time."""
    with reading(f"Pod {name_of(pod)}"):
        return _pod(pod, cordoned_at)


def owner_of(pod: PodFacts) -> Owner | None:
    """Whose annotations count for it; None where nobody's do."""
    if pod.owner_kind is None or pod.owner_kind not in OWNERS or not pod.owner_name:
        return None
    return pod.owner_kind, pod.namespace, pod.owner_name


def with_owner(pod: PodFacts, owners: Mapping[Owner, Json | None]) -> PodFacts:
    """With what its owner says; None: there is no such object any more."""
    owner = owner_of(pod)
    if owner is None or owner not in owners:
        return pod
    found = owners[owner]
    return replace(pod, owner_is_gone=found is None, owner_notes=_notes(found["metadata"]) if found else {})


def _pod(pod: Json, cordoned_at: datetime | None) -> PodFacts:
    meta, spec = pod["metadata"], pod["spec"]
    created, due = moment(meta.get("creationTimestamp")), moment(meta.get("deletionTimestamp"))
    controller: Json = next((owner for owner in meta.get("ownerReferences", []) if owner.get("controller")), {})
    volumes = spec.get("volumes") or ()
    ready = condition(pod.get("status", {}), "Ready")
    return PodFacts(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        owner_kind=controller.get("kind"),
        mirror="kubernetes.io/config.mirror" in meta.get("annotations", {}),
        finished=pod.get("status", {}).get("phase") in ("Succeeded", "Failed"),
        empty_dir=any("emptyDir" in volume for volume in volumes),
        terminating=due is not None,
        terminating_since=due - timedelta(seconds=meta.get("deletionGracePeriodSeconds", 0)) if due else None,
        due=due,
        finalizers=tuple(meta.get("finalizers", ())),
        ready=ready.get("status") == "True",
        ready_changed=moment(ready.get("lastTransitionTime")),
        undeterred=bool(cordoned_at and created and created >= cordoned_at and _tolerates_cordon(pod)),
        owner_name=controller.get("name", ""),
        owner_uid=controller.get("uid", ""),
        labels=meta.get("labels") or {},
        notes=_notes(meta),
        restarts=spec.get("restartPolicy", "Always") == "Always",
        claims=tuple(v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v),
    )


def _notes(meta: Json) -> Mapping[str, str]:
    return {name: str(value) for name, value in (meta.get("annotations") or {}).items() if name in NOTES}


def _tolerates_cordon(pod: Json) -> bool:
    # https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
    return any(
        toleration.get("effect") in (None, "", "NoSchedule")
        and toleration.get("key") in (None, "", UNSCHEDULABLE)
        and (toleration.get("operator") == "Exists" or not toleration.get("value"))
        for toleration in pod["spec"].get("tolerations", [])
    )
