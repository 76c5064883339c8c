"""Packages that are there already, and what may not be done about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.examples import NEW, applied, on_host
from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.facts import PACKAGES, OsRelease
from kubeadm_upgrade.hop import Repository, Source
from kubeadm_upgrade.installs import InstallPackages, newer
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


FORMATS = {"deb": (OsRelease("debian"), "{}-1.1"), "rpm": (OsRelease("rocky", ("rhel",)), "{}-150500.1.1")}


@pytest.mark.parametrize("package_format", FORMATS)
@pytest.mark.parametrize("step", ["stage_packages", "upgrade_kubeadm", "upgrade_kubelet_and_kubectl"])
@pytest.mark.parametrize("there", ["1.29.16", "1.30.2"])
def test_no_step_installs_an_older_package_than_there_is(facts_of, hop, package_format, step, there):
    """I10: dnf goes back without a word, and an old run that is cleared meets newer packages."""
    os, form = FORMATS[package_format]
    url = f"https://pkgs.k8s.io/core:/stable:/v1.29/{package_format}/"
    source = Source(Repository(url, f"{url}Release.key"), dict.fromkeys(PACKAGES, form.format(NEW)))
    old = replace(hop, sources={package_format: source})
    facts = on_host(applied(facts_of("w1"), hop), os=os, packages=dict.fromkeys(PACKAGES, form.format(there)))
    facts = replace(facts, node=replace(facts.node, unschedulable=True), pods=())
    assert not STEPS[step].done(facts, old)
    assert f"kubelet is {form.format(there)}, newer than {form.format(NEW)}" in STEPS[step].refuse(facts, old)


def test_whatever_installs_refuses_newer_packages(facts_of, hop):
    """Also a step that is yet to be written."""
    facts = on_host(applied(facts_of("cp1"), hop), packages=dict.fromkeys(PACKAGES, "1.30.2-1.1"))
    facts = replace(facts, node=replace(facts.node, unschedulable=True), pods=())
    installing = [step for step in STEPS.values() if isinstance(step, InstallPackages)]
    assert len(installing) == 2
    for step in (*installing, STEPS["stage_packages"]):
        assert "newer than" in step.refuse(facts, hop), step.name
