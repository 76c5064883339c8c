"""How hosts are reached: by IPv6, on other ports, through jump hosts, with keys of every kind; or why they are not.

The inventory, the connection and known_hosts are written as a user writes them, and sshd is OpenSSH's own.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from airflow.triggers.base import TaskSuccessEvent

from harness.fleet import LabFleet, write_inventory
from hosts.conftest import RealCluster, machines_of, start_cluster
from hosts.host_container import HostContainer
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.host import Host, address_of
from kubeadm_airflow.triggers import StepTrigger
from kubeadm_upgrade import errors, objects
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.steps import Progress

NODE = "real-w1"
PORT = 2222  # every host here listens on 22 and on this
PASSPHRASE = "correct horse"
ELLIPTIC = ("-t", "ecdsa", "-b", "256")


@dataclass(frozen=True)
class Place:
    """A node's host, and a bastion beside its cluster. `directory` has the keys."""

    real: RealCluster
    bastion: HostContainer
    directory: Path

    @property
    def node(self) -> HostContainer:
        return self.real.hosts[NODE]


@dataclass(frozen=True)
class Way:
    """What a user has written down."""

    known: tuple[str, ...] = ()  # lines of known_hosts
    node: Mapping[str, Any] = field(default_factory=dict)  # of the inventory
    extra: Mapping[str, Any] = field(default_factory=dict)  # of the connection
    port: int | None = None  # of the connection
    login: str | None = None
    situations: tuple[AbstractContextManager[object], ...] = ()


def restart_sshd(host: HostContainer) -> None:
    """It listens when this returns, as it does not after a reload; and systemd may count no restarts."""
    host.execute("sh", "-c", "/usr/sbin/sshd -t && systemctl reset-failed ssh && systemctl restart ssh")


@contextmanager
def sshd_with(host: HostContainer, *lines: str) -> Iterator[None]:
    """Settings that go before all others, for a while."""
    path = "/etc/ssh/sshd_config.d/00-test.conf"
    host.write(path, "".join(f"{line}\n" for line in lines))
    try:
        restart_sshd(host)
        yield
    finally:
        host.execute("rm", path)
        restart_sshd(host)


@contextmanager
def other_host_keys(host: HostContainer, *kind: str) -> Iterator[None]:
    """As after an installation anew."""
    host.execute("sh", "-c", "mkdir /root/old && mv /etc/ssh/ssh_host_*key* /root/old/")
    new = shlex.join(("ssh-keygen", "-q", "-N", "", "-f", f"/etc/ssh/ssh_host_{kind[1]}_key", *kind))
    host.execute("sh", "-c", new)
    try:
        restart_sshd(host)
        yield
    finally:
        host.execute("sh", "-c", "rm /etc/ssh/ssh_host_*key* && mv /root/old/* /etc/ssh/ && rmdir /root/old")
        restart_sshd(host)


@contextmanager
def certified(place: Place, *principals: str) -> Iterator[None]:
    """Signed by an authority, whose public key is in the directory."""
    host, key = place.node, "/etc/ssh/ssh_host_ed25519_key"
    host.write("/root/authority", (place.directory / "authority").read_text(), "0600")
    names = ",".join(principals)
    host.execute("ssh-keygen", "-q", "-s", "/root/authority", "-I", NODE, "-h", "-n", names, f"{key}.pub")
    try:
        with sshd_with(host, f"HostCertificate {key}-cert.pub"):
            yield
    finally:
        host.execute("rm", "-f", "/root/authority", f"{key}-cert.pub")


def only_from_the_bastion(place: Place) -> AbstractContextManager[None]:
    bastion = (place.bastion.address, place.bastion.ipv6)
    return sshd_with(place.node, "AllowUsers " + " ".join(f"{place.node.user}@{one}" for one in bastion if one))


def known(host: HostContainer, *, at: str | None = None, port: int = 22) -> str:
    """The line of known_hosts."""
    address = at or host.address
    return f"{f'[{address}]:{port}' if port != 22 else address} {host.host_key}"


