"""Stage packages: the repository of the target minor release, and its packages in the host's cache.

https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/change-package-repository/
"""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.actions import Action
from kubeadm_upgrade.facts import PACKAGES, Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.installs import installed, manager, newer, on_host, source, succeeded
from kubeadm_upgrade.packages.port import why_not_switch
from kubeadm_upgrade.steps import Need, Step


class SwitchPackageRepository(Step):
    """Change the package repository to the one of the target minor release, with its signing key."""

    needs = frozenset({Need.HOST})

    def done(self, facts: Facts, hop: Hop) -> bool:
        wanted = source(facts, hop)
        return installed(facts, hop, *PACKAGES) or (
            manager(facts).switched(facts.host, wanted.repository)
            and all(version in facts.host.offered.get(name, ()) for name, version in wanted.packages.items())
        )

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        return why_not_switch(manager(facts), facts.host)

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        yield from manager(facts).switch(facts.host, source(facts, hop).repository)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        wanted = source(facts, hop)
        return on_host(
            facts,
            **manager(facts).as_switched(facts.host, wanted.repository),
            offered={name: (version,) for name, version in wanted.packages.items()},
        )


class StagePackages(Step):
    """Fetch the packages into the host's cache, so that no drained node waits for a download.

    The package manager resolves the whole install for it, so what would keep it from happening is said here.
    """

    needs = frozenset({Need.HOST})

    def done(self, facts: Facts, hop: Hop) -> bool:
        return all(
            facts.host.packages.get(name) == version
            or any(file.startswith(manager(facts).archive_name(name, version)) for file in facts.host.staged)
            for name, version in source(facts, hop).packages.items()
        )

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        return (
            "; ".join((*newer(facts.host, source(facts, hop)), *manager(facts).why_not_installed(facts.host))) or None
        )

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        yield manager(facts).download(facts.host, source(facts, hop).packages, unit=self.unit(hop))

    def unit(self, hop: Hop) -> str:
        return f"stage-packages-{hop.to.tag}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        wanted = source(facts, hop).packages
        staged = {manager(facts).archive_name(name, version) for name, version in wanted.items()}
        return on_host(succeeded(facts, self.unit(hop)), staged=facts.host.staged | staged)
