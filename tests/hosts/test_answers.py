"""What decisions hang on, asked of the real systemd, ps, stat, grep and sudo: also of hosts that speak German."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from hosts import allow_list
from hosts.conftest import RealCluster, machines_of, start_cluster
from hosts.host_container import HostContainer
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.host import Host, address_of
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_upgrade import backup, objects, queries, units
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.errors import CommandFailed, Forbidden, UnitFailed
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.query import Completed, query
from kubeadm_upgrade.rights import sudoers

CP, WORKER = "real-cp1", "real-w1"
APPLY = "kubeadm-upgrade-v1.29.15"
LIST = "/etc/apt/sources.list.d/kubernetes.list"
LOCK = "import fcntl, time; lock = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(lock, fcntl.LOCK_EX); "


@pytest.fixture(scope="module")
def real(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    directory = tmp_path_factory.mktemp("answers")
    with machines_of(directory) as machines, pytest.MonkeyPatch.context() as monkeypatch:
        yield start_cluster(machines, directory, monkeypatch, workers=1)


@pytest.fixture(scope="module")
def hop(real) -> Hop:
    """Everything that comes before kubeadm itself is done on the worker, and on the control plane node."""

    async def prepare() -> Hop:
        hop = await real.walker.plan()
        await real.walker.preflight(hop)
        for node in (CP, WORKER):
            await real.walker.walk(hop, "stage", node)
        for step in ("admit", "back_up", "upgrade_kubeadm", "kubeadm_upgrade_plan", "configure_etcd"):
            await real.walker.step(hop, "control_plane", CP, step)
        await real.walker.step(hop, "workers", WORKER, "upgrade_kubeadm")
        return hop

    return asyncio.run(prepare())


def asked(real: RealCluster, node: str, *wanted: Any) -> list[Any]:
    """What the product reads of each query; of a Run, how it has ended."""

    async def ask() -> list[Any]:
        cluster = real.walker.cluster
        async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
            where = address_of(cluster, objects.read_node(await api.node(node)))
        async with Host.open(cluster, where) as host:
            return [await (host.run(one) if isinstance(one, Run) else host.ask(one)) for one in wanted]

    return asyncio.run(ask())


def until(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def tries_of(base: str) -> Any:
    return query(*units.tries(base), read=units.read_tries)


def starts(host: HostContainer, unit: str) -> int:
    journal = host.execute("journalctl", "-u", unit, "-o", "cat", "--no-pager")
    return journal.count(f"Started {unit}.service")


def test_tries_are_listed_in_every_state_that_systemd_remembers(real):
    """Running, ended well and failed; those of another unit, and of none, are not."""
    base, other = "kubeadm-upgrade-v1.29.1", "kubeadm-upgrade-v1.29.14.try-11"
    listing = Run(units.tries(base), root=False)
    assert asked(real, WORKER, listing, tries_of(base)) == [Completed(0, ""), None]
    began = {base: "false", f"{base}.try-2": "true", f"{base}.try-9": "sleep 60", f"{base}.try-10": "false"}
    asked(real, WORKER, *(Run(tuple(what.split()), unit=name) for name, what in {**began, other: "true"}.items()))

    def states() -> dict[str, list[str]]:
        (listed,) = asked(real, WORKER, listing)
        assert (listed.exit_status, listed.stderr) == (0, "")
        return {row[0]: row[1:4] for row in map(str.split, listed.stdout.splitlines())}

    expected = {
        f"{base}.service": ["loaded", "failed", "failed"],
        f"{base}.try-2.service": ["loaded", "active", "exited"],
        f"{base}.try-9.service": ["loaded", "active", "running"],
        f"{base}.try-10.service": ["loaded", "failed", "failed"],
    }
    until(lambda: states() == expected)
    assert asked(real, WORKER, tries_of(base)) == [f"{base}.try-10"]
    for reload in ("daemon-reload", "daemon-reexec"):  # ours before a kubelet's restart; a systemd that is upgraded
        real.hosts[WORKER].execute("systemctl", reload)
        assert states() == expected
    real.hosts[WORKER].execute("systemctl", "stop", *expected)
    real.hosts[WORKER].execute("systemctl", "reset-failed")
    assert asked(real, WORKER, listing, tries_of(base)) == [Completed(0, ""), None]


def test_of_two_who_start_the_same_next_try_at_once_one_attaches(real, hop, caplog):
    """systemd decides, whoever was first by a hair."""
    base, times = "kubeadm-upgrade-v1.29.2", range(2, 10)

    async def start() -> list[list[str | None]]:
        work = Assignment("real", RunId("run-1"), hop, "workers", "kubeadm_upgrade_node", WORKER)
        async with (
            NodeConnection.open(real.walker.cluster, work) as one,
            NodeConnection.open(real.walker.cluster, work) as other,
        ):
            await asyncio.gather(*(port.act(Run(("true",))) for port in (one, other)))  # both are logged in
            runs = [Run(("sleep", "60"), unit=f"{base}.try-{number}") for number in times]
            return [await asyncio.gather(one.act(run), other.act(run)) for run in runs]

    with caplog.at_level("INFO"):
        assert asyncio.run(start()) == [[None, None]] * len(times)
    assert asked(real, WORKER, tries_of(base)) == [f"{base}.try-9"]
    for number in times:
        unit = f"{base}.try-{number}"
        assert starts(real.hosts[WORKER], unit) == 1
        assert caplog.text.count(f"unit {unit} was started before; attached to it") == 1
        (seen,) = asked(real, WORKER, query(*units.show(unit), read=units.read))
        assert seen.running
    real.hosts[WORKER].execute("systemctl", "stop", f"{base}.try-*")


FAILED_ONCE = {
    WORKER: ("workers", "kubeadm_upgrade_node", "kubeadm upgrade node", CommandFailed),
    CP: ("control_plane", "kubeadm_upgrade", "kubeadm upgrade apply", UnitFailed),
}


@pytest.mark.parametrize("node", FAILED_ONCE)
def test_two_who_try_again_what_failed_share_one_second_try(real, hop, node):
    """And sudo allows it by the list. kubeadm runs twice altogether; both tell how the second try has ended."""
    group, step, command, error = FAILED_ONCE[node]
    host, lab = real.hosts[node], real.lab.clusters["real"]

    async def both() -> list[dict[str, object]]:
        return await asyncio.gather(*(real.walker.step(hop, group, node, step) for _ in range(2)))

    with allow_list.installed(host, sudoers.text(host.user)):
        with (
            lab.faults.fail(node, command, 1, "[ERROR Once] for this once"),
            pytest.raises(error, match="for this once"),
        ):
            asyncio.run(real.walker.step(hop, group, node, step))
        with lab.faults.slow(node, command, 5):
            outcomes = asyncio.run(both())
        assert allow_list.refusals(host) == []
    assert [outcome["status"] for outcome in outcomes] == ["changed", "changed"], outcomes
    assert all(f"{APPLY}.try-2" in str(outcome["actions"]) for outcome in outcomes), outcomes
    assert [starts(host, APPLY), starts(host, f"{APPLY}.try-2")] == [1, 1]
    assert asked(real, node, tries_of(APPLY)) == [f"{APPLY}.try-2"]
    ran = [one for one in lab.log if one.node == node and one.argv[:3] == tuple(command.split())]
    assert len(ran) == 2


def test_kubeadm_at_work_is_seen_in_a_unit_and_in_a_session(real):
    """Once each: neither sudo, which waits for it, nor whoever asks counts."""
    host, lab = real.hosts[WORKER], real.lab.clusters["real"]
    assert asked(real, WORKER, queries.AT_WORK) == [()]
    kubeadm = ("kubeadm", "upgrade", "node", "--dry-run")
    session = ("systemd-run", "-q", "--collect", "--uid", host.user, "sudo", "-n", *kubeadm)
    for start in (("systemd-run", "-q", "--collect", *kubeadm), session):
        with lab.faults.slow(WORKER, "kubeadm upgrade node", 3):
            host.execute(*start)
            until(lambda: asked(real, WORKER, queries.AT_WORK) != [()])
            (lines,) = asked(real, WORKER, queries.AT_WORK)
            assert [line.partition("/usr/bin/kubeadm ")[2] for line in lines] == ["upgrade node --dry-run"]
        until(lambda: asked(real, WORKER, queries.AT_WORK) == [()])


def test_the_age_of_a_kubelet_is_that_of_the_one_that_runs(real):
    host = real.hosts[WORKER]
    host.execute("systemctl", "restart", "kubelet")
    time.sleep(2)
    (age,) = asked(real, WORKER, queries.KUBELET_AGE)
    assert 1 <= age.total_seconds() < 30
    host.execute("systemctl", "stop", "kubelet")
    try:
        assert asked(real, WORKER, queries.KUBELET_AGE) == [None]
    finally:
        host.execute("systemctl", "start", "kubelet")


def test_what_is_there_of_a_backup_is_told_also_where_a_file_is_missing(real):
    """stat ends with 1 then, and tells of the others."""
    host, name = real.hosts[WORKER], "v1.0.0-to-v1.0.1.1"
    place = f"{backup.DIRECTORY}/{name}"
    question = queries.backup_files(name)
    assert asked(real, WORKER, question) == [{}]
    host.execute("install", "-d", "-m", "0700", place)
    host.write(f"{place}/{backup.RUN}", "a run")
    host.write(f"{place}/{backup.ARCHIVE}", "more than that")
    try:
        answer, stats = asked(real, WORKER, question.run, question)
        assert answer.exit_status == 1
        assert {path: size for path, (size, _) in stats.items()} == {
            f"{place}/{backup.RUN}": 5,
            f"{place}/{backup.ARCHIVE}": 14,
        }
        assert all(abs(changed - time.time()) < 60 for _, changed in stats.values())
    finally:
        host.execute("rm", "-r", place)


@contextmanager
def german(host: HostContainer) -> Iterator[None]:
    """Sessions and units alike have a LANGUAGE, for which sudo, apt, dpkg and grep have catalogues in their packages.

    A German locale is not needed for it: what is not C will do.
    """
    before = host.execute("sh", "-c", "cat /etc/environment 2>/dev/null || true")
    host.write("/etc/environment", f"{before}LANG=C.UTF-8\nLANGUAGE=de\n")
    host.execute("systemctl", "set-environment", "LANG=C.UTF-8", "LANGUAGE=de")
    try:
        yield
    finally:
        host.execute("systemctl", "unset-environment", "LANG", "LANGUAGE")
        host.write("/etc/environment", before)


@contextmanager
def password_wanted(host: HostContainer) -> Iterator[None]:
    with allow_list.installed(host, f"{host.user} ALL=(ALL) ALL\n"):
        yield


@contextmanager
def locked(host: HostContainer, seconds: int) -> Iterator[None]:
    host.execute("systemd-run", "-q", "--collect", "--unit=nightly", "python3", "-c", f"{LOCK}time.sleep({seconds})")
    try:
        until(lambda: "nightly" in host.execute("systemctl", "list-units", "--no-legend", "nightly.service"))
        yield
    finally:
        host.execute("sh", "-c", "systemctl stop nightly 2>/dev/null; true")


@pytest.fixture
def german_worker(real) -> Iterator[HostContainer]:
    host = real.hosts[WORKER]
    with german(host):
        yield host


def test_such_a_host_does_speak_german(real, german_worker):
    """Asked without the locale that we put before every command, and in a unit of systemd's own."""
    (said,) = asked(real, WORKER, Run(("env", "-u", "LC_ALL", "dpkg", "--nonsense"), root=False))
    assert "dpkg: Fehler:" in said.stderr
    words = german_worker.execute("sh", "-c", "systemd-run -q --pipe --wait dpkg --nonsense 2>&1; true")
    assert "dpkg: Fehler:" in words


