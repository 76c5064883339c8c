"""Packages that are there already, and what may not be done about them."""

from __future__ import annotations

import pytest

from in_memory.examples import on_host
from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.installs import newer
from kubeadm_upgrade.procedure import STEPS

CHOOSE = "choose a newer target, or remove the package"


@pytest.mark.parametrize(
    ("there", "said"),
    [
        pytest.param("1.28.2-00", None, id="older"),
        pytest.param("1.29.15-1.2", None, id="another revision of the same"),
        pytest.param("1.29.16-1.1", f"kubelet is 1.29.16-1.1, newer than 1.29.15-1.1: {CHOOSE}", id="a later patch"),
        pytest.param("1.30.0-1.1", f"kubelet is 1.30.0-1.1, newer than 1.29.15-1.1: {CHOOSE}", id="a later minor"),
        pytest.param(
            "1.28.2-0.el8", "kubelet is 1.28.2-0.el8, which names no Kubernetes version", id="a distribution's"
        ),
        pytest.param("1.28.2-1.1+corp1", "kubelet is 1.28.2-1.1+corp1, which names no", id="somebody's own build"),
    ],
)
def test_what_is_there_may_not_be_newer(facts_of, hop, there, said):
    """And what cannot be compared may be."""
    host = on_host(facts_of("w1"), packages={"kubelet": there}).host
    found = list(newer(host, hop.sources["deb"]))
    assert found == [] if said is None else found[0].startswith(said)


@pytest.mark.parametrize("name", ["upgrade_kubeadm", "upgrade_kubelet_and_kubectl"])
def test_nothing_is_installed_over_a_half_installed_package(facts_of, hop, name):
    """Neither apt nor dnf can say what would come of it."""
    facts = on_host(facts_of("w1"), half_installed=frozenset({"kubelet"}))
    with pytest.raises(StepRefused, match=r"w1: kubelet: half installed.*dpkg --configure -a"):
        list(STEPS[name].actions(facts, hop))
