"""kubeadm's own preflight errors: which of them an upgrade may be told to pass over, by name and with a reason.

https://kubernetes.io/docs/reference/setup-tools/kubeadm/kubeadm-upgrade/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class PreflightError(StrEnum):
    """What `kubeadm upgrade plan`, `apply` and `node` check, of 1.22 to 1.37; but for being root, which we are."""

    CONTAINER_RUNTIME_VERSION = "ContainerRuntimeVersion"
    CONTROL_PLANE_NODES_READY = "ControlPlaneNodesReady"
    CORE_DNS_MIGRATION = "CoreDNSMigration"
    CORE_DNS_UNSUPPORTED_PLUGINS = "CoreDNSUnsupportedPlugins"
    CREATE_JOB = "CreateJob"
    IMAGE_PULL = "ImagePull"
    STATIC_POD_MANIFEST = "StaticPodManifest"
    SYSTEM_VERIFICATION = "SystemVerification"


def reasons(plain: Mapping[Any, object]) -> dict[str, str]:
    """Name -> why it is ignored, each in one line. Raises ValueError with a sentence for what must not be."""
    return {_known(name): _reason(name, why) for name, why in plain.items()}


def ignoring(names: Iterable[str]) -> tuple[str, ...]:
    """The argument of `kubeadm upgrade` that passes over these errors; none where there are none."""
    listed = ",".join(sorted(names))
    return (f"--ignore-preflight-errors={listed}",) if listed else ()


def told_to_ignore(names: Mapping[str, str]) -> str:
    """A sentence for pages; empty where nothing is ignored."""
    each = (f"`{name}` ({why})" for name, why in sorted(names.items()))
    return f"kubeadm is told to ignore preflight errors: {', '.join(each)}." if names else ""


def _known(name: object) -> str:
    if str(name).lower() == "all":
        raise ValueError("all would hide what nobody has thought of: name each error that is meant, with its reason")
    if name not in list(PreflightError):
        raise ValueError(f"{name} is no preflight error of kubeadm upgrade: it has {', '.join(PreflightError)}")
    return str(name)


def _reason(name: object, why: object) -> str:
    if not isinstance(why, str) or not why.strip():
        raise ValueError(f"{name} needs its reason in words, which plan and report show")
    return " ".join(why.split())
