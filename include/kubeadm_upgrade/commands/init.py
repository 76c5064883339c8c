"""`init`: from a kubeconfig and an SSH key to a cluster's file, with everything that is left to do, as commands."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from kubeadm_upgrade import inventory
from kubeadm_upgrade.access import known_hosts
from kubeadm_upgrade.access.known_hosts import HostKey, Known
from kubeadm_upgrade.access.line import not_passed
from kubeadm_upgrade.commands import credentials, hands, steps_left
from kubeadm_upgrade.commands.arguments import port, target_version
from kubeadm_upgrade.commands.asking import Asking
from kubeadm_upgrade.commands.check import check
from kubeadm_upgrade.commands.cluster_text import checked, cluster_text
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
    parser.add_argument("--inventory", type=Path, metavar="DIR", help="default: where the inventory is")
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
    if wishes.path.exists() and not options.force:
        raise NeedsPerson(f"{wishes.path} exists", do="say --force to write over it, or take another --name")
    cluster = wishes.given.over(credentials.alone(wishes.name, None))
    with hands.borrowed(wishes.given.environment(), alone=True) as borrowed:
        console.print(f"[dim]looking at the cluster by {escape(str(wishes.given.kubeconfig))}[/]", highlight=False)
        nodes = _nodes(borrowed, cluster, wishes.given)
        target = _target(nodes, asking, options.target)
        _write(wishes, target, force=options.force)
        steps_left.say_file(console, wishes.path, nodes)
        _host_keys(
            console, asking, wishes, borrowed.look_at_host_keys(cluster, nodes), accepted=options.accept_host_keys
        )
    steps_left.say_connections(console, wishes.name, wishes.given)
    steps_left.say_rights(console)
    lines = check(console, replace(cluster, name=wishes.name), target, wishes.given)
    steps_left.say_next(console, wishes.name, wishes.given, passes=not not_passed(lines))
    return int(bool(not_passed(lines)))


def _wishes(options: argparse.Namespace, asking: Asking) -> Wishes:
    kubeconfig = options.kubeconfig or _whole(asking.ask("Kubeconfig", "--kubeconfig", _usual_kubeconfig()))
    name = options.name or asking.ask("Name of the cluster", "--name", _usual_name(kubeconfig))
    user = options.ssh_user or asking.ask("SSH user on every host", "--ssh-user", None)
    key = options.ssh_key or _optional(asking.ask_or_leave("SSH private key", _usual_key()))
    ssh_port = options.ssh_port or _port(asking.ask_or_leave("SSH port", "22"))
    directory = options.inventory or inventory.directory()
    given = replace(Credentials.of(options), kubeconfig=kubeconfig, user=user, key=key, port=ssh_port)
    return Wishes(checked(name), given, directory.expanduser().absolute() / f"{name}.yaml")


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
    answer = str(typed) if typed else asking.ask_or_leave("Target version", str(usual)) or str(usual)
    try:
        target = TargetVersion.parse(answer)
    except ValueError as error:
        raise NeedsPerson(f"target version: {error}", do=f"say --target {usual}") from error
    if why := goes_back(target, nodes):
        raise NeedsPerson(why, do=f"say --target {usual}")
    return target


def _write(wishes: Wishes, target: TargetVersion, *, force: bool) -> None:
    """In one change, and never over a file that came meanwhile."""
    beside = (wishes.path.parent / "cluster.schema.json").is_file()
    text = cluster_text(wishes.name, target, wishes.given, with_schema=beside)
    unfinished = wishes.path.with_name(f".{wishes.path.name}.{os.getpid()}")
    try:
        if not wishes.path.parent.is_dir():
            wishes.path.parent.mkdir(parents=True)
        unfinished.write_text(text)
        if force:
            unfinished.replace(wishes.path)
        elif not _named(unfinished, wishes.path):
            raise NeedsPerson(f"{wishes.path} exists", do="say --force to write over it")
    except OSError as error:
        do = "say --inventory DIR for a directory that you may write"
        raise NeedsPerson(f"{wishes.path}: not writable: {error.strerror}", do=do) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


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


def _usual_name(kubeconfig: Path) -> str:
    """What the file is called by, as far as that is a name."""
    words = re.sub(r"[^a-z0-9]+", "-", kubeconfig.name.lower().removesuffix(".yaml")).strip("-")
    return words.removesuffix("-kubeconfig").removesuffix("-config") or "cluster"


def _usual_key() -> str | None:
    return next((str(path.expanduser()) for path in _USERS_KEYS if path.expanduser().is_file()), None)


def _whole(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _port(text: str | None) -> int | None:
    """None for the usual one: a file need not say it."""
    try:
        found = port(text or "22")
    except argparse.ArgumentTypeError as error:
        raise NeedsPerson(f"SSH port: {error}", do="say --ssh-port PORT") from error
    return None if found == 22 else found


def _optional(text: str | None) -> Path | None:
    return _whole(text) if text else None
