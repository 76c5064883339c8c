"""dnf: the argv of the official pages, and what its answers mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeadm_upgrade.facts import HostFacts, OsRelease
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.packages import dnf
from kubeadm_upgrade.packages.port import why_not_switch

ROCKY = OsRelease("rocky", ("rhel", "centos", "fedora"), "9.4", "Rocky Linux 9.4 (Blue Onyx)")
OLD, NEW = (
    Repository(url, dnf.key_url(url))
    for url in (f"https://pkgs.k8s.io/core:/stable:/v1.{minor}/rpm/" for minor in (28, 29))
)
OLDER, NEWER = "1.28.15-150500.1.1", "1.29.15-150500.1.1"
PAGE = dnf.source_text("kubernetes", OLD)
LEGACY = (
    "[kubernetes]\nname=Kubernetes\nbaseurl=https://packages.cloud.google.com/yum/repos/kubernetes-el7-$basearch\n"
    "enabled=1\ngpgcheck=1\ngpgkey=https://packages.cloud.google.com/yum/doc/rpm-package-key.gpg\n"
    "exclude=kubelet kubeadm\n"
)


def host(text: str | None = PAGE, path: str = dnf.DEFAULT_SOURCE, held=frozenset(), locked=None) -> HostFacts:
    return HostFacts(
        ROCKY, {}, held=held | (locked or {}).keys(), locked=locked or {}, sources={} if text is None else {path: text}
    )


def lines(runs) -> list[str]:
    return [str(run) for run in runs]


def test_the_repository_file_is_the_official_page_s():
    """With the excludes that hold the packages."""
    assert dnf.source_text("kubernetes", NEW) == (
        "[kubernetes]\nname=Kubernetes\nbaseurl=https://pkgs.k8s.io/core:/stable:/v1.29/rpm/\nenabled=1\ngpgcheck=1\n"
        "gpgkey=https://pkgs.k8s.io/core:/stable:/v1.29/rpm/repodata/repomd.xml.key\n"
        "exclude=kubeadm kubelet kubectl cri-tools kubernetes-cni\n"
    )


@pytest.mark.parametrize(
    ("text", "path", "name", "saved"),
    [
        pytest.param(PAGE, dnf.DEFAULT_SOURCE, "kubernetes", False, id="the page's file"),
        pytest.param(None, dnf.DEFAULT_SOURCE, "kubernetes", False, id="no file yet"),
        pytest.param(
            PAGE.replace("[kubernetes]", "[k8s-mirror]"),
            "/etc/yum.repos.d/ours.repo",
            "k8s-mirror",
            False,
            id="own names",
        ),
        pytest.param(LEGACY, "/etc/yum.repos.d/k8s.repo", "kubernetes", True, id="a repository that was shut down"),
    ],
)
def test_the_repository_is_switched_where_it_is(text, path, name, saved):
    """The admin's file and its name for the repository stay; what was shut down is kept beside it."""
    before = host(text, path)
    done = lines(dnf.switch(before, NEW))
    assert f"sudo -n cp -p {path} {path}.save" in done if saved else not any(" cp " in line for line in done)
    assert done[-1] == f"sudo -n dnf -q -y makecache --refresh --repo={name}"
    after = replace(before, **dnf.as_switched(before, NEW))
    assert dnf.switched(after, NEW)
    assert not dnf.switched(before, NEW)
    assert after.sources[path] == dnf.source_text(name, NEW)


def test_packages_are_named_exactly_and_only_their_exclude_is_lifted():
    """The revision too; the cache is kept for the steps that come later."""
    versions = {"kubelet": "1.29.15-150500.1.1", "kubectl": "1.29.15-150500.1.1"}
    assert str(dnf.install(host(), versions, "u")).endswith(
        "dnf install -y --setopt=keepcache=1 --disableplugin=versionlock --disableexcludes=kubernetes "
        "kubelet-1.29.15-150500.1.1 kubectl-1.29.15-150500.1.1"
    )
    fetched = str(dnf.download(host(), versions, "u"))
    assert "--downloadonly --disableplugin=versionlock --disableexcludes=kubernetes" in fetched


