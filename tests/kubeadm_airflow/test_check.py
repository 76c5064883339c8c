"""`check` as it is typed, against a lab: each mistake of a first hour by itself, what is said of it, and what to do.

Real SSH, a real HTTPS API, the hooks that tasks use; Airflow's connections are environment variables. No mistake ends
in a traceback, and each says two lines.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.fleet import ACCOUNT, RIGHTS, LabFleet, write_inventory
from kubeadm_airflow.hooks import access_look, cluster_api
from kubeadm_upgrade.__main__ import main
from kubeadm_upgrade.access.permissions import permissions
from lab import ClusterSpec, Lab, LabCluster

CP, W1 = "first-cp1", "first-w1"
MANIFEST = list(yaml.safe_load_all(RIGHTS.read_text()))
NOBODY = "kube-system/nobody"


@dataclass
class Place:
    """A cluster of somebody's own, and what he types."""

    lab: Lab
    cluster: LabCluster
    directory: Path
    monkeypatch: pytest.MonkeyPatch
    flags: dict[str, object] = field(default_factory=dict)
    name: str | None = None

    @property
    def port(self) -> int:
        return self.cluster.nodes[CP].port

    @property
    def fleet(self) -> LabFleet:
        return LabFleet(self.lab.description())

    def argv(self) -> list[str]:
        flags = [word for name, value in self.flags.items() if value for word in (f"--{name}", str(value))]
        return ["check", *([self.name] if self.name else []), *flags]

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def kubeconfig(self, edit: Callable[[dict[str, Any]], object]) -> None:
        """The one that is used, with a mistake."""
        content = yaml.safe_load(Path(str(self.flags["kubeconfig"])).read_text())
        edit(content)
        self.flags["kubeconfig"] = self.file("kubeconfig", yaml.safe_dump(content))

    def by_name(self, connections: dict[str, dict[str, Any]] | None = None, **settings: Any) -> None:
        """As with an Airflow: the cluster's file, and two connections; each may be changed."""
        self.flags, self.name = {}, "first"
        write_inventory(self.directory / "inventory", {**self.fleet.inventory("first", "1.29"), **settings})
        changed = {**self.fleet.connections("first"), **(connections or {})}
        for name, connection in changed.items():
            self.monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))

    def without_connection(self, name: str) -> None:
        self.by_name()
        self.monkeypatch.delenv(f"AIRFLOW_CONN_{name.upper()}")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), [ClusterSpec("first", workers=1)]) as lab:
        cluster = lab.clusters["first"]
        cluster.apply(MANIFEST)
        cluster.service_account_kubeconfig(*ACCOUNT.split("/"))
        cluster.service_account_kubeconfig(*NOBODY.split("/"))
        yield lab


@pytest.fixture
def place(first: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    cluster = first.clusters["first"]
    cluster.apply(MANIFEST)
    monkeypatch.setattr(cluster_api, "FORBIDDEN_SECONDS", 0)  # nobody grants what is missing meanwhile
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KUBEADM_UPGRADE_INVENTORY", str(tmp_path / "inventory"))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("AIRFLOW_HOME", "SSH_AUTH_SOCK", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    here = Place(first, cluster, tmp_path, monkeypatch)
    here.flags = {
        "kubeconfig": cluster.service_accounts[ACCOUNT],
        "ssh-user": first.ssh_user,
        "ssh-key": first.ssh_key,
        "ssh-port": here.port,
        "known-hosts": first.known_hosts,
    }
    yield here
    cluster.faults.lift_all()


@dataclass(frozen=True)
class Said:
    """What a check has told, as JSON has it, and how it ended."""

    code: int
    lines: list[dict[str, str]]
    errors: str

    def of(self, subject: str, question: str) -> dict[str, str]:
        (found,) = [one for one in self.lines if (one["subject"], one["question"]) == (subject, question)]
        return found

    def states(self, question: str) -> dict[str, str]:
        return {one["subject"]: one["state"] for one in self.lines if one["question"] == question}


@pytest.fixture
def check(place: Place, capsys: pytest.CaptureFixture[str]) -> Callable[[], Said]:
    def run() -> Said:
        code = main([*place.argv(), "--output", "json"])
        out, errors = capsys.readouterr()
        return Said(code, json.loads(out)["lines"] if out else [], errors)

    return run


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def without(verb: str, resource: str) -> list[dict[str, Any]]:
    """The documented rights less one."""
    less = yaml.safe_load(json.dumps(MANIFEST))
    for item in less:
        for rule in item.get("rules", []):
            if resource in rule["resources"] and verb in rule["verbs"]:
                rule["verbs"].remove(verb)
    return less


def key(place: Place, *options: str) -> Path:
    path = place.directory / "another_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-f", path, *(options or ("-N", ""))], check=True)
    return path


