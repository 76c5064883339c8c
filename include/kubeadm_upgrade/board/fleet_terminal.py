"""A fleet in a terminal: the JSON that its page shows, a line a cluster, who needs a person first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kubeadm_upgrade.board.terminal import STYLES, plain
from kubeadm_upgrade.board.words import at
from kubeadm_upgrade.wording import count

Json = Mapping[str, Any]

_QUIET = "bright_black"
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_SOON = 60  # days of support left that are worth a thought; a third of it is worth a plan


def matching(fleet: Json, labels: Mapping[str, str], *, needs_person: bool = False) -> dict[str, Any]:
    """With the clusters only that have all these labels."""
    kept = [
        cluster
        for cluster in fleet["clusters"]
        if labels.items() <= cluster["labels"].items() and (cluster["needs_person"] or not needs_person)
    ]
    return {**fleet, "clusters": kept}


def shown(fleet: Json, now: datetime) -> RenderableType:
    clusters = fleet["clusters"]
    if not clusters:
        return Text("There is no such cluster that you may see.")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style=_QUIET)
    for heading, justify in (("cluster", "left"), ("version", "left"), ("days", "right"), ("target", "left")):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    has_windows = any(cluster["next_window"] or cluster.get("window_until") for cluster in clusters)
    if has_windows:
        table.add_column("window", no_wrap=True)
    table.add_column("seen", justify="right", no_wrap=True)
    table.add_column("", ratio=1, overflow="fold")
    for cluster in clusters:
        table.add_row(*_row(cluster, now, has_windows=has_windows))
    return Group(table, Text(""), _summary(clusters))


def _row(cluster: Json, now: datetime, *, has_windows: bool) -> tuple[RenderableType, ...]:
    return (
        Text(plain(cluster["name"]), "bold" if cluster["needs_person"] else ""),
        Text(_versions(cluster)),
        _days(cluster["days_left"]),
        Text(plain(cluster["target"] or "")),
        *((_window(cluster, now),) if has_windows else ()),
        Text(_age(cluster["looked_at"], now), _QUIET),
        Text(plain(cluster["sentence"]), STYLES.get(cluster["tone"], "")),
    )


def _versions(cluster: Json) -> str:
    """The control plane's, and the oldest kubelet's where that is another."""
    version, worst = plain(cluster["version"] or "?"), cluster["worst_kubelet"]
    return version if worst in (None, cluster["version"]) else f"{version} ({plain(worst)})"


def _days(left: int | None) -> Text:
    """Of support that is left, of the oldest thing that runs."""
    if left is None:
        return Text("")
    return Text(str(left), "bold red" if left <= 0 else "red" if left * 3 < _SOON else "yellow" if left < _SOON else "")


def _window(cluster: Json, now: datetime) -> Text:
    """Until when one is open, or when the next one opens."""
    if until := cluster.get("window_until"):
        return Text(f"until {at(datetime.fromisoformat(until), now)}", "green")
    opens = cluster["next_window"]
    return Text(at(datetime.fromisoformat(opens), now) if opens else "", _QUIET)


def _age(looked_at: str | None, now: datetime) -> str:
    """As few letters as will do: it stands in a column."""
    if looked_at is None:
        return "never"
    seconds = max(0, int((now - datetime.fromisoformat(looked_at)).total_seconds()))
    unit, size = next((unit, size) for unit, size in _UNITS if seconds >= 2 * size or size == 1)
    return f"{seconds // size} {unit}"


def _summary(clusters: Sequence[Json]) -> Text:
    calm = Counter(plain(cluster["state"]).replace("_", " ") for cluster in clusters if not cluster["needs_person"])
    needs = sum(cluster["needs_person"] for cluster in clusters)
    text = Text().append(f"{count(len(clusters), 'cluster')}: ", _QUIET)
    if needs:
        text.append(f"{needs} {'needs' if needs == 1 else 'need'} a person", "bold red")
    told = ", ".join(f"{number} {state}" for state, number in calm.items())
    return text.append(f"{', ' if needs and told else ''}{told}", _QUIET)
