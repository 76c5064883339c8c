"""The invariants of the design, judged over what the lab has written down. Each judge yields what was broken.

They know nothing of the product's steps, only of what its hosts and its API have seen; so they hold for a person with
ssh and kubectl as well. tests/test_chaos feeds every one of them logs in which its invariant is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from chaos.evidence import Evidence, LedgerRecord
from chaos.work import GRACE, begins_outside, looked_before, work_of
from lab.records import ApiRecord, CommandRecord, PowerRecord, Sample

Judge = Callable[[Evidence], Iterator[str]]


def workers_out_of_service(evidence: Evidence) -> Iterator[str]:
    """I1: never more than max_unavailable workers between cordon and Ready + uncordoned.

    A worker that somebody had cordoned before counts from the restart of its kubelet until it is Ready.
    """
    out: dict[str, bool] = {}
    for entry in evidence.entries:
        if isinstance(entry, Sample) and entry.node in evidence.workers:
            before = entry.node in evidence.cordoned_before
            begun = out.get(entry.node, False) or (not before and not entry.schedulable)
            out[entry.node] = begun and not (entry.ready and (entry.schedulable or before))
        elif _restarts(entry) and entry.node in evidence.workers:
            out[entry.node] = True
        else:
            continue
        now = sorted(node for node, is_out in out.items() if is_out)
        if len(now) > evidence.max_unavailable:
            yield f"I1: {' and '.join(now)} are out of service at once, and {evidence.max_unavailable} may be"


def control_plane_one_by_one(evidence: Evidence) -> Iterator[str]:
    """I3: one node of the control plane at a time, and none while an apiserver or a member of another is ill.

    What was well when somebody looked may be ill when he acts: that much time passes, and not more.
    """
    works = [work for work in work_of(evidence) if work.node in evidence.control_plane]
    for number, work in enumerate(works):
        for other in works[number + 1 :]:
            if work.node != other.node and work.overlaps(other):
                yield f"I3: {work} while {other}"
    for work in works:
        for node, component in looked_before(evidence, work.began):
            if node != work.node:
                yield f"I3: {work} while {component} of {node} is down"


def version_skew(evidence: Evidence) -> Iterator[str]:
    """I5: no kubelet newer than any apiserver, none more than three minors older, apiservers within one."""
    kubelets: dict[str, int] = {}
    apiservers: dict[str, int] = {}
    for entry in evidence.entries:
        if isinstance(entry, Sample):
            kubelets[entry.node] = _minor(entry.kubelet)
            if entry.apiserver is not None:
                apiservers[entry.node] = _minor(entry.apiserver)
            yield from _skew(kubelets, apiservers)


_MOST_LAG = 3


def _skew(kubelets: Mapping[str, int], apiservers: Mapping[str, int]) -> Iterator[str]:
    if not apiservers:
        return
    oldest, newest = min(apiservers.values()), max(apiservers.values())
    if newest - oldest > 1:
        yield f"I5: apiservers are at 1.{oldest} and 1.{newest}"
    for node, minor in kubelets.items():
        if minor > oldest:
            yield f"I5: the kubelet of {node} is at 1.{minor}, and an apiserver at 1.{oldest}"
        if newest - minor > _MOST_LAG:
            yield f"I5: the kubelet of {node} is at 1.{minor}, and an apiserver at 1.{newest}"


def nothing_twice(evidence: Evidence) -> Iterator[str]:
    """I6: no command that changes something runs beside another on its host, nor again once it has ended well.

    A machine that has lost its power has forgotten its units: what shows in nothing else is run once more.
    """
    running: dict[str, CommandRecord] = {}
    well: list[CommandRecord] = []
    for entry in evidence.entries:
        match entry:
            case PowerRecord():
                running.pop(entry.node, None)
                well = [one for one in well if one.node != entry.node or _shows(one)]
            case CommandRecord(exit_code=None) if _weighs(entry):
                other = running.setdefault(entry.node, entry)
                if other.unit != entry.unit:
                    yield f"I6: {_line(entry)} on {entry.node} beside {_line(other)}"
                if any((one.node, one.argv) == (entry.node, entry.argv) for one in well):
                    yield f"I6: {_line(entry)} on {entry.node} again, after it has ended well"
            case CommandRecord():  # one that was refused has changed nothing, as it turns out
                if running.get(entry.node, entry).argv == entry.argv:
                    running.pop(entry.node, None)
                well += [entry] if entry.exit_code == 0 and _weighs(entry) else []


def _weighs(record: CommandRecord) -> bool:
    """Units, and the kubelet's restart. What only puts a file in its place may be done as often as one likes."""
    return record.mutating and (record.unit is not None or record.argv[:2] == ("systemctl", "restart"))


