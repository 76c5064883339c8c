"""The backup before the control plane moves: when it is there, and when it is not (I4)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.examples import EARLIER, NEW, RUN, a_backup, a_control_plane, a_hop, on_host, static_pods
from in_memory.walk import begin, persevere
from in_memory.world import FAILED, SUCCEEDED, Crash, remembered
from kubeadm_upgrade import queries
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.backup import ARCHIVE, DIRECTORY, SNAPSHOT, fresh
from kubeadm_upgrade.facts import Backup, BackupFile
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.policy import FRESH
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.query import read_files_with_text

STEP = STEPS["back_up"]
HERE = f"{DIRECTORY}/v1.28.15-to-v1.29.15.1"
OURS, THEIRS = RUN.unmistakable, EARLIER.unmistakable
FILES = (BackupFile(f"{HERE}/{SNAPSHOT}", 7, sha256="ab"), BackupFile(f"{HERE}/{ARCHIVE}", 9, sha256="cd"))
OLD = FRESH + timedelta(seconds=1)


def aged(*files, age):
    return tuple(replace(file, age=age) for file in files)


@pytest.mark.parametrize(
    ("backups", "done"),
    [
        pytest.param((), False, id="none"),
        pytest.param((Backup("v", OURS, FILES),), True, id="of this run"),
        pytest.param((Backup("v", THEIRS, FILES),), False, id="of another run"),
        pytest.param((Backup("v", "run run-1 of https://other.example", FILES),), False, id="of a namesake elsewhere"),
        pytest.param((Backup("v", OURS, FILES[:1]),), False, id="the archive is missing"),
        pytest.param((Backup("v", OURS, (FILES[0], replace(FILES[1], size=0))),), False, id="an empty file"),
        pytest.param((Backup("u", THEIRS), Backup("v", OURS, FILES)), True, id="beside an older one"),
        pytest.param((Backup("v", OURS, aged(*FILES, age=FRESH)),), True, id="an hour old"),
        pytest.param((Backup("v", OURS, aged(*FILES, age=OLD)),), False, id="older"),
        pytest.param((Backup("v", OURS, (*aged(FILES[0], age=OLD), FILES[1])),), False, id="an old snapshot in it"),
        pytest.param(
            (Backup("v.1", OURS, FILES[:1], begun=timedelta(minutes=9)), Backup("v.2", OURS, FILES)),
            True,
            id="beside one of ours that was left unfinished",
        ),
        pytest.param(
            (Backup("v.1", OURS, FILES, begun=timedelta(minutes=9)), Backup("v.2", OURS)),
            False,
            id="before one that was begun since",
        ),
    ],
)
def test_only_a_complete_and_fresh_backup_of_this_run_counts(facts_of, hop, backups, done):
    """Yesterday's backup does not hold today's cluster, whoever took it."""
    assert STEP.done(on_host(facts_of("cp1"), backups=backups), hop) is done


def test_where_nothing_moves_no_backup_is_taken(facts_of, hop):
    """A second run changes nothing; one node that still has to move is enough to want one."""
    facts = facts_of("cp1")
    at_target = a_control_plane(hop, NEW)
    assert STEP.done(replace(facts, control_plane=at_target), hop)
    one_left = replace(at_target, static_pods=(*at_target.static_pods[:-1], facts.control_plane.static_pods[-1]))
    assert not STEP.done(replace(facts, control_plane=one_left), hop)


def test_a_hop_that_fixes_etcd_moves_something_also_where_the_versions_stay(facts_of, hop):
    """Passing etcd's gate replaces etcd: that is what a backup is for."""
    gate = replace(hop, came_from=NEW, etcd_pin="3.5.26-0")
    facts = replace(facts_of("cp1"), control_plane=a_control_plane(hop, NEW))
    assert not STEP.done(facts, gate)
    pinned = tuple(replace(p, image_tag="3.5.26-0") if p.component == "etcd" else p for p in static_pods(hop, NEW))
    assert STEP.done(replace(facts, control_plane=replace(facts.control_plane, static_pods=pinned)), gate)


def test_a_snapshot_gets_its_name_only_after_it_was_verified(hop):
    """And the archive only when it is whole: whatever has its name is complete."""
    world = begin(hop, "cp1")
    asyncio.run(persevere(STEP, hop, world))
    lines = [action.argv for action in world.log]
    save, verify = (next(i for i, a in enumerate(lines) if word in a) for word in ("save", "status"))
    named = next(i for i, a in enumerate(lines) if a[-1] == f"{HERE}/{SNAPSHOT}")
    assert save < verify < named
    assert lines[-1] == ("mv", "-f", f"{HERE}/{ARCHIVE}.part", f"{HERE}/{ARCHIVE}")
    assert next(line for line in lines if line[0] == "install") == ("install", "-d", "-m", "0700", HERE)