def known_hosts(place: Place, *, without: str | None = None, changed: str | None = None) -> Path:
    lines = place.lab.known_hosts.read_text().splitlines()
    kept = [line for line in lines if without is None or f"[{place.cluster.nodes[without].address}]" not in line]
    other = place.cluster.nodes[CP].host_key if changed == W1 else place.cluster.nodes[W1].host_key
    if changed:
        entry = f"[{place.cluster.nodes[changed].address}]:{place.port}"
        kept = [f"{entry} {other}" if line.startswith(entry) else line for line in kept]
    return place.file("known_hosts", "\n".join(kept) + "\n")


API = "Kubernetes API"
SSH_ID, API_ID = "first_ssh", "first_kubernetes"

Arrange = Callable[[Place], AbstractContextManager[object] | object]


def mistake(name: str, arrange: Arrange, subject: str, question: str, what: str, do: str) -> Any:
    return pytest.param(arrange, subject, question, what, do, id=name)


def set_flag(name: str, value: Callable[[Place], object] | object) -> Arrange:
    def arrange(place: Place) -> None:
        place.flags[name] = value(place) if callable(value) else value

    return arrange


MISTAKES = [
    # the connection to the API: path, content, context, address, certificate, token, proxy, rights
    mistake(
        "no such kubeconfig",
        set_flag("kubeconfig", "/no/such/file"),
        API,
        "connection",
        "there is no such file",
        "put the kubeconfig there, or correct --kubeconfig",
    ),
    mistake(
        "an empty kubeconfig", lambda p: p.flags.update(kubeconfig=p.file("empty", "")), API, "connection", "empty", ""
    ),
    mistake(
        "no kubeconfig at all but a token",
        lambda p: p.flags.update(kubeconfig=p.file("token", "eyJhbGciOi")),
        *(API, "connection", "token", "kubeconfig"),
    ),
    mistake("a context that is not there", set_flag("context", "prod"), API, "connection", "prod", "context"),
    mistake(
        "a port that nobody listens on",
        lambda p: p.kubeconfig(
            lambda c: c["clusters"][0]["cluster"].update(server=f"https://127.0.0.1:{closed_port()}")
        ),
        *(API, "answers", "does not answer", "server"),
    ),
    mistake(
        "a host name that does not exist",
        lambda p: p.kubeconfig(
            lambda c: c["clusters"][0]["cluster"].update(server="https://no-such-host.invalid:6443")
        ),
        *(API, "answers", "no-such-host.invalid", ""),
    ),
    mistake(
        "no certificate authority",
        lambda p: p.kubeconfig(lambda c: c["clusters"][0]["cluster"].pop("certificate-authority-data")),
        *(API, "answers", "certificate", "certificate-authority"),
    ),
    mistake(
        "http instead of https",
        lambda p: p.kubeconfig(
            lambda c: c["clusters"][0]["cluster"].update(
                server=c["clusters"][0]["cluster"]["server"].replace("https", "http")
            )
        ),
        *(API, "answers", "at http://", "server in the kubeconfig"),
    ),
    mistake(
        "a server without https://",
        lambda p: p.kubeconfig(lambda c: c["clusters"][0]["cluster"].update(server="127.0.0.1:6443")),
        *(API, "answers", "this has no https:// before it", "as https://127.0.0.1:6443"),
    ),
    mistake(
        "a token that has expired",
        lambda p: p.kubeconfig(lambda c: c["users"][0]["user"].update(token="expired")),
        *(API, "identity", "Unauthorized", "renew"),
    ),
    mistake(
        "a user without credentials",
        lambda p: p.kubeconfig(lambda c: c["users"][0].update(user={})),
        *(API, "identity", "takes us for system:anonymous", "with a token"),
    ),
    mistake(
        "a proxy that is not there",
        lambda p: p.monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}"),
        *(API, "answers", "", "proxy"),
    ),
    mistake(
        "one right is missing",
        lambda p: p.cluster.apply(without("patch", "nodes")),
        *(API, "may patch nodes", "kubeadm-fleet may not patch nodes", "kubectl apply -f docs/rbac.yaml"),
    ),
    mistake(
        "no right at all",
        lambda p: p.flags.update(kubeconfig=p.cluster.service_accounts[NOBODY]),
        *(API, "may list nodes", "system:serviceaccount:kube-system:nobody may not list nodes", "docs/rbac.yaml"),
    ),
    mistake(
        "a target that lies behind",
        set_flag("target", "1.27"),
        *(API, "target", "the control plane is at 1.28.15, newer than 1.27: kubeadm does not go back", "--target"),
    ),
    mistake(
        "a file's target that lies behind",
        lambda p: p.by_name(target_version="1.27"),
        *(API, "target", "newer than 1.27: kubeadm does not go back", "raise target_version in first.yaml"),
    ),
    # the way to the hosts: user, key, host key, port, address
    mistake("another user", set_flag("ssh-user", "root"), W1, "login", "SSH login refused", ""),
    mistake(
        "another key",
        lambda p: p.flags.update({"ssh-key": key(p)}),
        W1,
        "login",
        "SSH login refused",
        "authorized_keys",
    ),
    mistake("no such key", set_flag("ssh-key", "/no/such/key"), W1, "login", "/no/such/key", ""),
    mistake(
        "the public key",
        lambda p: p.flags.update({"ssh-key": f"{key(p)}.pub"}),
        *(W1, "login", "another_key.pub", ""),
    ),
    mistake(
        "a key with a passphrase",
        lambda p: p.flags.update({"ssh-key": key(p, "-N", "secret")}),
        *(W1, "login", "Passphrase must be specified", "private_key_passphrase beside key_file"),
    ),
    mistake(
        "a host key that is not known",
        lambda p: p.flags.update({"known-hosts": known_hosts(p, without=CP)}),
        *(CP, "host key", "is not known", "ssh-keyscan"),
    ),
    mistake(
        "a host key that has changed",
        lambda p: p.flags.update({"known-hosts": known_hosts(p, changed=CP)}),
        *(CP, "host key", "another", "ssh-keygen"),
    ),
    mistake(
        "no known_hosts", set_flag("known-hosts", "/no/such/known_hosts"), W1, "host key", "/no/such/known_hosts", ""
    ),
    mistake(
        "known_hosts is a directory",
        lambda p: p.flags.update({"known-hosts": p.directory}),
        *(W1, "login", "directory", "mount"),
    ),
    mistake(
        "another port",
        lambda p: p.flags.update({"ssh-port": closed_port()}),
        W1,
        "reached",
        "no SSH connection",
        "say another --ssh-port",
    ),
    mistake("a host that is down", lambda p: p.cluster.faults.node_down(W1), W1, "reached", "no SSH connection", ""),
    mistake(
        "a Node without such an address",
        lambda p: p.by_name(ssh={**p.fleet.inventory("first", "1.29")["ssh"], "address_type": "ExternalDNS"}),
        *(W1, "address", "no address of type ExternalDNS", "nodes.first-w1.address"),
    ),
    mistake(
        "an address that does not resolve",
        lambda p: p.by_name(nodes={W1: {"address": "first-w1.invalid"}}),
        *(W1, "address", "first-w1.invalid", ""),
    ),
    mistake(
        "a jump host that is down",
        lambda p: p.by_name(
            ssh={**p.fleet.inventory("first", "1.29")["ssh"], "jump_host": f"127.0.0.1:{closed_port()}"}
        ),
        *(W1, "reached", "the jump host of first-w1", "jump_host"),
    ),
    mistake(
        "no jump host at all",
        lambda p: p.by_name(ssh={**p.fleet.inventory("first", "1.29")["ssh"], "jump_host": "ssh://bastion"}),
        *(W1, "address", "is no jump host", "[user@]host[:port]"),
    ),
    mistake(
        "a shell that prints",
        lambda p: p.cluster.faults.chatty_shell(W1),
        *(W1, "login", "Welcome!", ".bashrc"),
    ),
    # sudo, packages, clock
    mistake(
        "sudo asks", lambda p: p.cluster.faults.sudo_refuses(W1), W1, "sudo", "sudo asks for a password", "NOPASSWD"
    ),
    mistake(
        "sudo denies one command",
        lambda p: p.cluster.faults.sudo_denies(W1, "apt-mark"),
        *(W1, "sudo list", "apt-mark hold", "python -m kubeadm_upgrade sudoers --user ops"),
    ),
    mistake(
        "a release that is not out",
        set_flag("target", "1.99"),
        *(W1, "repository", "v1.99/deb/", "target_version"),
    ),
    mistake(
        "a patch that is not out",
        set_flag("target", "1.29.99"),
        *(W1, "repository", "its latest is 1.29.15", "target_version"),
    ),
    mistake(
        "a proxy that apt does not know of",
        lambda p: p.cluster.faults.fail(
            W1, "flock", 100, "E: Failed to fetch https://pkgs.k8s.io  Could not connect to pkgs.k8s.io:443", times=None
        ),
        *(W1, "repository", "Could not connect to pkgs.k8s.io", "proxy"),
    ),
    mistake("a clock", lambda p: p.cluster.faults.clock_off(W1, -95), W1, "clock", "95 s behind", "timedatectl"),
    # Airflow's connections
    mistake(
        "no connection to the API",
        lambda p: p.without_connection(API_ID),
        *(API, "connection", f"Airflow has no connection {API_ID}", "make it in Airflow"),
    ),
    mistake(
        "no connection to hosts",
        lambda p: p.without_connection(SSH_ID),
        W1,
        "login",
        f"no connection {SSH_ID}",
        "make it",
    ),
    mistake(
        "the types are confused",
        lambda p: p.by_name({API_ID: {"conn_type": "ssh", "extra": {}}}),
        *(API, "connection", "is of type ssh", "type kubernetes"),
    ),
    mistake(
        "both ids are the same",
        lambda p: p.by_name(ssh_conn_id=API_ID),
        *(W1, "login", "is of type kubernetes", "type ssh"),
    ),
    mistake(
        "an extra that is no JSON",
        lambda p: p.by_name({API_ID: {"conn_type": "kubernetes", "extra": "kube_config_path: /x"}}),
        *(API, "connection", "no JSON", '{"kube_config_path": "/the/path"}'),
    ),
    mistake(
        "host keys are not to be checked",
        lambda p: p.by_name({SSH_ID: {"conn_type": "ssh", "extra": {"no_host_key_check": True}}}),
        *(W1, "login", "no_host_key_check", "known_hosts"),
    ),
]


