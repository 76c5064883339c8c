"""`fleet`: how every cluster stands, as the fleet's page in Airflow shows it."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Console

from kubeadm_upgrade.board import fleet_terminal
from kubeadm_upgrade.commands import login, watching


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "fleet",
        help="show every cluster: its version, how long that is supported, where it goes, who needs a person",
        description=f"Asks Airflow's API server for what the fleet's page shows. {login.HOW}",
    )
    parser.add_argument("--label", action="append", default=[], type=_label, metavar="KEY=VALUE", help="more than one")
    parser.add_argument("--needs-person", action="store_true", help="only those that need one; then exit code 1")
    parser.add_argument("--watch", action="store_true", help="go on showing it until Ctrl-C")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="json: docs/fleet.schema.json")
    login.add_to(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    server = login.server_of(options)
    matching = partial(fleet_terminal.matching, labels=dict(options.label), needs_person=options.needs_person)
    if options.watch:
        with watching.shown(Console(), fleet_terminal.shown, as_json=options.output == "json") as show:
            for told, now, wrong in watching.answers(server.fleet):
                show(matching(told), now, wrong)
    found = matching(server.fleet())
    if options.output == "json":
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        Console().print(fleet_terminal.shown(found, datetime.fromisoformat(found["as_of"])))
    return int(options.needs_person and bool(found["clusters"]))


def _label(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not (key and sign):
        raise argparse.ArgumentTypeError(f"{text!r} is no label: write KEY=VALUE")
    return key, value
