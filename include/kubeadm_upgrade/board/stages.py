"""The path of a run: its hops, who moves in each, and which of them is under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.board.view import Stage


def stages_of(record: RunRecord, *, done: bool) -> tuple[Stage, ...]:
    """The first hop is this run's; those behind it are for the runs that it triggers."""
    hops = (record.path or {}).get("hops") or ()
    first = "done" if done else "now"
    return tuple(_stage(hop, first if index == 0 else "next") for index, hop in enumerate(hops))


def _stage(hop: Mapping[str, Any], state: str) -> Stage:
    return Stage(
        came_from=str(hop.get("came_from", "")),
        to=str(hop.get("to", "")),
        state=state,
        control_plane=tuple(_names(hop, "control_plane")),
        workers=tuple(_names(hop, "moving")),
    )


def _names(hop: Mapping[str, Any], groups: str) -> Iterator[str]:
    for group in hop.get(groups) or ():
        yield from map(str, group.get("nodes") or ())
