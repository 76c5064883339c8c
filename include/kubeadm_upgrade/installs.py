"""Install exact package versions and hold them: what several headings of the procedure share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kubeadm_upgrade.actions import Action
from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.facts import COMPANIONS, Facts, HostFacts
from kubeadm_upgrade.hop import Hop, Source
from kubeadm_upgrade.packages.conffiles import kept
from kubeadm_upgrade.packages.port import UNKNOWN_SYSTEM, PackageManager, manager_of
from kubeadm_upgrade.steps import Step
from kubeadm_upgrade.tasks import clear_as_well
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.version import Version, in_package
from kubeadm_upgrade.waits import Wait

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
    wanted = f"{name} is {facts.host.packages.get(name)}, not {source(facts, hop).packages.get(name)}"
    step = "upgrade_kubeadm" if name == "kubeadm" else "upgrade_kubelet_and_kubectl"
    return f"{wanted}: {clear_as_well(step, control_plane=facts.node.control_plane)}"


def newer(host: HostFacts, source: Source) -> Iterator[str]:
    """A sentence for each package that is, or may be, newer than the wanted one: dnf goes back without a word."""
    for name, wanted in source.packages.items():
        there = host.packages.get(name)
        if there is None:
            continue
        version = in_package(there)
        if version is None:
            yield f"{name} is {there}, which names no Kubernetes version: install one of {source.repository.url} first"
        elif version > Version.of_package(wanted):
            yield f"{name} is {there}, newer than {wanted}: choose a newer target, or remove the package"


class InstallPackages(Step):
    """A heading that installs `packages`, exactly as wanted, and holds them.

    The dependencies that come with them are held with them: nothing else ever needs them to change.
    """

    packages: tuple[str, ...] = ()

    def done(self, facts: Facts, hop: Hop) -> bool:
        here = installed(facts, hop, *self.packages)
        return here and manager(facts).is_held(facts.host, self._wanted(facts, hop))

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        return "; ".join(newer(facts.host, source(facts, hop))) or None  # invariant I10: dnf would go back

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        """Raises StepRefused where an earlier install was cut off: a person must mend it."""
        host, wanted = facts.host, self._wanted(facts, hop)
        if broken := sorted(host.half_installed):
            raise StepRefused(f"{facts.node.name}: {', '.join(broken)}: {HALF_INSTALLED}")
        if not installed(facts, hop, *self.packages):
            yield manager(facts).install(host, wanted, unit=str(self.unit(hop)))
        yield from manager(facts).hold(host, {**_companions(host), **wanted})

    def amends(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        """What a failed install has changed already is no longer held."""
        host = facts.host
        let_go = {*host.packages, *host.half_installed}.intersection((*self.packages, *COMPANIONS)) - host.held
        if let_go:
            yield from manager(facts).hold(host, {name: host.packages.get(name, "") for name in sorted(let_go)})

    def awaits(self, facts: Facts, hop: Hop) -> Wait:
        return Wait.HEALTH  # of what a new kubelet would take down with it

    def details(self, facts: Facts, hop: Hop) -> tuple[str, ...]:
        return tuple(kept(manager(facts), facts.host.conffiles))

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        host, wanted = facts.host, self._wanted(facts, hop)
        return on_host(
            succeeded(facts, str(self.unit(hop))),
            packages={**host.packages, **wanted},
            held=host.held.union(wanted, _companions(host)),
            locked={name: wanted.get(name, version) for name, version in host.locked.items()},
        )

    def _wanted(self, facts: Facts, hop: Hop) -> Mapping[str, str]:
        return {name: source(facts, hop).packages[name] for name in self.packages}


def _companions(host: HostFacts) -> Mapping[str, str]:
    return {name: host.packages[name] for name in COMPANIONS if name in host.packages}


def succeeded(facts: Facts, unit: str) -> Facts:
    """The facts once this unit has ended well."""
    return replace(facts, units={**facts.units, unit: Unit(unit, "loaded", "active", "exited")})


def on_host(facts: Facts, **changes: Any) -> Facts:
    return replace(facts, host=replace(facts.host, **changes))
