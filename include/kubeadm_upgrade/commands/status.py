"""`status`: how an upgrade stands, as the board in Airflow shows it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Console
from rich.text import Text

from kubeadm_upgrade.board import terminal
from kubeadm_upgrade.commands import login, watching
from kubeadm_upgrade.commands.airflow_server import LATEST, AirflowServer

_ENDED_WELL = ("done", "rehearsed", "nothing_to_do")


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "status",
        help="show how an upgrade stands: what is done, what waits for what, what to do",
        description="Asks Airflow's API server for what the board shows of a run. With --watch it ends when the run "
        f"does, and its exit code is 0 only where that ended well. {login.HOW}",
    )
    parser.add_argument("cluster", metavar="CLUSTER")
    parser.add_argument("--run", dest="run_id", default=LATEST, metavar="RUN", help="its id; default: the newest")
    parser.add_argument("--watch", action="store_true", help="until the run has ended, and those after it")
    parser.add_argument("--all", action="store_true", help="show every node, also of hundreds")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="json: docs/board.schema.json")
    login.add_to(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    """Without --watch, 0: that a run has failed is what was asked."""
    server, console = login.server_of(options), Console()
    draw = partial(terminal.shown, every_node=options.all)
    if options.watch:
        with watching.shown(console, partial(draw, live=True), as_json=options.output == "json") as show:
            return _watch(server, options, show)
    board = server.board(options.cluster, options.run_id)
    if options.output == "json":
        sys.stdout.write(json.dumps(board, indent=2) + "\n")
        return 0
    console.print(draw(board, datetime.fromisoformat(board["as_of"])))
    # never wrapped: what is copied from a terminal must be whole
    console.print(Text(f"board  {server.page(board['dag_id'], board['run_id'])}"), soft_wrap=True)
    return 0


def _watch(server: AirflowServer, options: argparse.Namespace, show: watching.Show) -> int:
    """A run that is named is the last one; else those that its path goes on in are shown after it."""
    watched = _Watched(server, options.cluster, options.run_id)
    for board, now, wrong in watching.answers(watched.ask):
        show(board, now, wrong)
        if board["ended"] and board["state"] not in _ENDED_WELL:
            return 1
        if board["ended"] and (options.run_id != LATEST or not board["next_run"]):
            return 0
        watched.run = board["next_run"] if board["ended"] else board["run_id"]
    raise AssertionError("answers come without end")


@dataclass
class _Watched:
    """`run`: the newest, until there has been an answer; then that one, whatever else is started meanwhile."""

    server: AirflowServer
    cluster: str
    run: str

    def ask(self) -> Mapping[str, Any]:
        return self.server.board(self.cluster, self.run)