@pytest.mark.parametrize(("arrange", "subject", "question", "what", "do"), MISTAKES)
def test_a_mistake_has_two_lines(place, check, arrange, subject, question, what, do):
    """Which question it is of, what is wrong, and what to do; and no secret and no stack anywhere."""
    arranged = arrange(place)
    with arranged if hasattr(arranged, "__exit__") else nullcontext():
        said = check()
    line = said.of(subject, question)
    assert (said.code, line["state"], said.errors) == (1, "wrong", ""), line
    assert what in line["what"], line
    assert line["do"], line
    assert do in line["do"], line
    everything = json.dumps(said.lines)
    assert "Traceback" not in everything
    assert "of_the_command_line" not in everything


def test_nothing_is_wrong(place, check):
    """Every question has been asked, of the API and of each host."""
    said = check()
    assert (said.code, said.errors) == (0, "")
    assert {one["state"] for one in said.lines} == {"ok"}, said.lines
    assert said.of(API, "identity")["what"] == "system:serviceaccount:kube-system:kubeadm-fleet"
    assert said.of(W1, "repository")["what"] == "1.29: 1.29.15"
    assert said.states("sudo list") == {CP: "ok", W1: "ok"}
    assert [one["question"] for one in said.lines if one["subject"] == W1] == list(access_look.hosts.QUESTIONS)


