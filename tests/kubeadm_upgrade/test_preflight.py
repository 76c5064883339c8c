"""Preflight: every check passes a healthy scene and finds its own fault, in a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from in_memory.examples import on_host
from in_memory.states import release, releases
from kubeadm_upgrade.checks.scene import LookedAtHost, Scene
from kubeadm_upgrade.facts import OsRelease, PodFacts
from kubeadm_upgrade.machine import Machine, Room
from kubeadm_upgrade.packages.apt import DEFAULT_SOURCE
from kubeadm_upgrade.policy import DrainPolicy
from kubeadm_upgrade.preflight import CHECKS, Severity, findings, may_settle
from kubeadm_upgrade.releases.release import Removed, Support
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
        policy=nodes[0].policy,
        ledger=nodes[0].ledger,
        today=date(2024, 3, 1),
        nodes=tuple(replace(facts.node, machine_id=f"a1-{facts.node.name}") for facts in nodes),
        hosts={
            facts.node.name: LookedAtHost(facts.host, published, machine=a_machine(facts.node.name)) for facts in nodes
        },
        pods={facts.node.name: facts.pods for facts in nodes},
        control_plane=nodes[0].control_plane,
        releases=RELEASES,
    )


def a_machine(name):
    room = dict.fromkeys(("/usr", "/var", "/var/cache", "/var/lib/kubelet"), Room("/", 2048 * 2**20))
    etcd = dict.fromkeys(("/etc/kubernetes", "/var/lib/etcd"), Room("/", 2048 * 2**20)) if name != "w1" else {}
    return Machine(id=f"a1-{name}", hostname=name, room={**room, **etcd})


def with_machine(scene, name, **changes):
    return with_host(scene, name, machine=replace(scene.hosts[name].machine, **changes))


def with_host(scene, name, **changes):
    return replace(scene, hosts={**scene.hosts, name: replace(scene.hosts[name], **changes)})


def with_external_etcd(plane):
    pods = tuple(pod for pod in plane.static_pods if pod.component != "etcd")
    return replace(plane, static_pods=pods, configuration="etcd: {external: {endpoints: []}}")


def by_digest(scene, component, node):
    """One static Pod's image is named by its digest only."""
    image = f"registry.example/{component}@sha256:ab"
    pods = tuple(
        replace(pod, image_tag="", image=image) if (pod.component, pod.node) == (component, node) else pod
        for pod in scene.control_plane.static_pods
    )
    return replace(scene, control_plane=replace(scene.control_plane, static_pods=pods))


def sick_node(scene, name):
    nodes = tuple(replace(n, ready=False, ready_reason="Gone") if n.name == name else n for n in scene.nodes)
    return replace(scene, nodes=nodes)


