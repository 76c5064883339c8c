"""Back up etcd and /etc/kubernetes before the control plane moves: no backup, no hop (invariant I4).

https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/#backing-up-an-etcd-cluster
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from kubeadm_upgrade.actions import Action, Run, install_file
from kubeadm_upgrade.facts import Backup, BackupFile, Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.steps import Need, Step

DIRECTORY = "/var/backups/kubeadm-fleet"
SNAPSHOT = "etcd.db"
ARCHIVE = "etc-kubernetes.tar.gz"

# etcd's image has no shell and sees only its data directory, so the snapshot is made there and moved out at once.
_IN_POD = "/var/lib/etcd/kubeadm-fleet-snapshot.db"
_PKI = "/etc/kubernetes/pki/etcd"
_ETCDCTL = (
    *("etcdctl", "--endpoints", "https://127.0.0.1:2379"),
    *("--cacert", f"{_PKI}/ca.crt", "--cert", f"{_PKI}/server.crt", "--key", f"{_PKI}/server.key"),
)


class BackUp(Step):
    """Take a verified snapshot of etcd, and an archive of /etc/kubernetes, on a control plane node."""

    needs = frozenset({Need.HOST, Need.BACKUPS, Need.CONTROL_PLANE})

    def done(self, facts: Facts, hop: Hop) -> bool:
        if self._nothing_moves(facts, hop):
            return True
        backup = _of_this_run(facts, hop)
        return backup is not None and backup.complete

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        members = {pod.node for pod in facts.control_plane.static_pods if pod.component == "etcd"}
        if facts.node.name not in members:
            return "no etcd runs here as a static Pod, and a snapshot of an external etcd is not supported yet"
        return None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        target = f"{DIRECTORY}/{self._name(facts, hop)}"
        yield Run(("install", "-d", "-m", "0700", target))
        yield from install_file(f"{target}/run", hop.run)
        yield _in_etcd_pod(facts.node.name, *_ETCDCTL, "snapshot", "save", _IN_POD)
        yield _in_etcd_pod(facts.node.name, "etcdutl", "snapshot", "status", _IN_POD, "-w", "json")
        yield Run(("mv", "-f", _IN_POD, f"{target}/{SNAPSHOT}"))
        # kubeadm keeps copies of etcd's data under tmp; they would make the archive as large as the snapshot
        what = ("--exclude=etc/kubernetes/tmp", "etc/kubernetes")
        yield Run(("tar", "-C", "/", "-czf", f"{target}/{ARCHIVE}.part", *what))
        yield Run(("mv", "-f", f"{target}/{ARCHIVE}.part", f"{target}/{ARCHIVE}"))

    def details(self, facts: Facts, hop: Hop) -> tuple[str, ...]:
        backup = _of_this_run(facts, hop)
        files = backup.files if backup else ()
        return tuple(f"{file.path}: {file.size} bytes, sha256 {file.sha256}" for file in files)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        files = tuple(BackupFile(f"{DIRECTORY}/{self._name(facts, hop)}/{name}", 1, "") for name in (SNAPSHOT, ARCHIVE))
        ours = Backup(self._name(facts, hop), hop.run, files)
        others = tuple(backup for backup in facts.host.backups if backup.run != hop.run)
        return replace(facts, host=replace(facts.host, backups=(*others, ours)))

    def _nothing_moves(self, facts: Facts, hop: Hop) -> bool:
        at_target = all(facts.control_plane.at(node, hop.to) for node in hop.control_plane)
        return at_target and facts.control_plane.cluster_version == hop.to

    def _name(self, facts: Facts, hop: Hop) -> str:
        """A directory of this run's own: an older backup is never written over.

        It is numbered, not stamped with a time or a run id, so that a dry run prints the name that is then used.
        """
        if ours := _of_this_run(facts, hop):
            return ours.name
        stem = f"{hop.came_from.tag}-to-{hop.to.tag}"
        taken = {backup.name for backup in facts.host.backups}
        return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}.{n}") not in taken)


def _of_this_run(facts: Facts, hop: Hop) -> Backup | None:
    return next((backup for backup in facts.host.backups if backup.run == hop.run), None)


def _in_etcd_pod(node: str, *argv: str) -> Run:
    kubectl = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "-n", "kube-system")
    return Run((*kubectl, "exec", f"etcd-{node}", "--", *argv), timeout=timedelta(minutes=15))
