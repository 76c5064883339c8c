"""The ledger as a ConfigMap: short YAML under one key a subject, for eyes and for `kubectl patch`.

docs/ledger.md shows it. What is not ours in the object, labels, annotations and keys, is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

import yaml

from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.ledger.ledger import Failed, Failure, Holder, Ledger, Slot, Soak
from kubeadm_upgrade.ledger.permit import Permit, PermittedPod

NAMESPACE = "kube-system"
CONFIG_MAP = "kubeadm-fleet-ledger"
OBJECT = f"ConfigMap {NAMESPACE}/{CONFIG_MAP}"  # as sentences name it
SLOTS = "kubeadm-fleet-slots"  # what there was before the ledger: lane -> JSON of node -> run id

HOLDER, PAUSED, ABORTED, ETCD_PIN, DURATIONS = "holder", "paused", "aborted", "etcd-pin", "durations"
APPROVED = "approved"
SLOT, GIVEN_UP, FAILED = "out-of-service.", "given-up.", "failed."  # a node's name follows
SOAK = "soak."  # a group's name follows
PERMIT = "delete-pods."  # a node's name follows

_NONE = "none"

Data = Mapping[str, str]


def read(data: Data) -> Ledger:
    """A ConfigMap's data. Raises UnreadableOutput for a bad edit, with the key and what to do."""
    return Ledger(
        holder=_holder(data[HOLDER]) if HOLDER in data else None,
        slots={node: _slot(key, text) for key, node, text in _under(SLOT, data)},
        given_up={node: text.strip() for _, node, text in _under(GIVEN_UP, data)},
        paused=data[PAUSED].strip() or "no reason was given" if PAUSED in data else None,
        aborted=data[ABORTED].strip() or "no reason was given" if ABORTED in data else None,
        etcd_pin=data.get(ETCD_PIN, "").strip() or None,
        durations=_durations(data.get(DURATIONS, "")),
        approved=_approval(data[APPROVED]) if APPROVED in data else None,
        failed_nodes={node: _failed(key, text) for key, node, text in _under(FAILED, data)},
        soaks={group: _soak(key, text) for key, group, text in _under(SOAK, data)},
        permits={node: _permit(key, text) for key, node, text in _under(PERMIT, data)},
    )


def read_slots(data: Data) -> Ledger:
    """An object from before the ledger: its slots are kept, as those of runs that nobody knows more of."""
    slots: dict[str, Slot] = {}
    for lane, text in data.items():
        try:
            holders = json.loads(text)
            slots |= {node: Slot(lane, RunId(str(run))) for node, run in holders.items()}
        except (ValueError, AttributeError, RecursionError):
            _refuse(SLOTS, lane, 'JSON such as {"node": "run id"}', text)
    return Ledger(slots=slots)


def write(ledger: Ledger, there: Data) -> dict[str, str]:
    """The object's data as it is to be: a subject that did not change is left as somebody wrote it."""
    now, was = _texts(ledger), _texts(read(there))
    kept = {key: text for key, text in there.items() if key in now or not _is_ours(key)}
    return kept | {key: text for key, text in now.items() if text != was.get(key)}


def _texts(ledger: Ledger) -> dict[str, str]:
    """Every subject that there is something to say of, by its key."""
    plain = {PAUSED: ledger.paused, ABORTED: ledger.aborted, ETCD_PIN: ledger.etcd_pin}
    return {
        **({HOLDER: _holder_text(ledger.holder)} if ledger.holder else {}),
        **{key: text for key, text in plain.items() if text is not None},
        **({DURATIONS: _durations_text(ledger.durations)} if ledger.durations else {}),
        **({APPROVED: _text(ledger.approved.to_json(), lists_in_a_line=True)} if ledger.approved else {}),
        **{f"{SLOT}{node}": _slot_text(slot) for node, slot in ledger.slots.items()},
        **{f"{GIVEN_UP}{node}": reason for node, reason in ledger.given_up.items()},
        **{f"{FAILED}{node}": _failed_text(one) for node, one in ledger.failed_nodes.items()},
        **{f"{SOAK}{name}": _text({"to": one.to, "since": _iso(one.since)}) for name, one in ledger.soaks.items()},
        **{f"{PERMIT}{node}": _permit_text(permit) for node, permit in ledger.permits.items()},
    }


def _is_ours(key: str) -> bool:
    return key in (HOLDER, PAUSED, ABORTED, ETCD_PIN, DURATIONS, APPROVED) or key.startswith(
        (SLOT, GIVEN_UP, FAILED, SOAK, PERMIT)
    )


def _under(prefix: str, data: Data) -> list[tuple[str, str, str]]:
    return [(key, key.removeprefix(prefix), text) for key, text in sorted(data.items()) if key.startswith(prefix)]


def _holder(text: str) -> Holder:
    plain = _mapping(HOLDER, text, ("run", "since"))
    times = (_time(HOLDER, plain["since"]), _maybe(HOLDER, plain, "released"), _maybe(HOLDER, plain, "judged"))
    unwell = plain.get("unwell")
    return Holder(_run(plain), *times, None if unwell is None else _listed(unwell))


def _holder_text(holder: Holder) -> str:
    times = {name: _iso(getattr(holder, name)) for name in ("since", "released", "judged")}
    unwell = {} if holder.unwell is None else {"unwell": ", ".join(holder.unwell) or _NONE}
    return _text({**_run_text(holder.run), **times, **unwell})


def _listed(text: str) -> tuple[str, ...]:
    return () if text == _NONE else tuple(one.strip() for one in str(text).split(","))


