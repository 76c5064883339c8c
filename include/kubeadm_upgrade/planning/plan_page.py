"""A path as a page: for the dry run, for approval, for the report. Markdown; the JSON is path.to_json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubeadm_upgrade.board.words import capital
from kubeadm_upgrade.kubeadm_preflight import told_to_ignore
from kubeadm_upgrade.planning.path import Group, Path, PathHop
from kubeadm_upgrade.rehearsal.finding import Rehearsal
from kubeadm_upgrade.rehearsal.page import as_markdown as rehearsed
from kubeadm_upgrade.windows.forecast import Forecast
from kubeadm_upgrade.wording import count, shortened

_NAMES_SHOWN = 8


def as_markdown(
    title: str, path: Path, forecast: Forecast | None = None, rehearsal: Rehearsal | None = None, *, later: int = 0
) -> str:
    """The whole way: a table of the hops first, when they come about, what drains would meet, then each hop's reasons.

    `later`: of the first hop's workers, how many are for the runs after this one.
    """
    when = (_when(forecast),) if forecast else ()
    drains = (rehearsed(rehearsal),) if rehearsal else ()
    parts = (
        _head(title, path),
        _overview(path),
        *_in_runs(path, later),
        *when,
        *drains,
        *(_hop(number, hop) for number, hop in enumerate(path.hops, 1)),
    )
    return "\n\n".join(parts) + "\n"


def _in_runs(path: Path, later: int) -> Iterator[str]:
    if later:
        yield (
            f"This run takes {count(len(path.hops[0].workers) - later, 'worker')} of its hop; {later:,} more are for "
            "the runs after it (workers_per_run)."
        )


def _when(forecast: Forecast) -> str:
    """A row for each window; without windows, only how long it takes."""
    if forecast.is_always:
        return f"## When\n\n{capital(forecast.told)}."
    rows = [f"- {one.told(forecast.calendar)}" for one in forecast.windows]
    never = (f"- **Mind**: {forecast.never}",) if forecast.never else ()
    return "\n".join((f"## When\n\n{capital(forecast.head)}, if nothing else is waited for:\n", *rows, *never))


def _head(title: str, path: Path) -> str:
    lines = (
        f"# {title}: {path.hops[0].came_from} → {path.target}",
        f"{summary(path)}.",
        told_to_ignore(path.policy.ignore_preflight_errors),
    )
    return "\n\n".join(filter(None, lines))


def summary(path: Path) -> str:
    """One line for people."""
    return f"Plan {path.hash}: {count(len(path.hops), 'hop')}, {_drains(path)}"


def _drains(path: Path) -> str:
    most, every = max(path.drains.values(), default=0), sum(path.drains.values())
    if not every:
        return "no worker is drained"
    return f"at most {count(most, 'drain')} per worker, {every} in all (worker_moves: {path.policy.worker_moves})"


def _overview(path: Path) -> str:
    rows = [
        f"| {number} | {way(hop)} | {_with_count(hop.moving)} | {_with_count(hop.waiting)} |"
        for number, hop in enumerate(path.hops, 1)
    ]
    head = ("| Hop | Control plane | Workers drained | Workers waiting |", "| ---: | --- | --- | --- |")
    return "\n".join((*head, *rows))


def way(hop: PathHop) -> str:
    """Where the control plane goes in this hop."""
    if hop.came_from != hop.to:
        return f"{hop.came_from} → {hop.to}"
    etcd = [
        f", etcd {change.before} → {change.after}"
        for change in hop.changes
        if hop.etcd_pin and change.component == "etcd"
    ]
    return f"stays at {hop.to}{''.join(etcd)}"


def etcd_pin(hop: PathHop) -> str | None:
    """What is done to kubeadm-config before kubeadm applies; None where nothing is."""
    if hop.etcd_pin:
        return f"etcd.local.imageTag in kubeadm-config is set to {hop.etcd_pin}, and {hop.to} is applied once more"
    if hop.lifts_etcd_pin:
        return "etcd.local.imageTag, which this tool has set to pass etcd's gate, is taken out of kubeadm-config"
    return None


def _hop(number: int, hop: PathHop) -> str:
    reason = f"{hop.reason[0].upper()}{hop.reason[1:]}."
    return "\n\n".join((f"## Hop {number}: {way(hop)}", reason, "\n".join(_lines(hop))))


def _lines(hop: PathHop) -> Iterator[str]:
    yield from (f"- **Mind**: {finding}" for finding in hop.findings)
    if pin := etcd_pin(hop):
        yield f"- Before kubeadm applies: {pin}"
    for group in hop.control_plane:
        yield f"- Control plane {_names(group)} (kubelet {group.kubelet}): {group.reason}"
    for group in hop.moving:
        yield f"- Drain and upgrade {group.who}{_names(group)} (kubelet {group.kubelet}): {group.reason}"
    for group in hop.waiting:
        yield f"- Leave {_names(group)} (kubelet {group.kubelet}): {group.reason}"
    for change in hop.changes:
        yield f"- {change.component}: {change.before or '?'} → {change.after}"
    if hop.removed_apis:
        yield f"- No longer served: {', '.join(f'`{api}`' for api in hop.removed_apis)}"
    yield from (f"- Know before: {note}" for note in hop.notes)
    yield f"- [Release notes]({hop.release_notes}), [upgrade page]({hop.upgrade_page})"


def _with_count(groups: Sequence[Group]) -> str:
    names = [name for group in groups for name in group.nodes]
    return shortened(names, _NAMES_SHOWN) if names else "none"


def _names(group: Group) -> str:
    return shortened(group.nodes, _NAMES_SHOWN)
