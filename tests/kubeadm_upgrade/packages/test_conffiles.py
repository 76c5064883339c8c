"""Edited configuration files stay, and what the package would have changed is told."""

from __future__ import annotations

import pytest

from in_memory.examples import on_host
from kubeadm_upgrade.packages import apt, dnf
from kubeadm_upgrade.packages.conffiles import kept
from kubeadm_upgrade.procedure import STEPS

OURS = "KUBELET_EXTRA_ARGS=--v=3\n"
THEIRS = "# as the release has it\nKUBELET_EXTRA_ARGS=\n"


@pytest.mark.parametrize(
    ("manager", "path", "shipped"),
    [
        pytest.param(apt, "/etc/default/kubelet", "/etc/default/kubelet.dpkg-dist", id="apt"),
        pytest.param(dnf, "/etc/sysconfig/kubelet", "/etc/sysconfig/kubelet.rpmnew", id="dnf"),
    ],
)
def test_what_the_package_would_have_changed_is_told(manager, path, shipped):
    """With both names, so that a person can compare and merge."""
    assert list(kept(manager, {path: OURS, shipped: THEIRS})) == [
        f"{path} stays as it was edited; the package's own is {shipped}:",
        "  -KUBELET_EXTRA_ARGS=--v=3",
        "  +# as the release has it",
        "  +KUBELET_EXTRA_ARGS=",
    ]


@pytest.mark.parametrize("files", [{}, {"/etc/default/kubelet": OURS}], ids=["none", "nobody's but ours"])
def test_where_nothing_was_kept_there_is_nothing_to_tell(files):
    assert list(kept(apt, files)) == []


def test_the_files_are_read_with_the_repository_files():
    """In one look, and kept apart."""
    read = apt.read_files("/etc/apt/sources.list:deb x\n/etc/default/kubelet:A=1\n/etc/default/kubelet.dpkg-dist:A=2\n")
    assert read["sources"] == {"/etc/apt/sources.list": "deb x\n"}
    assert read["conffiles"] == {"/etc/default/kubelet": "A=1\n", "/etc/default/kubelet.dpkg-dist": "A=2\n"}


def test_the_outcome_of_an_install_tells_it(facts_of, hop):
    facts = on_host(facts_of("w1"), conffiles={"/etc/default/kubelet": OURS, "/etc/default/kubelet.dpkg-dist": THEIRS})
    assert STEPS["upgrade_kubelet_and_kubectl"].details(facts, hop)[0].startswith("/etc/default/kubelet stays")