def hashed(line: str, directory: Path) -> str:
    """As ssh writes it where HashKnownHosts is set, which Debian does."""
    path = directory / "to_hash"
    path.write_text(f"{line}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    return path.read_text().strip()


def through(place: Place, jump: str | None = None, *, bastion: str | None = None, **changes: Any) -> Way:
    """Behind the bastion, which is known as itself unless `bastion` says otherwise."""
    first = known(place.bastion) if bastion is None else bastion
    jump = jump or place.bastion.address
    return Way(
        **{
            "known": (first, known(place.node)),
            "node": {"jump_host": jump},
            "situations": (only_from_the_bastion(place),),
            **changes,
        }
    )


def ipv6(host: HostContainer) -> str:
    if host.ipv6 is None:
        pytest.skip("docker gives hosts no IPv6 addresses on this machine")
    return host.ipv6


def key(place: Place, name: str) -> str:
    return str(place.directory / name)


def text_of(place: Place, name: str) -> str:
    return (place.directory / name).read_text().strip()


REACHED: dict[str, Callable[[Place], Way]] = {
    "by the Node's own address": lambda at: Way((known(at.node),)),
    "known by a hash": lambda at: Way((hashed(known(at.node), at.directory),)),
    "by IPv6": lambda at: Way((known(at.node, at=ipv6(at.node)),), {"address": ipv6(at.node)}),
    "by IPv6, on another port": lambda at: Way(
        (known(at.node, at=ipv6(at.node), port=PORT),), {"address": ipv6(at.node), "port": PORT}
    ),
    "known by a hash, by IPv6, on another port": lambda at: Way(
        (hashed(known(at.node, at=ipv6(at.node), port=PORT), at.directory),),
        {"address": ipv6(at.node), "port": PORT},
    ),
    "on another port": lambda at: Way((known(at.node, port=PORT),), {"port": PORT}),
    "on the connection's port": lambda at: Way((known(at.node, port=PORT),), port=PORT),
    "through a jump host": through,
    "through a jump host, with its user and port": lambda at: through(
        at, f"{at.bastion.user}@{at.bastion.address}:{PORT}", bastion=known(at.bastion, port=PORT)
    ),
    "through a jump host by IPv6": lambda at: through(
        at, f"[{ipv6(at.bastion)}]", bastion=known(at.bastion, at=ipv6(at.bastion))
    ),
    "by IPv6, through a jump host by IPv6, each on another port": lambda at: through(
        at,
        f"{at.bastion.user}@[{ipv6(at.bastion)}]:{PORT}",
        known=(known(at.bastion, at=ipv6(at.bastion), port=PORT), known(at.node, at=ipv6(at.node), port=PORT)),
        node={
            "address": ipv6(at.node),
            "port": PORT,
            "jump_host": f"{at.bastion.user}@[{ipv6(at.bastion)}]:{PORT}",
        },
    ),
    "known by the connection's host_key": lambda at: Way(extra={"host_key": at.node.host_key}),
    "known by the connection's host_key, by IPv6, on another port": lambda at: Way(
        (), {"address": ipv6(at.node), "port": PORT}, {"host_key": at.node.host_key}
    ),
    "known by the connection's host_key, through a jump host": lambda at: through(
        at, known=(known(at.bastion),), extra={"host_key": at.node.host_key}
    ),
    "known by its certificate": lambda at: Way(
        (f"@cert-authority * {text_of(at, 'authority.pub')}",), situations=(certified(at, at.node.address),)
    ),
    "known by its certificate, by IPv6, on another port": lambda at: Way(
        (f"@cert-authority [{ipv6(at.node)}]:{PORT} {text_of(at, 'authority.pub')}",),
        {"address": ipv6(at.node), "port": PORT},
        situations=(certified(at, ipv6(at.node)),),
    ),
    "its own key is known, and it shows a certificate too": lambda at: Way(
        (known(at.node),), situations=(certified(at, at.node.address),)
    ),
    "with an encrypted key": lambda at: Way(
        (known(at.node),), extra={"key_file": key(at, "encrypted"), "private_key_passphrase": PASSPHRASE}
    ),
    "with an encrypted key in the connection": lambda at: Way(
        (known(at.node),),
        extra={"key_file": None, "private_key": text_of(at, "encrypted"), "private_key_passphrase": PASSPHRASE},
    ),
}

# The error, and its whole sentence. {node}, {node6}, {bastion} are addresses, {known} the file of known hosts.
COMPARE = ": compare its fingerprint with the host's own, and add it "
NOT_KNOWN = "real-w1 ({node}): the host key is not known (Host key is not trusted for host {node})"
CHANGED = (
    f"{NOT_KNOWN}, and {{known}} has another for it: it was installed anew, or another machine answers{COMPARE}"
    "(ssh-keygen -f {known} -R {node} && ssh-keyscan {node} >> {known})"
)
CHECK_LOGIN = "check login and key of connection real_ssh, and that user's ~/.ssh/authorized_keys on the host"
REFUSED_LOGIN = f"real-w1 ({{node}}): SSH login refused (Permission denied for user %s on host {{node}}): {CHECK_LOGIN}"
REFUSED: dict[str, tuple[Callable[[Place], Way], type[errors.UpgradeError], str]] = {
    "not known, by IPv6, on another port": (
        lambda at: Way((), {"address": ipv6(at.node), "port": PORT}),
        errors.HostKeyUnknown,
        "real-w1 ({node6} port 2222): the host key is not known (Host key is not trusted for host {node6})"
        + COMPARE
        + "(ssh-keyscan -p 2222 {node6} >> {known})",
    ),
    "known on another port only": (
        lambda at: Way((known(at.node, port=PORT),)),
        errors.HostKeyUnknown,
        NOT_KNOWN + COMPARE + "(ssh-keyscan {node} >> {known})",
    ),
    "its key has changed": (
        lambda at: Way((known(at.node),), situations=(other_host_keys(at.node, "-t", "ed25519"),)),
        errors.HostKeyUnknown,
        CHANGED,
    ),
    "its key is of another kind now": (
        lambda at: Way((known(at.node),), situations=(other_host_keys(at.node, *ELLIPTIC),)),
        errors.HostKeyUnknown,
        CHANGED,
    ),
    "another key than the connection's": (
        lambda at: Way((known(at.node),), extra={"host_key": at.bastion.host_key}),
        errors.HostKeyUnknown,
        (
            "real-w1 ({node}): the host key is not the host_key of connection real_ssh (Host key is not trusted for "
            "host {node}): compare with the host's own (ssh-keyscan {node} prints them), and set it there, or remove "
            "it for known_hosts"
        ),
    ),
    "no certificate, where an authority is all that is known": (
        lambda at: Way((f"@cert-authority * {text_of(at, 'authority.pub')}",)),
        errors.HostKeyUnknown,
        NOT_KNOWN + COMPARE + "(ssh-keyscan {node} >> {known})",
    ),
    "a certificate for another host": (
        lambda at: Way(
            (f"@cert-authority * {text_of(at, 'authority.pub')}",), situations=(certified(at, "other.example.org"),)
        ),
        errors.HostKeyUnknown,
        "real-w1 ({node}): the host key is not known (Certificate principal mismatch for host {node})"
        + COMPARE
        + "(ssh-keyscan {node} >> {known})",
    ),
    "a jump host whose key is not known": (
        lambda at: through(at, known=(known(at.node),)),
        errors.HostKeyUnknown,
        "the jump host of real-w1 ({bastion}): the host key is not known (Host key is not trusted for host {bastion})"
        + COMPARE
        + "(ssh-keyscan {bastion} >> {known})",
    ),
    "not known, behind a jump host": (
        lambda at: through(at, known=(known(at.bastion),)),
        errors.HostKeyUnknown,
        NOT_KNOWN + COMPARE + "(ssh ssh://{bastion} ssh-keyscan {node} >> {known})",
    ),
    "past the jump host": (
        lambda at: Way((known(at.node),), situations=(only_from_the_bastion(at),)),
        errors.Forbidden,
        REFUSED_LOGIN % "upgrader",
    ),
    "a login that is refused": (
        lambda at: Way((known(at.node),), login="nobody-here"),
        errors.Forbidden,
        REFUSED_LOGIN % "nobody-here",
    ),
    "a login that the jump host refuses": (
        lambda at: through(at, f"nobody-here@{at.bastion.address}"),
        errors.Forbidden,
        (
            "the jump host of real-w1 ({bastion}): SSH login refused (Permission denied for user nobody-here on host "
            f"{{bastion}}): {CHECK_LOGIN}"
        ),
    ),
    "a jump host that forwards nothing": (
        lambda at: through(at, situations=(sshd_with(at.bastion, "AllowTcpForwarding no"),)),
        errors.Forbidden,
        (
            "real-w1 ({node}): the jump host {bastion} does not forward to it (open failed): see AllowTcpForwarding "
            "and PermitOpen in its sshd_config, and the options of the key in authorized_keys"
        ),
    ),
    "nobody listens behind the jump host": (
        lambda at: through(at, node={"jump_host": at.bastion.address, "port": 2200}),
        errors.Unreachable,
        "real-w1 ({node} port 2200): no SSH connection through {bastion}: Connection refused",
    ),
    "nobody listens": (
        lambda at: Way((), {"port": 2200}),
        errors.Unreachable,
        (
            "real-w1 ({node} port 2200): no SSH connection: Connection refused: see whether sshd runs and listens "
            "there, and correct nodes.real-w1.address or ssh.port in real.yaml"
        ),
    ),
    "an encrypted key without its passphrase": (
        lambda at: Way((known(at.node),), extra={"key_file": key(at, "encrypted")}),
        errors.NeedsPerson,
        (
            "the private key of connection real_ssh cannot be used: {directory}/encrypted: Passphrase must be "
            "specified to import encrypted private keys: set private_key_passphrase in its extra"
        ),
    ),
    "a key that it does not know": (
        lambda at: Way((known(at.node),), extra={"key_file": key(at, "stranger")}),
        errors.Forbidden,
        REFUSED_LOGIN % "upgrader",
    ),
}


@pytest.fixture(scope="module")
def place(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("reach")
    with machines_of(directory) as machines, pytest.MonkeyPatch.context() as monkeypatch:
        real = start_cluster(machines, directory, monkeypatch, workers=1)
        bastion = machines.boot("bastion")["bastion"]
        for host in (real.hosts[NODE], bastion):
            host.write("/etc/ssh/sshd_config.d/10-ports.conf", f"Port 22\nPort {PORT}\n")
            restart_sshd(host)
        ours = asyncssh.read_private_key(str(machines.key))
        ours.write_private_key(str(directory / "encrypted"), passphrase=PASSPHRASE)
        for name in ("authority", "stranger"):
            made = asyncssh.generate_private_key("ssh-ed25519")
            made.write_private_key(str(directory / name))
            made.write_public_key(str(directory / f"{name}.pub"))
        yield Place(real, bastion, directory)


@contextmanager
def written_down(place: Place, way: Way, directory: Path) -> Iterator[Path]:
    """The inventory file, the connection, and known_hosts, whose path is returned."""
    known_hosts = directory / "known_hosts"
    known_hosts.write_text("".join(f"{line}\n" for line in way.known))
    fleet = LabFleet(place.real.lab.description())
    settings = {"ssh": {"known_hosts": str(known_hosts), "port": None}, "nodes": {NODE: dict(way.node)}}
    plain = fleet.inventory("real", "1.29", repository={"url": place.real.pkgs.url}, **settings)
    write_inventory(directory / "inventory", plain)
    connection = fleet.connections("real")["real_ssh"]
    extra = {**connection["extra"], **way.extra}
    changed = {**connection, "login": way.login or connection["login"], "port": way.port}
    changed["extra"] = {name: value for name, value in extra.items() if value is not None}
    with ExitStack() as stack:
        monkeypatch = stack.enter_context(pytest.MonkeyPatch.context())
        monkeypatch.setenv("KUBEADM_UPGRADE_INVENTORY", str(directory / "inventory"))
        monkeypatch.setenv("AIRFLOW_CONN_REAL_SSH", json.dumps(changed))
        for situation in way.situations:
            stack.enter_context(situation)
        yield known_hosts


async def reach() -> str:
    """What `sudo -n id -un` prints over there."""
    cluster = load_cluster_named("real")
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        node = objects.read_node(await api.node(NODE))
    async with Host.open(cluster, address_of(cluster, node)) as host:
        return (await host.run(Run(("id", "-un")))).stdout.strip()


@pytest.mark.parametrize("name", REACHED)
def test_a_host_is_reached(place, tmp_path, name):
    """A command runs as root."""
    with written_down(place, REACHED[name](place), tmp_path):
        assert asyncio.run(reach()) == "root"


@pytest.mark.parametrize("name", REFUSED)
def test_a_host_that_is_not_reached_says_why(place, tmp_path, name):
    """Where, why, and what to do; and whether it is worth waiting for."""
    way, error, sentence = REFUSED[name]
    with written_down(place, way(place), tmp_path) as known_hosts, pytest.raises(errors.UpgradeError) as refused:
        asyncio.run(reach())
    told = {
        "node": place.node.address,
        "node6": place.node.ipv6,
        "bastion": place.bastion.address,
        "directory": place.directory,
    }
    assert str(refused.value) == sentence.format(known=known_hosts, **told)
    assert type(refused.value) is error


ADDED = {
    "a new host": lambda at: Way(),
    "a new host, by IPv6, on another port": lambda at: Way((), {"address": ipv6(at.node), "port": PORT}),
    "a new host, on the connection's port": lambda at: Way(port=PORT),
    "a changed host": lambda at: Way((f"{at.node.address} {at.bastion.host_key}",)),
    "a changed host, on another port": lambda at: Way(
        (f"[{at.node.address}]:{PORT} {at.bastion.host_key}",), {"port": PORT}
    ),
}


@pytest.mark.parametrize("name", ADDED)
def test_what_the_sentence_says_to_do_lets_the_host_be_reached(place, tmp_path, name):
    """By OpenSSH's own ssh-keyscan and ssh-keygen. Only the comparing is left to a person."""
    with written_down(place, ADDED[name](place), tmp_path):
        with pytest.raises(errors.HostKeyUnknown) as refused:
            asyncio.run(reach())
        command = str(refused.value.do).partition("add it (")[2].removesuffix(")")
        subprocess.run(["sh", "-c", command], check=True, capture_output=True)
        assert asyncio.run(reach()) == "root"


def test_worker_and_triggerer_go_the_same_way(place, tmp_path):
    """The trigger does a step through the jump host, and the task that comes again finds it done."""
    step = "switch_package_repository"

    async def run() -> list[object]:
        hop = await place.real.walker.plan()
        work = Assignment("real", RunId("run-1"), hop, "stage", step, NODE)
        began = datetime.now(UTC).isoformat()
        trigger = StepTrigger(work=work.to_json(), progress=Progress().to_json(), began=began)
        event = await anext(aiter(trigger.run()))
        assert isinstance(event, TaskSuccessEvent), event.payload
        again = await place.real.walker.step(hop, "stage", NODE, step)
        done, *_ = event.xcoms["return_value"]  # the steps that share its task come after it
        return [done["status"], again["status"]]

    with written_down(place, through(place), tmp_path) as known_hosts:
        # the plan looks at every node: the other one is behind the same jump host
        others = [host for name, host in place.real.hosts.items() if name != NODE]
        known_hosts.write_text(known_hosts.read_text() + "".join(f"{known(host)}\n" for host in others))
        assert asyncio.run(run()) == ["changed", "unchanged"]
    assert "/v1.29/" in place.node.read("/etc/apt/sources.list.d/kubernetes.list")
    origins = place.node.execute("journalctl", "-u", "ssh", "--since", "-30s", "-g", "Accepted publickey", "-o", "cat")
    assert f"from {place.bastion.address} " in origins
