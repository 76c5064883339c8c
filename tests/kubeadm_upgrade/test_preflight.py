"""Preflight: every check passes a healthy scene and finds its own fault, in a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from in_memory.examples import on_host
from in_memory.states import release, releases
from kubeadm_upgrade.apt import DEFAULT_SOURCE
from kubeadm_upgrade.facts import OsRelease, PodFacts
from kubeadm_upgrade.preflight import CHECKS, LookedAtHost, Scene, Severity, findings
from kubeadm_upgrade.release import Removed, Support
from kubeadm_upgrade.settings import Settings
from kubeadm_upgrade.version import Version

GONE = Removed("made up", flags={"kubelet": ("cloud-config",)})
RELEASES = releases(
    release(28, support=Support(date(2023, 8, 15), date(2024, 8, 28), date(2024, 10, 28), "made up")),
    release(29, support=Support(date(2023, 12, 13), date(2024, 12, 28), date(2027, 2, 28), "made up"), removed=(GONE,)),
)


@pytest.fixture
def scene(facts_of, hop):
    """A healthy cluster, in 2024, when both releases were supported."""
    nodes = [facts_of(name) for name in (*hop.control_plane, *hop.workers)]
    published = {name: (version,) for name, version in hop.sources["deb"].packages.items()}
    return Scene(
        hop=hop,
        today=date(2024, 3, 1),
        nodes=tuple(facts.node for facts in nodes),
        hosts={facts.node.name: LookedAtHost(facts.host, published) for facts in nodes},
        pods={facts.node.name: facts.pods for facts in nodes},
        control_plane=nodes[0].control_plane,
        releases=RELEASES,
    )


def with_host(scene, name, **changes):
    return replace(scene, hosts={**scene.hosts, name: replace(scene.hosts[name], **changes)})


def sick_node(scene, name):
    nodes = tuple(replace(n, ready=False, ready_reason="Gone") if n.name == name else n for n in scene.nodes)
    return replace(scene, nodes=nodes)


FAULTS = {
    "api_ready": (
        lambda s, f: replace(s, control_plane=replace(s.control_plane, failing_checks=("etcd",))),
        "readyz check etcd fails: mend it first",
    ),
    "nodes_ready": (lambda s, f: sick_node(s, "w2"), "w2 is not Ready (Gone): mend it, or leave it out"),
    "hosts_answer": (lambda s, f: with_host(s, "w1", facts=None, error="w1: no SSH"), "w1: no SSH"),
    "package_manager_known": (
        lambda s, f: with_host(
            s, "w1", facts=on_host(f("w1"), os=OsRelease("opensuse-leap", ("suse",), name="openSUSE Leap 15.6")).host
        ),
        "w1 runs openSUSE Leap 15.6: only systems with apt (Debian, Ubuntu) or dnf",
    ),
    "repository_file_replaceable": (
        lambda s, f: with_host(
            s,
            "w1",
            facts=on_host(
                f("w1"), sources=dict.fromkeys(("/a.list", "/b.list"), f("w1").host.sources[DEFAULT_SOURCE])
            ).host,
        ),
        "w1: more than one file offers Kubernetes packages (/a.list, /b.list): remove all but one",
    ),
    "repository_offers_version": (
        lambda s, f: with_host(s, "w1", published={}, unpublished="curl: (22)"),
        "does not offer kubeadm 1.29.15-1.1, kubelet 1.29.15-1.1, kubectl 1.29.15-1.1 to this host (curl: (22))",
    ),
    "packages_whole": (
        lambda s, f: with_host(s, "w1", facts=on_host(f("w1"), half_installed=frozenset({"kubelet"})).host),
        "w1: kubelet: half installed, and nothing is at work on it: run dpkg --configure -a",
    ),
    "packages_not_newer": (
        lambda s, f: with_host(
            s, "w1", facts=on_host(f("w1"), packages={**f("w1").host.packages, "kubeadm": "1.30.2-1.1"}).host
        ),
        "w1: kubeadm is 1.30.2-1.1, newer than 1.29.15-1.1: choose a newer target, or remove the package",
    ),
    "drain_allowed": (
        lambda s, f: replace(s, pods={"w1": (PodFacts("shop", "bare", "u"),)}),
        "w1: pod shop/bare has no controller",
    ),
    "etcd_on_control_plane": (
        lambda s, f: replace(s, control_plane=replace(s.control_plane, static_pods=())),
        "cp1 runs no etcd as a static Pod",
    ),
    "settings_still_known": (
        lambda s, f: with_host(s, "w1", settings=Settings(flags=("cloud-config",))),
        "the kubelet on w1 is started with the flag --cloud-config, which 1.29 no longer knows: remove it first",
    ),
    "release_supported": (
        lambda s, f: replace(s, today=date(2027, 11, 23)),
        "Kubernetes 1.29 has had no fixes since 2027-02-28: go on to a supported minor release soon",
    ),
    "cordoned_before": (
        lambda s, f: replace(s, hop=replace(s.hop, cordoned_before=("w2",))),
        "w2 was cordoned before this run; it stays so",
    ),
}


def test_every_check_is_tested_here():
    """Whoever adds a check adds its fault."""
    assert set(FAULTS) == {check.__name__ for checks in CHECKS.values() for check in checks}


def test_a_healthy_cluster_has_no_finding(scene):
    """Nothing to say."""
    assert findings(scene) == ()


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_finds_its_fault(scene, facts_of, name):
    """And says where it is; only that check speaks."""
    change, words = FAULTS[name]
    found = findings(change(scene, facts_of))
    assert {finding.check for finding in found} == {name}
    assert words in found[0].message


def test_what_was_not_looked_at_is_not_a_pass(scene):
    """A host that is missing from the scene blocks."""
    found = findings(replace(scene, hosts={}))
    assert {finding.check for finding in found} == {"hosts_answer"}
    assert "w1 was not looked at" in {finding.message for finding in found}


def test_an_old_release_is_a_warning_and_never_a_refusal(scene):
    """Those clusters need this tool most."""
    late = replace(scene, today=date(2027, 11, 23))
    assert {finding.severity for finding in findings(late)} == {Severity.WARN}
    assert findings(replace(late, hop=replace(late.hop, last=False))) == ()  # the path leaves it anyway


def test_nodes_left_out_of_the_run_are_not_judged(scene):
    """The parameter `nodes` is the way round a dead worker."""
    limited = replace(scene, hop=replace(scene.hop, workers=("w1",)))
    hosts = {name: host for name, host in scene.hosts.items() if name != "w2"}
    assert findings(replace(sick_node(limited, "w2"), hosts=hosts)) == ()


def test_a_host_that_has_everything_needs_no_repository(scene, facts_of, hop):
    """A second run works in an outage of the repository."""
    done = on_host(facts_of("w1"), packages=dict(hop.sources["deb"].packages)).host
    assert findings(with_host(scene, "w1", facts=done, published={}, unpublished="down")) == ()


def test_a_host_without_facts_is_not_a_pass(scene):
    """Even where nobody said why."""
    found = findings(with_host(scene, "w1", facts=None))
    assert [str(finding) for finding in found] == ["block: w1 was not looked at"]


def test_a_node_that_has_gone_since_the_plan_is_not_a_pass(scene):
    """It cannot be upgraded, so the run cannot keep its promise."""
    found = findings(replace(scene, nodes=scene.nodes[:-1]))
    assert [str(finding) for finding in found] == ["block: w2 is no longer in the cluster: start a new run"]


def test_a_release_nobody_knows_of_is_not_a_pass(scene):
    """Our list of releases ends somewhere."""
    found = findings(replace(scene, hop=replace(scene.hop, to=Version(1, 99, 0))))
    assert "warn: it is not known how long Kubernetes 1.99 is supported: see its release page" in map(str, found)
