"""`check`: is a run of this cluster possible? Connections, rights, keys, login, sudo, repository and clocks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from rich.console import Console

from kubeadm_upgrade.access.line import Line, Unwatched, Watcher, not_passed
from kubeadm_upgrade.access.table import CheckTable
from kubeadm_upgrade.commands import asked_for, hands
from kubeadm_upgrade.commands.arguments import target_version
from kubeadm_upgrade.commands.credentials import Credentials
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.version import TargetVersion


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "check",
        help="ask the API and every host whether a run is possible, and say how to mend what is not",
        description=f"Asks a cluster's API and every host, and changes nothing. {asked_for.EITHER}",
    )
    asked_for.add_to(parser)
    parser.add_argument("--target", type=target_version, metavar="VERSION", help="default: the file's, else the next")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    """1 when something is not as it must be."""
    given = Credentials.of(options)
    cluster, target = asked_for.asked_for(options.cluster, given)
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
