"""A host over a real OpenSSH server: host keys, argv byte for byte, files, and refusals."""

from __future__ import annotations

import asyncio
import getpass
import json
import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubeadm_airflow.hooks.host import Address, Host
from kubeadm_upgrade.actions import Run, install_file
from kubeadm_upgrade.errors import HostKeyUnknown, NeedsPerson, Unreachable
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.look import Completed
from kubeadm_upgrade.version import TargetVersion

# What a POSIX argv may hold; a host's shell is handed all of it, quoted.
ANYTHING = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=40)


def cluster(conn_id: str, known_hosts: Path) -> Cluster:
    return Cluster("real", "unused", conn_id, TargetVersion.parse("1.29"), known_hosts=str(known_hosts))


async def run_on(cluster: Cluster, port: int, *runs: Run) -> list[Completed]:
    async with Host.open(cluster, Address("node-1", "127.0.0.1", port, None)) as host:
        return [await host.run(run) for run in runs]


@pytest.fixture
def known_hosts(sshd, tmp_path) -> Path:
    path = tmp_path / "known_hosts"
    path.write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_public_key}\n")
    return path


def test_argv_arrive_byte_for_byte(sshd, ssh_connection, known_hosts):
    """Quotes, spaces, $(…), semicolons and newlines reach the command and no shell."""
    where = cluster(ssh_connection, known_hosts)

    async def all_at_once(lists: list[list[str]]) -> None:
        async with Host.open(where, Address("node-1", "127.0.0.1", sshd.port, None)) as host:
            for words in lists:
                done = await host.run(Run(("printf", r"%s\0", *words), root=False))
                assert done.stdout.split("\0")[:-1] == words

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.lists(ANYTHING, min_size=1, max_size=4), min_size=1, max_size=5))
    def check(lists: list[list[str]]) -> None:
        asyncio.run(all_at_once([*lists, ["'", '"', "$(id)", "; id", "a\nb", "`id`", "", "\\"]]))

    check()


def test_a_file_is_replaced_through_standard_input(sshd, ssh_connection, known_hosts, tmp_path):
    """dd reads what a real sshd hands it as standard input, and mv makes the change one."""
    target = tmp_path / "kubernetes.list"
    target.write_text("old\n")
    unprivileged = [Run(run.argv, root=False, stdin=run.stdin) for run in install_file(str(target), "new\nlines\n")]
    done = asyncio.run(run_on(cluster(ssh_connection, known_hosts), sshd.port, *unprivileged))
    assert [one.exit_status for one in done] == [0, 0], done
    assert target.read_text() == "new\nlines\n"
    assert list(tmp_path.glob("*.new")) == []


def test_exit_status_and_error_output_come_back(sshd, ssh_connection, known_hosts):
    """A command's exit status and its standard error are answers."""
    (done,) = asyncio.run(run_on(cluster(ssh_connection, known_hosts), sshd.port, Run(("ls", "/no/such"), root=False)))
    assert done.exit_status == 2
    assert "No such file" in done.stderr


@pytest.mark.parametrize(
    "text",
    [pytest.param("", id="empty file"), pytest.param("[127.0.0.1]:{port} {other}\n", id="another key")],
)
def test_an_unknown_host_key_is_refused_with_the_way_to_add_it(sshd, ssh_connection, tmp_path, text):
    """Nothing is sent to a host whose key is not known; the message holds the command that adds it."""
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    path = tmp_path / "known_hosts"
    path.write_text(text.format(port=sshd.port, other=other))
    with pytest.raises(HostKeyUnknown, match=rf"node-1.*ssh-keyscan -p {sshd.port} 127.0.0.1 >> {path}"):
        asyncio.run(run_on(cluster(ssh_connection, path), sshd.port, Run(("true",), root=False)))


def test_a_missing_known_hosts_file_trusts_nobody(sshd, ssh_connection, tmp_path):
    """No file is not a reason to accept any key."""
    with pytest.raises(HostKeyUnknown):
        asyncio.run(run_on(cluster(ssh_connection, tmp_path / "none"), sshd.port, Run(("true",), root=False)))


