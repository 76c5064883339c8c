"""What somebody is shown before they agree: the path, what was found, who may answer, and what the deadline does.

Markdown, since Airflow shows it so. What hosts, nodes and people have said stays text in it, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.policy import ApprovalPolicy, Then
from kubeadm_upgrade.approval.terms import Terms
from kubeadm_upgrade.board.words import capital
from kubeadm_upgrade.durations import told
from kubeadm_upgrade.preflight import MAY_BE_WAIVED, Finding, Severity
from kubeadm_upgrade.rollout.care import RolloutCare
from kubeadm_upgrade.wording import count, shortened

_NAMES = 100  # of a group of nodes; the plan beside it has the same order
_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#|!~&@$])")
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked, and of whom."""

    cluster: str
    path: Json  # as docs/plan.schema.json has it
    terms: Terms
    policy: ApprovalPolicy
    found: tuple[Finding, ...] = ()
    before: Approval | None = None
    changed: tuple[str, ...] = ()  # since it was approved
    beside: tuple[str, ...] = field(default=())  # further sentences

    @property
    def subject(self) -> str:
        """It names what is shown, and whom it is shown to: another of either is another question."""
        hops = self.path["hops"]
        return f"{self.cluster}: upgrade from {hops[0]['came_from']} to {self.path['target']}? (plan {self.name})"

    @property
    def name(self) -> str:
        return f"{self.path['plan']}-{self.terms.hash}"

    @property
    def body(self) -> str:
        parts = (_changed(self), _head(self), _findings(self), _when(self), *map(_hop, _numbered(self.path)))
        return "\n\n".join(part for part in (*parts, _answer(self)) if part) + "\n"


def beside_of(ignore_window: str) -> tuple[str, ...]:
    """What a run's parameters make of it, and the plan does not say."""
    return (f"It does not wait for maintenance windows: {ignore_window}",) if ignore_window else ()


def text(said: object) -> str:
    """Whatever it holds, it is text in Markdown: no markup, no link, no second line."""
    line = " ".join(str(said).split())
    return _ADDRESS.sub(r"\\\g<0>", _MARKUP.sub(r"\\\1", line))


def _changed(question: Question) -> str:
    if not question.before or not question.changed:
        return ""
    rows = [f"- {text(sentence)}" for sentence in question.changed]
    return "\n".join(("## What has changed since", "", f"It was {text(question.before)}.", "", *rows))


def _head(question: Question) -> str:
    path, care = question.path, question.terms.care
    hops = path["hops"]
    at_most = f"at most {text(care.max_unavailable)} of them out of service at a time"
    drains = sum(len(hop.workers) for hop in question.terms.hops)
    lines = [
        f"## {text(question.cluster)}: {text(hops[0]['came_from'])} → {text(path['target'])}",
        f"Plan `{question.name}`: {count(len(hops), 'hop')}, {count(drains, 'drain')} of workers, {at_most}.",
        *(f"**A drain may {text(_DRAINS.get(one, one))}.**" for one in care.allows),
        *([f"**{_QUARANTINE.format(workers=count(care.quarantines, 'worker'))}**"] if care.quarantines else []),
        *(f"kubeadm passes over its preflight error {text(name)}." for name in care.ignores),
        *(f"The flag {text(name)} of the control plane may be left out." for name in care.drop_flags),
        *_rollout(care.rollout),
        *map(text, question.beside),
    ]
    table = ["| Hop | Control plane | Workers drained | Workers waiting |", "| ---: | --- | --- | --- |"]
    for number, hop in _numbered(path):
        moving, waiting = (sum(len(group["nodes"]) for group in hop[kind]) for kind in ("moving", "waiting"))
        table.append(f"| {number} | {_way(hop)} | {moving} | {waiting} |")
    return "\n\n".join((*lines, "\n".join(table)))


def _rollout(care: RolloutCare) -> tuple[str, ...]:
    """In which order workers move, and what holds them up, as it is bound to the answer."""
    return (f"Rollout: {'; '.join(f'{text(name)} {text(held)}' for name, held in care.items())}.",) if care else ()


_DRAINS = {
    "delete_emptydir_data": "delete data that Pods keep in emptyDir volumes",
    "force": "evict Pods that nothing recreates",
}
_QUARANTINE = "Where drains stay blocked, a run may leave {workers} cordoned, and go on."


def _findings(question: Question) -> str:
    if not question.found:
        return ""
    rows = [f"- **{one.severity}** `{one.check}`: {text(one.message)}" for one in question.found]
    blocks = dict.fromkeys(one.check for one in question.found if one.severity is Severity.BLOCK)
    waive = (
        ("", f"What blocks keeps the run from going on, unless you name it in `waive`: {', '.join(blocks)}.")
        if blocks and blocks.keys() <= MAY_BE_WAIVED
        else ()
    )
    return "\n".join(("## Preflight has found", "", *rows, *waive))


def _when(question: Question) -> str:
    """How long it takes, and in which windows, as the plan has foretold."""
    told = (question.path.get("forecast") or {}).get("told")
    return f"## When\n\n{text(capital(told))}." if told else ""


def _numbered(path: Json) -> Sequence[tuple[int, Json]]:
    return list(enumerate(path["hops"], 1))


def _way(hop: Json) -> str:
    came_from, to = text(hop["came_from"]), text(hop["to"])
    return f"{came_from} → {to}" if came_from != to else f"stays at {to}"


def _hop(numbered: tuple[int, Json]) -> str:
    number, hop = numbered
    head = (f"## Hop {number}: {_way(hop)}", "", f"{text(capital(hop['reason']))}.", "")
    return "\n".join((*head, *_lines(hop)))


def _lines(hop: Json) -> Iterator[str]:
    yield from (f"- **Mind**: {text(finding)}" for finding in hop["findings"])
    if hop.get("etcd_pin"):
        yield f"- Before kubeadm applies, etcd is fixed at {text(hop['etcd_pin'])}"
    if hop.get("lifts_etcd_pin"):
        yield "- Before kubeadm applies, our etcd tag is taken out of kubeadm-config"
    for does, kind in (("Control plane", "control_plane"), ("Drain and upgrade", "moving"), ("Leave", "waiting")):
        for group in hop[kind]:
            who = f"{text(group['group'])}: " if group.get("group") else ""
            yield f"- {does} {who}{_names(group)} (kubelet {text(group['kubelet'])}): {text(group['reason'])}"
    for change in hop["changes"]:
        yield f"- {text(change['component'])}: {text(change['before'] or '?')} → {text(change['after'])}"
    if hop["removed_apis"]:
        yield f"- No longer served: {', '.join(map(text, hop['removed_apis']))}"
    yield from (f"- Know before: {text(note)}" for note in hop["notes"])
    yield f"- [Release notes]({hop['release_notes']}), [upgrade page]({hop['upgrade_page']})"


def _names(group: Json) -> str:
    return text(shortened(group["nodes"], _NAMES))


def _answer(question: Question) -> str:
    policy = question.policy
    lines = ["## Your answer", "", f"Who may answer: {text(policy.who)}."]
    if policy.deadline is None:
        lines[-1] += " It is waited for as long as it takes."
    else:
        then = "it counts as approved" if policy.then is Then.APPROVE else "it counts as refused, and the run ends"
        lines[-1] += f" If nobody has within {told(policy.deadline)}, {then}."
    lines[-1] += (
        " Approve, and the run goes on; later runs of this path carry it, as long as what they do is the rest of this. "
        "Refuse, and the run ends: nothing was touched."
    )
    return "\n".join(lines)
