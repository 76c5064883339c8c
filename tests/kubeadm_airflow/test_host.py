"""A host over a real OpenSSH server: host keys, argv byte for byte, files, and refusals."""

from __future__ import annotations

import asyncio
import getpass
import json
import shlex
import socket
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import asyncssh
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from in_memory import examples
from kubeadm_airflow.hooks.host import Address, Host, refused_by_sudo
from kubeadm_upgrade.actions import Run, install_file
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.errors import Forbidden, HostKeyUnknown, NeedsPerson, Unreachable
from kubeadm_upgrade.hop import Repository, Source
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.query import Completed, query
from kubeadm_upgrade.version import TargetVersion

# What a POSIX argv may hold; a host's shell is handed all of it, quoted.
ANYTHING = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=40)


TRUE = Run(("true",), root=False)


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


HOSTILE = ["$(id)", "; id", "a b", "'", '"', "a\nb", "`id`", "*", "\\", "-x"]


def runs_with(node: str, version: str, url: str, run: str) -> list[Run]:
    """What steps would run on a host if these were its node's name, the package versions, the repository, the run."""
    hop = examples.a_hop()
    source = Source(Repository(url, url), dict.fromkeys(hop.sources["deb"].packages, version))
    hop = replace(hop, sources={"deb": source})
    facts = examples.facts_of(hop, "cp1")
    facts = replace(facts, run=RunId(run), node=replace(facts.node, name=node))
    names = ("back_up", "switch_package_repository", "stage_packages", "upgrade_kubeadm", "upgrade_kubelet_and_kubectl")
    runs = [action for name in names for action in STEPS[name].actions(facts, hop) if isinstance(action, Run)]
    assert all(any(value in word for one in runs for word in one.argv) for value in (node, version, url))
    return runs


def test_what_inventory_and_api_say_reaches_no_shell(sshd, ssh_connection, known_hosts):
    """The commands of the steps themselves, with such values in them, as a host's shell hands them on."""
    where = cluster(ssh_connection, known_hosts)

    async def handed_on(runs: list[Run]) -> list[list[str]]:
        async with Host.open(where, Address("node-1", "127.0.0.1", sshd.port, None)) as host:
            done = [await host.run(Run(("printf", r"%s\0", *run.command), root=False)) for run in runs]
        return [one.stdout.split("\0")[:-1] for one in done]

    values = st.one_of(st.sampled_from(HOSTILE), ANYTHING.filter(bool))

    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.tuples(values, values, values, values))
    def check(hostile: tuple[str, str, str, str]) -> None:
        runs = runs_with(*hostile)
        assert asyncio.run(handed_on(runs)) == [list(run.command) for run in runs]

    check()


def test_a_host_speaks_english(sshd, ssh_connection, known_hosts):
    """Whatever its own locale is: holders of locks and refusals are known by their words."""
    run = Run(("sh", "-c", "echo $LC_ALL"), root=False)
    (done,) = asyncio.run(run_on(cluster(ssh_connection, known_hosts), sshd.port, run))
    assert done.stdout == "C\n"


def test_a_byte_that_is_no_utf_8_is_read_all_the_same(sshd, ssh_connection, known_hosts):
    """A comment in Latin-1 in a sources file, a program's word in a journal: no reason to wait for the host."""
    run = Run(("sh", "-c", r"printf 'caf\351\n'; printf 'f\374r\n' >&2"), root=False)
    (done,) = asyncio.run(run_on(cluster(ssh_connection, known_hosts), sshd.port, run))
    assert done == Completed(0, "caf\ufffd\n", "f\ufffdr\n")


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