def test_nothing_is_changed(place, check):
    """Neither in the API, nor on a host: reviews are all that is made."""
    before, asked = len(place.cluster.log), len(place.cluster.mutations)
    assert check().code == 0
    assert [record for record in place.cluster.log[before:] if record.mutating] == []
    made = {record.path.partition("?")[0].rpartition("/")[2] for record in place.cluster.mutations[asked:]}
    assert made == {"selfsubjectreviews", "selfsubjectaccessreviews"}


def test_what_is_behind_a_mistake_is_not_reached(place, check):
    """It is neither wrong nor right, and one host's mistake is not another's."""
    place.cluster.faults.sudo_refuses(W1)
    said = check()
    assert said.states("sudo list") == {CP: "ok", W1: "not reached"}
    assert said.states("packages") == {CP: "ok", W1: "ok"}
    place.flags["kubeconfig"] = "/no/such/file"
    states = {one["question"]: one["state"] for one in check().lines}
    assert states.pop("connection") == "wrong"
    assert set(states.values()) == {"not reached"}


def test_a_slow_host_holds_nobody_up(place, check, monkeypatch):
    """Its own patience ends; what it has said until then stays."""
    monkeypatch.setattr(access_look, "HOST_SECONDS", 3.0)
    place.cluster.faults.slow(W1, "flock", 30)
    said = check()
    assert said.states("repository") == {CP: "ok", W1: "unknown"}
    assert said.states("sudo") == {CP: "ok", W1: "ok"}
    assert said.code == 1


