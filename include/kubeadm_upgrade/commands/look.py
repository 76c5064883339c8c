"""`look`: what the task of that name would see now, for `plan --from-state`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from kubeadm_upgrade.commands import asked_for, hands
from kubeadm_upgrade.commands.credentials import Credentials


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "look",
        help="print what a cluster is and what its package repository publishes, as plan --from-state reads it",
        description=f"Looks at a cluster's API and hosts, and changes nothing. {asked_for.EITHER}",
    )
    asked_for.add_to(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    given = Credentials.of(options)
    cluster, target = asked_for.asked_for(options.cluster, given)
    with hands.borrowed(given.environment(), alone=given.are_whole) as borrowed:
        state = borrowed.look_at_state(given.over(cluster), target)
    sys.stdout.write(json.dumps(state.to_json(), indent=2) + "\n")
