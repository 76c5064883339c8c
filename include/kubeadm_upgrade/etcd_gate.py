"""Pass etcd's gate: some minor releases bring an etcd that all members must be ready for.

kubeadm deploys the etcd that its ConfigMap kubeadm-config fixes. A hop of its own fixes the version that the gate asks
for, and the hop after it takes that away again, so that later releases bring their own.
https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kubeadm_upgrade.actions import Action, NotePin, PatchConfigMap, Run
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.installs import succeeded
from kubeadm_upgrade.settings import etcd_image, read_etcd_tag, with_etcd_tag
from kubeadm_upgrade.steps import Need, Step, unit_of


class ConfigureEtcd(Step):
    """Fix in kubeadm-config the etcd that the gate of the next minor release asks for, or leave it to kubeadm again."""

    needs = frozenset({Need.HOST, Need.CONTROL_PLANE})

    def done(self, facts: Facts, hop: Hop) -> bool:
        tag = read_etcd_tag(facts.control_plane.configuration)
        if hop.etcd_pin is not None:
            return tag == hop.etcd_pin and facts.ledger.etcd_pin == hop.etcd_pin
        # one that somebody else has fixed stays
        return not hop.lifts_etcd_pin or facts.ledger.etcd_pin is None

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        tag = read_etcd_tag(facts.control_plane.configuration)
        if hop.etcd_pin is None or tag in (None, facts.ledger.etcd_pin):
            return None
        return f"kubeadm-config fixes etcd at {tag}, which this tool did not set: take it out, or start a new run"

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        """Whether the image can be had is found out before anything says that it is to be used."""
        if hop.etcd_pin is None:
            yield from self._let_go(facts)
            return
        if not unit_of(self, facts, hop).succeeded:
            image = etcd_image(facts.control_plane.configuration, hop.etcd_pin)
            yield Run(("crictl", "pull", image), unit=self.unit(hop))
        # first noted, then done: what is noted and not there is no pin
        yield NotePin(hop.etcd_pin)
        yield _patch(facts, hop.etcd_pin)

    def unit(self, hop: Hop) -> str | None:
        return f"pull-etcd-{hop.etcd_pin}" if hop.etcd_pin else None

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        configuration = with_etcd_tag(facts.control_plane.configuration, hop.etcd_pin)
        pulled = succeeded(facts, str(self.unit(hop))) if hop.etcd_pin else facts
        return replace(
            pulled,
            control_plane=replace(facts.control_plane, configuration=configuration),
            ledger=replace(facts.ledger, etcd_pin=hop.etcd_pin),
        )

    def _let_go(self, facts: Facts) -> Iterator[Action]:
        if read_etcd_tag(facts.control_plane.configuration) == facts.ledger.etcd_pin:
            yield _patch(facts, None)
        yield NotePin(None)


def before_the_gate(facts: Facts, hop: Hop) -> str | None:
    """Why the control plane may not move yet: a node that has joined it meanwhile brings kubeadm's own etcd."""
    if hop.etcd_minimum is None or not (old := facts.control_plane.etcd_before(hop.etcd_minimum)):
        return None
    return (
        f"etcd on {', '.join(old)} is older than {hop.etcd_minimum}, which every member must be at before {hop.to} "
        "brings its own: start a new run, which passes that gate"
    )


def _patch(facts: Facts, tag: str | None) -> PatchConfigMap:
    configuration = with_etcd_tag(facts.control_plane.configuration, tag)
    verb = f"set etcd.local.imageTag to {tag}" if tag else "take etcd.local.imageTag out"
    version = facts.control_plane.configuration_version
    return PatchConfigMap(
        verb,
        "kubeadm-config",
        {"data": {"ClusterConfiguration": configuration}, "metadata": {"resourceVersion": version}},
    )