def test_a_missing_known_hosts_file_trusts_nobody(sshd, ssh_connection, known_hosts, tmp_path, monkeypatch):
    """No file is not a reason to accept any key, nor to look into the user's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    known_hosts.rename(tmp_path / ".ssh" / "known_hosts")
    with pytest.raises(HostKeyUnknown):
        asyncio.run(run_on(cluster(ssh_connection, tmp_path / "none"), sshd.port, TRUE))


def test_without_a_file_in_the_inventory_the_users_own_is_read(
    sshd, ssh_connection, known_hosts, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    known_hosts.rename(tmp_path / ".ssh" / "known_hosts")
    where = Cluster("real", "unused", ssh_connection, TargetVersion.parse("1.29"))
    assert asyncio.run(run_on(where, sshd.port, TRUE))[0].exit_status == 0


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("{where} {ecdsa}\n", id="it was another kind of key"),
        pytest.param("@cert-authority 127.0.0.1 {ecdsa}\n{where} {ecdsa}\n", id="and another authority"),
        pytest.param("{where} {known}\n@revoked * {known}\n", id="it was revoked"),
    ],
)
def test_a_host_that_shows_no_key_of_a_known_kind_is_not_waited_for(sshd, ssh_connection, tmp_path, line):
    """The server has an ed25519 key only. OpenSSH's own client says the same of all of these: verification failed."""
    ecdsa = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode().strip()
    path = tmp_path / "known_hosts"
    path.write_text(line.format(where=f"[127.0.0.1]:{sshd.port}", ecdsa=ecdsa, known=sshd.host_public_key))
    with pytest.raises(HostKeyUnknown, match="the host key is not known"):
        asyncio.run(run_on(cluster(ssh_connection, path), sshd.port, TRUE))


def test_a_changed_host_key_is_told_from_a_new_host(sshd, ssh_connection, tmp_path):
    """Adding a key beside the old one would leave the old one trusted: it has to go first."""
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    path = tmp_path / "known_hosts"
    path.write_text(f"[127.0.0.1]:{sshd.port} {other}\n")
    with pytest.raises(HostKeyUnknown) as refused:
        asyncio.run(run_on(cluster(ssh_connection, path), sshd.port, TRUE))
    assert str(refused.value) == (
        f"node-1 (127.0.0.1 port {sshd.port}): the host key is not known (Host key is not trusted for host 127.0.0.1), "
        f"and {path} has another for it: it was installed anew, or another machine answers: compare its fingerprint "
        f"with the host's own, and add it (ssh-keygen -f {path} -R '[127.0.0.1]:{sshd.port}' && "
        f"ssh-keyscan -p {sshd.port} 127.0.0.1 >> {path})"
    )


def test_the_way_to_add_a_key_has_the_port_of_the_connection(sshd, ssh_connection, tmp_path):
    """The inventory need not know it."""

    async def reach() -> None:
        async with Host.open(cluster(ssh_connection, tmp_path / "none"), Address("node-1", "127.0.0.1", None, None)):
            pass

    with pytest.raises(HostKeyUnknown, match=rf"ssh-keyscan -p {sshd.port} 127\.0\.0\.1 >> "):
        asyncio.run(reach())


def test_a_known_hosts_file_that_cannot_be_read_is_named(sshd, ssh_connection, tmp_path):
    path = tmp_path / "known_hosts"
    path.write_text("127.0.0.1\n")
    with pytest.raises(NeedsPerson, match=f"{path} is no known_hosts file: Invalid known hosts entry: 127.0.0.1"):
        asyncio.run(run_on(cluster(ssh_connection, path), sshd.port, TRUE))


@pytest.mark.parametrize("kind", ["{kind} {data}", "{data}"])
def test_the_connections_host_key_may_have_its_kind_before_it(sshd, known_hosts, monkeypatch, kind):
    """As the ssh provider documents it."""
    name, data = sshd.host_public_key.split()
    extra = {"key_file": str(sshd.user_key), "host_key": kind.format(kind=name, data=data)}
    connection = {"conn_type": "ssh", "login": getpass.getuser(), "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_PINNED", json.dumps(connection))
    where = cluster("pinned", known_hosts.with_name("none"))
    assert asyncio.run(run_on(where, sshd.port, TRUE))[0].exit_status == 0