def _shows(record: CommandRecord) -> bool:
    """Whether a command's effect can be seen on its machine after power was lost: packages, and a newer kubelet."""
    words = set(record.argv)
    return ("install" in words and "--download-only" not in words) or "restart" in words


def cordons_are_respected(evidence: Evidence) -> Iterator[str]:
    """I7: who was cordoned before us is never schedulable; everybody else is in the end."""
    last: dict[str, Sample] = {}
    for entry in evidence.entries:
        if isinstance(entry, Sample):
            last[entry.node] = entry
            if entry.node in evidence.cordoned_before and entry.schedulable:
                yield f"I7: {entry.node} was cordoned by a person, and is schedulable"
    for node, sample in last.items():
        if node not in evidence.cordoned_before and not sample.schedulable:
            yield f"I7: {node} was left cordoned"


def one_run_at_a_time(evidence: Evidence) -> Iterator[str]:
    """I8: nobody but the run that was played holds the cluster, unless a person says so; then nothing is begun."""
    known = {*evidence.runs, *evidence.edited_in}
    foreign_since: float | None = None
    for entry in evidence.entries:
        if isinstance(entry, LedgerRecord):
            holder = entry.holder.get("run")
            if holder is not None and holder not in known:
                yield f"I8: {holder} holds the cluster"
            is_foreign = holder in evidence.edited_in
            foreign_since = (foreign_since or entry.time) if is_foreign else None
        elif foreign_since is not None and begins_outside(entry, foreign_since + GRACE):
            yield f"I8: {_what(entry)} while the ledger names another run"


def at_the_target(evidence: Evidence) -> Iterator[str]:
    """In the end every node is Ready, and all kubelets and apiservers are at one version."""
    last = {entry.node: entry for entry in evidence.entries if isinstance(entry, Sample)}
    versions = {version for one in last.values() for version in (one.kubelet, one.apiserver) if version}
    if len(versions) > 1:
        yield f"in the end there are {', '.join(sorted(versions))}"
    yield from (f"in the end {node} is not Ready" for node, sample in last.items() if not sample.ready)
    yield from (f"nothing was seen of {node}" for node in evidence.nodes if node not in last)


def rules_of_the_lab(evidence: Evidence) -> Iterator[str]:
    """What the lab itself takes for broken: budgets, skew, drains, quorum, gates of etcd."""
    yield from (f"the lab: {one}" for one in evidence.broken_rules)


JUDGES: Mapping[str, Judge] = {
    "I1": workers_out_of_service,
    "I3": control_plane_one_by_one,
    "I5": version_skew,
    "I6": nothing_twice,
    "I7": cordons_are_respected,
    "I8": one_run_at_a_time,
    "target": at_the_target,
    "lab": rules_of_the_lab,
}


def violations(evidence: Evidence) -> list[str]:
    return list(dict.fromkeys(one for judge in JUDGES.values() for one in judge(evidence)))


def _restarts(entry: object) -> bool:
    return (
        isinstance(entry, CommandRecord) and entry.argv == ("systemctl", "restart", "kubelet") and entry.exit_code == 0
    )


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def _line(record: CommandRecord) -> str:
    return " ".join(record.argv)[:90]


def _what(entry: object) -> str:
    if isinstance(entry, CommandRecord):
        return f"{_line(entry)} on {entry.node}"
    return f"{entry.verb} {entry.path}" if isinstance(entry, ApiRecord) else str(entry)
