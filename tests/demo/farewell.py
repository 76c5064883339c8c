"""What does the user learn when the upgrade is over?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from demo.door import Row
from demo.follow import Follower
from demo.world import World
from harness.airflow import AirflowInstance
from kubeadm_upgrade import report


def show_nodes(console: Console, table: list[list[str]]) -> None:
    """As kubectl prints them."""
    heading, *rows = table
    shown = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, show_edge=False)
    for name in heading:
        shown.add_column(name, no_wrap=True, header_style="")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def where_the_reports_are(world: World, airflow: AirflowInstance, runs: Iterable[str]) -> Iterator[Path]:
    """The pages for people, one of each run that wrote one."""
    for run_id in runs:
        markdown, _ = report.paths(world.wishes.dag_id, run_id)
        path = airflow.reports / markdown.parent.name / markdown.name
        if path.is_file():
            yield path


def show_what_to_try(console: Console, world: World, follower: Follower) -> None:
    """Everything still runs: how to look at it."""
    node = next(name for name, is_control_plane in world.nodes.items() if not is_control_plane)
    kubeconfig = short(Path(world.cluster["admin_kubeconfig"]))
    rows = (
        *follower.rows,
        ("a node", f"ssh -F {short(world.ssh_config)} {node}"),
        ("the cluster", f"kubectl --kubeconfig {kubeconfig} get nodes"),
    )
    show_rows(console, rows)


def show_how_to_go_on(console: Console, world: World) -> None:
    """A failed run waits for a person; whoever has broken it with `make break` is that person."""
    show_line(console, "mend", f"make mend CLUSTER={world.wishes.cluster}")
    console.print(
        "\nMend it, then clear the failed task in Airflow: the run goes on from there. [bold]Ctrl-C[/] stops."
    )


def show_rows(console: Console, rows: Iterable[Row]) -> None:
    for name, text in rows:
        show_line(console, name, text)


def show_line(console: Console, name: str, text: str) -> None:
    """Never wrapped: what is copied from a terminal must be whole."""
    console.print(f"[bright_black]{name:<12}[/]{text}", soft_wrap=True, highlight=False)


def short(path: Path) -> str:
    """As seen from where the user is, if that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)
