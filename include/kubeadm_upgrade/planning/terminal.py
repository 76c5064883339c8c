"""Plans and calendars as tables in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kubeadm_upgrade.kubeadm_preflight import told_to_ignore
from kubeadm_upgrade.planning.path import Group, Path, PathHop
from kubeadm_upgrade.planning.plan_page import etcd_pin, summary, way
from kubeadm_upgrade.releases.release import Phase, Release, Releases
from kubeadm_upgrade.wording import shortened

_STYLES = {Phase.FUTURE: "dim", Phase.SUPPORTED: "green", Phase.MAINTENANCE: "yellow", Phase.ENDED: "red"}
_NAMES_SHOWN = 4


def show_plan(console: Console, path: Path) -> None:
    """The hops, then why: who moves in each, and what has to be minded before it."""
    console.print(f"[bold]{path.hops[0].came_from} → {path.target}[/]  {escape(summary(path))}\n")
    if ignored := told_to_ignore(path.policy.ignore_preflight_errors):
        console.print(f"[yellow]mind[/]   {escape(ignored)}\n", highlight=False)
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("HOP", justify="right")
    for heading in ("CONTROL PLANE", "WORKERS DRAINED", "WORKERS WAITING"):
        table.add_column(heading)
    for number, hop in enumerate(path.hops, 1):
        table.add_row(str(number), way(hop), _who(hop.moving), f"[dim]{_who(hop.waiting)}[/]")
    console.print(table)
    for number, hop in enumerate(path.hops, 1):
        console.print(f"\n[bold]Hop {number}[/] to {hop.to}: {escape(hop.reason)}", highlight=False)
        for line in _why(hop):
            console.print(f"  {line}", highlight=False)


def show_calendar(console: Console, releases: Releases, day: date) -> None:
    """Every release that something is known of, and where it is in its life on this day."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")  # fits into 80 columns
    for heading in ("RELEASE", "RELEASED", "FIXES UNTIL", "DAYS", "PHASE", "PATCH", "ETCD", "COREDNS"):
        table.add_column(heading, justify="right" if heading == "DAYS" else "left", no_wrap=True)
    for release in releases:
        table.add_row(*_life(release, day))
    console.print(table)


def _life(release: Release, day: date) -> Sequence[str]:
    phase, support = release.phase(day), release.support
    left = "" if phase is Phase.ENDED else str((support.end_of_life - day).days)
    return (
        release.release,
        str(support.released),
        str(support.end_of_life),
        left,
        f"[{_STYLES[phase]}]{phase}[/]",
        str(release.last_patch),
        release.etcd_of(release.patches.last),
        release.components.coredns,
    )


def _why(hop: PathHop) -> Iterator[str]:
    for finding in hop.findings:
        yield f"[yellow]mind[/]   {escape(finding)}"
    if pin := etcd_pin(hop):
        yield f"[cyan]first[/]  {escape(pin)}"
    for verb, groups in (("[cyan]drain[/] ", hop.moving), ("[dim]leave[/] ", hop.waiting)):
        for group in groups:
            names = shortened(group.nodes, _NAMES_SHOWN)
            yield f"{verb} {group.who}{escape(names)} [dim](kubelet {group.kubelet})[/]: {escape(group.reason)}"
    for change in hop.changes:
        yield f"[dim]also[/]   {change.component} {change.before or '?'} → {change.after}"
    for note in hop.notes:
        yield f"[yellow]know[/]   {escape(note)}"


def _who(groups: Sequence[Group]) -> str:
    names = [name for group in groups for name in group.nodes]
    return escape(shortened(names, _NAMES_SHOWN)) if names else "-"
