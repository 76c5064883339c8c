"""What components are told by whoever runs the cluster: flags, feature gates, admission plugins. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from kubeadm_upgrade.flags import Flags, gates, listed, name_of

_COMPONENTS = {
    "apiServer": "kube-apiserver",
    "controllerManager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
}
_KUBEADM = "kubeadm"  # itself: it has feature gates of its own
_PLUGIN_FLAGS = ("enable-admission-plugins", "disable-admission-plugins")


@dataclass(frozen=True)
class Settings:
    """Flags without dashes and without values."""

    flags: tuple[str, ...] = ()
    kubeadm_flags: tuple[str, ...] = ()  # those that kubeadm wrote for the kubelet
    feature_gates: tuple[str, ...] = ()
    admission_plugins: tuple[str, ...] = ()
    runs_with_swap: bool = False  # a kubelet that is told not to mind it
    unit_outdated: bool = False  # unit files of a kubelet that systemd has not read yet may say something else

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Settings:
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(**values)


NO_SETTINGS = Settings()


def read_cluster_configuration(text: str) -> Mapping[str, Settings]:
    """Component -> its settings, kubeadm among them, from the ClusterConfiguration in the ConfigMap kubeadm-config."""
    configuration = _mapping(text)
    arguments = {name: _extra_args(configuration.get(key)) for key, name in _COMPONENTS.items()}
    arguments["etcd"] = _extra_args(_mapping(configuration.get("etcd")).get("local"))
    told = {name: _of_component(flags) for name, flags in arguments.items() if flags}
    if own := _mapping(configuration.get("featureGates")):
        told[_KUBEADM] = Settings(feature_gates=tuple(sorted(map(str, own))))
    return told


def _of_component(flags: Flags) -> Settings:
    return Settings(
        flags=tuple(sorted(flags)),
        feature_gates=tuple(sorted(set(gates(flags)))),
        admission_plugins=tuple(sorted({plugin for flag in _PLUGIN_FLAGS for plugin in listed(flags, flag)})),
    )


def read_etcd_tag(text: str) -> str | None:
    """The etcd image tag that a ClusterConfiguration fixes."""
    local = _mapping(_mapping(_mapping(text).get("etcd")).get("local"))
    return str(local["imageTag"]) if local.get("imageTag") else None


@cache
def etcd_is_external(text: str) -> bool:
    """Whether a ClusterConfiguration points to an etcd that is not on the control plane nodes."""
    return "external" in _mapping(_mapping(text).get("etcd"))


def etcd_image(text: str, tag: str) -> str:
    """The etcd image of this tag, from where a ClusterConfiguration says that images come."""
    configuration = _mapping(text)
    local = _mapping(_mapping(configuration.get("etcd")).get("local"))
    repository = local.get("imageRepository") or configuration.get("imageRepository") or "registry.k8s.io"
    return f"{repository}/etcd:{tag}"


def with_etcd_tag(text: str, tag: str | None) -> str:
    """The ClusterConfiguration that fixes this etcd image tag, or none."""
    configuration = dict(_mapping(text))
    etcd = dict(_mapping(configuration.get("etcd")))
    local = {name: value for name, value in _mapping(etcd.get("local")).items() if name != "imageTag"}
    etcd["local"] = {**local, **({"imageTag": tag} if tag else {})}
    return yaml.safe_dump({**configuration, "etcd": etcd})


def _extra_args(component: Any) -> Flags:
    """v1beta3 has a mapping, v1beta4 a list of names and values, in which a name may come twice."""
    arguments = _mapping(component).get("extraArgs") or {}
    if isinstance(arguments, Mapping):
        arguments = [{"name": name, "value": value} for name, value in arguments.items()]
    found: dict[str, tuple[str, ...]] = {}
    for one in arguments:
        name = name_of(str(one["name"]))
        found[name] = (*found.get(name, ()), str(one.get("value", "")))
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    """YAML text or what was read from it; what is no mapping says nothing."""
    if isinstance(value, str):
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"not readable as YAML: {error}") from error
    return value if isinstance(value, Mapping) else {}
