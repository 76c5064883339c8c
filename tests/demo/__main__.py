"""python -m demo: what `make demo` runs."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import datetime
from pathlib import Path

from rich.console import Console, RenderableType
from rich.markup import escape

from demo.complaint import Complaint, RunFailed
from demo.door import meanwhile
from demo.farewell import short, show_how_to_go_on, show_line, show_nodes, show_what_to_try, where_the_reports_are
from demo.follow import Follower
from demo.kubernetes import KubernetesNodes
from demo.lines import Lines
from demo.screen import Preparations, drawn
from demo.wishes import Wishes
from demo.world import World
from harness.airflow import AirflowInstance, AirflowNotStarted
from harness.rest import NotInTime
from kubeadm_upgrade.commands.watching import Json, shown

INTERRUPTED = 130


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = Console(highlight=False)
    try:
        wishes = Wishes.read()
        return _play_live(wishes, console) if wishes.live else _play_plain(wishes, console)
    except (Complaint, AirflowNotStarted, NotInTime) as complaint:
        _complain(console, complaint)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _play_live(wishes: Wishes, console: Console) -> int:
    """Draw, and stay when it is over: also after a failure, which is best looked at where it happened."""
    preparations = Preparations(console)
    try:
        with World(wishes, preparations.say, opened=lambda door: preparations.tell(door.rows())) as world:
            airflow, follower = _start_run(world, preparations)
            preparations.done()
            try:
                _watch_over_failures(console, world, airflow, follower)
                code = 0
            except Complaint as complaint:
                _complain(console, complaint)
                code = 1
            show_what_to_try(console, world, follower)
            _stay(console)
            return code
    finally:
        preparations.abandon()


def _watch_over_failures(console: Console, world: World, airflow: AirflowInstance, follower: Follower) -> None:
    """To the end: a run that has failed goes on when its failed task is cleared."""

    def draw(board: Json, now: datetime) -> RenderableType:
        return drawn((*follower.rows, meanwhile(world.wishes)), board, now)

    while True:
        try:
            with shown(console, draw, as_json=False) as show:
                board = follower.watch(show)
            _tell(console, world, airflow, follower, board)
            return
        except RunFailed as complaint:
            _complain(console, complaint)
            show_what_to_try(console, world, follower)
            show_how_to_go_on(console, world)
            follower.wait_until_cleared()


def _play_plain(wishes: Wishes, console: Console) -> int:
    lines = Lines()
    with World(wishes, lines.say, opened=lambda door: lines.tell(door.rows())) as world:
        airflow, follower = _start_run(world, lines)
        lines.tell([meanwhile(wishes)])
        board = follower.watch(lines.show)
        return _tell(console, world, airflow, follower, board)


def _start_run(world: World, teller: Lines | Preparations) -> tuple[AirflowInstance, Follower]:
    """As a person would: unpause the DAG, trigger it. Where it will be seen is told before anything of it runs."""
    airflow, wishes = world.airflow, world.wishes
    assert airflow is not None
    run_id = f"to-{wishes.target}"
    nodes = KubernetesNodes(Path(world.cluster["admin_kubeconfig"]))
    follower = Follower(world, airflow, nodes, run_id)
    teller.say(f"starting the upgrade of {wishes.cluster} from {world.cluster['version']} to {wishes.target}")
    teller.tell([("board", follower.page)])
    airflow.api.unpause(wishes.dag_id)
    airflow.api.trigger(wishes.dag_id, {"target_version": wishes.target}, run_id)
    return airflow, follower


def _tell(console: Console, world: World, airflow: AirflowInstance, follower: Follower, board: Json) -> int:
    """The verified result and each run's report; raises a complaint when it is not what was asked for."""
    follower.check(board)
    if not world.wishes.live:
        console.print()
    show_nodes(console, follower.nodes.table())
    console.print()
    for path in where_the_reports_are(world, airflow, follower.run_ids):
        show_line(console, "report", short(path))
    return 0


def _stay(console: Console) -> None:
    console.print("\nEverything keeps running. [bold]Ctrl-C[/] stops it.")
    try:
        # a wait without end can miss a Ctrl-C that comes as it begins
        while not threading.Event().wait(1.0):
            pass
    except KeyboardInterrupt:
        console.print("\rstopping …")


def _complain(console: Console, complaint: Exception) -> None:
    console.print(f"\n[bold red]✗[/] {escape(str(complaint))}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
