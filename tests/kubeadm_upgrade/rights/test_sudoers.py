"""The sudoers files, read as sudo reads them: they allow every line that we run, and none with anything added."""

from __future__ import annotations

import ast
import asyncio
import fnmatch
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kubeadm_airflow
from in_memory.examples import OLD, RUN, a_hop, facts_of, on_host
from in_memory.walk import NODES, begin, turns
from in_memory.world import FAILED, SUCCEEDED
from kubeadm_upgrade import etcd, machine, queries, units
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.admission.lane import Member
from kubeadm_upgrade.engine import perform, wanted_actions
from kubeadm_upgrade.errors import CommandFailed, StepRefused, UnitFailed
from kubeadm_upgrade.facts import COMPANIONS, PACKAGES, Backup, OsRelease
from kubeadm_upgrade.hop import Repository, Source
from kubeadm_upgrade.kubeadm_preflight import PreflightError
from kubeadm_upgrade.local_etcd import LocalEtcd, started_with
from kubeadm_upgrade.packages import apt, dnf
from kubeadm_upgrade.packages.port import manager_of
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.rights import sudoers
from kubeadm_upgrade.rights.root_commands import root_commands
from kubeadm_upgrade.rights.stand_ins import STAND_INS
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.steps import Outcome, Progress
from kubeadm_upgrade.version import Version

FORMS = pytest.mark.parametrize("wildcards", [False, True], ids=["regular expressions", "wildcards"])


@dataclass(frozen=True)
class Rule:
    """One line of a sudoers file: a path, and the arguments as a pattern of our own tongue."""

    allows: bool
    program: str
    arguments: re.Pattern[str]


def rules(text: str) -> tuple[Rule, ...]:
    """As sudo's parser understands our file; anything else in it is a failure here."""
    found = []
    first, *others = (line for line in text.splitlines() if line and not line.startswith("#"))
    assert first == "upgrader ALL=(root) NOPASSWD: !ALL"
    for line in others:
        parts = re.fullmatch(r"upgrader ALL=\(root\) NOPASSWD: ([ !])(?:/usr/bin/)?(\S+) +(.+)", line)
        found.append(Rule(parts[1] == " ", parts[2], pattern(parts[3])))
    return tuple(found)


def pattern(arguments: str) -> re.Pattern[str]:
    if arguments == '""':
        return re.compile("")
    if arguments.startswith("^"):
        assert arguments.endswith("$")
        return re.compile(arguments)
    escapes = {"\\ ": " ", "\\,": ",", "\\:": ":", "\\=": "=", "\\*": "[*]", "\\\\\\\\": "\\"}
    assert not re.search(r"(?<!\\)[,:=#]", arguments), "sudo's parser would end the argument here"
    return re.compile(fnmatch.translate(re.sub(r"\\\\\\\\|\\.", lambda found: escapes[found[0]], arguments)))


@cache
def rules_of(wildcards: bool) -> tuple[Rule, ...]:
    return rules(sudoers.text(wildcards=wildcards))


def allowed(argv: tuple[str, ...], wildcards: bool) -> bool:
    """sudo joins the arguments with blanks; the last rule that matches decides."""
    line = " ".join(argv[1:])
    matching = [r.allows for r in rules_of(wildcards) if r.program == argv[0] and r.arguments.fullmatch(line)]
    return bool(matching) and matching[-1]


def refused(lines: set[tuple[str, ...]]) -> list[str]:
    return sorted(
        f"{form}: {shlex.join(argv)}"
        for form, wildcards in (("regular expressions", False), ("wildcards", True))
        for argv in lines
        if not allowed(argv, wildcards)
    )


