"""`init`: from a kubeconfig and an SSH key to a cluster's file, with everything that is left to do, as commands."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from kubeadm_upgrade import inventory
from kubeadm_upgrade.access import api, known_hosts
from kubeadm_upgrade.access.known_hosts import HostKey, Known
from kubeadm_upgrade.access.line import not_passed
from kubeadm_upgrade.commands import credentials, hands, steps_left
from kubeadm_upgrade.commands.arguments import port, target_version
from kubeadm_upgrade.commands.asking import Asking
from kubeadm_upgrade.commands.check import check
from kubeadm_upgrade.commands.cluster_text import checked, cluster_named_in, cluster_text, is_of_init
from kubeadm_upgrade.commands.credentials import Credentials
from kubeadm_upgrade.errors import NeedsPerson, UpgradeError
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.planning.next_target import goes_back, next_target
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.version import TargetVersion

_USERS_KNOWN_HOSTS = Path("~/.ssh/known_hosts")
_USERS_KEYS = tuple(Path(f"~/.ssh/id_{kind}") for kind in ("ed25519", "ecdsa", "rsa"))


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "init",
        help="write a cluster's file, print what is left to do, and check",
        description="Looks at a cluster, writes its file, prints the Airflow connections to make, the host keys to "
        "compare and the rights to grant, and ends with `check`. At a terminal it asks for what no flag says.",
    )
    parser.add_argument("--name", help="of the cluster: its file, its DAG and its connections are named after it")
    credentials.add_to(parser)
    parser.add_argument("--target", type=target_version, metavar="VERSION", help="default: the next minor release")
    parser.add_argument(
        "--inventory", type=credentials.file_named, metavar="DIR", help="default: where the inventory is"
    )
    parser.add_argument("--force", action="store_true", help="write over a file that is there already")
    parser.add_argument(
        "--accept-host-keys", action="store_true", help="write new host keys into known_hosts: you have compared them"
    )
    parser.set_defaults(run=_run)


@dataclass(frozen=True)
class Wishes:
    """What was typed or answered."""

    name: str
    given: Credentials
    path: Path


def _run(options: argparse.Namespace) -> int:
    """1 when a run is not possible yet; the file is written all the same."""
    console, asking = Console(), Asking.of_terminal()
    wishes = _wishes(options, asking)
    cluster = wishes.given.over(credentials.alone(wishes.name, None))
    with hands.borrowed(wishes.given.environment(), alone=True) as borrowed:
        console.print(f"[dim]looking at the cluster by {escape(str(wishes.given.kubeconfig))}[/]", highlight=False)
        nodes = _nodes(borrowed, cluster, wishes.given)
        target = _target(nodes, asking, options.target)
        if _write(wishes, target, force=options.force):
            console.print(f"made the directory {escape(str(wishes.path.parent))}", highlight=False, soft_wrap=True)
        steps_left.say_file(console, wishes.path, nodes)
        _host_keys(
            console, asking, wishes, borrowed.look_at_host_keys(cluster, nodes), accepted=options.accept_host_keys
        )
    steps_left.say_connections(console, wishes.name, wishes.given)
    lines = check(console, replace(cluster, name=wishes.name), target, wishes.given)
    if not api.are_least_rights(lines):
        steps_left.say_rights(console)
    steps_left.say_next(console, wishes.name, wishes.given, passes=not not_passed(lines))
    return int(bool(not_passed(lines)))


def _wishes(options: argparse.Namespace, asking: Asking) -> Wishes:
    """Each answer is tried before the next question: a mistake is told while somebody knows what it was about."""
    if options.kubeconfig:
        kubeconfig = _kubeconfig(str(options.kubeconfig))
    else:
        kubeconfig = asking.ask("Kubeconfig", "--kubeconfig", _usual_kubeconfig(), _kubeconfig)
    directory = (options.inventory or inventory.directory()).expanduser().absolute()

    def free(name: str) -> str:
        return _free(directory, name, force=options.force)

    if options.name:
        name = free(options.name)
    else:
        name = asking.ask("Name of the cluster", "--name", cluster_named_in(kubeconfig, options.context), free)
    user = options.ssh_user or asking.ask("SSH user on every host", "--ssh-user", None, str)
    key = options.ssh_key or asking.ask_or_leave("SSH private key", _usual_key(), _key)
    ssh_port = options.ssh_port or asking.ask_or_leave("SSH port", str(known_hosts.SSH_PORT), _port)
    given = replace(
        Credentials.of(options),
        kubeconfig=kubeconfig,
        user=user,
        key=key,
        port=None if ssh_port == known_hosts.SSH_PORT else ssh_port,  # a file need not say the usual one
    )
    return Wishes(name, given, directory / f"{name}.yaml")


def _kubeconfig(text: str) -> Path:
    path = _whole(text)
    if not path.exists():
        raise NeedsPerson(f"{path}: there is no such file", do="put the kubeconfig there, or correct --kubeconfig")
    return path


def _key(text: str) -> Path:
    path = _whole(text)
    if not path.is_file():
        raise NeedsPerson(f"{path} is no file", do="name the private key")
    return path


def _free(directory: Path, name: str, *, force: bool) -> str:
    """A name whose file may be written: none is there, or one that init has written, which may turn out the same."""
    path = directory / f"{checked(name)}.yaml"
    if path.exists() and not force and not is_of_init(path):
        raise _exists(path)
    return name


def _exists(path: Path) -> NeedsPerson:
    return NeedsPerson(f"{path} exists", do="say --force to write over it, or take another --name")


def _nodes(borrowed: hands.Hands, cluster: Cluster, given: Credentials) -> tuple[NodeFacts, ...]:
    try:
        nodes = borrowed.look_at_nodes(cluster)
    except UpgradeError as error:
        raise NeedsPerson(
            given.spoken(error.what), do=given.spoken(error.do or steps_left.LOOK_AT_KUBECONFIG)
        ) from error
    if not nodes:
        raise NeedsPerson("the cluster has no node that could be upgraded", do=steps_left.LOOK_AT_KUBECONFIG)
    return nodes


def _target(nodes: Sequence[NodeFacts], asking: Asking, typed: TargetVersion | None) -> TargetVersion:
    """One that lies ahead."""
    usual = next_target(nodes, releases(), datetime.now(UTC).date())

    def ahead(text: str) -> TargetVersion:
        try:
            target = TargetVersion.parse(text)
        except ValueError as error:
            raise NeedsPerson(f"target version: {error}", do=f"say --target {usual}") from error
        if why := goes_back(target, nodes):
            raise NeedsPerson(why, do=f"say --target {usual}")
        return target

    if typed:
        return ahead(str(typed))
    return asking.ask_or_leave("Target version", str(usual), ahead) or ahead(str(usual))


def _write(wishes: Wishes, target: TargetVersion, *, force: bool) -> bool:
    """In one change, and never over another file: one that says the same was written before, by an init that ended.

    Whether the directory had to be made for it.
    """
    beside = (wishes.path.parent / "cluster.schema.json").is_file()
    text = cluster_text(wishes.name, target, wishes.given, with_schema=beside)
    unfinished = wishes.path.with_name(f".{wishes.path.name}.{os.getpid()}")
    try:
        made = not wishes.path.parent.is_dir()
        if made:
            wishes.path.parent.mkdir(parents=True)
        unfinished.write_text(text)
        if force:
            unfinished.replace(wishes.path)
        elif not _named(unfinished, wishes.path) and wishes.path.read_text() != text:
            raise _exists(wishes.path)
    except OSError as error:
        do = "say --inventory DIR for a directory that you may write"
        raise NeedsPerson(f"{wishes.path}: not writable: {error.strerror}", do=do) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return made


def _named(unfinished: Path, path: Path) -> bool:
    """Whether it has the name now; never where another file has it."""
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        return False
    return True


def _host_keys(console: Console, asking: Asking, wishes: Wishes, keys: Sequence[HostKey], *, accepted: bool) -> None:
    """What is new is shown, and written only by leave: whoever answers on a network may be another."""
    path = (wishes.given.known_hosts or _USERS_KNOWN_HOSTS).expanduser()
    new = [key for key in keys if key.known is Known.NEW]
    steps_left.say_host_keys(console, path, keys)
    if new and (accepted or asking.agrees(f"Have you compared them? Write them into {path}")):
        known_hosts.append(path, new)
        console.print(f"written into {escape(str(path))}", highlight=False, soft_wrap=True)
    elif new:
        steps_left.say_how_to_accept(console, path, new)


def _usual_kubeconfig() -> str | None:
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)
    path = Path(named[0] or "~/.kube/config").expanduser()
    return str(path) if path.is_file() else None


def _usual_key() -> str | None:
    return next((str(path.expanduser()) for path in _USERS_KEYS if path.expanduser().is_file()), None)


def _whole(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _port(text: str) -> int:
    try:
        return port(text)
    except argparse.ArgumentTypeError as error:
        raise NeedsPerson(f"SSH port: {error}", do="say --ssh-port PORT") from error
