"""Back up etcd and /etc/kubernetes before the control plane moves: no backup, no hop (invariant I4).

https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/#backing-up-an-etcd-cluster
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from kubeadm_upgrade import etcd
from kubeadm_upgrade.actions import Action, Run, install_file
from kubeadm_upgrade.facts import Backup, BackupFile, Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.installs import succeeded
from kubeadm_upgrade.policy import FRESH
from kubeadm_upgrade.settings import read_certificates_dir
from kubeadm_upgrade.steps import Need, Step, unit_of

DIRECTORY = "/var/backups/kubeadm-fleet"
RUN = "run"  # whose it is; written anew whenever a snapshot is begun
SNAPSHOT = "etcd.db"
ARCHIVE = "etc-kubernetes.tar.gz"
_CONFIGURATION = "/etc/kubernetes"


class BackUp(Step):
    """Take a verified snapshot of etcd, and an archive of /etc/kubernetes, on a control plane node."""

    needs = frozenset({Need.HOST, Need.BACKUPS, Need.CONTROL_PLANE})

    def done(self, facts: Facts, hop: Hop) -> bool:
        return self._nothing_moves(facts, hop) or fresh(facts)

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        members = {pod.node for pod in facts.control_plane.static_pods if pod.component == "etcd"}
        if facts.node.name not in members:
            return "no etcd runs here as a static Pod, and a snapshot of an external etcd is not supported yet"
        return None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        """The snapshot is a unit, under one name for all runs: no two ever write to the same file."""
        target = f"{DIRECTORY}/{self._name(facts, hop)}"
        node, local = facts.node.name, facts.control_plane.local_etcd(facts.node.name)
        if not self._moved(facts):
            if not self._taken(facts, hop):
                yield Run(("install", "-d", "-m", "0700", target))
                yield from install_file(f"{target}/{RUN}", facts.run.unmistakable)
                argv = etcd.in_pod(node, *local.ctl, "snapshot", "save", local.snapshot)
                yield Run(argv, unit=self.unit(hop))
            status = etcd.in_pod(node, "etcdutl", "snapshot", "status", local.snapshot, "-w", "json")
            yield Run(status, timeout=_LONG)
            yield Run(("mv", "-f", local.snapshot_on_host, f"{target}/{SNAPSHOT}"), timeout=_LONG)
        # kubeadm keeps copies of etcd's data under tmp; they would make the archive as large as the snapshot
        what = ("--exclude=etc/kubernetes/tmp", *_directories(facts))
        yield Run(("tar", "-C", "/", "-czf", f"{target}/{ARCHIVE}.part", *what))
        yield Run(("mv", "-f", f"{target}/{ARCHIVE}.part", f"{target}/{ARCHIVE}"))

    def unit(self, hop: Hop) -> str:
        return "back-up-etcd"

    def details(self, facts: Facts, hop: Hop) -> tuple[str, ...]:
        backup = of_this_run(facts)
        files = backup.files if backup else ()
        return tuple(f"{file.path}: {file.size} bytes, sha256 {file.sha256}" for file in files)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        files = tuple(BackupFile(f"{DIRECTORY}/{self._name(facts, hop)}/{name}", 1) for name in (SNAPSHOT, ARCHIVE))
        ours = Backup(self._name(facts, hop), facts.run.unmistakable, files)
        others = tuple(backup for backup in facts.host.backups if backup.name != ours.name)
        host = replace(facts.host, backups=(*others, ours), loose_snapshot=None)
        return succeeded(replace(facts, host=host), self.unit(hop))

    def _begun(self, facts: Facts) -> Backup | None:
        """The directory that an earlier try of this run has begun, not long ago."""
        ours = of_this_run(facts)
        young = ours is not None and not ours.complete and max(ours.begun, ours.age) <= FRESH
        return ours if young else None

    def _taken(self, facts: Facts, hop: Hop) -> bool:
        """Whether the snapshot that lies about is the one that was begun: another run may have left one there."""
        begun, age = self._begun(facts), facts.host.loose_snapshot
        return begun is not None and unit_of(self, facts, hop).succeeded and age is not None and age <= begun.begun

    def _moved(self, facts: Facts) -> bool:
        begun = self._begun(facts)
        return begun is not None and any(file.path.endswith(SNAPSHOT) for file in begun.files)

    def _nothing_moves(self, facts: Facts, hop: Hop) -> bool:
        return all(facts.control_plane.arrived(node, hop.to, hop.etcd_pin) for node in hop.control_plane)

    def _name(self, facts: Facts, hop: Hop) -> str:
        """A directory of this run's own: an older backup is never written over, and an old one of ours neither.

        It is numbered, not stamped with a time or a run id, so that a dry run prints the name that is then used.
        """
        if begun := self._begun(facts):
            return begun.name
        stem = f"{hop.came_from.tag}-to-{hop.to.tag}"
        taken = {backup.name for backup in facts.host.backups}
        return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}.{n}") not in taken)


_LONG = timedelta(minutes=15)


def _directories(facts: Facts) -> tuple[str, ...]:
    """/etc/kubernetes, and the cluster's certificates where they are elsewhere; as tar names them, from the root.

    These begin with a dot, so that no rule of sudo's need allow a word that could be anything.
    """
    certificates = read_certificates_dir(facts.control_plane.configuration)
    inside = f"{certificates}/".startswith(f"{_CONFIGURATION}/")
    return (_CONFIGURATION.lstrip("/"), *(() if inside else (f".{certificates}",)))


def of_this_run(facts: Facts) -> Backup | None:
    """The newest one: an older one was taken, or left unfinished, before a pause."""
    ours = [backup for backup in facts.host.backups if backup.run == facts.run.unmistakable]
    return min(reversed(ours), key=lambda backup: backup.begun, default=None)


def fresh(facts: Facts) -> bool:
    """Whether there is a complete backup of this run that is young enough to be worth its name (invariant I4)."""
    backup = of_this_run(facts)
    return backup is not None and backup.complete and backup.age <= FRESH