def without_sudo(run: Run) -> tuple[str, ...]:
    assert run.command[:2] == ("sudo", "-n")
    return run.command[2:]


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize(
    "failing", [None, "upgrade_kubeadm", "upgrade_kubelet_and_kubectl", "kubeadm_upgrade", "back_up", "configure_etcd"]
)
def test_an_upgrade_in_memory_runs_nothing_else(node, failing):
    """Also where a unit fails half way, and is tried again; and through etcd's gate."""
    hop = replace(a_hop(), etcd_pin="3.5.26-0") if failing == "configure_etcd" else a_hop()
    world = begin(hop, node)
    world.fail_next = {STEPS[failing].unit(hop)} if failing else set()
    asyncio.run(persevere(hop, world))
    lines = {without_sudo(action) for action in world.log if isinstance(action, Run) and action.root}
    assert len(lines) > 10
    assert refused(lines) == []


async def persevere(hop, world) -> None:
    for step in turns(hop, world):
        progress = Progress()
        while True:
            try:
                result = await perform(step, hop, world, progress)
            except (CommandFailed, UnitFailed):
                progress = Progress()  # as a cleared task begins
                continue
            if isinstance(result, Outcome):
                break
            progress = result.progress


versions = st.builds(Version, st.just(1), st.integers(22, 60), st.integers(0, 99))
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
node_names = st.lists(labels, min_size=1, max_size=4).map(".".join)
file_names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
hosts = st.sampled_from(["https://pkgs.k8s.io/core:/stable:", "http://mirror.example:8081/a~b/c_d%20e+f"])
some_packages = st.sets(st.sampled_from((*PACKAGES, *COMPANIONS)))
FORMATS = {
    "deb": (OsRelease("ubuntu", ("debian",)), "{}-{}.1", ["/etc/apt/sources.list.d/{}.list", "{}.sources"]),
    "rpm": (OsRelease("rocky", ("rhel",)), "{}-150500.{}.1", ["/etc/yum.repos.d/{}.repo"]),
}


@st.composite
def hops(draw, node, package_format):
    """Any hop."""
    to = draw(versions)
    host = draw(hosts)
    url = f"{host}/v{to.release}/{package_format}/"
    packages = dict.fromkeys(PACKAGES, FORMATS[package_format][1].format(to, draw(st.integers(1, 30))))
    sources = {
        package_format: Source(Repository(url, f"{url}{draw(st.sampled_from(['Release.key', 'k.asc']))}"), packages)
    }
    first = draw(st.sampled_from([(), ("another",)]))
    pin = draw(st.none() | st.builds("3.{}.{}-{}".format, *[st.integers(0, 99)] * 3))
    return replace(
        a_hop(),
        to=to,
        came_from=draw(versions),
        sources=sources,
        control_plane=(*first, node),
        workers=(node,),
        etcd_pin=pin,
        ignore_preflight_errors=draw(st.dictionaries(st.sampled_from(list(PreflightError)), st.just("why"))),
    )


@st.composite
def repository_files(draw, package_format, hop):
    """None; ours from a hop ago; one of the repositories that were shut down; under any name."""
    name = draw(file_names)
    old = Repository(hop.source(package_format).repository.url.replace(hop.to.release, "1.9"), "https://key")
    if package_format == "deb":
        path = draw(st.sampled_from([f"{apt.SOURCES}/{name}.list", f"{apt.SOURCES}/{name}.sources", apt.ONE_FILE]))
        legacy = "deb https://apt.kubernetes.io/ kubernetes-xenial main\n" * (not path.endswith(".sources"))
        return draw(st.sampled_from([{}, {path: apt.source_text(path, old)}, {path: legacy}]))
    path, identity = (
        f"{dnf.SOURCES}/{name}.repo",
        draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,9}", fullmatch=True)),
    )
    legacy = f"[{identity}]\nbaseurl=https://yum.kubernetes.io/repos/kubernetes-el7-x86_64\n"
    return draw(st.sampled_from([{}, {path: dnf.source_text(identity, old)}, {path: legacy}]))


paths = st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}", fullmatch=True), min_size=1, max_size=4).map(
    lambda names: f"/{'/'.join(names)}"
)


