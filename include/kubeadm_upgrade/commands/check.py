"""`check`: is a run of this cluster possible? Connections, rights, keys, login, sudo, repository and clocks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console

from kubeadm_upgrade.access.api import TARGET
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
    parser.add_argument("--output", "--format", choices=("table", "json"), default="table")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    """1 when something is not as it must be."""
    given = Credentials.of(options)
    cluster, target = asked_for.asked_for(options.cluster, given)
    as_json = options.output == "json"
    lines = check(Console(), cluster, options.target or target, given, quiet=as_json, typed=bool(options.target))
    if as_json:
        plain = {"cluster": cluster.name, "passes": not not_passed(lines), "lines": [one.to_json() for one in lines]}
        sys.stdout.write(json.dumps(plain, indent=2) + "\n")
    return int(bool(not_passed(lines)))


def check(
    console: Console,
    cluster: Cluster,
    target: TargetVersion | None,
    given: Credentials,
    *,
    quiet: bool = False,
    typed: bool = False,
) -> tuple[Line, ...]:
    """Ask, and show the table meanwhile. `typed`: the target, and not in the cluster's file."""
    with hands.borrowed(given.environment(), alone=given.are_whole) as borrowed:
        spoken = _Spoken(given, typed=typed)
        if quiet:
            return spoken.of(borrowed.look_at_access(given.over(cluster), target, Unwatched()))
        with CheckTable(console, f"{cluster.name}: is a run possible?") as table:
            return borrowed.look_at_access(given.over(cluster), target, _Speaking(table, spoken))


@dataclass(frozen=True)
class _Spoken:
    """What was typed is called as it was typed."""

    given: Credentials
    typed: bool

    def of(self, lines: Iterable[Line]) -> tuple[Line, ...]:
        return tuple(replace(one, what=self.given.spoken(one.what), do=self._do(one)) for one in lines)

    def _do(self, line: Line) -> str:
        if self.typed and line.question == TARGET and line.do:
            return "say a newer --target"
        return self.given.spoken(line.do)


class _Speaking:
    """Between the hands and the table."""

    def __init__(self, table: Watcher, spoken: _Spoken) -> None:
        self._table = table
        self._spoken = spoken
        self.expect = table.expect

    def add(self, lines: Iterable[Line]) -> None:
        self._table.add(self._spoken.of(lines))