def test_an_api_that_anybody_may_play_is_told(place, check):
    """insecure-skip-tls-verify works, and a token is shown to whoever answers."""

    def insecure(config):
        config["clusters"][0]["cluster"].pop("certificate-authority-data")
        config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = True

    place.kubeconfig(insecure)
    said = check()
    line = said.of(API, "connection")
    assert (said.code, line["state"]) == (0, "mind")
    assert "insecure-skip-tls-verify" in line["what"]
    assert "certificate-authority-data" in line["do"]


def test_an_administrator_may_and_is_told(place, check):
    """It works, and more than is needed should not lie about."""
    place.flags["kubeconfig"] = place.cluster.admin_kubeconfig
    said = check()
    assert said.code == 0
    assert said.of(API, "least rights")["state"] == "mind"
    assert "kubernetes-admin may do everything" in said.of(API, "least rights")["what"]


def test_the_right_that_may_be_left_out_is_mentioned_and_nothing_more(place, check):
    place.cluster.apply(without("delete", "pods"))
    said = check()
    line = said.of(API, "may delete pods")
    assert (said.code, line["state"]) == (0, "mind")
    assert line["what"].startswith("system:serviceaccount:kube-system:kubeadm-fleet may not delete pods")
    assert line["do"].startswith("an upgrade goes without it; no drain deletes a Pod then, whoever agrees")


@pytest.mark.parametrize("version", ["1.27.16", "1.25.16"])
def test_an_api_before_1_28_cannot_say_who_we_are(tmp_path, place, check, version):
    """404, or 403 to all but administrators: no reason not to ask what we may."""
    with Lab(tmp_path / "old", [ClusterSpec("old", workers=0, version=version)]) as lab:
        cluster = lab.clusters["old"]
        cluster.apply(MANIFEST)
        place.flags["kubeconfig"] = cluster.service_account_kubeconfig(*ACCOUNT.split("/"))
        place.flags |= {
            "ssh-key": lab.ssh_key,
            "known-hosts": lab.known_hosts,
            "ssh-port": cluster.nodes["old-cp1"].port,
        }
        said = check()
    assert said.code == 0, said.lines
    assert said.of(API, "identity")["what"] == "an API before 1.28 cannot say who we are"
    assert said.of("old-cp1", "repository")["what"].startswith(f"1.{int(version.split('.')[1]) + 1}: ")


