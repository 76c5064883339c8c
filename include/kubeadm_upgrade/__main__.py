"""`python -m kubeadm_upgrade`: what can be had from a terminal."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console

from kubeadm_upgrade import inventory
from kubeadm_upgrade.access.permissions import MANIFEST
from kubeadm_upgrade.commands import check, fleet, init, look, rehearse, status
from kubeadm_upgrade.commands.arguments import target_version, user
from kubeadm_upgrade.errors import NeedsPerson, UpgradeError, UpgradeRefused
from kubeadm_upgrade.kubeadm_preflight import reasons
from kubeadm_upgrade.planning import plan_page, terminal
from kubeadm_upgrade.planning.path import Policy, WorkerMoves
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.releases import files
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.rights import sudoers

INTERRUPTED = 130  # as a shell has it for what was ended by Ctrl-C
_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
_SCHEMAS = {
    "cluster": inventory.json_schema,
    "defaults": inventory.defaults_json_schema,
    "release": files.json_schema,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 when a plan is refused, an input cannot be used, or a check finds something wrong."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except UpgradeRefused as refused:
        for reason in refused.reasons:
            print(f"refused: {reason}", file=sys.stderr)
        return 1
    except UpgradeError as error:
        print(error.what, file=sys.stderr)
        if error.do:
            print(f"What to do: {error.do}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kubeadm_upgrade", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    planning = commands.add_parser("plan", help="plan the path of a cluster to a target version")
    planning.add_argument(
        "--from-state", type=Path, required=True, metavar="FILE", help="what look prints; - reads stdin"
    )
    planning.add_argument("--target", type=target_version, required=True, metavar="VERSION", help="1.33 or 1.33.4")
    planning.add_argument("--worker-moves", type=WorkerMoves, choices=list(WorkerMoves), default=Policy.worker_moves)
    planning.add_argument("--max-kubelet-skew", type=int, choices=(1, 2, 3), default=Policy.max_kubelet_skew)
    planning.add_argument(
        "--latest-patch-first", action=argparse.BooleanOptionalAction, default=Policy.latest_patch_first
    )
    planning.add_argument("--pass-etcd-gates", action=argparse.BooleanOptionalAction, default=Policy.pass_etcd_gates)
    planning.add_argument(
        "--ignore-preflight-errors",
        action="append",
        default=[],
        metavar="NAME=REASON",
        help="what kubeadm is told to pass over, and why; may be given again",
    )
    planning.add_argument("--output", "--format", choices=("table", "markdown", "json"), default="table")
    planning.set_defaults(run=_plan)

    calendar = commands.add_parser("calendar", help="print which releases are supported, and until when")
    calendar.add_argument("--on", type=date.fromisoformat, metavar="YYYY-MM-DD", help="another day than today")
    calendar.set_defaults(run=_calendar)

    schema = commands.add_parser("schema", help="print the JSON Schema of a file, for editors")
    schema.add_argument("of", nargs="?", choices=sorted(_SCHEMAS), default="cluster")
    schema.set_defaults(run=lambda options: print(json.dumps(_SCHEMAS[options.of](), indent=2)))

    allowed = commands.add_parser("sudoers", help="print the sudoers file that allows what is run on hosts")
    allowed.add_argument("--user", type=user, default=sudoers.USER, help="who logs in (default: %(default)s)")
    allowed.add_argument("--wildcards", action="store_true", help="for sudo before 1.9.10: no regular expressions")
    allowed.add_argument("--examples", action="store_true", help="one command for every rule, as JSON: for check")
    allowed.set_defaults(run=_sudoers)

    rights = commands.add_parser("rbac", help="print the rights that the API must grant, as docs/rbac.yaml has them")
    rights.set_defaults(run=lambda _: print(MANIFEST.read_text(), end=""))

    check.add_to(commands)
    init.add_to(commands)
    look.add_to(commands)
    rehearse.add_to(commands)
    status.add_to(commands)
    fleet.add_to(commands)
    return parser


def _plan(options: argparse.Namespace) -> None:
    policy = Policy(
        options.worker_moves,
        options.max_kubelet_skew,
        options.latest_patch_first,
        options.pass_etcd_gates,
        _ignored(options.ignore_preflight_errors),
    )
    path = plan(_state(options.from_state), options.target, policy, releases())
    match options.output:
        case "json":
            print(json.dumps(path.to_json(), indent=2))
        case "markdown":
            name = "cluster" if options.from_state == _STDIN else options.from_state.stem
            print(plan_page.as_markdown(name, path), end="")
        case _:
            terminal.show_plan(Console(), path)


def _sudoers(options: argparse.Namespace) -> None:
    if options.examples:
        print(json.dumps(sudoers.examples(), indent=1))
    else:
        print(sudoers.text(options.user, wildcards=options.wildcards), end="")


def _ignored(named: Sequence[str]) -> Mapping[str, str]:
    try:
        return reasons(dict(one.partition("=")[::2] for one in named))
    except ValueError as error:
        raise NeedsPerson(f"--ignore-preflight-errors: {error}") from error


def _calendar(options: argparse.Namespace) -> None:
    terminal.show_calendar(Console(), releases(), options.on or datetime.now(UTC).date())


def _state(path: Path) -> State:
    """Raises NeedsPerson with a sentence when the file does not hold a state."""
    try:
        return State.from_json(json.loads(sys.stdin.read() if path == _STDIN else path.read_text()))
    except OSError as error:
        raise NeedsPerson(f"{path}: not readable: {error.strerror}", do=_TAKE) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise NeedsPerson(
            f"{path}: not what the task look returns (its XCom return_value): {_no_state(error)}", do=_TAKE
        ) from error


def _no_state(error: Exception) -> str:
    """Python's words on a type or an index are about our code."""
    match error:
        case UnicodeDecodeError():
            return "it is no text"
        case json.JSONDecodeError():
            return "it is no JSON"
        case KeyError():
            return f"{error} is missing"
        case ValueError():
            return str(error)
        case _:
            return "it is the JSON of something else"


_STDIN = Path("-")
_TAKE = "take what this prints: python -m kubeadm_upgrade look CLUSTER"


def _as_a_tool() -> int:
    """Whoever reads may have enough before the end, as head has: that is no error of ours. A full disk is told."""
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is written at exit
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"the output cannot be written: {error.strerror}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(_as_a_tool())