def test_the_outcome_names_every_file_with_size_and_digest(facts_of, hop):
    """Enough to find it again and to prove that it is the same."""
    facts = on_host(facts_of("cp1"), backups=(Backup("v", OURS, FILES),))
    assert STEP.details(facts, hop) == (
        f"{HERE}/{SNAPSHOT}: 7 bytes, sha256 ab",
        f"{HERE}/{ARCHIVE}: 9 bytes, sha256 cd",
    )


@pytest.mark.parametrize(
    ("backups", "name"),
    [
        pytest.param((), "v1.28.15-to-v1.29.15.1", id="the first"),
        pytest.param((Backup("v1.28.15-to-v1.29.15.1", THEIRS),), "v1.28.15-to-v1.29.15.2", id="another run's"),
        pytest.param((Backup("v1.28.15-to-v1.29.15.1", THEIRS), Backup("x.7", OURS)), "x.7", id="ours, just begun"),
        pytest.param((Backup("v1.28.15-to-v1.29.15.1", OURS, FILES),), "v1.28.15-to-v1.29.15.2", id="ours, complete"),
        pytest.param(
            (Backup("v1.28.15-to-v1.29.15.1", OURS, aged(FILES[0], age=OLD), begun=OLD),),
            "v1.28.15-to-v1.29.15.2",
            id="ours, begun before a pause",
        ),
    ],
)
def test_the_backups_name_is_free_and_its_own(facts_of, hop, backups, name):
    """An older backup is never written over; a retry goes on with its own, unless that has become too old."""
    facts = on_host(facts_of("cp1"), backups=backups)
    assert next(iter(STEP.actions(facts, hop))).argv[-1].rsplit("/", 1)[1] == name


def test_an_old_backup_is_taken_again_beside_it(hop):
    """After a pause of days, in a directory of its own."""
    world = begin(hop, "cp1")
    asyncio.run(persevere(STEP, hop, world))
    first = world.backups()
    world.later(timedelta(days=2))
    assert asyncio.run(persevere(STEP, hop, world)).status == "changed"
    assert [one.name[-2:] for one in world.backups()] == [".1", ".2"]
    assert fresh(asyncio.run(world.look(STEP)))
    assert {file.path for file in first[0].files} <= world.files.keys()


@pytest.mark.parametrize(
    ("loose", "ours"),
    [
        pytest.param(timedelta(minutes=5), False, id="another run's, of five minutes ago"),
        pytest.param(timedelta(days=3), False, id="of three days ago"),
        pytest.param(timedelta(), True, id="taken since this run began"),
    ],
)
def test_a_snapshot_that_lies_about_is_used_only_if_it_is_the_one_that_was_begun(facts_of, hop, loose, ours):
    """This run has noted that it begins, and died before it began; the finished unit is somebody else's."""
    facts = on_host(facts_of("cp1"), backups=(Backup("x.7", OURS, begun=timedelta(seconds=3)),), loose_snapshot=loose)
    facts = replace(facts, units=remembered("back-up-etcd", SUCCEEDED))
    saves = [action for action in STEP.actions(facts, hop) if "save" in action.argv]
    assert (saves == []) is ours


def test_a_snapshot_that_failed_is_not_used(facts_of, hop):
    """What lies about is half of one."""
    facts = on_host(facts_of("cp1"), backups=(Backup("x.7", OURS),), loose_snapshot=timedelta())
    facts = replace(facts, units=remembered("back-up-etcd", FAILED))
    assert [action for action in STEP.actions(facts, hop) if "save" in action.argv]


def test_two_runs_never_write_side_by_side(hop):
    """One unit for all runs and targets; whoever comes while it runs is attached to it."""
    assert STEP.unit(hop) == STEP.unit(replace(hop, to=replace(NEW, patch=14)))
    world = begin(hop, "cp1", slow=5)

    async def both():
        for _ in range(3):
            await persevere_once(world, hop)
        world.facts = replace(world.facts, run=EARLIER, ledger=world.facts.ledger.claimed(EARLIER, world.facts.now))
        await persevere_once(world, hop)

    asyncio.run(both())
    assert world.started("back-up-etcd") == 1


async def persevere_once(world, hop):
    from kubeadm_upgrade.engine import perform

    await perform(STEP, hop, world)


@pytest.mark.parametrize("left", ["nothing", "another run's"])
@given(crashes=st.lists(st.integers(1, 16), max_size=4), pauses=st.lists(st.sampled_from([0, 90]), min_size=4))
def test_a_crash_after_anything_ends_in_a_complete_backup(left, crashes, pauses):
    """However long it takes until somebody goes on, and whatever another run has left."""
    hop = a_hop()
    world = begin(hop, "cp1")
    if left != "nothing":
        world.units = remembered("back-up-etcd", SUCCEEDED)
        world.files[LocalEtcd().snapshot] = (7, world.facts.now - timedelta(minutes=5))
    began = world.facts.now
    for crash_in, minutes in zip(crashes, pauses, strict=False):
        world.crash_in = crash_in
        try:
            asyncio.run(persevere(STEP, hop, world))
        except Crash:
            world.later(timedelta(minutes=minutes))
    world.crash_in = -1
    asyncio.run(persevere(STEP, hop, world))
    facts = asyncio.run(world.look(STEP))
    assert fresh(facts)
    newest = min(facts.host.backups, key=lambda one: one.begun)
    assert {file.path.rsplit("/", 1)[1] for file in newest.files} == {SNAPSHOT, ARCHIVE}
    assert all(world.files[file.path][1] >= began for file in newest.files), "another run's snapshot"