def _slot(key: str, text: str) -> Slot:
    plain = _mapping(key, text, ("lane", "run"))
    since, doing = _maybe(key, plain, "since"), str(plain.get("doing", ""))
    return Slot(str(plain["lane"]), _run(plain), since, doing, _failure(key, plain))


def _slot_text(slot: Slot) -> str:
    words = {"since": _iso(slot.since), "doing": slot.doing, **_failure_text(slot.failure)}
    return _text({"lane": slot.lane, **_run_text(slot.run), **words})


def _failed(key: str, text: str) -> Failed:
    plain = _mapping(key, text, ("run",))
    return Failed(_run(plain), str(plain.get("why", "")))


def _failed_text(failed: Failed) -> str:
    return _text({"why": failed.why, **_run_text(failed.run)})


def _soak(key: str, text: str) -> Soak:
    plain = _mapping(key, text, ("to", "since"))
    return Soak(str(plain["to"]), _time(key, plain["since"]))


def _permit(key: str, text: str) -> Permit:
    plain = _mapping(key, text, ("run", "pods"))
    try:
        return Permit(_run(plain), tuple(_permitted(key, one) for one in plain["pods"]))
    except (KeyError, TypeError, AttributeError):
        _refuse(CONFIG_MAP, key, "a list of pods, each with uid, pod, by and at", text)


def _permitted(key: str, plain: Mapping[str, Any]) -> PermittedPod:
    uid, pod, by = (str(plain[name]) for name in ("uid", "pod", "by"))
    return PermittedPod(uid, pod, by, _time(key, plain["at"]), _maybe(key, plain, "deleted"))


def _permit_text(permit: Permit) -> str:
    return _text({**_run_text(permit.run), "pods": [_permitted_text(one) for one in permit.pods]})


def _permitted_text(one: PermittedPod) -> dict[str, str]:
    deleted = {"deleted": one.deleted.isoformat(timespec="seconds")} if one.deleted else {}
    return {"uid": one.uid, "pod": one.pod, "by": one.by, "at": one.at.isoformat(timespec="seconds"), **deleted}


def _failure(key: str, plain: Mapping[str, Any]) -> Failure | None:
    if not plain.get("failed"):
        return None
    told = plain.get("told") != "no"
    return Failure(str(plain["failed"]), str(plain.get("why", "")), _maybe(key, plain, "failed-at"), told)


def _failure_text(failure: Failure | None) -> dict[str, Any]:
    if failure is None:
        return {}
    words = {"failed": failure.unit, "why": failure.why, "failed-at": _iso(failure.at)}
    return words if failure.told else {**words, "told": "no"}


def _run(plain: Mapping[str, Any]) -> RunId:
    return RunId(str(plain["run"]), str(plain.get("airflow", "")), str(plain.get("began", "")))


def _run_text(run: RunId) -> dict[str, str]:
    return {"run": run.dag_run, "airflow": run.airflow, "began": run.began}


def _durations(text: str) -> Mapping[str, tuple[float, ...]]:
    if not text.strip():
        return {}
    found = _mapping(DURATIONS, text, ())
    try:
        if all(isinstance(seconds, list) for seconds in found.values()):
            return {str(step): tuple(map(float, seconds)) for step, seconds in found.items()}
    except (TypeError, ValueError):
        pass
    _refuse(CONFIG_MAP, DURATIONS, "lists of seconds by step", text)


def _durations_text(durations: Mapping[str, tuple[float, ...]]) -> str:
    lines = (f"{step}: [{', '.join(f'{one:g}' for one in seconds)}]" for step, seconds in durations.items())
    return "".join(f"{line}\n" for line in lines)


def _approval(text: str) -> Approval:
    plain = _mapping(APPROVED, text, ("by", "at", "terms"))
    try:
        return Approval.from_json(plain)
    except (KeyError, TypeError, ValueError, AttributeError):
        _refuse(CONFIG_MAP, APPROVED, "an approval as kubeadm-fleet writes it", text)


def _mapping(key: str, text: str, wanted: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        # a plain loader: a time or a number that somebody wrote stays the text that it is
        found = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError):
        found = None
    if not isinstance(found, dict) or any(name not in found for name in wanted):
        _refuse(CONFIG_MAP, key, f"YAML with {', '.join(wanted) or 'names and values'}", text)
    return found


def _maybe(key: str, plain: Mapping[str, Any], name: str) -> datetime | None:
    return _time(key, plain[name]) if plain.get(name) else None


def _time(key: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        _refuse(CONFIG_MAP, key, "a time such as 2026-11-25T20:00:00+00:00", str(text))
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None


def _text(plain: Mapping[str, Any], *, lists_in_a_line: bool = False) -> str:
    told = {name: value for name, value in plain.items() if value}
    # YAML takes more for the end of a line than it escapes by itself
    plain_enough = all(text.isprintable() for text in _strings(told))
    flow = None if lists_in_a_line else False
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=plain_enough, width=1000, default_flow_style=flow)


def _strings(value: Any) -> Iterator[str]:
    match value:
        case Mapping():
            yield from (text for one in (*value.keys(), *value.values()) for text in _strings(one))
        case list():
            yield from (text for one in value for text in _strings(one))
        case _:
            yield str(value)


def _refuse(config_map: str, key: str, wanted: str, text: str) -> NoReturn:
    where = f"ConfigMap {NAMESPACE}/{config_map}"
    raise UnreadableOutput(f"{where}: {key} must be {wanted}, not {text!r}: mend it by hand, or take the key out")
