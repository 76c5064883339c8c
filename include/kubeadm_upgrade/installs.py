"""Install exact package versions and hold them: what several headings of the procedure share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.facts import COMPANIONS, Facts, HostFacts
from kubeadm_upgrade.hop import Hop, Source
from kubeadm_upgrade.packages import UNKNOWN_SYSTEM, PackageManager, manager_of
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.version import Version

HALF_INSTALLED = "half installed, and nothing is at work on it: run dpkg --configure -a"


def manager(facts: Facts) -> PackageManager:
    """The host's package manager. Raises StepRefused for a system that has none that we know."""
    found = manager_of(facts.host.os)
    if found is None:
        raise StepRefused(f"{facts.node.name} runs {facts.host.os.name}: {UNKNOWN_SYSTEM}")
    return found


def source(facts: Facts, hop: Hop) -> Source:
    """What this host installs, and from where."""
    return hop.source(facts.host.os.package_format)


def installed(facts: Facts, hop: Hop, *names: str) -> bool:
    wanted = source(facts, hop).packages
    return all(name in wanted and facts.host.packages.get(name) == wanted[name] for name in names)


def not_installed(facts: Facts, hop: Hop, name: str) -> str | None:
    """A sentence where the installed package is not the wanted one."""
    if installed(facts, hop, name):
        return None
    return f"{name} is {facts.host.packages.get(name)}, not {source(facts, hop).packages.get(name)}"


def newer(host: HostFacts, source: Source) -> Iterator[str]:
    """A sentence for each package that is newer than the wanted one: dnf goes back without a word."""
    for name, wanted in source.packages.items():
        there = host.packages.get(name)
        if there is not None and Version.of_package(there) > Version.of_package(wanted):
            yield f"{name} is {there}, newer than {wanted}: choose a newer target, or remove the package"


def install_and_hold(facts: Facts, hop: Hop, names: tuple[str, ...], unit: str) -> Iterator[Run]:
    """The dependencies that come with them are let go and held with them: nothing else ever needs them to change.

    Raises StepRefused where an earlier install was cut off: the package manager must be mended by a person.
    """
    packages, host = manager(facts), facts.host
    if broken := sorted(host.half_installed):
        raise StepRefused(f"{facts.node.name}: {', '.join(broken)}: {HALF_INSTALLED}")
    companions = _companions(host)
    if not installed(facts, hop, *names):
        yield from packages.unhold(host, *names, *companions)
        yield packages.install(host, {name: source(facts, hop).packages[name] for name in names}, unit=unit)
    yield from packages.hold(host, *names, *companions)


def installed_and_held(facts: Facts, hop: Hop, names: tuple[str, ...], unit: str) -> Facts:
    wanted = source(facts, hop).packages
    return on_host(
        facts,
        packages={**facts.host.packages, **{name: wanted[name] for name in names}},
        held=facts.host.held.union(names, _companions(facts.host)),
        units=succeeded(facts, unit),
    )


def _companions(host: HostFacts) -> tuple[str, ...]:
    return tuple(name for name in COMPANIONS if name in host.packages)


def succeeded(facts: Facts, unit: str) -> Mapping[str, Unit]:
    return {**facts.host.units, unit: Unit("loaded", "active", "exited")}


def on_host(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, host=replace(facts.host, **changes))