@pytest.mark.parametrize(
    ("line", "known"),
    [
        pytest.param("@cert-authority * {authority}", True, id="its authority"),
        pytest.param("@cert-authority other.example.org {authority}", False, id="the authority of other hosts"),
        pytest.param("@cert-authority * {user_key}", False, id="another authority"),
    ],
)
def test_a_host_certificate_is_known_by_its_authority(sshd, ssh_connection, tmp_path, line, known):
    """An @cert-authority line stands for every host of its pattern that the authority has signed."""
    keys = {name: (sshd.directory / f"{name}.pub").read_text() for name in ("authority", "user_key")}
    path = tmp_path / "known_hosts"
    path.write_text(line.format(**keys))
    attempt = run_on(cluster(ssh_connection, path), sshd.port, Run(("true",), root=False))
    if known:
        assert asyncio.run(attempt)[0].exit_status == 0
    else:
        with pytest.raises(HostKeyUnknown):
            asyncio.run(attempt)


def test_checking_host_keys_cannot_be_switched_off(sshd, known_hosts, monkeypatch):
    """The provider's no_host_key_check is refused by name."""
    extra = {"key_file": str(sshd.user_key), "no_host_key_check": True}
    monkeypatch.setenv("AIRFLOW_CONN_LAX", json.dumps({"conn_type": "ssh", "login": "x", "extra": extra}))
    with pytest.raises(NeedsPerson, match="no_host_key_check: host keys are always checked"):
        asyncio.run(run_on(cluster("lax", known_hosts), sshd.port, Run(("true",), root=False)))


def test_a_host_that_does_not_answer_is_worth_waiting_for(ssh_connection, known_hosts):
    """A refused connection is of the family that time can cure."""
    with pytest.raises(Unreachable, match="node-1"):
        asyncio.run(run_on(cluster(ssh_connection, known_hosts), 1, Run(("true",), root=False)))


def test_the_printed_line_is_the_line_that_is_sent():
    """What a dry run prints can be pasted into a shell and means the same argv."""
    run = Run(("apt-get", "install", "-y", "kubeadm=1.29.15-1.1"), unit="upgrade-kubeadm-v1.29.15")
    assert shlex.split(str(run)) == list(run.command)
    assert run.command[:3] == ("sudo", "-n", "systemd-run")


def test_a_connection_that_does_not_exist_is_named(known_hosts):
    """No retry makes it appear."""
    with pytest.raises(NeedsPerson, match="Airflow has no connection nowhere: make it"):
        asyncio.run(run_on(cluster("nowhere", known_hosts), 22, Run(("true",), root=False)))


@pytest.mark.parametrize("user", ["", f"{getpass.getuser()}@"])
def test_a_host_is_reached_through_a_jump_host(sshd, ssh_connection, known_hosts, user):
    """Both are logged in to with the connection's key, and both keys are checked."""

    async def through(known: Path) -> Completed:
        jump = f"{user}127.0.0.1:{sshd.port}"
        address = Address("node-1", "127.0.0.1", sshd.port, jump)
        async with Host.open(cluster(ssh_connection, known), address) as host:
            return await host.run(Run(("sh", "-c", "echo $SSH_CONNECTION"), root=False))

    assert asyncio.run(through(known_hosts)).stdout.split()[2:] == ["127.0.0.1", str(sshd.port)]
    with pytest.raises(HostKeyUnknown, match="the jump host of node-1"):
        asyncio.run(through(known_hosts.with_name("none")))


def test_what_is_no_jump_host_is_said(ssh_connection, known_hosts):
    """With the form that it should have."""

    async def through() -> None:
        async with Host.open(cluster(ssh_connection, known_hosts), Address("node-1", "127.0.0.1", 1, "@:22")):
            pass

    with pytest.raises(NeedsPerson, match=r"'@:22' is no jump host: write \[user@\]host\[:port\]"):
        asyncio.run(through())