@st.composite
def local_etcds(draw):
    """A member that is wherever somebody wants it."""
    urls = ["https://127.0.0.1:2379", "https://[::1]:2379", "http://192.0.2.7:4001", "https://cp1.example.org:2379"]
    flags = {"data-dir": draw(paths), "trusted-ca-file": draw(paths), "cert-file": draw(paths), "key-file": draw(paths)}
    flags["listen-client-urls"] = draw(st.sampled_from(urls))
    return started_with([f"--{name}={value}" for name, value in flags.items()], {"/": draw(paths)}, LocalEtcd())


@st.composite
def situations(draw):
    """A host in whatever state, and a hop that is to be made there."""
    node, package_format = draw(node_names), draw(st.sampled_from(sorted(FORMATS)))
    hop = draw(hops(node, package_format))
    old = FORMATS[package_format][1].format(OLD, 1)
    wanted = hop.source(package_format).packages
    present = {name: draw(st.sampled_from([old, wanted.get(name, old)])) for name in (*PACKAGES, *draw(some_packages))}
    names = sorted({unit for step in STEPS.values() if (unit := step.unit(hop))})
    facts = on_host(
        facts_of(a_hop(), "cp1"),
        os=FORMATS[package_format][0],
        packages=present,
        held=frozenset(draw(some_packages)),
        locked={name: draw(st.sampled_from([old, "elsewhere"])) for name in draw(some_packages)},
        sources=draw(repository_files(package_format, hop)),
        backups=draw(
            st.sampled_from(
                [(), (Backup("old", "another"),), (Backup("v1.28.0-rc.1-to-v1.29.15.12", RUN.unmistakable),)]
            )
        ),
    )
    tries = st.tuples(st.sampled_from([FAILED, SUCCEEDED]), st.integers(1, 99))
    earlier = {
        name: replace(unit, name=f"{name}.try-{number}" if number > 1 else name)
        for name, (unit, number) in draw(st.dictionaries(st.sampled_from(names), tries)).items()
    }
    registry = draw(st.sampled_from(["", "imageRepository: mirror.example:5000/k8s_io/a-b"]))
    nodes = dict.fromkeys(hop.control_plane, True)
    certificates = draw(st.sampled_from(["", f"certificatesDir: {draw(paths)}"]))
    plane = replace(
        facts.control_plane,
        configuration=f"{registry}\n{certificates}",
        nodes_ready=nodes,
        static_pods=(StaticPod("etcd", node, "3.5.9-0", ready=True, local_etcd=draw(local_etcds())),),
    )
    lane = replace(facts.lane, order=(node,), members={node: Member(finished=False)})
    return replace(facts, node=replace(facts.node, name=node), lane=lane, units=earlier, control_plane=plane), hop


def lines_of(facts, hop, groups) -> set[tuple[str, ...]]:
    """What each step would run here, and after those before it; and what it would put right."""
    lines = set()
    for step in (step for group in groups for step in GROUPS[group]):
        try:
            actions = (*wanted_actions(step, facts, hop), *step.amends(facts, hop))
        except StepRefused:
            continue
        lines |= {without_sudo(action) for action in actions if isinstance(action, Run) and action.root}
        facts = step.promise(facts, hop)
    return lines


@given(situations(), st.sampled_from([CONTROL_PLANE_NODE, WORKER_NODE]))
@settings(max_examples=300, deadline=None)
def test_whatever_a_step_runs_is_allowed(situation, groups):
    """With any names, versions and repositories, on a host in any state."""
    assert refused(lines_of(*situation, groups)) == []


@given(situations(), st.integers(1, 4_194_304), st.integers(1, 1000))
@settings(max_examples=100, deadline=None)
def test_whatever_is_looked_at_is_allowed(situation, pid, lines):
    """Looks that are made for a version, a process, a unit, a repository or a backup."""
    facts, hop = situation
    manager = manager_of(facts.host.os)
    local = facts.control_plane.local_etcd(facts.node.name)
    name = "v1.28.0-to-v1.29.15.7"
    asked = [
        queries.running_binary(pid),
        queries.upgrade_plan(hop.to, hop.ignore_preflight_errors),
        queries.backup_files(name),
        queries.backup_sums(name),
    ]
    asked += [
        *machine.questions(local),
        queries.BACKUP_RUNS,
        queries.loose_snapshot(local),
        queries.KUBELET_JOURNAL,
        *etcd.questions(facts.node.name, local),
    ]
    asked += [
        manager.published(facts.host, [hop.source(manager.FORMAT).repository.url]),
        *manager.QUERIES,
        queries.ROOT,
    ]
    found = {without_sudo(one.run) for one in asked if one.run.root}
    names = [unit for step in STEPS.values() if (unit := step.unit(hop))]
    found |= {units.journal(name, lines) for unit in names for name in (unit, f"{unit}.try-{pid}")}
    assert refused(found) == []


