"""`init` as it is typed, by flags and at a terminal: a cluster's file, and what is left to do, as commands."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from harness.fleet import ACCOUNT, RIGHTS
from kubeadm_upgrade.__main__ import main
from kubeadm_upgrade.commands.cluster_text import cluster_named_in
from kubeadm_upgrade.inventory import load_cluster
from lab import ClusterSpec, Lab

REPOSITORY = Path(__file__).resolve().parents[2]
MODULE = [sys.executable, "-m", "kubeadm_upgrade"]


@dataclass
class Newcomer:
    """Somebody who has a cluster, a kubeconfig and a key, and a home with nothing in it."""

    lab: Lab
    home: Path
    kubeconfig: Path
    flags: dict[str, object] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        return self.home / "inventory"

    @property
    def file(self) -> Path:
        return self.inventory / "own-1.yaml"

    @property
    def known_hosts(self) -> Path:
        return self.home / "keys" / "known_hosts"

    def argv(self, *more: str, **flags: object) -> list[str]:
        given = {**self.flags, **{name.replace("_", "-"): value for name, value in flags.items()}}
        return ["init", *(word for name, value in given.items() if value for word in (f"--{name}", str(value))), *more]

    def environment(self, **more: str) -> dict[str, str]:
        """A shell in which nothing of Airflow is set, and README's one export is."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {**kept, "HOME": str(self.home), "PYTHONPATH": str(REPOSITORY / "include"), "COLUMNS": "160", **more}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), [ClusterSpec("own-1", workers=2)]) as lab:
        lab.clusters["own-1"].apply(list(yaml.safe_load_all(RIGHTS.read_text())))
        yield lab


