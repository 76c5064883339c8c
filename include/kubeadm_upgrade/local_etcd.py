"""Where a member of etcd has its data and its certificates: as its static Pod was started, else as kubeadm-config says.

https://kubernetes.io/docs/reference/config-api/kubeadm-config.v1beta4/ (LocalEtcd, certificatesDir)
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

DATA = "/var/lib/etcd"  # kubeadm's defaults
CERTIFICATES = "/etc/kubernetes/pki"
_SNAPSHOT = "kubeadm-fleet-snapshot.db"

# an address that means all of them is asked on the loopback of its family
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
_LOOPBACKS = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class LocalEtcd:
    """One member, as whoever is on its host reaches it."""

    data: str = DATA  # as etcd itself sees it
    data_on_host: str = DATA
    ca: str = f"{CERTIFICATES}/etcd/ca.crt"
    cert: str = f"{CERTIFICATES}/etcd/server.crt"
    key: str = f"{CERTIFICATES}/etcd/server.key"
    endpoint: str = "https://127.0.0.1:2379"

    @property
    def ctl(self) -> tuple[str, ...]:
        """etcdctl, in the member's own container."""
        return ("etcdctl", "--endpoints", self.endpoint, "--cacert", self.ca, "--cert", self.cert, "--key", self.key)

    @property
    def snapshot(self) -> str:
        """Where etcd writes one: its image has no shell and sees only this directory, so it is moved out at once."""
        return posixpath.join(self.data, _SNAPSHOT)

    @property
    def snapshot_on_host(self) -> str:
        return posixpath.join(self.data_on_host, _SNAPSHOT)

    @property
    def database(self) -> str:
        return posixpath.join(self.data_on_host, "member/snap/db")


def configured(data: str = DATA, certificates: str = CERTIFICATES) -> LocalEtcd:
    """As kubeadm starts a member of a cluster with these directories, which it mounts where they are."""
    pki = posixpath.join(posixpath.normpath(certificates), "etcd")
    names = {"ca": "ca.crt", "cert": "server.crt", "key": "server.key"}
    files = {part: posixpath.join(pki, name) for part, name in names.items()}
    return LocalEtcd(posixpath.normpath(data), posixpath.normpath(data), **files)


def started_with(argv: Sequence[str], mounts: Mapping[str, str], otherwise: LocalEtcd) -> LocalEtcd:
    """What a member was started with; `mounts` are directories of its container, and where the host has them.

    A flag that is not given leaves what the cluster's configuration says.
    """
    flags = dict(_flags(argv))
    data = posixpath.normpath(flags.get("data-dir") or otherwise.data)
    endpoints = [_reached(url.strip()) for url in flags.get("listen-client-urls", "").split(",") if url.strip()]
    return replace(
        otherwise,
        data=data,
        data_on_host=_on_host(data, mounts),
        ca=flags.get("trusted-ca-file") or otherwise.ca,
        cert=flags.get("cert-file") or otherwise.cert,
        key=flags.get("key-file") or otherwise.key,
        # the loopback first: the other address may be behind a firewall of the host's own
        endpoint=min(endpoints, key=lambda url: not _is_loopback(url), default=otherwise.endpoint),
    )


def _flags(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    """etcd takes one dash or two, and a value behind `=` or as the next word; the last one counts."""
    for number, word in enumerate(argv):
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            following = argv[number + 1] if number + 1 < len(argv) else ""
            yield name, value if equals else following


def _on_host(path: str, mounts: Mapping[str, str]) -> str:
    """Through the mount that is nearest above it."""
    above = [mount for mount in mounts if f"{path}/".startswith(f"{mount.rstrip('/')}/")]
    if not above:
        return path
    nearest = max(above, key=len)
    return posixpath.normpath(posixpath.join(mounts[nearest], posixpath.relpath(path, nearest)))


def _reached(url: str) -> str:
    name = urlsplit(url).hostname or ""
    written = f"[{name}]" if ":" in name else name
    return url.replace(written, _EVERYWHERE[name], 1) if name in _EVERYWHERE else url


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in _LOOPBACKS
