"""The backup before the control plane moves: when it is there, and when it is not (I4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.examples import NEW, on_host, static_pods
from kubeadm_upgrade import looks
from kubeadm_upgrade.backup import ARCHIVE, DIRECTORY, SNAPSHOT
from kubeadm_upgrade.facts import Backup, BackupFile
from kubeadm_upgrade.look import read_files_with_text
from kubeadm_upgrade.procedure import STEPS

STEP = STEPS["back_up"]
HERE = f"{DIRECTORY}/v1.28.15-to-v1.29.15.1"
FILES = (BackupFile(f"{HERE}/{SNAPSHOT}", 7, "ab"), BackupFile(f"{HERE}/{ARCHIVE}", 9, "cd"))


@pytest.mark.parametrize(
    ("backups", "done"),
    [
        pytest.param((), False, id="none"),
        pytest.param((Backup("v", "run-1", FILES),), True, id="of this run"),
        pytest.param((Backup("v", "run-0", FILES),), False, id="of another run"),
        pytest.param((Backup("v", "run-1", FILES[:1]),), False, id="the archive is missing"),
        pytest.param((Backup("v", "run-1", (FILES[0], replace(FILES[1], size=0))),), False, id="an empty file"),
        pytest.param((Backup("u", "run-0"), Backup("v", "run-1", FILES)), True, id="beside an older one"),
    ],
)
def test_only_a_complete_backup_of_this_run_counts(facts_of, hop, backups, done):
    """Yesterday's backup does not hold today's cluster."""
    assert STEP.done(on_host(facts_of("cp1"), backups=backups), hop) is done


def test_where_nothing_moves_no_backup_is_taken(facts_of, hop):
    """A second run changes nothing; one node that still has to move is enough to want one."""
    facts = facts_of("cp1")
    at_target = replace(facts.control_plane, static_pods=static_pods(hop, NEW), cluster_version=NEW)
    assert STEP.done(replace(facts, control_plane=at_target), hop)
    one_left = replace(at_target, static_pods=(*at_target.static_pods[:-1], facts.control_plane.static_pods[-1]))
    assert not STEP.done(replace(facts, control_plane=one_left), hop)


def test_a_snapshot_gets_its_name_only_after_it_was_verified(facts_of, hop):
    """And the archive only when it is whole: whatever has its name is complete."""
    lines = [action.argv for action in STEP.actions(facts_of("cp1"), hop)]
    save, verify = (next(i for i, a in enumerate(lines) if word in a) for word in ("save", "status"))
    named = next(i for i, a in enumerate(lines) if a[-1] == f"{HERE}/{SNAPSHOT}")
    assert save < verify < named
    assert lines[-1] == ("mv", "-f", f"{HERE}/{ARCHIVE}.part", f"{HERE}/{ARCHIVE}")
    assert next(line for line in lines if line[0] == "install") == ("install", "-d", "-m", "0700", HERE)


def test_the_outcome_names_every_file_with_size_and_digest(facts_of, hop):
    """Enough to find it again and to prove that it is the same."""
    facts = on_host(facts_of("cp1"), backups=(Backup("v", "run-1", FILES),))
    assert STEP.details(facts, hop) == (
        f"{HERE}/{SNAPSHOT}: 7 bytes, sha256 ab",
        f"{HERE}/{ARCHIVE}: 9 bytes, sha256 cd",
    )


def test_backups_are_put_together_from_what_hosts_answer():
    """Each directory by its run file; its files by their digests and sizes."""
    runs = read_files_with_text(f"{HERE}/run:run-1\n{DIRECTORY}/older.1/run:run-0\n")
    sums = looks.read_sums(f"ab  {HERE}/{SNAPSHOT}\ncd  {HERE}/{ARCHIVE}\n")
    sizes = looks.read_sizes(f"7 {HERE}/{SNAPSHOT}\n9 {HERE}/{ARCHIVE}\n")
    assert set(looks.backups(runs, sums, sizes)) == {
        Backup("older.1", "run-0"),
        Backup("v1.28.15-to-v1.29.15.1", "run-1", FILES),
    }