def test_another_key_than_the_connections_is_mended_in_the_connection(sshd, known_hosts, monkeypatch):
    """known_hosts is not asked where the connection has a host_key, so adding to it would change nothing."""
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    connection = {"conn_type": "ssh", "extra": {"key_file": str(sshd.user_key), "host_key": other}}
    monkeypatch.setenv("AIRFLOW_CONN_PINNED", json.dumps(connection))
    words = r"the host key is not the host_key of connection pinned \(.*\).* and set it there, or remove it"
    with pytest.raises(HostKeyUnknown, match=words):
        asyncio.run(run_on(cluster("pinned", known_hosts), sshd.port, TRUE))


@pytest.mark.parametrize("host_key", ["ssh-ed25519", "nonsense", "ssh-ed25519 nonsense"])
def test_a_host_key_that_is_none_is_said(sshd, known_hosts, monkeypatch, host_key):
    connection = {"conn_type": "ssh", "extra": {"key_file": str(sshd.user_key), "host_key": host_key}}
    monkeypatch.setenv("AIRFLOW_CONN_PINNED", json.dumps(connection))
    with pytest.raises(NeedsPerson, match="host_key of connection pinned is no public key"):
        asyncio.run(run_on(cluster("pinned", known_hosts), sshd.port, TRUE))


UNUSABLE_KEYS = {
    "no passphrase": ({"key_file": "{encrypted}"}, "Passphrase must be specified"),
    "another passphrase": ({"key_file": "{encrypted}", "private_key_passphrase": "x"}, "Incorrect passphrase"),
    "another passphrase for a key in the connection": ({"private_key": "{text}", "passphrase": "x"}, "Incorrect"),
    "no such file": ({"key_file": "{encrypted}.none"}, "there is no file"),
    "no key": ({"private_key": "-----BEGIN NOTHING-----"}, "Invalid private key"),
}


@pytest.mark.parametrize("name", UNUSABLE_KEYS)
def test_a_key_that_cannot_be_used_needs_a_person(sshd, known_hosts, tmp_path, monkeypatch, name):
    """Neither a traceback nor something to wait for; and nothing of the key is said."""
    extra, words = UNUSABLE_KEYS[name]
    encrypted = tmp_path / "encrypted"
    asyncssh.read_private_key(str(sshd.user_key)).write_private_key(str(encrypted), passphrase="right")
    filled = {key: value.format(encrypted=encrypted, text=encrypted.read_text()) for key, value in extra.items()}
    monkeypatch.setenv("AIRFLOW_CONN_KEYLESS", json.dumps({"conn_type": "ssh", "extra": filled}))
    with pytest.raises(NeedsPerson, match="the private key of connection keyless cannot be used: ") as refused:
        asyncio.run(run_on(cluster("keyless", known_hosts), sshd.port, TRUE))
    assert words in str(refused.value)
    assert "PRIVATE KEY" not in str(refused.value)


def test_silence_has_words(ssh_connection, known_hosts, monkeypatch):
    """A machine that takes connections and says nothing, as one does that has run out of memory."""
    monkeypatch.setattr("kubeadm_airflow.hooks.host.CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with pytest.raises(
            Unreachable, match=rf"node-1 \(127.0.0.1 port {port}\): no SSH connection: no answer in 0.3 s"
        ):
            asyncio.run(run_on(cluster(ssh_connection, known_hosts), port, TRUE))


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


def test_what_is_printed_can_be_pasted():
    """What a dry run prints means the same argv to a shell."""
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


def test_the_key_of_a_host_behind_a_jump_host_is_asked_for_from_there(sshd, ssh_connection, tmp_path):
    """From here, ssh-keyscan would not reach it."""
    jump = f"someone@127.0.0.1:{sshd.port}"
    path = tmp_path / "known_hosts"
    path.write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_public_key}\n")
    address = Address("node-1", "localhost", sshd.port, jump.replace("someone", getpass.getuser()))

    async def through() -> None:
        async with Host.open(cluster(ssh_connection, path), address):
            pass

    words = rf"add it \(ssh ssh://{address.jump_host} ssh-keyscan -p {sshd.port} localhost >> {path}"
    with pytest.raises(HostKeyUnknown, match=words):
        asyncio.run(through())


