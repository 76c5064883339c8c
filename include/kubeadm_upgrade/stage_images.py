"""Stage images: what the hop needs of them is on the host before anything is taken out of service.

The kubeadm that is installed is still the old one, which would name the images of its own release: so they are named
here (images.py), and pulled by the runtime's own command line.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.actions import Action, Run, install_file
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.images import IGNORED, Image, missing, of_control_plane, of_worker
from kubeadm_upgrade.installs import on_host, succeeded
from kubeadm_upgrade.settings import read_etcd_tag
from kubeadm_upgrade.steps import Need, Step, unit_of

LIST = "/run/kubeadm-fleet-images"  # of the images that are to be pulled, one a line
_WHEN_NEEDED = "pulled when the upgrade needs it"


class StageImages(Step):
    """Fetch the images into the host's runtime, so that the maintenance window is spent on disruption only.

    It is help and no promise: only what kubeadm itself could not do without keeps a control plane node from going on.
    """

    needs = frozenset({Need.HOST, Need.CONTROL_PLANE, Need.IMAGES})

    def done(self, facts: Facts, hop: Hop) -> bool:
        """Once it was tried, what kubeadm might do without may be missing: a mirror may well not have it."""
        if facts.host.images is None:
            return True
        left = self._left(facts, hop)
        unit = unit_of(self, facts, hop)
        tried = unit.succeeded or unit.failed
        return not left or (tried and not any(self._is_needed(image, hop) for image in left))

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        names = [image.name for image in _wanted(facts, hop) if not image.is_reference]
        return f"{', '.join(names)}: no name of an image: mend imageRepository in kubeadm-config" if names else None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        """One after the other, in one unit: the node is in service, and its disk is for its workloads.

        xargs goes on behind one that cannot be pulled, and says so with its exit status.
        """
        yield from install_file(LIST, "".join(f"{image.name}\n" for image in self._left(facts, hop)))
        yield Run(("xargs", "-a", LIST, "-n", "1", "crictl", "pull"), unit=self.unit(hop))

    def unit(self, hop: Hop) -> str:
        return f"stage-images-{hop.to.tag}"

    def details(self, facts: Facts, hop: Hop) -> tuple[str, ...]:
        if facts.host.images is None:
            return (f"crictl lists no images on {facts.node.name}: each is {_WHEN_NEEDED}",)
        return tuple(f"not fetched: {image.name}: it is {_WHEN_NEEDED}" for image in self._left(facts, hop))

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        there = (facts.host.images or frozenset()).union(image.name for image in _wanted(facts, hop))
        return on_host(succeeded(facts, self.unit(hop)), images=there)

    def _left(self, facts: Facts, hop: Hop) -> tuple[Image, ...]:
        return missing(_wanted(facts, hop), facts.host.images or ())

    def _is_needed(self, image: Image, hop: Hop) -> bool:
        return image.certain and IGNORED not in hop.ignore_preflight_errors


def _wanted(facts: Facts, hop: Hop) -> tuple[Image, ...]:
    configuration = facts.control_plane.configuration
    if facts.node.name in hop.control_plane:
        return of_control_plane(configuration, hop.to, _etcd_tag(facts, hop))
    return of_worker(configuration, hop.to)


def _etcd_tag(facts: Facts, hop: Hop) -> str | None:
    """What etcd will be fixed at when kubeadm comes to it: see ConfigureEtcd."""
    tag = read_etcd_tag(facts.control_plane.configuration)
    if hop.etcd_pin:
        return hop.etcd_pin
    return None if hop.lifts_etcd_pin and tag == facts.ledger.etcd_pin else tag
