"""What will a kubelet be told when it starts next? By its unit, by environment files, and by its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from posixpath import basename, dirname
from typing import Any

import yaml

from kubeadm_upgrade.flags import Flags, gates, gates_off, is_false, last, read_flags
from kubeadm_upgrade.reading import reading
from kubeadm_upgrade.settings import Settings, cloud_in_tree, mapping
from kubeadm_upgrade.systemd_service import Service, command_line, read_environment, words

KUBEADM_FLAGS = "/var/lib/kubelet/kubeadm-flags.env"  # kubeadm's own; it takes out what it knows to be gone
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
EXTRA_ARGS = ("/etc/default/kubelet", "/etc/sysconfig/kubelet")  # Debian's and Red Hat's
KUBELET_FILES = (KUBEADM_FLAGS, KUBELET_CONFIG, *EXTRA_ARGS)

# what kubeadm itself sets for each node, as its resolver and its runtime are
_OF_EACH_NODE = ("resolvConf", "containerRuntimeEndpoint", "imageServiceEndpoint")

_EMPTY = ("", "0s", None)

# as kubeadm's packages have it, for a host whose systemd knows no kubelet
_PACKAGED = Service(
    ("/usr/bin/kubelet", "$KUBELET_KUBEADM_ARGS", "$KUBELET_EXTRA_ARGS"),
    environment_files=(KUBEADM_FLAGS, *EXTRA_ARGS),
)


def says_all(service: Service) -> bool:
    """Whether the unit and KUBELET_FILES are all that the next start depends on.

    Otherwise, as with a script in between, an environment file elsewhere or a value that systemd does not show, only
    the kubelet that runs tells the rest.
    """
    program = basename(service.argv[0]) if service.argv else ""
    return program == "kubelet" and not service.hidden and set(service.environment_files) <= set(KUBELET_FILES)


def read_kubelet(
    service: Service, files: Mapping[str, str], running: Iterable[str] = (), of_cluster: str | None = None
) -> Settings:
    """From the text of KUBELET_FILES, as far as they exist, and from the words that a running kubelet was started with.

    Among the files are those of its `places` elsewhere. `of_cluster` is the configuration in the ConfigMap
    kubelet-config, with which kubeadm replaces the node's own.
    Raises UnreadableOutput when the configuration is none; systemd takes an environment file as it is.
    """
    own, extra = _flags(service, files, running)
    flags = _added(own, extra)
    at = _places(flags)
    on_node = _configuration(files.get(at.file, ""), at.file)
    replaced = of_cluster is not None and at.file == KUBELET_CONFIG
    config = _configuration(of_cluster or "", "ConfigMap kube-system/kubelet-config") if replaced else on_node
    for path in sorted(path for path in files if at.holds(path)):
        config = _merged(config, _configuration(files[path], path))
    fails_on_swap, fails_on_cgroup_v1 = last(flags, "fail-swap-on"), last(flags, "fail-cgroupv1")
    configured = {str(name): str(value) for name, value in mapping(config.get("featureGates")).items()}
    off = (name for name, value in configured.items() if is_false(value) and name not in gates(flags))
    return Settings(
        flags=tuple(sorted(extra)),
        kubeadm_flags=tuple(sorted(own)),
        feature_gates=tuple(sorted({*gates(flags), *configured})),
        feature_gates_off=tuple(sorted({*gates_off(flags), *off})),
        cloud_provider=cloud_in_tree(flags),
        runs_with_swap=is_false(str(config.get("failSwapOn", True)) if fails_on_swap is None else fails_on_swap),
        runs_on_cgroup_v1=is_false(
            str(config.get("failCgroupV1", True)) if fails_on_cgroup_v1 is None else fails_on_cgroup_v1
        ),
        unit_outdated=service.outdated,
        lost_configuration=tuple(sorted(_lost(on_node, config))) if replaced else (),
    )


@dataclass(frozen=True)
class Places:
    """Where a kubelet's configuration is: a file, and perhaps a directory of files that go over it, in their order.

    https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/#kubelet-conf-d
    """

    file: str = KUBELET_CONFIG
    directory: str = ""

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """What is not among KUBELET_FILES."""
        return tuple(path for path in (self.file, self.directory) if path not in ("", KUBELET_CONFIG))

    def holds(self, path: str) -> bool:
        """Whether it is one of those that go over the file."""
        return bool(self.directory) and dirname(path) == self.directory and path.endswith(".conf")


def places(service: Service, files: Mapping[str, str], running: Iterable[str] = ()) -> Places:
    """Where the next start will look for its configuration."""
    return _places(_added(*_flags(service, files, running)))


def _places(flags: Flags) -> Places:
    return Places(last(flags, "config") or KUBELET_CONFIG, (last(flags, "config-dir") or "").rstrip("/"))


def _flags(service: Service, files: Mapping[str, str], running: Iterable[str]) -> tuple[Flags, Flags]:
    """Those that kubeadm wrote, and all others."""
    environment = read_environment(files.get(KUBEADM_FLAGS, ""))
    own = read_flags(word for value in environment.values() for word in words(value))
    others = {path: text for path, text in files.items() if path != KUBEADM_FLAGS}
    told = read_flags(command_line(service if service.argv else _PACKAGED, others))
    return own, _added({name: values for name, values in read_flags(running).items() if name not in own}, told)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Mapping[str, Any]:
    """Key by key, as the kubelet does."""
    both = {
        key: _merged(below[key], value)
        for key, value in above.items()
        if isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
    }
    return {**below, **above, **both}


def _configuration(text: str, where: str) -> Mapping[str, Any]:
    with reading(where):
        return mapping(yaml.safe_load(text))


def _lost(on_node: Mapping[str, Any], replaced_by: Mapping[str, Any]) -> Iterator[str]:
    """What the node's own file says otherwise than the one that kubeadm puts in its place."""
    for key, value in on_node.items():
        if key not in _OF_EACH_NODE and _says_more(value, replaced_by.get(key)):
            yield str(key)


def _says_more(value: Any, than: Any) -> bool:
    """What is empty says nothing: a kubeadm of another release writes it in other ways."""
    if isinstance(value, Mapping):
        return any(_says_more(item, mapping(than).get(key)) for key, item in value.items())
    return value not in _EMPTY and value != than


def _added(first: Flags, second: Flags) -> Flags:
    return {name: (*first.get(name, ()), *second.get(name, ())) for name in {**first, **second}}
