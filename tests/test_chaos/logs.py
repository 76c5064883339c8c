"""Logs as the lab would have written them, made up: one line an entry, at a second each unless one is said."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import yaml

from chaos.evidence import Entry, Evidence, LedgerRecord
from lab.records import ApiRecord, CommandRecord, HealthRecord, PowerRecord, Sample

OLD, NEW = "v1.28.15", "v1.29.15"
PLANE, WORKERS = ("cp1", "cp2", "cp3"), ("w1", "w2", "w3")


def node(name: str, *marks: str, kubelet: str = OLD, apiserver: str | None = None, at: float = 0.0) -> Sample:
    """`marks`: cordoned, sick."""
    if apiserver is None and name in PLANE:
        apiserver = OLD
    return Sample(at, name, "sick" not in marks, "cordoned" not in marks, kubelet, apiserver)


def command(name: str, line: str, code: int | None = None, unit: str | None = None, at: float = 0.0) -> CommandRecord:
    return CommandRecord(at, name, line, tuple(line.split()), True, True, code, unit)


def begins(name: str, line: str, unit: str | None = "unit", at: float = 0.0) -> CommandRecord:
    return command(name, line, None, unit, at)


def ends(name: str, line: str, code: int = 0, unit: str | None = "unit", at: float = 0.0) -> CommandRecord:
    return command(name, line, code, unit, at)


def restart(name: str) -> tuple[CommandRecord, CommandRecord]:
    line = "systemctl restart kubelet"
    return begins(name, line, None), ends(name, line, unit=None)


def ill(*what: str, at: float = 0.0) -> HealthRecord:
    """`node/component`, each."""
    return HealthRecord(at, frozenset((one.partition("/")[0], one.partition("/")[2]) for one in what))


def power(name: str, *, on: bool = False) -> PowerRecord:
    return PowerRecord(0.0, name, on)


def held_by(run: str, at: float = 0.0) -> LedgerRecord:
    return LedgerRecord(at, {"holder": yaml.safe_dump({"run": run})})


def patched(path: str, at: float = 0.0) -> ApiRecord:
    return ApiRecord(at, "we", "patch", path, 200)


def whole() -> list[Entry]:
    """A hop of three and three in which nothing is wrong; w3 was cordoned before."""
    upgrade = dict.fromkeys(PLANE, "kubeadm upgrade node") | {"cp1": "kubeadm upgrade apply v1.29.15 --yes"}
    log: list[Entry] = [node(name) for name in (*PLANE, *WORKERS[:2])]
    log += [node("w3", "cordoned"), held_by("ours")]
    for name in PLANE:
        log += [begins(name, upgrade[name]), ill(f"{name}/etcd"), ill(), node(name, apiserver=NEW)]
        log += [ends(name, upgrade[name])]
    for name in PLANE:
        log += [node(name, "cordoned", apiserver=NEW), *restart(name)]
        log += [node(name, "cordoned", "sick", kubelet=NEW, apiserver=NEW)]
        log += [node(name, kubelet=NEW, apiserver=NEW)]
    for name in WORKERS:
        marks = ("cordoned",)
        log += [begins(name, "apt-get install kubeadm"), ends(name, "apt-get install kubeadm")]
        log += [node(name, *marks), *restart(name), node(name, *marks, "sick", kubelet=NEW)]
        log += [node(name, *(marks if name == "w3" else ()), kubelet=NEW)]
    return log


def evidence(log: Iterable[Entry], max_unavailable: int = 1) -> Evidence:
    """With a time for whatever has none."""
    timed, clock = [], itertools.count(1)
    for entry in log:
        moment = float(next(clock))
        timed.append(entry if entry.time else type(entry)(**{**vars(entry), "time": moment}))
    return Evidence(PLANE, WORKERS, tuple(timed), max_unavailable, frozenset({"w3"}), ("ours",), ("by-hand",))