FAULTS = {
    "api_ready": (
        lambda s, f: replace(s, control_plane=replace(s.control_plane, failing_checks=("etcd",))),
        "readyz check etcd fails: mend it first",
    ),
    "versions_known": (
        lambda s, f: by_digest(s, "kube-apiserver", "cp1"),
        "registry.example/kube-apiserver@sha256:ab, whose tag is no version: name in its manifest an image with a tag",
    ),
    "answers_read": (
        lambda s, f: with_host(s, "w1", unread=("w1: stat -c %s /x printed 'what?', which cannot be read",)),
        "w1: stat -c %s /x printed 'what?', which cannot be read: see what it answers there",
    ),
    "nodes_ready": (lambda s, f: sick_node(s, "w2"), "w2 is not Ready (Gone): mend it, or leave it out"),
    "hosts_answer": (lambda s, f: with_host(s, "w1", facts=None, error="w1: no SSH"), "w1: no SSH"),
    "host_is_the_nodes": (
        lambda s, f: with_machine(s, "w1", id="b2"),
        "w1: the host that answers is another machine (machine-id b2, the node's is a1-w1): correct nodes.w1.address",
    ),
    "hostname_unchanged": (
        lambda s, f: with_machine(s, "w1", hostname="golden-image"),
        "w1: its host is named golden-image now, and its kubelet would come back under that name: run hostnamectl",
    ),
    "clocks_agree": (
        lambda s, f: with_machine(s, "w1", ahead=timedelta(minutes=-3)),
        "w1: its clock is 180 s behind the others': see to its time synchronisation",
    ),
    "file_systems_writable": (
        lambda s, f: with_machine(s, "w1", read_only=("/usr", "/opt")),
        "w1: /usr, /opt is mounted read-only: see dmesg, and remount it",
    ),
    "room_on_disks": (
        lambda s, f: with_machine(s, "cp1", etcd_size=300 * 2**20),
        "cp1: / has 2048 MiB free, and 2692 MiB are needed: make room",
    ),
    "swap_off": (
        lambda s, f: with_machine(s, "w1", swaps=("/dev/vdb",)),
        "w1: swap is on (/dev/vdb), and its kubelet does not start with it: run swapoff -a, or set failSwapOn: false",
    ),
    "no_reboot_pending": (
        lambda s, f: with_machine(s, "w1", wants_reboot=True),
        "w1: its operating system waits for a reboot; an upgrade restarts the kubelet only",
    ),
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
        lambda s, f: replace(s, control_plane=with_external_etcd(s.control_plane)),
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
        lambda s, f: replace(s, nodes=tuple(replace(n, unschedulable=True) if n.name == "w2" else n for n in s.nodes)),
        "w2 was cordoned before this run; it stays so",
    ),
}


def test_every_check_is_tested_here():
    """Whoever adds a check adds its fault."""
    assert set(FAULTS) == {check.__name__ for checks in CHECKS.values() for check in checks}


def test_room_is_wanted_where_etcd_has_its_data(scene):
    """Wherever that is: the snapshot is written there first."""
    room = {**scene.hosts["cp1"].machine.room, "/data/etcd": Room("/data", 299 * 2**20)}
    small = with_machine(scene, "cp1", room=room, etcd_data="/data/etcd", etcd_size=300 * 2**20)
    assert "cp1: /data has 299 MiB free, and 300 MiB are needed: make room" in [one.message for one in findings(small)]


def test_room_that_df_does_not_know_is_not_taken_for_enough(scene):
    """Unknown is not pass; and the other findings are there too."""
    room = {**scene.hosts["w1"].machine.room, "/var/lib/kubelet": Room("/mnt", None)}
    found = findings(with_machine(with_machine(scene, "w1", room=room), "w2", swaps=("/dev/vdb",)))
    assert [one.message.partition(":")[0] for one in found] == ["w1", "w2"]
    assert found[0].message == (
        "w1: df answers - for the room that /mnt has, and 1024 MiB are needed: see what df -B1 /mnt says there"
    )


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


@pytest.mark.parametrize(
    ("ahead", "found"),
    [
        pytest.param({"cp1": 300, "cp2": 300, "w1": 300, "w2": 299}, [], id="Airflow's own clock is wrong"),
        pytest.param({"w1": 29}, [], id="half a minute is nothing"),
        pytest.param({"w1": 31}, ["w1: its clock is 31 s ahead of"], id="more is"),
        pytest.param({"cp1": -90, "w1": 90}, ["cp1: its clock is 90 s behind", "w1: its clock is 90 s"], id="two"),
        pytest.param({"cp1": 300, "cp2": 300, "w2": 300}, ["w1: its clock is 300 s behind"], id="one is right?"),
    ],
)
def test_clocks_are_compared_with_each_other(scene, ahead, found):
    """Of all clocks, Airflow's among them, the one in the middle is right."""
    for name, seconds in ahead.items():
        scene = with_machine(scene, name, ahead=timedelta(seconds=seconds))
    said = [finding.message for finding in findings(scene)]
    assert len(said) == len(found)
    assert all(words in sentence for words, sentence in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("machine", "settings"),
    [
        pytest.param({"swaps": ("/swapfile",)}, Settings(runs_with_swap=True), id="failSwapOn: false"),
        pytest.param(
            {"hostname": "other", "kubelet_args": ("/usr/bin/kubelet", "--hostname-override=w1")},
            Settings(),
            id="--hostname-override",
        ),
        pytest.param(
            {"hostname": "other", "kubelet_args": ("/usr/bin/kubelet", "--cloud-provider=aws")},
            Settings(),
            id="a cloud provider names its nodes",
        ),
        pytest.param({"hostname": "W1"}, Settings(), id="kubelets write their names in lower case"),
        pytest.param({"id": ""}, Settings(), id="no machine-id that could be compared"),
    ],
)
def test_what_is_meant_that_way_is_no_finding(scene, machine, settings):
    """The kubelet is told so."""
    assert findings(with_host(with_machine(scene, "w1", **machine), "w1", settings=settings)) == ()


