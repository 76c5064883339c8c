"""Install exact package versions and hold them: what several headings of the procedure share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kubeadm_upgrade import apt
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.units import Unit


def installed(facts: Facts, hop: Hop, *names: str) -> bool:
    return all(facts.host.packages.get(name) == hop.packages[name] for name in names)


def install_and_hold(facts: Facts, hop: Hop, names: tuple[str, ...], unit: str) -> Iterator[Run]:
    if not installed(facts, hop, *names):
        if held := sorted(facts.host.held.intersection(names)):
            yield apt.unhold(*held)
        yield apt.install({name: hop.packages[name] for name in names}, unit=unit)
    yield apt.hold(*names)


def installed_and_held(facts: Facts, hop: Hop, names: tuple[str, ...], unit: str) -> Facts:
    return on_host(
        facts,
        packages={**facts.host.packages, **{name: hop.packages[name] for name in names}},
        held=facts.host.held.union(names),
        units=succeeded(facts, unit),
    )


def succeeded(facts: Facts, unit: str) -> Mapping[str, Unit]:
    return {**facts.host.units, unit: Unit("loaded", "active", "exited")}


def on_host(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, host=replace(facts.host, **changes))