def test_a_refusal_of_sudo_is_no_answer_in_german_either(real, german_worker):
    """Its exit status is that of a grep that finds nothing."""
    with password_wanted(german_worker), pytest.raises(Forbidden, match="sudo asks for a password"):
        asked(real, WORKER, queries.BACKUP_RUNS)
    allowed = allow_list.installed(german_worker, sudoers.text(german_worker.user))
    with allowed, pytest.raises(Forbidden, match="sudo does not allow"):
        asked(real, WORKER, query("grep", "-q", "x", "/etc/shadow", read=str, root=True, answers=(0, 1)))


def test_holders_of_locks_are_known_by_name_in_german_too(real, hop, german_worker):
    """By dpkg in our session, and by apt in a unit."""
    unit = "upgrade-kubeadm-v1.29.9"
    install = ("apt-get", "install", "-y", "-o", "DPkg::Lock::Timeout=20", "kubernetes-cni")

    async def hold() -> str | None:
        work = Assignment("real", RunId("run-1"), hop, "workers", "upgrade_kubeadm", WORKER)
        async with NodeConnection.open(real.walker.cluster, work) as port:
            return await port.act(Run(("apt-mark", "unhold", "cri-tools")))

    with locked(german_worker, 60):
        assert "python3" in str(asyncio.run(hold()))
        asked(real, WORKER, Run(install, unit=unit))
        last = query(*units.journal(unit, lines=1), read=str.strip, root=True)
        until(lambda: "It is held by process" in asked(real, WORKER, last)[0])
        german_worker.execute("systemctl", "stop", unit)


def test_lines_that_are_no_utf_8_are_read(real, hop, german_worker):
    """A repository in our file would be lost, were it not for its line, whose comment is in Latin-1."""
    with ExitStack() as stack:
        before = german_worker.read(LIST)
        stack.callback(german_worker.write, LIST, before)
        line = r"deb http://mirror.example.org/debian bookworm main # B\374ro\n"
        german_worker.execute("sh", "-c", f"printf '{line}' >> {LIST}")
        said = [str(finding) for finding in asyncio.run(real.walker.preflight(hop))]
    assert any("which would be lost: move it to a file of its own" in one for one in said), said


def test_what_a_unit_says_is_read_as_it_was_said(real):
    name = "kubeadm-upgrade-v1.29.3"
    asked(real, WORKER, Run(("echo", "Größe: 5 µm"), unit=name))
    journal = query(*units.journal(name), read=units.read_journal, root=True)
    with contextlib.suppress(AssertionError):
        until(lambda: "Größe: 5 µm" in asked(real, WORKER, journal)[0], 5)
    assert "Größe: 5 µm" in asked(real, WORKER, journal)[0]
