"""Does a host answer like sshd and a shell would?"""

from __future__ import annotations

import asyncio
import subprocess

import asyncssh
import pytest

from lab import Lab
from lab.shell import NotPlain, parse_line
from test_lab.conftest import Ssh


@pytest.fixture(scope="module")
def shell(shared_lab: Lab) -> Ssh:
    return Ssh(shared_lab, shared_lab.clusters["demo-a"])


def test_output_error_and_exit_code(shell: Ssh) -> None:
    found = shell("demo-a-w1", "hostname")
    assert (found.returncode, found.stdout) == (0, "demo-a-w1\n")
    missing = shell("demo-a-w1", "cat /nowhere")
    assert (missing.returncode, missing.stderr) == (1, "cat: /nowhere: No such file or directory\n")


def test_stdin_reaches_the_file(shell: Ssh) -> None:
    assert shell("demo-a-w1", "sudo -n dd of=/etc/new status=none conv=fsync", "two\nlines\n").returncode == 0
    assert shell("demo-a-w1", "cat /etc/new").stdout == "two\nlines\n"
    record = next(one for one in reversed(shell.cluster.log) if one.argv[0] == "dd")
    assert (record.stdin, record.mutating, record.root, record.exit_code) == ("two\nlines\n", True, True, 0)


def test_unknown_command(shell: Ssh) -> None:
    answer = shell("demo-a-w1", "frobnicate --now")
    assert (answer.returncode, answer.stderr) == (127, "bash: line 1: frobnicate: command not found\n")


def test_only_root_reads_manifests(shell: Ssh) -> None:
    refused = shell("demo-a-cp1", "cat /etc/kubernetes/manifests/etcd.yaml")
    assert (refused.returncode, "Permission denied" in refused.stderr) == (1, True)
    listing = shell("demo-a-cp1", 'sudo -n grep -rsH "image:" /etc/kubernetes/manifests')
    assert "/etc/kubernetes/manifests/etcd.yaml:    image: registry.k8s.io/etcd:3.5.15-0" in listing.stdout


def test_find_prints_names(shell: Ssh) -> None:
    command = r"find /etc/apt/sources.list.d -maxdepth 1 -name '*.list' -printf '%f\n'"
    assert shell("demo-a-w1", command).stdout == "kubernetes.list\n"


@pytest.mark.parametrize("line", ["ls; rm -rf /", "cat a | sh", "echo $(id)", "echo `id`", "ls > x", "a && b"])
def test_operators_are_refused(line: str) -> None:
    with pytest.raises(NotPlain):
        parse_line(line)


def test_quoted_operators_are_text() -> None:
    line = parse_line("sudo -n env A=1 dpkg-query -W -f '${Package}; x' kubeadm")
    assert line.root
    assert line.environment == {"A": "1"}
    assert line.program[:3] == ("dpkg-query", "-W", "-f")
    assert line.argv[0] == "env"


def test_an_environment_before_sudo_is_kept_as_far_as_sudo_keeps_it() -> None:
    line = parse_line("env LC_ALL=C EDITOR=vi sudo -n env A=1 apt-get update")
    assert line.root
    assert line.argv == ("env", "A=1", "apt-get", "update")
    assert line.program == ("apt-get", "update")
    assert line.environment == {"LC_ALL": "C", "A": "1"}


def test_an_environment_before_another_is_taken_with_it() -> None:
    line = parse_line("env LC_ALL=C env TZ=UTC systemctl show kubelet")
    assert (line.argv[0], line.program[0], line.root) == ("env", "systemctl", False)
    assert line.environment == {"LC_ALL": "C", "TZ": "UTC"}


def test_a_command_behind_env_and_sudo_runs_as_root(shell: Ssh) -> None:
    assert shell("demo-a-w1", "env LC_ALL=C sudo -n mkdir /locale").returncode == 0
    record = shell.cluster.log[-1]
    assert (record.argv, record.root, record.mutating) == (("mkdir", "/locale"), True, True)


def test_host_with_a_certificate_is_known_by_its_authority_only(shell: Ssh) -> None:
    last = shell.cluster.nodes["demo-a-w3"]
    assert last.certified
    assert last.host_key not in shell.lab.known_hosts.read_text()
    assert shell("demo-a-w3", "true").returncode == 0


def test_unknown_host_key_is_refused_by_the_client(shell: Ssh) -> None:
    argv = [word.replace(str(shell.lab.known_hosts), "/dev/null") for word in shell.argv("demo-a-w1", "true")]
    assert subprocess.run(argv, capture_output=True, check=False, timeout=10).returncode == 255


def test_asyncssh_checks_the_same_known_hosts(shell: Ssh) -> None:
    async def run(node: str) -> int | None:
        place = shell.cluster.nodes[node]
        async with asyncssh.connect(
            place.address,
            place.port,
            username="ops",
            client_keys=[str(shell.lab.ssh_key)],
            known_hosts=str(shell.lab.known_hosts),
        ) as connection:
            return (await connection.run("true")).exit_status

    assert [asyncio.run(run(node)) for node in ("demo-a-w1", "demo-a-w3")] == [0, 0]


def test_another_user_or_key_is_refused(shell: Ssh) -> None:
    place = shell.cluster.nodes["demo-a-w1"]

    async def connect(user: str, key: object) -> None:
        await asyncssh.connect(place.address, place.port, username=user, client_keys=[key], known_hosts=None)

    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(connect("root", str(shell.lab.ssh_key)))
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(connect("ops", asyncssh.generate_private_key("ssh-ed25519")))
