"""What will a kubelet be told when it starts next? By its unit, by environment files, and by its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from posixpath import basename
from typing import Any

import yaml

from kubeadm_upgrade.flags import Flags, gates, is_false, last, read_flags
from kubeadm_upgrade.reading import reading
from kubeadm_upgrade.settings import Settings, mapping
from kubeadm_upgrade.systemd_service import Service, command_line, read_environment, words

KUBEADM_FLAGS = "/var/lib/kubelet/kubeadm-flags.env"  # kubeadm's own; it takes out what it knows to be gone
KUBELET_CONFIG = "/var/lib/kubelet/config.yaml"
EXTRA_ARGS = ("/etc/default/kubelet", "/etc/sysconfig/kubelet")  # Debian's and Red Hat's
KUBELET_FILES = (KUBEADM_FLAGS, KUBELET_CONFIG, *EXTRA_ARGS)

# as kubeadm's packages have it, for a host whose systemd knows no kubelet
_PACKAGED = Service(
    ("/usr/bin/kubelet", "$KUBELET_KUBEADM_ARGS", "$KUBELET_EXTRA_ARGS"),
    environment_files=(KUBEADM_FLAGS, *EXTRA_ARGS),
)


def says_all(service: Service) -> bool:
    """Whether the unit and KUBELET_FILES are all that the next start depends on.

    Otherwise, as with a script in between or an environment file elsewhere, only the kubelet that runs tells the rest.
    """
    program = basename(service.argv[0]) if service.argv else ""
    return program == "kubelet" and set(service.environment_files) <= set(KUBELET_FILES)


def read_kubelet(service: Service, files: Mapping[str, str], running: Iterable[str] = ()) -> Settings:
    """From the text of KUBELET_FILES, as far as they exist, and from the words that a running kubelet was started with.

    Raises UnreadableOutput when the configuration is none; systemd takes an environment file as it is.
    """
    environment = read_environment(files.get(KUBEADM_FLAGS, ""))
    own = read_flags(word for value in environment.values() for word in words(value))
    others = {path: text for path, text in files.items() if path != KUBEADM_FLAGS}
    told = read_flags(command_line(service if service.argv else _PACKAGED, others))
    extra = _added({name: values for name, values in read_flags(running).items() if name not in own}, told)
    flags = _added(own, extra)
    config = _configuration(files.get(KUBELET_CONFIG, ""))
    fails_on_swap, fails_on_cgroup_v1 = last(flags, "fail-swap-on"), last(flags, "fail-cgroupv1")
    return Settings(
        flags=tuple(sorted(extra)),
        kubeadm_flags=tuple(sorted(own)),
        feature_gates=tuple(sorted({*gates(flags), *map(str, mapping(config.get("featureGates")))})),
        runs_with_swap=is_false(str(config.get("failSwapOn", True)) if fails_on_swap is None else fails_on_swap),
        runs_on_cgroup_v1=is_false(
            str(config.get("failCgroupV1", True)) if fails_on_cgroup_v1 is None else fails_on_cgroup_v1
        ),
        unit_outdated=service.outdated,
    )


def _configuration(text: str) -> Mapping[str, Any]:
    with reading(KUBELET_CONFIG):
        return mapping(yaml.safe_load(text))


def _added(first: Flags, second: Flags) -> Flags:
    return {name: (*first.get(name, ()), *second.get(name, ())) for name in {**first, **second}}
