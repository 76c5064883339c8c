"""dnf: the argv of the official pages, and what its answers mean."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeadm_upgrade.errors import CommandFailed
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
CRI_O = "[cri-o]\nbaseurl=https://pkgs.k8s.io/addons:/cri-o:/stable:/v1.28/rpm/\n"
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


SITE = (
    "proxy=http://proxy.example:3128\nproxy_username=ops\nproxy_password=secret\nsslcacert=/etc/pki/site.pem\n"
    "priority=5\n"
)


def test_what_the_section_says_besides_is_kept():
    """The look goes the same way, by the section's own name: no password is in an argv."""
    before = host(PAGE.replace("name=Kubernetes", "name=Our mirror").replace("exclude=", "exclude=docker* ") + SITE)
    after = replace(before, **dnf.as_switched(before, NEW))
    text = dnf.source_text("kubernetes", NEW).replace("name=Kubernetes", "name=Our mirror")
    assert after.sources == {dnf.DEFAULT_SOURCE: text.replace("kubernetes-cni\n", "kubernetes-cni docker*\n") + SITE}
    assert dnf.switched(after, NEW)
    assert not any("cp" in run.argv for run in dnf.switch(before, NEW))
    asked = str(dnf.published(before, [NEW.url]).run)
    assert "--repo=kubernetes " in asked
    assert f"baseurl={NEW.url}" in asked
    assert "secret" not in asked + repr(before)


@pytest.mark.parametrize(
    ("text", "saved"),
    [
        pytest.param(PAGE, False, id="nothing but the page's"),
        pytest.param(f"# ours\n{PAGE}", True, id="a comment"),
        pytest.param(f"{PAGE}[kubernetes-old]\nenabled=0\nbaseurl={OLD.url}\n", True, id="an older one, switched off"),
    ],
)
def test_what_is_not_kept_is_copied(text, saved):
    assert any("cp" in run.argv for run in dnf.switch(host(text), NEW)) is saved


def test_a_repository_that_is_switched_off_is_switched_on_where_it_is():
    """Another file with the same id would be one too many; one that is on comes before it."""
    off = PAGE.replace("enabled=1", "enabled=0")
    path = "/etc/yum.repos.d/k.repo"
    assert dnf.source_path({path: off}) == path
    assert dnf.kubernetes_sources({path: off, "/etc/yum.repos.d/on.repo": PAGE.replace("[k", "[x")}) == (
        "/etc/yum.repos.d/on.repo",
    )


def test_a_host_without_a_repository_is_asked_by_a_name_that_no_file_has():
    """dnf refuses a name that comes twice, and [kubernetes] may be somebody's, at a URL that we do not know."""
    asked = dnf.published(
        host("[kubernetes]\nbaseurl=https://nexus.example/k8s/\n", "/etc/yum.repos.d/n.repo"), [NEW.url]
    )
    assert f"--repofrompath=kubeadm-fleet,{NEW.url}" in asked.run.argv


def test_a_variable_of_dnf_is_filled_in():
    sources = {
        "/etc/yum.repos.d/k.repo": PAGE.replace("v1.28", "$k8s"),
        "/etc/yum/vars/k8s": "v1.27\n",
        "/etc/dnf/vars/k8s": "v1.28\n",
    }
    assert dnf.kubernetes_sources(sources) == ("/etc/yum.repos.d/k.repo",)


def test_a_mirror_of_another_layout_is_known_again_by_its_name():
    own = Repository("https://nexus.example/k8s-1.28-rpm/", "https://nexus.example/key")
    first = replace(host(None), **dnf.as_switched(host(None), own))
    assert why_not_switch(dnf, first) is None
    assert replace(first, **dnf.as_switched(first, NEW)).sources == {dnf.DEFAULT_SOURCE: PAGE.replace("1.28", "1.29")}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        pytest.param("exclude=kube*", "kubeadm, kubectl, kubelet", id="a pattern"),
        pytest.param("excludepkgs = docker*,\n  kubelet", "kubelet", id="the other name, on two lines"),
        pytest.param("exclude=kernel*", None, id="others"),
    ],
)
def test_what_dnf_conf_excludes_would_not_be_installed(line, names):
    """The exclude of the repository is lifted for one command, that of the whole host is not ours to lift."""
    before = replace(host(), sources={dnf.DEFAULT_SOURCE: PAGE, dnf.MAIN: f"[main]\n{line}\n"})
    said = (
        f"[main] of /etc/dnf/dnf.conf excludes {names}, so dnf would install none of them: move the exclude to "
        "[kubernetes] of /etc/yum.repos.d/kubernetes.repo"
    )
    assert list(dnf.why_not_installed(before)) == ([said] if names else [])


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        pytest.param("Status code: 404 for https://x/repodata/repomd.xml (IP: 192.0.2.1)", True, id="404"),
        pytest.param("Status code: 403 for https://x/repodata/repomd.xml", True, id="403, as pkgs.k8s.io answers"),
        pytest.param("Status code: 401 for https://x/repodata/repomd.xml", False, id="401"),
        pytest.param("Status code: 407 for https://x/repodata/repomd.xml", False, id="407"),
    ],
)
def test_only_what_is_not_there_is_missing(said, missing):
    assert dnf.is_missing(CommandFailed(said)) is missing


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
            {"/etc/yum.repos.d/a.repo": PAGE, "/etc/yum.repos.d/b.repo": PAGE},
            "more than one file offers Kubernetes packages (/etc/yum.repos.d/a.repo, /etc/yum.repos.d/b.repo)",
            id="two",
        ),
        pytest.param(
            {"/etc/yum.repos.d/a.repo": PAGE + "[epel]\nbaseurl=https://mirror.example.org/epel\n"},
            "/etc/yum.repos.d/a.repo also holds [epel]",
            id="other",
        ),
        pytest.param(
            {dnf.DEFAULT_SOURCE: PAGE, "/etc/yum.repos.d/z.repo": "[kubernetes]\nbaseurl=https://nexus.example/k8s/\n"},
            "[kubernetes] is in /etc/yum.repos.d/kubernetes.repo and in /etc/yum.repos.d/z.repo",
            id="the id in two files",
        ),
        pytest.param(
            {dnf.DEFAULT_SOURCE: PAGE.replace(OLD.url, f"{OLD.url} https://u:secret@other.example/x/")},
            "the URL https://other.example/x/, which would be lost",
            id="a second URL, without its password",
        ),
        pytest.param(
            {dnf.DEFAULT_SOURCE: CRI_O},
            "/etc/yum.repos.d/kubernetes.repo also holds [cri-o]",
            id="CRI-O in the file that we would write",
        ),
        pytest.param({dnf.DEFAULT_SOURCE: PAGE + CRI_O}, "also holds [cri-o]", id="CRI-O in our file"),
        pytest.param(
            {dnf.MAIN: f"[main]\nbest=1\n{PAGE}"}, "/etc/dnf/dnf.conf also holds [main]", id="in the main file"
        ),
        pytest.param(
            {dnf.DEFAULT_SOURCE: "garbage\n"}, "dnf cannot read /etc/yum.repos.d/kubernetes.repo", id="unreadable"
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
            f"/etc/yum.repos.d/k.repo:[kubernetes]\n/etc/yum.repos.d/k.repo:baseurl={OLD.url}\n"
            "/etc/yum.repos.d/k.repo:exclude=kubelet,\n/etc/yum.repos.d/k.repo:  kubea*\n"
            "/etc/yum.repos.d/epel.repo:[epel]\n/etc/yum.repos.d/epel.repo:exclude=kubernetes-cni\n"
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
