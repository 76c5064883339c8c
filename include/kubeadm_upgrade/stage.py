"""Stage packages: the repository of the target minor release, and its packages in the host's cache.

https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/change-package-repository/
"""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade import apt
from kubeadm_upgrade.actions import Action
from kubeadm_upgrade.facts import PACKAGES, Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.installs import installed, on_host, succeeded
from kubeadm_upgrade.steps import Need, Step


class SwitchPackageRepository(Step):
    """Change the package repository to the one of the target minor release, with its signing key."""

    needs = frozenset({Need.HOST})

    def done(self, facts: Facts, hop: Hop) -> bool:
        return installed(facts, hop, *PACKAGES) or (
            facts.host.sources.get(apt.source_path(facts.host.sources))
            == apt.source_text(apt.source_path(facts.host.sources), hop.repository)
            and apt.KEYRING in facts.host.keyrings
            and all(version in facts.host.offered.get(name, ()) for name, version in hop.packages.items())
        )

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        return apt.why_not_switch(facts.host.sources)

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        yield from apt.switch_repository(apt.source_path(facts.host.sources), hop.repository)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        path = apt.source_path(facts.host.sources)
        return on_host(
            facts,
            sources={**facts.host.sources, path: apt.source_text(path, hop.repository)},
            keyrings=facts.host.keyrings | {apt.KEYRING},
            offered={name: (version,) for name, version in hop.packages.items()},
        )


class StagePackages(Step):
    """Fetch the packages into the host's cache, so that no drained node waits for a download."""

    needs = frozenset({Need.HOST})

    def done(self, facts: Facts, hop: Hop) -> bool:
        return all(
            facts.host.packages.get(name) == version
            or any(file.startswith(apt.archive_name(name, version)) for file in facts.host.staged)
            for name, version in hop.packages.items()
        )

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        yield apt.download(hop.packages, unit=self.unit(hop))

    def unit(self, hop: Hop) -> str:
        return f"stage-packages-{hop.to.tag}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        staged = {apt.archive_name(name, version) for name, version in hop.packages.items()}
        return on_host(facts, staged=facts.host.staged | staged, units=succeeded(facts, self.unit(hop)))