@pytest.fixture
def newcomer(own: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newcomer:
    cluster = own.clusters["own-1"]
    who = Newcomer(own, tmp_path, cluster.service_account_kubeconfig(*ACCOUNT.split("/")))
    who.flags = {
        "name": "own-1",
        "kubeconfig": who.kubeconfig,
        "ssh-user": own.ssh_user,
        "ssh-key": own.ssh_key,
        "ssh-port": cluster.nodes["own-1-cp1"].port,
        "known-hosts": who.known_hosts,
        "inventory": who.inventory,
    }
    for name in ("AIRFLOW_HOME", "SSH_AUTH_SOCK", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    return who


@pytest.fixture
def init(newcomer: Newcomer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Typed where there is no terminal."""
    monkeypatch.setattr(sys, "stdin", None)

    def run(*more: str, **flags: object) -> tuple[int, str, str]:
        code = main(newcomer.argv(*more, **flags))
        return code, *capsys.readouterr()

    return run


def fingerprints(lab: Lab) -> set[str]:
    """Of every host's key, by ssh-keygen itself."""
    lines = [f"h {node.host_key}" for node in lab.clusters["own-1"].nodes.values()]
    done = subprocess.run(
        ["ssh-keygen", "-lf", "-"], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    return {line.split()[1] for line in done.stdout.splitlines()}


def test_from_nothing_to_a_run_that_is_possible(newcomer, init):
    """The file as any other is read, the keys that were accepted, and a check that passes."""
    code, out, _ = init("--accept-host-keys")
    assert code == 0, out
    cluster = load_cluster(newcomer.file)
    assert str(cluster.target_version) == "1.29"
    assert (cluster.kubernetes_conn_id, cluster.ssh_conn_id) == ("own_1_kubernetes", "own_1_ssh")
    assert cluster.known_hosts == str(newcomer.known_hosts)
    assert len(newcomer.known_hosts.read_text().splitlines()) == 3
    assert newcomer.known_hosts.stat().st_mode & 0o777 == 0o600
    assert fingerprints(newcomer.lab) == set(re.findall(r"SHA256:\S+", out))
    assert "A run is possible." in out
    assert "kubectl apply -f " not in out
    assert f"made the directory {newcomer.inventory}" in out
    assert "airflow dags trigger kubeadm_upgrade.own-1 --conf '{\"dry_run\": true}'" in out
    assert list(newcomer.inventory.iterdir()) == [newcomer.file]


def test_rights_are_told_to_whoever_is_an_administrator(newcomer, init):
    """He could do with fewer; an account that has just those is told nothing."""
    code, out, _ = init("--accept-host-keys", kubeconfig=newcomer.lab.clusters["own-1"].admin_kubeconfig)
    assert (code, "4. Rights" in out, "kubectl apply -f " in out) == (0, True, True)


def test_the_same_again_goes_on(newcomer, init):
    """As after Ctrl-C at the host keys. Another target would make it another file."""
    assert init()[0] == 1
    before = newcomer.file.read_text()
    code, out, _ = init("--accept-host-keys")
    assert (code, "A run is possible." in out, newcomer.file.read_text()) == (0, True, before)
    code, _, err = init("--accept-host-keys", target="1.30")
    assert (code, newcomer.file.read_text()) == (1, before)
    assert err.startswith(f"{newcomer.file} exists\nWhat to do: say --force")


def test_no_secret_is_told(newcomer, init):
    """Files are named; neither the token nor the key is in what scrolls by."""
    _, out, err = init("--accept-host-keys")
    token = yaml.safe_load(newcomer.kubeconfig.read_text())["users"][0]["user"]["token"]
    key = newcomer.lab.ssh_key.read_text().splitlines()[1]
    assert token not in out + err
    assert key not in out + err
    assert str(newcomer.kubeconfig) in out


def test_no_key_is_trusted_without_a_word(newcomer, init):
    """Nobody has compared it: the lines are shown, nothing is written, and the check says what is left."""
    code, out, _ = init()
    assert code == 1
    assert not newcomer.known_hosts.exists()
    again = (
        f"check own-1 --kubeconfig {newcomer.kubeconfig} --ssh-user ops --ssh-key {newcomer.lab.ssh_key} --ssh-port "
    )
    assert f"Mend this, then: python -m kubeadm_upgrade {again}" in out
    assert f"export KUBEADM_UPGRADE_INVENTORY={newcomer.inventory}" in out
    shown = [line.strip() for line in out.splitlines() if " ssh-ed25519 AAAA" in line]
    assert len(shown) == 3
    newcomer.known_hosts.parent.mkdir()
    newcomer.known_hosts.write_text("\n".join(shown) + "\n")
    code, out, _ = init("--force")
    assert (code, "knows 3 of 3 hosts" in out) == (0, True)


def test_a_key_that_has_changed_is_never_written_over(newcomer, init):
    """Not even by leave: another machine may answer."""
    assert init("--accept-host-keys")[0] == 0
    lines = newcomer.known_hosts.read_text().splitlines()
    first, second = lines[0].split(), lines[1].split()
    wrong = "\n".join([f"{first[0]} {second[1]} {second[2]}", *lines[1:]]) + "\n"
    newcomer.known_hosts.write_text(wrong)
    code, out, _ = init("--accept-host-keys", "--force")
    assert (code, newcomer.known_hosts.read_text()) == (1, wrong)
    assert "has another: it was installed anew, or another machine answers" in out
    assert f"ssh-keygen -f {newcomer.known_hosts} -R '{first[0]}'" in out


MISTAKES = {
    "it is there already": ({}, "own-1.yaml exists", "--force"),
    "a name": ({"name": "Own_1"}, "Own_1.yaml: name: ", "--name with small letters"),
    "no user": ({"ssh_user": None}, "--ssh-user is not given", "say --ssh-user"),
    "no kubeconfig": ({"kubeconfig": None}, "--kubeconfig is not given", "say --kubeconfig"),
    "no such kubeconfig": (
        {"kubeconfig": "/no/such"},
        "there is no such file",
        "put the kubeconfig there, or correct --kubeconfig",
    ),
    "no such context": ({"context": "prod"}, "prod", "--context"),
    "an inventory that is a file": (
        {"inventory": "/dev/null"},
        "/dev/null/own-1.yaml: not writable",
        "--inventory DIR",
    ),
}


def test_a_target_that_lies_behind_is_no_target(newcomer, init):
    """And no file names it."""
    code, _, err = init("--accept-host-keys", target="1.20")
    assert (code, newcomer.file.exists()) == (1, False)
    assert err == (
        "the control plane is at 1.28.15, newer than 1.20: kubeadm does not go back\nWhat to do: say --target 1.29\n"
    )


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_two_lines(newcomer, init, name):
    """And nothing is written."""
    flags, what, do = MISTAKES[name]
    if name == "it is there already":
        newcomer.inventory.mkdir()
        newcomer.file.write_text("mine\n")
    code, _, err = init(**flags)
    said, remedy = err.rstrip("\n").rsplit("\nWhat to do: ", 1)
    assert code == 1
    assert what in said
    assert do in remedy
    assert not newcomer.file.exists() or newcomer.file.read_text() == "mine\n"


class Terminal:
    """A person's: what was asked is waited for before it is answered."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        ours, theirs = pty.openpty()
        self._fd = ours
        self.said = ""
        self._answered = 0
        self.process = subprocess.Popen(argv, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)

    def answer(self, question: str, answer: str, patience: float = 60) -> None:
        self.see(question, patience)
        os.write(self._fd, f"{answer}\n".encode())

    def see(self, question: str, patience: float = 60) -> None:
        deadline = time.monotonic() + patience
        while question not in self.said[self._answered :]:
            assert self._read(), f"{question!r} was not asked: {self.said}"
            assert time.monotonic() < deadline, self.said
        self._answered = self.said.index(question, self._answered) + len(question)

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._fd)
        return self.process.wait(30)

    def _read(self) -> bool:
        if not select.select([self._fd], [], [], 60)[0]:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # Linux: its other end is closed
            return False
        self.said += data.decode(errors="replace")
        return bool(data)


def test_at_a_terminal_it_asks(newcomer):
    """What is usual is offered; keys are written after a yes, and the table is there at the end."""
    argv = newcomer.argv(name=None, kubeconfig=None, ssh_user=None, ssh_key=None, ssh_port=None)
    usual = newcomer.home / ".kube" / "config"
    usual.parent.mkdir()
    usual.write_text(newcomer.kubeconfig.read_text())
    terminal = Terminal([*MODULE, *argv], newcomer.environment(TERM="xterm"))
    terminal.answer("Kubeconfig", "")
    terminal.answer("Name of the cluster", "own-1")
    terminal.answer("SSH user", newcomer.lab.ssh_user)
    terminal.answer("SSH private key", str(newcomer.lab.ssh_key))
    terminal.answer("SSH port", str(newcomer.flags["ssh-port"]))
    terminal.answer("Target version", "1.30")
    terminal.answer("Have you compared them?", "y")
    assert terminal.end() == 0, terminal.said
    assert str(load_cluster(newcomer.file).target_version) == "1.30"
    assert "A run is possible." in terminal.said
    assert "Traceback" not in terminal.said


def test_a_wrong_answer_is_told_at_once(newcomer):
    """And asked for again; words are as good as letters."""
    newcomer.inventory.mkdir()
    (newcomer.inventory / "mine.yaml").write_text("mine\n")
    argv = newcomer.argv(name=None, kubeconfig=None, ssh_port=None)
    terminal = Terminal([*MODULE, *argv], newcomer.environment(TERM="xterm"))
    terminal.answer("Kubeconfig", "/no/such")
    terminal.see("/no/such: there is no such file")
    terminal.answer("Kubeconfig", str(newcomer.kubeconfig))
    terminal.answer("Name of the cluster", "mine")
    terminal.see("mine.yaml exists")
    terminal.answer("Name of the cluster", "Own")
    terminal.see("small letters")
    terminal.answer("Name of the cluster", "own-1")
    terminal.answer("SSH port [22]", "ssh")
    terminal.see("is no port")
    terminal.answer("SSH port", str(newcomer.flags["ssh-port"]))
    terminal.answer("Target version [1.29]", "1.20")
    terminal.see("kubeadm does not go back")
    terminal.answer("Target version", "1.29")
    terminal.answer("Have you compared them?", "maybe")
    terminal.see("neither yes nor no")
    terminal.answer("Have you compared them?", "yes")
    assert terminal.end() == 0, terminal.said


@pytest.mark.parametrize(
    ("called", "offered"), [("prod-7", "prod-7"), ("kubernetes", None), ("arn:aws:eks", None), (None, None)]
)
def test_a_cluster_is_called_what_its_kubeconfig_calls_it(tmp_path, called, offered):
    """Never after the file: the documented one is called fleet.kubeconfig for every cluster."""
    path = tmp_path / "fleet.kubeconfig"
    context = {"name": "c", "context": {"cluster": called, "user": "u"}}
    path.write_text(yaml.safe_dump({"current-context": "c", "contexts": [context]} if called else []))
    assert cluster_named_in(path, None) == offered


def test_no_at_a_terminal_writes_no_key(newcomer):
    """The default is no."""
    terminal = Terminal([*MODULE, *newcomer.argv()], newcomer.environment(TERM="xterm"))
    terminal.answer("Target version", "")
    terminal.answer("Have you compared them?", "")
    assert terminal.end() == 1, terminal.said
    assert not newcomer.known_hosts.exists()
    assert "--accept-host-keys" in terminal.said


CTRL_D = "\x04"


@pytest.mark.parametrize("question", ["SSH user", "SSH port", "Have you compared them?"])
def test_ctrl_d_is_no_answer(newcomer, question):
    """It ends the command, as Ctrl-C does."""
    if question == "Have you compared them?":
        argv = newcomer.argv(target="1.29")
    else:
        argv = newcomer.argv(**{"ssh_user": None} if question == "SSH user" else {"ssh_port": None})
    terminal = Terminal([*MODULE, *argv], newcomer.environment(TERM="xterm"))
    terminal.answer(question, CTRL_D)
    assert terminal.end() == 130, terminal.said
    assert "Traceback" not in terminal.said


def run(newcomer: Newcomer, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, env=newcomer.environment(**environment), capture_output=True, text=True, check=False, timeout=120
    )


def test_before_there_is_an_airflow(newcomer):
    """With flags alone; nothing is left in the home, where Airflow would make one, nor beside it."""
    flags = {name: value for name, value in newcomer.flags.items() if name not in ("name", "inventory")}
    newcomer.lab.write_description()
    flags["known-hosts"] = newcomer.lab.known_hosts
    scratch = newcomer.home.parent / f"{newcomer.home.name}-scratch"
    scratch.mkdir()
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    done = run(newcomer, *MODULE, "check", *words, TMPDIR=str(scratch))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert list(newcomer.home.iterdir()) == list(scratch.iterdir()) == []


@pytest.mark.timeout(600)
@pytest.mark.e2e  # the airflow command needs its time, and half a minute for a database of its own
def test_the_commands_it_prints_make_the_connections(newcomer):
    """Run as they stand, by a real Airflow's command into its database; then check needs a name and nothing else."""
    home = {"AIRFLOW_HOME": str(newcomer.home / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    home["KUBEADM_UPGRADE_INVENTORY"] = str(newcomer.inventory)
    done = run(newcomer, *MODULE, *newcomer.argv("--accept-host-keys"))
    assert done.returncode == 0, done.stdout + done.stderr
    airflow = [sys.executable, "-m", "airflow"]
    assert run(newcomer, *airflow, "db", "migrate", **home).returncode == 0
    missing = run(newcomer, *MODULE, "check", "own-1", **home)
    assert missing.returncode == 1
    assert "Airflow has no connection own_1_kubernetes" in missing.stdout
    commands = [line for line in done.stdout.splitlines() if line.startswith("airflow connections add ")]
    assert len(commands) == 2
    for command in commands:
        added = run(newcomer, *airflow, *shlex.split(command)[1:], **home)
        assert added.returncode == 0, added.stderr
    checked = run(newcomer, *MODULE, "check", "own-1", **home)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert "connection ok own_1_kubernetes" in " ".join(checked.stdout.split())


def test_where_plugins_are_not(newcomer, tmp_path):
    """Somebody has copied include/ alone."""
    copy = shutil.copytree(REPOSITORY / "include", tmp_path / "copied" / "include")
    done = run(newcomer, *MODULE, "check", "--kubeconfig", "x", "--ssh-user", "y", PYTHONPATH=str(copy))
    assert done.returncode == 1
    assert done.stderr == (
        "this command needs the module kubeadm_airflow, and Python does not find it\n"
        "What to do: add this project's plugins/ to PYTHONPATH\n"
    )