def test_no_hop_without_a_fresh_backup(facts_of, hop):
    """I4: also where a person clears the next task only."""
    apply, taken = STEPS["kubeadm_upgrade"], on_host(facts_of("cp1"), packages=dict(hop.sources["deb"].packages))
    taken = replace(taken, ledger=taken.ledger.taken("cp1", "control-plane", RUN, taken.now))
    reason = "there is no fresh backup of this run: clear its back_up task as well"
    assert apply.refuse(taken, hop) == reason
    assert apply.refuse(on_host(taken, backups=(a_backup(age=OLD),)), hop) == reason
    assert apply.refuse(on_host(taken, backups=(a_backup(),)), hop) is None


def test_backups_are_put_together_from_what_hosts_answer():
    """Each directory by its run file; its files by their digests, sizes and ages."""
    runs = read_files_with_text(f"{HERE}/run:{OURS}\n{DIRECTORY}/older.1/run:{THEIRS}\n")
    sums = queries.read_sums(f"ab  {HERE}/{SNAPSHOT}\ncd  {HERE}/{ARCHIVE}\n")
    stats = queries.read_stats(f"7 1060 {HERE}/{SNAPSHOT}\n9 1090 {HERE}/{ARCHIVE}\n5 1000 {HERE}/run\n")
    snapshot, archive = FILES
    found = (replace(snapshot, age=timedelta(seconds=40)), replace(archive, age=timedelta(seconds=10)))
    assert set(queries.backups(runs, stats, sums, now=1100.0)) == {
        Backup("older.1", THEIRS),
        Backup("v1.28.15-to-v1.29.15.1", OURS, found, begun=timedelta(seconds=100)),
    }


@pytest.mark.parametrize(("ahead", "fresh"), [(5.0, True), (3600.0, False)])
def test_a_backup_from_the_future_is_of_no_known_age(ahead, fresh):
    """The host's clock was set back since: one of yesterday looks as if it were taken just now."""
    assert (queries.youngest({"etcd.db": (7, 1000.0 + ahead)}, now=1000.0) <= FRESH) is fresh


def test_of_a_backup_only_the_snapshot_is_a_unit(facts_of, hop):
    """It is what takes long; and under one name, whatever the run."""
    units = [action.unit for action in STEP.actions(facts_of("cp1"), hop) if isinstance(action, Run) and action.unit]
    assert units == ["back-up-etcd"]


ELSEWHERE = "certificatesDir: /etc/kubernetes/ssl\netcd: {local: {dataDir: /data/etcd}}\n"


def test_a_backup_follows_the_clusters_own_directories(facts_of, hop):
    """etcd's data and its certificates are where the cluster has them."""
    facts = facts_of("cp1")
    facts = replace(facts, control_plane=replace(facts.control_plane, configuration=ELSEWHERE))
    lines = [" ".join(action.argv) for action in STEPS["back_up"].actions(facts, hop)]
    (save,) = [line for line in lines if " snapshot save " in line]
    assert save.endswith(
        "--cacert /etc/kubernetes/ssl/etcd/ca.crt --cert /etc/kubernetes/ssl/etcd/server.crt "
        "--key /etc/kubernetes/ssl/etcd/server.key snapshot save /data/etcd/kubeadm-fleet-snapshot.db"
    )
    assert [line for line in lines if line.startswith("mv -f /data/etcd/kubeadm-fleet-snapshot.db /var/backups/")]
    assert not [line for line in lines if "/var/lib/etcd" in line or "/pki" in line]


@pytest.mark.parametrize(
    ("directory", "archived"),
    [
        pytest.param("/etc/kubernetes/pki", ["etc/kubernetes"], id="kubeadm's own"),
        pytest.param("/etc/kubernetes/ssl/", ["etc/kubernetes"], id="below the same directory"),
        pytest.param("/etc/kubernetes-pki", ["etc/kubernetes", "./etc/kubernetes-pki"], id="a name that begins alike"),
        pytest.param("/opt/tls", ["etc/kubernetes", "./opt/tls"], id="elsewhere"),
    ],
)
def test_the_archive_holds_the_certificates_wherever_they_are(facts_of, hop, directory, archived):
    """A snapshot without the cluster's own authority restores nothing."""
    facts = facts_of("cp1")
    plane = replace(facts.control_plane, configuration=f"certificatesDir: {directory}")
    (tar,) = [a.argv for a in STEPS["back_up"].actions(replace(facts, control_plane=plane), hop) if a.argv[0] == "tar"]
    assert list(tar[tar.index("--exclude=etc/kubernetes/tmp") + 1 :]) == archived