def test_what_was_not_looked_at_is_not_a_pass(scene):
    """A host that is missing from the scene blocks."""
    found = findings(replace(scene, hosts={}))
    assert {finding.check for finding in found} == {"hosts_answer"}
    assert "w1 was not looked at" in {finding.message for finding in found}


def test_an_old_release_is_a_warning_and_never_a_refusal(scene):
    """Those clusters need this tool most."""
    late = replace(scene, today=date(2027, 11, 23))
    assert {finding.severity for finding in findings(late)} == {Severity.WARN}
    assert findings(replace(late, hop=replace(late.hop, ends_path=False))) == ()  # the path leaves it anyway


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


def test_a_node_that_has_gone_since_the_plan_is_nobodys_concern(scene):
    """There is nothing left to do with it; a preflight that is repeated days later says no word of it."""
    hosts = {name: host for name, host in scene.hosts.items() if name != "w2"}
    assert findings(replace(scene, nodes=scene.nodes[:-1], hosts=hosts)) == ()


def test_a_node_that_was_given_up_is_not_judged(scene):
    """What nodes_ready says to do about a dead worker works."""
    sick = sick_node(scene, "w2")
    (finding,) = findings(sick)
    assert "leave it out with the parameter give_up" in finding.message
    hosts = {name: host for name, host in scene.hosts.items() if name != "w2"}
    assert findings(replace(sick, ledger=replace(sick.ledger, given_up={"w2": "its disk"}), hosts=hosts)) == ()


def test_the_remedy_that_a_drain_objection_names_works(scene):
    """The policy of now is what is judged by."""
    pod = PodFacts("shop", "tmp", "u", "ReplicaSet", empty_dir=True)
    found = replace(scene, pods={"w1": (pod,)})
    assert "set drain.delete_emptydir_data in the inventory" in findings(found)[0].message
    policy = replace(scene.policy, drain=DrainPolicy(delete_emptydir_data=True))
    assert findings(replace(found, policy=policy)) == ()


def test_only_what_settles_by_itself_is_looked_at_again(scene):
    """A check that fails for a moment does not end a night's run; a missing host does."""
    sick, ailing = FAULTS["nodes_ready"][0](scene, None), FAULTS["api_ready"][0](scene, None)
    assert may_settle(findings(sick))
    assert may_settle(findings(ailing))
    assert not may_settle(findings(with_host(sick, "w1", facts=None)))


def test_a_release_nobody_knows_of_is_not_a_pass(scene):
    """Our list of releases ends somewhere."""
    found = findings(replace(scene, hop=replace(scene.hop, to=Version(1, 99, 0))))
    assert "warn: it is not known how long Kubernetes 1.99 is supported: see its release page" in map(str, found)


def test_another_version_in_the_repository_is_no_offer(scene):
    """Only the exact one."""
    published = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), ("1.29.14-1.1",))
    (found,) = findings(with_host(scene, "w1", published=published))
    assert (found.check, found.severity) == ("repository_offers_version", Severity.BLOCK)
    assert "does not offer kubeadm 1.29.15-1.1, kubelet 1.29.15-1.1, kubectl 1.29.15-1.1" in found.message