ARCHIVED = (
    "tar -C / -czf /var/backups/kubeadm-fleet/v1.28.15-to-v1.29.15.1/etc-kubernetes.tar.gz.part "
    "--exclude=etc/kubernetes/tmp etc/kubernetes"
)
STATUS = "etcdutl snapshot status /var/lib/etcd/kubeadm-fleet-snapshot.db -w json"
ADDED = (
    *("--force", "-o", "--config-file=/tmp/x", "-c", "; rm -rf /", "&& id", "$(id)", "`id`", "\nid", "/etc/shadow"),
    *("../../../etc/shadow", "of=/etc/passwd", "evil", "-- sh -c id", "--installroot=/tmp/x", "*", "[a-z]"),
)


@FORMS
@pytest.mark.parametrize("word", ADDED)
def test_nothing_can_be_added(word, wildcards):
    """No option, no second command, no other file: as a word of its own anywhere, or behind any word."""
    assert [shlex.join(argv) for argv in map(tuple, with_added(word)) if allowed(argv, wildcards)] == []


def with_added(word: str) -> Iterator[list[str]]:
    """Every line of ours, with this word at every place."""
    for argv in every_line():
        for place in range(1, len(argv) + 1):
            yield [*argv[:place], word, *argv[place:]]
            if place < len(argv):
                yield [*argv[:place], f"{argv[place]} {word}", *argv[place + 1 :]]


@FORMS
def test_nothing_can_be_left_out(wildcards):
    """A command that lost a word is not ours, unless it is another that we run: so may any package name go."""
    ours = set(every_line())
    for argv in ours:
        for place in range(1, len(argv)):
            less = (*argv[:place], *argv[place + 1 :])
            one_package_less = argv[place] in (*PACKAGES, *COMPANIONS) and {"hold", "versionlock"} & {*argv}
            if less not in ours and not (one_package_less and less[-1] in (*PACKAGES, *COMPANIONS)):
                assert not allowed(less, wildcards), less


@cache
def every_line() -> list[tuple[str, ...]]:
    return sorted({command.argv for command in root_commands()})


@pytest.mark.parametrize(
    "line",
    [
        "cat /etc/shadow",
        "apt-get install -y evil",
        "systemd-run --unit=x -- sh -c id",
        "sh -c id",
        "true x",
        "kubeadm reset -f",
        "kubeadm upgrade apply v1.29.15 --yes",  # only as the unit
        "systemctl restart sshd",
        "systemctl stop kubelet",
        "systemctl stop upgrade-kubeadm-v1.29.15",  # nothing is ever stopped or forgotten to make a name free
        "systemctl reset-failed upgrade-kubeadm-v1.29.15",
        "journalctl -u kubeadm-upgrade-v1.29.15 --no-pager -o cat -n 40 --vacuum-size=1",
        "dd of=/etc/apt/sources.list.d/../../sudoers.d/x.list.new status=none conv=fsync",
        "dd of=/etc/apt/sources.list.d/a of=/etc/sudoers.d/x.list.new status=none conv=fsync",
        "mv -f /etc/apt/sources.list.d/a.list.new /etc/sudoers.d/a.list",
        "apt-mark hold kubelet -c x",
        "apt-mark hold openssl --config-file=x",
        "readlink /proc/1/../../etc/shadow/exe",
        "curl -fsSL --max-time 60 -o /etc/apt/keyrings/kubernetes-apt-keyring.asc.new file:///etc/shadow",
        "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-cp1 -- sh -c id",
        "mv -f /etc/shadow /var/backups/kubeadm-fleet/v1.28.15-to-v1.29.15.1/etcd.db",
        f"{ARCHIVED} --use-compress-program=id",
        f"{ARCHIVED} root",
        f"{ARCHIVED} ./opt/tls --use-compress-program=/tmp/x",
        f"{ARCHIVED} ./opt/tls -I/tmp/x",
        f"kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-cp1 -- sh -c id -- {STATUS}",
    ],
)
@FORMS
def test_what_is_not_ours_is_refused(line, wildcards):
    """Commands that somebody might try with our user."""
    assert not allowed(tuple(shlex.split(line)), wildcards)


