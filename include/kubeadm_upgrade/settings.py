"""What components are told by whoever runs the cluster: flags, feature gates, admission plugins. No I/O."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from kubeadm_upgrade.local_etcd import CERTIFICATES, DATA, LocalEtcd, configured
from kubeadm_upgrade.reading import reading

KUBEADM_FLAGS = "/var/lib/kubelet/kubeadm-flags.env"  # kubeadm's own; it takes out what it knows to be gone
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
EXTRA_ARGS = ("/etc/default/kubelet", "/etc/sysconfig/kubelet")  # Debian's and Red Hat's
KUBELET_FILES = (KUBEADM_FLAGS, KUBELET_CONFIG, *EXTRA_ARGS)

_KUBEADM_CONFIG = "ConfigMap kube-system/kubeadm-config"

_COMPONENTS = {
    "apiServer": "kube-apiserver",
    "controllerManager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
}
_PLUGIN_FLAGS = ("enable-admission-plugins", "disable-admission-plugins")


@dataclass(frozen=True)
class Settings:
    """Flags without dashes and without values."""

    flags: tuple[str, ...] = ()
    kubeadm_flags: tuple[str, ...] = ()  # those that kubeadm wrote for the kubelet
    feature_gates: tuple[str, ...] = ()
    admission_plugins: tuple[str, ...] = ()
    runs_with_swap: bool = False  # a kubelet that is told not to mind it

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Settings:
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in plain.items()}
        return cls(**values)


NO_SETTINGS = Settings()


def read_kubelet(files: Mapping[str, str]) -> Settings:
    """From the text of KUBELET_FILES, as far as they exist. Raises ValueError when one of them cannot be read."""
    own = dict(_flags(files.get(KUBEADM_FLAGS, "")))
    extra = dict(flag for path in EXTRA_ARGS for flag in _flags(files.get(path, "")))
    config = _mapping(files.get(KUBELET_CONFIG, ""))
    gates = {**_gates({**own, **extra}), **_mapping(config.get("featureGates"))}
    fails_on_swap = {**own, **extra}.get("fail-swap-on", str(config.get("failSwapOn", True)))
    return Settings(
        flags=tuple(sorted(extra)),
        kubeadm_flags=tuple(sorted(own)),
        feature_gates=tuple(sorted(gates)),
        runs_with_swap=fails_on_swap.lower() == "false",
    )


@reading(_KUBEADM_CONFIG)
def read_cluster_configuration(text: str) -> Mapping[str, Settings]:
    """Component -> its settings, from the ClusterConfiguration in the ConfigMap kubeadm-config."""
    configuration = _mapping(text)
    arguments = {name: _extra_args(configuration.get(key)) for key, name in _COMPONENTS.items()}
    arguments["etcd"] = _extra_args(_mapping(configuration.get("etcd")).get("local"))
    return {
        name: Settings(
            flags=tuple(sorted(flags)),
            feature_gates=tuple(sorted(_gates(flags))),
            admission_plugins=tuple(sorted(p for flag in _PLUGIN_FLAGS for p in _listed(flags.get(flag, "")))),
        )
        for name, flags in arguments.items()
        if flags
    }


@reading(_KUBEADM_CONFIG)
def read_etcd_tag(text: str) -> str | None:
    """The etcd image tag that a ClusterConfiguration fixes."""
    local = _mapping(_mapping(_mapping(text).get("etcd")).get("local"))
    return str(local["imageTag"]) if local.get("imageTag") else None


@cache
@reading(_KUBEADM_CONFIG)
def etcd_is_external(text: str) -> bool:
    """Whether a ClusterConfiguration points to an etcd that is not on the control plane nodes."""
    return "external" in _mapping(_mapping(text).get("etcd"))


@reading(_KUBEADM_CONFIG)
def read_certificates_dir(text: str) -> str:
    """Where a ClusterConfiguration has the certificates of the cluster."""
    return posixpath.normpath(str(_mapping(text).get("certificatesDir") or CERTIFICATES))


@reading(_KUBEADM_CONFIG)
def read_local_etcd(text: str) -> LocalEtcd:
    """A member of etcd as kubeadm starts it by a ClusterConfiguration."""
    local = _mapping(_mapping(_mapping(text).get("etcd")).get("local"))
    return configured(str(local.get("dataDir") or DATA), read_certificates_dir(text))


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


def _extra_args(component: Any) -> dict[str, str]:
    """v1beta3 has a mapping, v1beta4 a list of names and values."""
    arguments = _mapping(component).get("extraArgs") or {}
    if isinstance(arguments, Mapping):
        return {str(name): str(value) for name, value in arguments.items()}
    return {str(one["name"]): str(one.get("value", "")) for one in arguments}


def _flags(text: str) -> Iterator[tuple[str, str]]:
    """Environment files: NAME="--flag=value --flag", in a shell's quoting."""
    for line in shlex.split(text, comments=True):
        _, _, value = line.partition("=")
        for word in shlex.split(value):
            if word.startswith("--"):
                name, _, setting = word.removeprefix("--").partition("=")
                yield name, setting


def _gates(flags: Mapping[str, str]) -> Mapping[str, str]:
    return dict(gate.partition("=")[::2] for gate in _listed(flags.get("feature-gates", "")))


def _listed(text: str) -> Iterable[str]:
    return filter(None, (part.strip() for part in text.split(",")))


def _mapping(value: Any) -> Mapping[str, Any]:
    """YAML text or what was read from it; what is no mapping says nothing."""
    if isinstance(value, str):
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"not readable as YAML: {error}") from error
    return value if isinstance(value, Mapping) else {}
