"""With what is the control plane started that only its static Pods' manifests say?

kubeadm writes the manifests anew from kubeadm-config at every upgrade, so that is gone afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kubeadm_upgrade.flags import Flags, listed, read_flags
from kubeadm_upgrade.static_pod import StaticPod

_CERTIFICATES = ("client-ca-file", "requestheader-client-ca-file")
_KUBECONFIGS = ("authentication-kubeconfig", "authorization-kubeconfig", "kubeconfig")
_OF_A_CONTROLLER = (*_KUBECONFIGS, "bind-address", "leader-elect", "port")

# What kubeadm of 1.22 to 1.37 writes by itself: cmd/kubeadm/app/phases/controlplane/manifests.go and etcd/local.go of
# https://github.com/kubernetes/kubernetes. A flag that only some of them write is known for all: it was kubeadm's.
KUBEADMS_OWN: Mapping[str, frozenset[str]] = {
    "kube-apiserver": frozenset(
        {
            *("advertise-address", "allow-privileged", "authorization-mode", "enable-admission-plugins"),
            *("enable-bootstrap-token-auth", "etcd-cafile", "etcd-certfile", "etcd-keyfile", "etcd-servers"),
            *("kubelet-client-certificate", "kubelet-client-key", "kubelet-preferred-address-types"),
            *("proxy-client-cert-file", "proxy-client-key-file", "requestheader-allowed-names"),
            *("requestheader-extra-headers-prefix", "requestheader-group-headers", "requestheader-username-headers"),
            *("secure-port", "service-account-issuer", "service-account-key-file", "service-account-signing-key-file"),
            *("service-cluster-ip-range", "tls-cert-file", "tls-private-key-file"),
            *("insecure-port", *_CERTIFICATES),
        }
    ),
    "kube-controller-manager": frozenset(
        {
            *("allocate-node-cidrs", "cluster-cidr", "cluster-name", "cluster-signing-cert-file"),
            *("cluster-signing-key-file", "controllers", "root-ca-file", "service-account-private-key-file"),
            *("service-cluster-ip-range", "use-service-account-credentials", *_OF_A_CONTROLLER, *_CERTIFICATES),
        }
    ),
    "kube-scheduler": frozenset(_OF_A_CONTROLLER),
    "etcd": frozenset(
        {
            *("advertise-client-urls", "cert-file", "client-cert-auth", "data-dir", "initial-advertise-peer-urls"),
            *("initial-cluster", "initial-cluster-state", "key-file", "listen-client-urls", "listen-metrics-urls"),
            *("listen-peer-urls", "name", "peer-cert-file", "peer-client-cert-auth", "peer-key-file"),
            *("peer-trusted-ca-file", "snapshot-count", "trusted-ca-file", "watch-progress-notify-interval"),
            *("experimental-initial-corrupt-check", "experimental-watch-progress-notify-interval"),
        }
    ),
}
# flags that hold a list, of which each word may be somebody's own; and what kubeadm puts there
_LISTS: Mapping[str, frozenset[str]] = {
    "authorization-mode": frozenset({"Node", "RBAC"}),
    "enable-admission-plugins": frozenset({"NodeRestriction"}),
    "disable-admission-plugins": frozenset(),
    "feature-gates": frozenset({"InitialCorruptCheck"}),
}
_MERELY_LOGGED = frozenset({"v", "vmodule"})  # nobody depends on how much is logged


def only_in_manifests(
    pods: Iterable[StaticPod], configured: Mapping[str, Flags], kubeadm_gates: Iterable[str]
) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Component -> flag -> nodes. A word of a list stands behind its flag, as `feature-gates=SomeGate`.

    `configured` is what extraArgs say; the feature gates of kubeadm itself it may pass on to components.
    """
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    explained = frozenset(kubeadm_gates)
    for pod in pods:
        for flag in _unexplained(pod, configured.get(pod.component, {}), explained):
            nodes = found.setdefault(pod.component, {})
            nodes[flag] = tuple(sorted({*nodes.get(flag, ()), pod.node}))
    return found


def flag_of(unexplained: str) -> tuple[str, str]:
    """The flag, and the word of its list, where it is one's."""
    flag, _, word = unexplained.partition("=")
    return flag, word


def _unexplained(pod: StaticPod, configured: Flags, gates: frozenset[str]) -> Iterator[str]:
    started_with = read_flags(_words(pod))
    for flag in sorted(started_with.keys() - _MERELY_LOGGED):
        if flag in _LISTS:
            there, said = _names(started_with, flag), _names(configured, flag)
            yield from (f"{flag}={name}" for name in sorted(there - said - _LISTS[flag] - gates))
        elif flag not in KUBEADMS_OWN[pod.component] and flag not in configured:
            yield flag


def _names(flags: Flags, flag: str) -> frozenset[str]:
    """Of a feature gate without its value."""
    return frozenset(word.partition("=")[0].strip() for word in listed(flags, flag))


def _words(pod: StaticPod) -> Iterator[str]:
    """etcd reads one dash before a whole name as two."""
    for word in pod.command:
        is_etcds = pod.component == "etcd" and word.startswith("-") and len(word) > 2
        yield f"--{word.lstrip('-')}" if is_etcds else word
