"""`rehearse`: what would be in the way of drains, if they began now."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from kubeadm_upgrade.commands import asked_for, hands
from kubeadm_upgrade.commands.credentials import Credentials
from kubeadm_upgrade.rehearsal.page import lines


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "rehearse",
        help="try every eviction in a dry run, and say what would be in the way of drains",
        description="Asks a cluster's API what would come of draining its nodes, one by one and together, as the "
        f"cluster's file lets them go. Nothing is changed. {asked_for.EITHER}",
    )
    asked_for.add_to(parser)
    parser.add_argument("--output", "--format", choices=("text", "json"), default="text")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    """1 when something would be in the way, or is not known."""
    given = Credentials.of(options)
    cluster, _ = asked_for.asked_for(options.cluster, given)
    with hands.borrowed(given.environment(), alone=given.are_whole) as borrowed:
        rehearsal = borrowed.rehearse(given.over(cluster))
    if options.output == "json":
        sys.stdout.write(json.dumps(rehearsal.to_json(), indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines(rehearsal))
    return int(not rehearsal.is_clear)