@pytest.mark.parametrize(
    ("before", "hold"),
    [
        pytest.param(host(held=frozenset({"kubelet"})), [], id="held by the repository file"),
        pytest.param(
            host(PAGE.replace("exclude=", "#exclude="), held=frozenset({"kubelet"}), locked={"kubelet": OLDER}),
            ["sudo -n dnf -q versionlock delete kubelet", "sudo -n dnf -q versionlock add kubelet"],
            id="held by versionlock",
        ),
        pytest.param(
            host(held=frozenset({"kubelet"}), locked={"kubelet": OLDER}),
            ["sudo -n dnf -q versionlock delete kubelet", "sudo -n dnf -q versionlock add kubelet"],
            id="held by both",
        ),
        pytest.param(
            host(PAGE.replace("exclude=", "#exclude="), held=frozenset({"kubelet"}), locked={"kubelet": NEWER}),
            [],
            id="held by versionlock at the new version",
        ),
        pytest.param(
            host(PAGE.replace("exclude=", "#exclude=")),
            ["sudo -n dnf -q versionlock add kubelet"],
            id="not held at all",
        ),
    ],
)
def test_holds_are_lifted_for_one_command_and_set_on_the_new_version(before, hold):
    """By whatever holds them on this host; nothing is let go in between."""
    assert lines(dnf.hold(before, {"kubelet": NEWER})) == hold
    assert dnf.is_held(before, {"kubelet": NEWER}) == (hold == [])


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        pytest.param(
            {"/a.repo": PAGE, "/b.repo": PAGE},
            "more than one file offers Kubernetes packages (/a.repo, /b.repo)",
            id="two",
        ),
        pytest.param(
            {"/a.repo": PAGE + "[epel]\nbaseurl=https://mirror.example.org/epel\n"},
            "/a.repo also holds the repository epel",
            id="other",
        ),
    ],
)
def test_a_file_is_not_replaced_with_a_loss(sources, words):
    """A person moves what else is in it."""
    assert words in why_not_switch(dnf, HostFacts(ROCKY, {}, sources=sources))


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        pytest.param(
            dnf.read_installed,
            "kubeadm 1.28.15-150500.1.1\npackage kubelet is not installed\n",
            {"kubeadm": "1.28.15-150500.1.1"},
            id="rpm -q",
        ),
        pytest.param(
            dnf.read_query,
            "kubeadm 1.29.14-150500.1.1\n\nkubeadm 1.29.15-150500.1.1\nsomething else\n",
            {"kubeadm": ("1.29.14-150500.1.1", "1.29.15-150500.1.1")},
            id="repoquery",
        ),
        pytest.param(
            lambda text: dnf.read_files(text)["held"],
            "/etc/yum.repos.d/k.repo:[kubernetes]\n/etc/yum.repos.d/k.repo:exclude=kubelet, kubeadm\n"
            "/etc/dnf/plugins/versionlock.list:# Added lock on\n"
            "/etc/dnf/plugins/versionlock.list:cri-tools-0:1.28.0-150500.1.1.*\n"
            "/etc/dnf/plugins/versionlock.list:kubectl-1.28.15-*\n",
            frozenset({"kubelet", "kubeadm", "cri-tools", "kubectl"}),
            id="excludes and locks",
        ),
        pytest.param(
            dnf.read_locked,
            "# Added lock on Mon Nov 23\ncri-tools-0:1.28.0-150500.1.1.*\n\nkubectl-1.28.15-*\n!kubelet-0:1.27.1-1.*\n",
            {"cri-tools": "1.28.0-150500.1.1", "kubectl": "1.28.15-*"},
            id="versionlock's list, without what it excludes",
        ),
    ],
)
def test_answers_are_read(read, text, expected):
    """As the tools print them."""
    assert read(text) == expected