@pytest.mark.parametrize("stand_in", STAND_INS, ids=lambda stand_in: stand_in.text)
def test_a_stand_in_is_of_its_own_kind(stand_in):
    """And in both forms."""
    assert re.fullmatch(stand_in.regex, stand_in.text)
    assert fnmatch.fnmatchcase(stand_in.text, stand_in.wildcard)
    assert not fnmatch.fnmatchcase(stand_in.text, f"{stand_in.wildcard}[!{stand_in.only}]*")


def test_hooks_look_at_nothing_else_as_root_by_themselves():
    """Looks stand in include, where the list finds them; of the journal, it knows."""
    found = set()
    for path in Path(kubeadm_airflow.__path__[0]).rglob("*.py"):
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        for call in calls:
            made, as_root = ast.unparse(call.func), "root=True" in map(ast.unparse, call.keywords)
            if made == "Run" or (made in ("look", "Look") and as_root):
                found.add(ast.unparse(call.args[0]).lstrip("*").split("(")[0])
    assert found <= {"units.journal"}


def test_every_step_that_runs_something_has_its_name_in_the_file():
    """For whoever audits."""
    headings = re.findall(r"^# (\S.*)$", sudoers.text().split("!ALL\n")[1], re.MULTILINE)
    names = {name for heading in headings for name in heading.split(", ")}
    running = {"back_up", "switch_package_repository", "stage_packages", "stage_images", "kubeadm_upgrade"}
    running |= {"upgrade_kubeadm", "configure_etcd", "kubeadm_upgrade_node", "restart_kubelet"}
    running |= {"upgrade_kubelet_and_kubectl"}
    assert {name for name in names if "." not in name} == running
    assert {name for name in names if "." in name} >= {"queries.ROOT", "dnf.published", "units.journal"}


@FORMS
def test_no_rule_is_written_twice(wildcards):
    """And all are for the user that was named."""
    lines = [line for line in sudoers.text("ops", wildcards=wildcards).splitlines() if line and line[0] != "#"]
    assert len(lines) == len(set(lines))
    assert {line.split()[0] for line in lines} == {"ops"}


@FORMS
def test_every_rule_has_an_example_that_it_allows(wildcards):
    """So a host's sudo that allows the examples has the whole list."""
    argvs = [tuple(one["argv"]) for one in sudoers.examples()]
    assert [argv for argv in argvs if not allowed(argv, wildcards)] == []
    if not wildcards:  # of those, several stand for one
        lines = [(argv[0], " ".join(argv[1:])) for argv in argvs]
        for rule in rules_of(wildcards):
            assert any(program == rule.program and rule.arguments.fullmatch(line) for program, line in lines), rule


@FORMS
def test_visudo_finds_no_mistake(wildcards, tmp_path):
    """sudo's own parser, where this machine has it; tests/hosts asks that of real hosts."""
    visudo = shutil.which("visudo") or shutil.which("visudo", path="/usr/sbin")
    if visudo is None:
        pytest.skip("there is no visudo on this machine: apt-get install sudo")
    path = tmp_path / "upgrader"
    path.write_text(sudoers.text(wildcards=wildcards))
    path.chmod(0o440)
    done = subprocess.run([visudo, "-c", "-f", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
