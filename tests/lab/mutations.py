"""Does this command change the host? Decided by its argv alone, before it runs."""

from __future__ import annotations

from collections.abc import Sequence

_ALWAYS = {
    "dd",
    "tee",
    "mv",
    "install",
    "rm",
    "mkdir",
    "rmdir",
    "tar",
    "cp",
    "touch",
    "chmod",
    "chown",
    "systemd-run",
    "ln",
}
_SCRATCH = "/run/kubeadm-fleet/"  # what is laid down there, nobody else reads
_SYSTEMCTL_READS = {"is-active", "is-failed", "is-enabled", "show", "status", "cat", "list-units"}


def mutates(argv: Sequence[str]) -> bool:
    if not argv:
        return False
    if any(_SCRATCH in word for word in argv):
        return False
    name, rest = argv[0].rpartition("/")[2], list(argv[1:])
    special = {
        "apt-get": _apt_get,
        "apt": _apt_get,
        "apt-helper": lambda rest: rest[:1] == ["download-file"],
        "apt-mark": _apt_mark,
        "systemctl": _systemctl,
        "kubeadm": _kubeadm,
        "kubectl": _snapshot,
        "crictl": _crictl,
        "curl": _curl,
        "xargs": lambda rest: mutates(rest[4:]),  # -a FILE -n 1
    }
    return special[name](rest) if name in special else name in _ALWAYS


def _apt_get(rest: list[str]) -> bool:
    return not {"-s", "--simulate", "--dry-run", "--just-print"}.intersection(rest)


def _apt_mark(rest: list[str]) -> bool:
    return rest[:1] in (["hold"], ["unhold"])


def _systemctl(rest: list[str]) -> bool:
    verbs = [word for word in rest if not word.startswith("-")]
    return bool(verbs) and verbs[0] not in _SYSTEMCTL_READS


def _kubeadm(rest: list[str]) -> bool:
    if "--dry-run" in rest:
        return False
    return rest[:2] in (["upgrade", "apply"], ["upgrade", "node"]) or rest[:3] == ["config", "images", "pull"]


def _snapshot(rest: list[str]) -> bool:
    return "snapshot" in rest and "save" in rest


def _crictl(rest: list[str]) -> bool:
    return "pull" in rest or _snapshot(rest)


def _curl(rest: list[str]) -> bool:
    return any(word in ("-o", "--output", "-O") or word.startswith(("--output=", "-o/")) for word in rest)