FILES = {
    "no such cluster": ("", "other", "there is no other.yaml", "init --name other"),
    "the suffix is .yml": ("first.yml", "first", "only files that end in .yaml are read", "mend"),
    "another name": ("first.yaml", "first", "the file is named 'first'", "first.yaml"),
    "a version": ("first.yaml", "first", "target_version", "mend"),
    "a key": ("first.yaml", "first", "max_unavailble: unknown key", "mend"),
}
CONTENT = {"another name": {"name": "last"}, "a version": {"target_version": "latest"}, "a key": {"max_unavailble": 2}}


@pytest.mark.parametrize("mistake", FILES)
def test_a_mistake_in_the_file_or_its_name(place, capsys, mistake):
    """Before anything is asked."""
    file, name, what, do = FILES[mistake]
    if file:
        content = {**place.fleet.inventory("first", "1.29"), **CONTENT.get(mistake, {})}
        (place.directory / "inventory").mkdir()
        (place.directory / "inventory" / file).write_text(yaml.safe_dump(content))
    place.flags, place.name = {}, name
    assert main(place.argv()) == 1
    said, remedy = capsys.readouterr().err.rstrip("\n").rsplit("\nWhat to do: ", 1)
    assert what in said
    assert do in remedy


@pytest.mark.parametrize("name", ["first.yaml", "FIRST", "../first", "clusters/first.yml"])
def test_a_file_is_not_its_name(place, capsys, name):
    place.by_name()
    place.name = name
    assert main(place.argv()) == 1
    assert capsys.readouterr().err == f"{name!r} is no name of a cluster\nWhat to do: say first\n"


@pytest.mark.parametrize("name", ["OTHER", "../x", "a b"])
def test_no_name_is_advised_that_is_none(place, capsys, name):
    place.flags, place.name = {}, name
    assert main(place.argv()) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"{name!r} is no name of a cluster\nWhat to do: make it: python -m kubeadm_upgrade init; ")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        pytest.param(
            ["check", "x", "--target", "latest"], "'latest' is neither a version such as 1.29.4", id="version"
        ),
        pytest.param(["check", "x", "--ssh-port", "ssh"], "'ssh' is no port: a number from 1 to 65535", id="port"),
        pytest.param(["check", "x", "--ssh-key", ""], "--ssh-key: is empty", id="empty"),
        pytest.param(["check", "x", "--kubeconfig", " "], "--kubeconfig: is empty", id="blank"),
        pytest.param(["check", "x", "--kube-config", "x"], "unrecognized arguments", id="parameter"),
    ],
)
def test_a_mistake_on_the_command_line(capsys, argv, said):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_as_a_table(place, capsys):
    """A row for each host, and below what is wrong, once for all that have it."""
    place.flags["ssh-key"] = "/no/such/key"
    assert main(place.argv()) == 1
    out = capsys.readouterr().out
    assert out.count("what  ") == out.count("do    ") == 1
    assert f"{CP}, {W1}: login" in out
    assert re.search(
        rf"^rights +ok {len(permissions())} of {len(permissions())} in docs/rbac.yaml *$", out, re.MULTILINE
    )
    assert "A run is not possible yet: 1 thing to mend" in out
    place.flags["ssh-key"] = place.lab.ssh_key
    place.flags["ssh-user"] = "root"
    assert main(place.argv()) == 1
    out = capsys.readouterr().out
    assert out.count("what  ") == 1, out
    assert f"2 hosts: {CP}, {W1}: login" in out
    assert re.search(rf"what  port {place.port}: SSH login refused \(.* for user root on host HOST\)", out), out
    place.flags["ssh-user"] = place.lab.ssh_user
    place.flags["ssh-port"] = closed_port()
    assert main(place.argv()) == 1
    out = capsys.readouterr().out
    assert out.count("what  ") == 1, out
    assert "or write nodes.NODE.address into its file" in out
    place.flags["ssh-port"] = place.port
    assert main(place.argv()) == 0
    assert capsys.readouterr().out.endswith("\nA run is possible.\n")
