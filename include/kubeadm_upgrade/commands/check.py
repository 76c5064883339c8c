"""`check`: is a run of this cluster possible? Connections, rights, keys, login, sudo, repository and clocks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rich.console import Console

from kubeadm_upgrade import inventory
from kubeadm_upgrade.access.line import Line, Unwatched, Watcher, not_passed
from kubeadm_upgrade.access.table import CheckTable
from kubeadm_upgrade.commands import credentials, hands
from kubeadm_upgrade.commands.arguments import target_version
from kubeadm_upgrade.commands.credentials import Credentials
from kubeadm_upgrade.errors import NeedsPerson
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.version import TargetVersion

_NAMELESS = "cluster"


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "check",
        help="ask the API and every host whether a run is possible, and say how to mend what is not",
        description="Asks a cluster's API and every host, and changes nothing. With the cluster's file and its Airflow "
        "connections; or with --kubeconfig and --ssh-user alone, before there is any Airflow.",
    )
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="whose file is in the inventory")
    credentials.add_to(parser)
    parser.add_argument("--target", type=target_version, metavar="VERSION", help="default: the file's, else the next")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    """1 when something is not as it must be."""
    given = Credentials.of(options)
    cluster, target = _cluster(options.cluster, given)
    as_json = options.output == "json"
    lines = check(Console(), cluster, options.target or target, given, quiet=as_json)
    if as_json:
        plain = {"cluster": cluster.name, "passes": not not_passed(lines), "lines": [one.to_json() for one in lines]}
        sys.stdout.write(json.dumps(plain, indent=2) + "\n")
    return int(bool(not_passed(lines)))


def check(
    console: Console, cluster: Cluster, target: TargetVersion | None, given: Credentials, *, quiet: bool = False
) -> tuple[Line, ...]:
    """Ask, and show the table meanwhile."""
    with hands.borrowed(given.environment(), alone=given.are_whole) as borrowed:
        if quiet:
            return _spoken(borrowed.look_at_access(given.over(cluster), target, Unwatched()), given)
        with CheckTable(console, f"{cluster.name}: is a run possible?") as table:
            return borrowed.look_at_access(given.over(cluster), target, _Speaking(table, given))


class _Speaking:
    """Between the hands and the table: what was typed is called as it was typed."""

    def __init__(self, table: Watcher, given: Credentials) -> None:
        self._table = table
        self._given = given
        self.expect = table.expect

    def add(self, lines: Iterable[Line]) -> None:
        self._table.add(_spoken(lines, self._given))


def _spoken(lines: Iterable[Line], given: Credentials) -> tuple[Line, ...]:
    return tuple(replace(line, what=given.spoken(line.what), do=given.spoken(line.do)) for line in lines)


def _cluster(name: str | None, given: Credentials) -> tuple[Cluster, TargetVersion | None]:
    """The cluster's file, if there is one; none is needed where everything is typed."""
    if name is None:
        if given.kubeconfig is None:
            raise NeedsPerson(
                "check needs the name of a cluster, or --kubeconfig",
                do=f"name one of {', '.join(_names()) or 'your clusters'}; or say --kubeconfig FILE --ssh-user USER",
            )
        return credentials.alone(_NAMELESS, None), None
    if name not in _names() and given.are_whole:
        return credentials.alone(name, None), None
    if name not in _names():
        raise NeedsPerson(
            f"there is no {name}.yaml in {inventory.directory()}",
            do=f"name one of {', '.join(_names())}, or make it: python -m kubeadm_upgrade init --name {name}"
            if _names()
            else f"make it: python -m kubeadm_upgrade init --name {name}; {inventory.DIRECTORY_VARIABLE} names another "
            "directory",
        )
    cluster = inventory.load_cluster_named(name)
    return cluster, cluster.target_version


def _names() -> list[str]:
    return list(inventory.files_by_cluster())
