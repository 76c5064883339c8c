"""What components are told by whoever runs the cluster: flags, feature gates, admission plugins. No I/O."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import yaml

from kubeadm_upgrade.flags import Flags, gates, gates_off, is_false, last, listed, name_of
from kubeadm_upgrade.local_etcd import CERTIFICATES, DATA, LocalEtcd, configured
from kubeadm_upgrade.manifest_flags import only_in_manifests
from kubeadm_upgrade.reading import reading
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.version import Version

_KUBEADM_CONFIG = "ConfigMap kube-system/kubeadm-config"

_COMPONENTS = {
    "apiServer": "kube-apiserver",
    "controllerManager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
}
_KUBEADM = "kubeadm"  # itself: it has feature gates of its own
_NO_CLOUD_IN_TREE = ("", "external")
_PLUGIN_FLAGS = ("enable-admission-plugins", "disable-admission-plugins")


@dataclass(frozen=True)
class Settings:
    """Flags without dashes, and without values, which may be secrets."""

    flags: tuple[str, ...] = ()
    kubeadm_flags: tuple[str, ...] = ()  # those that kubeadm wrote for the kubelet
    feature_gates: tuple[str, ...] = ()
    feature_gates_off: tuple[str, ...] = ()  # of them
    cloud_provider: str = ""  # one within the component itself
    admission_plugins: tuple[str, ...] = ()
    runs_with_swap: bool = False  # a kubelet that is told not to mind it
    unit_outdated: bool = False  # unit files of a kubelet that systemd has not read yet may say something else
    runs_on_cgroup_v1: bool = False  # and one that is told to start there, where releases refuse it by default
    unseen: tuple[str, ...] = ()  # where a kubelet's configuration is, and could not be read
    # keys that only the configuration on a kubelet's host says, and that kubeadm writes over
    lost_configuration: tuple[str, ...] = ()
    # of the control plane: what kubeadm would leave out, as its configuration does not say it; and on which nodes
    only_in_manifests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def names_cri_endpoint(self) -> bool:
        """Whether a kubelet before 1.24 talks to a runtime beside it; with a dockershim of its own it does not."""
        return "container-runtime-endpoint" in (*self.flags, *self.kubeadm_flags)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Settings:
        return cls(**{name: _with_tuples(value) for name, value in plain.items()})


def _with_tuples(value: Any) -> Any:
    """JSON has lists instead."""
    if isinstance(value, Mapping):
        return {name: _with_tuples(item) for name, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


NO_SETTINGS = Settings()


@reading(_KUBEADM_CONFIG)
def read_cluster_configuration(text: str, running: Iterable[StaticPod] = ()) -> Mapping[str, Settings]:
    """Component -> its settings, kubeadm among them, from the ClusterConfiguration in the ConfigMap kubeadm-config.

    And from the static Pods that run, as far as it does not say what they are started with.
    """
    configuration = parsed(text)
    arguments = {name: _extra_args(configuration.get(key)) for key, name in _COMPONENTS.items()}
    arguments["etcd"] = _extra_args(_local_etcd(configuration))
    told = {name: _of_component(flags) for name, flags in arguments.items() if flags}
    own = mapping(configuration.get("featureGates"))
    if own:
        off = tuple(sorted(str(name) for name, value in own.items() if is_false(str(value))))
        told[_KUBEADM] = Settings(feature_gates=tuple(sorted(map(str, own))), feature_gates_off=off)
    for name, left_out in only_in_manifests(running, arguments, map(str, own)).items():
        told[name] = replace(told.get(name, NO_SETTINGS), only_in_manifests=left_out)
    return told


def cloud_in_tree(flags: Flags) -> str:
    """The cloud provider that a component is to have within itself; empty where it is to have none."""
    provider = last(flags, "cloud-provider") or ""
    return "" if provider in _NO_CLOUD_IN_TREE else provider


def _of_component(flags: Flags) -> Settings:
    return Settings(
        flags=tuple(sorted(flags)),
        feature_gates=tuple(sorted(set(gates(flags)))),
        feature_gates_off=tuple(sorted(gates_off(flags))),
        cloud_provider=cloud_in_tree(flags),
        admission_plugins=tuple(sorted({plugin for flag in _PLUGIN_FLAGS for plugin in listed(flags, flag)})),
    )


@reading(_KUBEADM_CONFIG)
def read_kubernetes_version(text: str) -> Version:
    """The version that a ClusterConfiguration says the cluster is at."""
    return Version.parse(parsed(text)["kubernetesVersion"])


@reading(_KUBEADM_CONFIG)
def read_etcd_tag(text: str) -> str | None:
    """The etcd image tag that a ClusterConfiguration fixes."""
    tag = _local_etcd(parsed(text)).get("imageTag")
    return str(tag) if tag else None


@reading(_KUBEADM_CONFIG)
def etcd_is_external(text: str) -> bool:
    """Whether a ClusterConfiguration points to an etcd that is not on the control plane nodes."""
    return "external" in mapping(parsed(text).get("etcd"))


@reading(_KUBEADM_CONFIG)
def read_certificates_dir(text: str) -> str:
    """Where a ClusterConfiguration has the certificates of the cluster."""
    return posixpath.normpath(str(parsed(text).get("certificatesDir") or CERTIFICATES))


@reading(_KUBEADM_CONFIG)
def read_local_etcd(text: str) -> LocalEtcd:
    """A member of etcd as kubeadm starts it by a ClusterConfiguration."""
    data = _local_etcd(parsed(text)).get("dataDir")
    return configured(str(data or DATA), read_certificates_dir(text))


def etcd_image(text: str, tag: str) -> str:
    """The etcd image of this tag, from where a ClusterConfiguration says that images come."""
    configuration = parsed(text)
    repository = (
        _local_etcd(configuration).get("imageRepository") or configuration.get("imageRepository") or "registry.k8s.io"
    )
    return f"{repository}/etcd:{tag}"


@lru_cache(maxsize=64)
def with_etcd_tag(text: str, tag: str | None) -> str:
    """The ClusterConfiguration that fixes this etcd image tag, or none. All else is written as somebody wrote it.

    As nodes and not as values: what YAML 1.1 takes for a number, as `1:30` or `12e03`, is another word to kubeadm.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        root = yaml.MappingNode(_MAP, [])
    local = _child(_child(root, "etcd"), "local")
    local.value = [(key, value) for key, value in local.value if key.value != "imageTag"]
    if tag:
        local.value.append((_scalar("imageTag"), _scalar(tag)))
    return str(yaml.serialize(_in_block_style(root)))


