"""Which files does a fresh host have? After golden/os-release.txt and golden/kubelet-files-w1.txt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import node_objects
from lab.packages import DEFAULT_KEYRING, repository_source
from lab.releases import Release
from lab.workload_objects import kubelet_config_text

if TYPE_CHECKING:
    from lab.host import Host

OS_RELEASE = """\
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
SUPPORT_URL="https://www.debian.org/support"
BUG_REPORT_URL="https://bugs.debian.org/"
"""
KEY = (
    "-----BEGIN PGP PUBLIC KEY "
    "BLOCK-----\n\nmQENBGMHoXcBCADukGOEQyleViOgtkMVa7hKifP6POCTh+98xNW4TfHK/nBJN2sm\n-----END "
    "PGP PUBLIC KEY BLOCK-----\n"
)
KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- cluster: {{server: {server}}}
  name: {cluster}
contexts:
- context: {{cluster: {cluster}, user: {user}}}
  name: {user}@{cluster}
current-context: {user}@{cluster}
users:
- name: {user}
  user: {{client-certificate-data: REDACTED}}
"""
UNIT = """\
[Unit]
Description=kubelet: The Kubernetes Node Agent
[Service]
ExecStart=/usr/bin/kubelet
Restart=always
"""
DROP_IN = """\
# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""
MACHINE_ID = "/etc/machine-id"
MOUNTS = """\
/dev/vda / ext4 rw,relatime,discard 0 0
proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0
sysfs /sys sysfs ro,nosuid,nodev,noexec,relatime 0 0
tmpfs /run tmpfs rw,nosuid,nodev,size=2410584k,mode=755 0 0
"""
_DIRECTORIES = (
    ("/etc/kubernetes/manifests", 0o700),
    ("/etc/apt/keyrings", 0o755),
    ("/etc/apt/sources.list.d", 0o755),
    ("/var/cache/apt/archives", 0o755),
    ("/var/backups", 0o755),
    ("/var/lib/containerd", 0o711),
    ("/var/lib/kubelet/pods", 0o750),
    ("/root", 0o700),
    ("/run/systemd", 0o755),
)
_CONTROL_PLANE_PKI = (
    "ca", "apiserver", "apiserver-etcd-client", "apiserver-kubelet-client", "front-proxy-ca",
    "front-proxy-client", "etcd/ca", "etcd/server", "etcd/peer", "etcd/healthcheck-client",
)  # fmt: skip


def furnish(host: Host, release: Release) -> None:
    files = host.files
    for path, mode in _DIRECTORIES:
        files.make_directory(path, mode)
    files.put("/etc/os-release", OS_RELEASE)
    files.put("/etc/hostname", f"{host.name}\n")
    files.put("/proc/sys/kernel/hostname", f"{host.name}\n", 0o444)
    write_boot_id(host)
    files.put("/proc/mounts", MOUNTS, 0o444)
    files.put("/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz root=/dev/vda ro\n", 0o444)
    files.put(MACHINE_ID, f"{node_objects.machine_id(host.name)}\n", 0o444)
    files.put("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n", 0o444)
    files.put("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n", 0o444)
    files.put("/etc/containerd/config.toml", 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n')
    _furnish_apt(host, release)
    _furnish_kubelet(host, release)
    if host.control_plane:
        _furnish_control_plane(host, release)


def write_boot_id(host: Host) -> None:
    host.files.put("/proc/sys/kernel/random/boot_id", f"{host.boot_id}\n", 0o444)


def _furnish_apt(host: Host, release: Release) -> None:
    path, text = repository_source(host.cluster.spec.repository, release.minor)
    host.files.put(path, text)
    host.files.put("/etc/apt/sources.list", "deb http://mirror.example.org/debian bookworm main\n")
    host.files.put(str(host.cluster.spec.repository.get("keyring", DEFAULT_KEYRING)), KEY)


def _furnish_kubelet(host: Host, release: Release) -> None:
    files = host.files
    files.put("/var/lib/kubelet/config.yaml", kubelet_config_text())
    arguments = "--container-runtime-endpoint=unix:///run/containerd/containerd.sock"
    if release.minor < 35:
        arguments += f" --pod-infra-container-image={release.image('pause')}"
    files.put("/var/lib/kubelet/kubeadm-flags.env", f'KUBELET_KUBEADM_ARGS="{arguments}"\n')
    files.put("/etc/kubernetes/kubelet.conf", _kubeconfig(host, f"system:node:{host.name}"), 0o600)
    files.put(f"{host.cluster.spec.certificates}/ca.crt", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
    files.put("/usr/lib/systemd/system/kubelet.service", UNIT)
    files.put("/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", DROP_IN)


def _furnish_control_plane(host: Host, release: Release) -> None:
    files, pki, data = host.files, host.cluster.spec.certificates, host.cluster.spec.etcd_data
    names = ["admin", "controller-manager", "scheduler"] + (["super-admin"] if release.minor >= 29 else [])
    for name in names:
        files.put(f"/etc/kubernetes/{name}.conf", _kubeconfig(host, f"kubernetes-{name}"), 0o600)
    for name in _CONTROL_PLANE_PKI:
        files.put(f"{pki}/{name}.crt", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
        files.put(
            f"{pki}/{name}.key",
            "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
            0o600,
        )
    for name in ("sa.key", "sa.pub"):
        files.put(f"{pki}/{name}", "-----BEGIN KEY-----\n-----END KEY-----\n", 0o600)
    files.make_directory(data, 0o700)
    files.put(f"{data}/member/snap/db", b"\0" * 64, 0o600, size=1626112)
    files.put(f"{data}/member/wal/0.wal", b"\0" * 64, 0o600, size=64_000_000)


def _kubeconfig(host: Host, user: str) -> str:
    return KUBECONFIG.format(server=host.cluster.api_url, cluster=host.cluster.spec.name, user=user)