def test_the_connections_host_key_is_the_hosts_and_not_the_jump_hosts(sshd, known_hosts, monkeypatch):
    """Two machines have two keys: the jump host's is in known_hosts."""
    extra = {"key_file": str(sshd.user_key), "host_key": sshd.host_public_key}
    connection = {"conn_type": "ssh", "login": getpass.getuser(), "port": sshd.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_PINNED", json.dumps(connection))

    async def through(known: Path) -> None:
        address = Address("node-1", "127.0.0.1", sshd.port, f"127.0.0.1:{sshd.port}")
        async with Host.open(cluster("pinned", known), address):
            pass

    asyncio.run(through(known_hosts))
    with pytest.raises(HostKeyUnknown, match="the jump host of node-1"):
        asyncio.run(through(known_hosts.with_name("none")))


@pytest.mark.parametrize(
    "jump",
    [
        "@:22",
        "bastion:ssh",
        "bastion:70000",
        "bastion:0",
        "fd00::1",
        "[fd00::1",
        "[fd00::1]2222",
        "one,two",
        "a/b",
        "a b",
    ],
)
def test_what_is_no_jump_host_is_said(ssh_connection, known_hosts, jump):
    """With the form that it should have."""

    async def through() -> None:
        async with Host.open(cluster(ssh_connection, known_hosts), Address("node-1", "127.0.0.1", 1, jump)):
            pass

    with pytest.raises(NeedsPerson) as refused:
        asyncio.run(through())
    assert str(refused.value) == (
        f"node-1: {jump!r} is no jump host: write [user@]host[:port], and an IPv6 address in brackets"
    )


SUDO_LOOK = Run(("grep", "-sH", "", "/etc/x"))


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        pytest.param(1, "sudo: a password is required\n", "sudo asks for a password: allow what we run", id="no rule"),
        pytest.param(1, "sudo: a terminal is required to read the password; ...\n", "sudo asks", id="no terminal"),
        pytest.param(
            1,
            "Sorry, user upgrader is not allowed to execute '/usr/bin/grep -sH  /etc/x' as root on w1.\n",
            "sudo does not allow sudo -n grep -sH '' /etc/x: install this release's list, see docs/hosts.md",
            id="not on the list",
        ),
        pytest.param(1, "Sorry, user upgrader may not run sudo on w1.\n", "sudo does not allow", id="nothing at all"),
        pytest.param(1, "", None, id="the command's own answer"),
        pytest.param(2, "grep: sudo: a password is required: No such file\n", None, id="another exit status"),
    ],
)
def test_a_refusal_of_sudo_is_no_answer_of_the_command(status, said, words):
    """grep, too, ends with 1 where it finds nothing. Of sudo 1.9.13; tests/hosts makes it refuse."""
    refusal = refused_by_sudo(Address("w1", "h", None, None), SUDO_LOOK, Completed(status, "", said))
    assert (refusal and words in str(refusal)) == (words and True)


class Writing:
    """A connection that writes down what is sent."""

    def __init__(self):
        self.sent = []

    async def run(self, line, **_):
        self.sent.append(line)
        return SimpleNamespace(exit_status=0, stdout="", stderr="")


@pytest.mark.parametrize("root", [True, False])
def test_the_printed_line_is_sent_behind_the_locale(root):
    """Before sudo, so that its own refusals are English too; sudo keeps it."""
    connection, run = Writing(), Run(("cat", "/etc/a b"), root=root)
    asyncio.run(Host(Address("w1", "10.0.0.1", None, None), connection).run(run))
    assert connection.sent == [f"env LC_ALL=C {run}"]


class Refusing:
    """A connection to a host whose sudo says no."""

    async def run(self, line, **_):
        return SimpleNamespace(exit_status=1, stdout="", stderr="sudo: a password is required\n")


def test_what_sudo_has_refused_is_no_answer():
    """1 is an answer of grep: nothing found. Of sudo it means that nobody has looked."""
    host = Host(Address("w1", "10.0.0.1", None, None), Refusing())
    with pytest.raises(Forbidden, match="NOPASSWD"):
        asyncio.run(host.ask(query("grep", "-sH", "", "/x", read=str, answers=(0, 1), root=True)))