_MAP, _STR = "tag:yaml.org,2002:map", "tag:yaml.org,2002:str"


def _in_block_style(node: yaml.Node) -> yaml.Node:
    """Within braces PyYAML puts a tag and quotes around `1:30`, which nobody has written."""
    if isinstance(node, yaml.CollectionNode):
        node.flow_style = False
        for one in node.value:
            for part in one if isinstance(one, tuple) else (one,):
                _in_block_style(part)
    return node


def _scalar(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(_STR, text)


def _child(parent: yaml.MappingNode, name: str) -> yaml.MappingNode:
    """The mapping under this key, made where there is none."""
    there = next((value for key, value in parent.value if key.value == name), None)
    if not isinstance(there, yaml.MappingNode):
        there = yaml.MappingNode(_MAP, [])
        parent.value = [(key, value) for key, value in parent.value if key.value != name]
        parent.value.append((_scalar(name), there))
    return there


def _extra_args(component: Any) -> Flags:
    """v1beta3 has a mapping, v1beta4 a list of names and values, in which a name may come twice."""
    arguments = mapping(component).get("extraArgs") or {}
    if isinstance(arguments, Mapping):
        arguments = [{"name": name, "value": value} for name, value in arguments.items()]
    found: dict[str, tuple[str, ...]] = {}
    for one in arguments:
        name = name_of(str(one["name"]))
        found[name] = (*found.get(name, ()), str(one.get("value", "")))
    return found


def mapping(value: Any) -> Mapping[str, Any]:
    """What is no mapping says nothing."""
    return value if isinstance(value, Mapping) else {}


@lru_cache(maxsize=32)  # it is asked several things at every look, and seldom says anything new
def parsed(text: str) -> Mapping[str, Any]:
    """A ClusterConfiguration as it is written."""
    try:
        return mapping(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise ValueError(f"not readable as YAML: {error}") from error


def _local_etcd(configuration: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(mapping(configuration.get("etcd")).get("local"))
