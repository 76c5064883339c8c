"""Preflight: every check passes a healthy scene and finds its own fault, in a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from in_memory import examples
from in_memory.examples import EARLIER, NOW, OLD, RUN, on_host
from in_memory.states import release, releases
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.checks.scene import LookedAtHost, Scene
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.facts import OsRelease
from kubeadm_upgrade.ledger.ledger import WORKER, Slot
from kubeadm_upgrade.machine import Machine, Room
from kubeadm_upgrade.outsiders import Outsider
from kubeadm_upgrade.packages import dnf
from kubeadm_upgrade.packages.apt import DEFAULT_SOURCE, SOURCES
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.preflight import CHECKS, Severity, findings, may_settle
from kubeadm_upgrade.rehearsal.finding import Foreseen, Kind, Rehearsal
from kubeadm_upgrade.releases.release import Feature, Needs, Removed, Support
from kubeadm_upgrade.rollout.strategy import CANARY, Strategy
from kubeadm_upgrade.rollout.strategy import Group as RolloutGroup
from kubeadm_upgrade.settings import Settings
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.windows.calendar import Calendar, Once

GONE = Removed("made up", flags={"kubelet": ("cloud-config",)})
RELEASES = releases(
    release(28, support=Support(date(2023, 8, 15), date(2024, 8, 28), date(2024, 10, 28), "made up")),
    release(29, support=Support(date(2023, 12, 13), date(2024, 12, 28), date(2027, 2, 28), "made up"), removed=(GONE,)),
)

NEEDS_V2 = Needs(cgroup_v2=Feature("made up", "https://example.org", "SystemVerification"))
NEEDY = releases(*(replace(RELEASES.of(minor), needs=NEEDS_V2 if minor == 29 else Needs()) for minor in (28, 29)))


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
    return Machine(id=f"a1-{name}", hostname=name, room={**room, **etcd}, cgroup="v2")


def with_machine(scene, name, **changes):
    return with_host(scene, name, machine=replace(scene.hosts[name].machine, **changes))


def with_host(scene, name, **changes):
    return replace(scene, hosts={**scene.hosts, name: replace(scene.hosts[name], **changes)})


def with_external_etcd(plane):
    pods = tuple(pod for pod in plane.static_pods if pod.component != "etcd")
    return replace(plane, static_pods=pods, configuration="etcd: {external: {endpoints: []}}")


def with_flag(plane, component, word):
    pods = (replace(pod, command=(component, word)) if pod.component == component else pod for pod in plane.static_pods)
    return replace(plane, static_pods=tuple(pods))


def with_runtime(scene, name, runtime, socket, kubelet=OLD):
    changes = {"runtime": runtime, "cri_socket": socket, "kubelet": kubelet}
    nodes = tuple(replace(n, **changes) if n.name == name else n for n in scene.nodes)
    return replace(scene, nodes=nodes)


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
        "w1: /usr, /opt are mounted read-only: see dmesg, and remount them",
    ),
    "room_on_disks": (
        lambda s, f: with_machine(s, "cp1", etcd_size=300 * 2**20),
        "cp1: / has 2048 MiB free, and 2692 MiB are needed: make room",
    ),
    "swap_off": (
        lambda s, f: with_machine(s, "w1", swaps=("/dev/vdb",)),
        "w1: swap is on (/dev/vdb), and its kubelet does not start with it: run swapoff -a, or set failSwapOn: false",
    ),
    "needs_met": (
        lambda s, f: with_machine(replace(s, releases=NEEDY), "w1", cgroup="v1"),
        "the cgroup version on w1 is v1, and 1.29 needs v2 (made up; https://example.org): boot into cgroup v2",
    ),
    "cri_socket_agrees": (
        lambda s, f: with_runtime(s, "cp1", "containerd://1.7.24", "/var/run/dockershim.sock"),
        "cp1: kubeadm would look for its container runtime at /var/run/dockershim.sock, and its kubelet uses",
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
                f("w1"),
                sources=dict.fromkeys((f"{SOURCES}/a.list", f"{SOURCES}/b.list"), f("w1").host.sources[DEFAULT_SOURCE]),
            ).host,
        ),
        f"w1: more than one file offers Kubernetes packages ({SOURCES}/a.list, {SOURCES}/b.list): remove all but one",
    ),
    "repository_offers_version": (
        lambda s, f: with_host(s, "w1", published={}, unpublished="404  Not Found"),
        "does not offer kubeadm 1.29.15-1.1, kubelet 1.29.15-1.1, kubectl 1.29.15-1.1 to this host (404  Not Found)",
    ),
    "packages_not_excluded": (
        lambda s, f: with_host(
            replace(s, hop=replace(s.hop, sources={**s.hop.sources, "rpm": s.hop.sources["deb"]})),
            "w1",
            facts=on_host(
                f("w1"), os=OsRelease("rocky", ("rhel",), "9.4"), sources={dnf.MAIN: "[main]\nexclude=kube*\n"}
            ).host,
        ),
        "w1: [main] of /etc/dnf/dnf.conf excludes kubeadm, kubectl, kubelet, so dnf would install none of them: move",
    ),
    "packages_whole": (
        lambda s, f: with_host(s, "w1", facts=on_host(f("w1"), half_installed=frozenset({"kubelet"})).host),
        "w1: kubelet: half installed, and nothing is at work on it: run dpkg --configure -a",
    ),
    "kubelet_of_its_package": (
        lambda s, f: with_host(
            s, "w1", facts=on_host(f("w1"), kubelet_binary="/usr/local/bin/kubelet").host, kubelet_owners=()
        ),
        "kubelet on w1 is /usr/local/bin/kubelet, and no package installed it: an upgrade would leave it as it is",
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
    "manifests_explained": (
        lambda s, f: replace(s, control_plane=with_flag(s.control_plane, "kube-apiserver", "--audit-policy-file=/x")),
        "kube-apiserver on cp1, cp2 is started with --audit-policy-file, which only its manifest says: kubeadm writes",
    ),
    "kubelet_configuration_kept": (
        lambda s, f: with_host(s, "w1", settings=Settings(lost_configuration=("maxPods", "podPidsLimit"))),
        "/var/lib/kubelet/config.yaml on w1 sets maxPods, podPidsLimit otherwise than the ConfigMap kubelet-config",
    ),
    "kubelet_configuration_seen": (
        lambda s, f: with_host(s, "w1", settings=Settings(unseen=("/etc/kubelet.d",))),
        "w1: its kubelet is started with a configuration in /etc/kubelet.d, which the SSH user could not read, so it",
    ),
    "kubelet_unit_loaded": (
        lambda s, f: with_host(s, "w1", settings=Settings(unit_outdated=True)),
        "w1: unit files of its kubelet have changed since systemd read them, and what they set was not looked at: run",
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


def left_out(scene, name, **changes):
    """A worker that the run does not come to, as with the parameter `nodes`."""
    nodes = tuple(replace(n, **changes) if n.name == name else n for n in scene.nodes)
    hosts = {node: host for node, host in scene.hosts.items() if node != name}
    workers = tuple(worker for worker in scene.hop.workers if worker != name)
    return replace(scene, nodes=nodes, hosts=hosts, hop=replace(scene.hop, workers=workers))


def without_role(scene, name):
    """Its label is gone, and its static Pods are there."""
    nodes = tuple(replace(n, control_plane=False) if n.name == name else n for n in scene.nodes)
    ready = {node: True for node in scene.control_plane.nodes_ready if node != name}
    plane = replace(scene.control_plane, nodes_ready=ready, unlabelled={name: ("kube-apiserver", "etcd")})
    return replace(scene, nodes=nodes, control_plane=plane)


def with_role(scene, name):
    """A worker that somebody has labelled as a control plane node."""
    nodes = tuple(replace(n, control_plane=True) if n.name == name else n for n in scene.nodes)
    plane = replace(scene.control_plane, nodes_ready={**scene.control_plane.nodes_ready, name: True})
    return replace(scene, nodes=nodes, control_plane=plane, hop=replace(scene.hop, control_plane=("cp1", "cp2", name)))


def test_docker_by_a_dockershim_stops_before_the_first_node_is_drained(scene):
    """By the facts of 1.24, and on each host, whatever the plan knew."""
    old, new = Version(1, 23, 17), Version(1, 24, 17)
    runtimes = {"w1": "docker://20.10.21", "w2": "docker://20.10.21"}
    nodes = tuple(replace(n, kubelet=old, runtime=runtimes.get(n.name, "containerd://1.6.9")) for n in scene.nodes)
    needs = {"cri_endpoint": Feature("made up", "https://example.org")}
    change = releases(release(24, needs=Needs(**needs)))
    scene = replace(scene, nodes=nodes, releases=change, hop=replace(scene.hop, came_from=old, to=new))
    scene = with_host(scene, "w2", settings=Settings(kubeadm_flags=("container-runtime-endpoint",)))
    (one,) = (found for found in findings(scene) if found.check == "needs_met")
    assert one.message.startswith("the kubelet's runtime on w1 is docker://20.10.21 by its dockershim, and 1.24 needs")


def test_a_flag_of_a_manifest_may_be_dropped_and_is_gone_once_kubeadm_was_there(scene):
    """By its name in the cluster's file; on a node that has moved the manifest is kubeadm's."""
    fault, _ = FAULTS["manifests_explained"]
    found = fault(scene, None)
    assert findings(replace(found, policy=RolloutPolicy(drop_flags={"audit-policy-file": "not needed"}))) == ()
    pods = tuple(
        replace(pod, image_tag=scene.hop.to.tag) if pod.node == "cp1" and pod.component != "etcd" else pod
        for pod in found.control_plane.static_pods
    )
    plane = replace(found.control_plane, static_pods=pods, cluster_version=scene.hop.to)
    nodes = tuple(replace(n, kubelet=scene.hop.to) if n.name == "cp1" else n for n in scene.nodes)
    (one,) = findings(replace(found, control_plane=plane, nodes=nodes))
    assert one.message.startswith("kube-apiserver on cp2 is started with --audit-policy-file")


WINDOWS = Outsider("win1", "runs Windows", OLD)
ZONE_A = RolloutGroup("a", {"zone": ("a",)})


def with_groups(scene, strategy):
    """w1 is in zone a, all others in zone b."""
    nodes = tuple(replace(n, labels={"zone": "a" if n.name == "w1" else "b"}) for n in scene.nodes)
    return replace(scene, nodes=nodes, policy=RolloutPolicy(strategy=strategy))


LONG_OVER = Calendar(once=(Once(NOW - timedelta(9000), timedelta(1)),))
FAULTS |= {
    "fits_a_window": (
        lambda s, f: replace(s, policy=RolloutPolicy(calendar=LONG_OVER)),
        "maintenance windows: none comes any more: add one to windows in the cluster's file, or start the run with",
    ),
    "one_group_each": (
        lambda s, f: with_groups(s, Strategy(groups=(ZONE_A, RolloutGroup("all", {"zone": ("a", "b")})))),
        "w1 is in 2 groups of the rollout, a and all: narrow the selector of all but one, or change its labels",
    ),
    "canary_known": (
        lambda s, f: with_groups(s, Strategy(RolloutGroup(CANARY, nodes=("w1", "w9")))),
        "w9 is named as a canary and is no worker of this cluster: name another, or take it out",
    ),
    "groups_take_somebody": (
        lambda s, f: with_groups(s, Strategy(groups=(replace(ZONE_A, selector={"zone": ("z",)}),))),
        "the group a of the rollout takes no worker: see its selector",
    ),
    "slots_left": (
        lambda s, f: left_out(s, "w2", ready=False),
        "1 worker node may be out of service at a time, and w2, which this run does not come to, is not Ready: no",
    ),
    "out_of_service": (
        lambda s, f: replace(left_out(s, "w2", ready=False), policy=RolloutPolicy(max_unavailable=2)),
        "is not Ready and counts as out of service: of 2 workers at a time, 1 is left to this run",
    ),
    "roles_agree": (
        lambda s, f: without_role(s, "cp2"),
        "cp2 runs kube-apiserver, etcd as static Pods and has no control plane label: kubectl label node cp2 node-role",
    ),
    "drains_rehearsed": (
        lambda s, f: replace(
            s, rehearsal=Rehearsal(("w1",), (Foreseen(Kind.NEVER, ("w1",), "it would wait", "mend"),))
        ),
        "w1: it would wait: mend",
    ),
    "outsiders_left_out": (
        lambda s, f: replace(s, outsiders=(WINDOWS,)),
        "win1 runs Windows: it is left as it is, and to be upgraded by whoever keeps it",
    ),
}


def test_every_check_is_tested_here():
    """Whoever adds a check adds its fault."""
    assert {*FAULTS, "outsiders_let_apply"} == {check.__name__ for checks in CHECKS.values() for check in checks}


def test_an_image_is_not_told_to_be_remounted(scene):
    """Its /usr is read-only for good."""
    (found,) = findings(with_machine(scene, "w1", read_only=("/usr",), image_based=True))
    assert found.message.startswith("w1: its operating system is an image (ostree, bootc) in which no package can be")


def test_room_is_wanted_where_etcd_has_its_data(scene):
    """Wherever that is: the snapshot is written there first."""
    room = {**scene.hosts["cp1"].machine.room, "/data/etcd": Room("/data", 299 * 2**20)}
    small = with_machine(scene, "cp1", room=room, etcd_data="/data/etcd", etcd_size=300 * 2**20)
    assert "cp1: /data has 299 MiB free, and 300 MiB are needed: make room" in [one.message for one in findings(small)]


@pytest.mark.parametrize(
    ("room", "found"),
    [
        pytest.param(Room("/images", 1023 * 2**20), ["w1: /images has 1023 MiB free, and 1024 MiB are"], id="its own"),
        pytest.param(Room("/", 2048 * 2**20), [], id="with the kubelet: it is wanted once"),
    ],
)
def test_room_is_wanted_where_images_go(scene, room, found):
    """On its own file system, too."""
    rooms = {**scene.hosts["w1"].machine.room, "/var/lib/containerd": room}
    said = [one.message for one in findings(with_machine(scene, "w1", room=rooms))]
    assert len(said) == len(found)
    assert all(one.startswith(words) for words, one in zip(found, said, strict=True))


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
            {"hostname": "other", "kubelet_args": ("/usr/bin/kubelet", "--hostname_override", "w1")},
            Settings(),
            id="--hostname_override, which is the same",
        ),
        pytest.param(
            {"hostname": "other", "kubelet_args": ("/usr/bin/kubelet", "--cloud-provider=aws")},
            Settings(),
            id="a cloud provider in the kubelet names its nodes",
        ),
        pytest.param({"hostname": "W1"}, Settings(), id="kubelets write their names in lower case"),
        pytest.param({"id": ""}, Settings(), id="no machine-id that could be compared"),
    ],
)
def test_what_is_meant_that_way_is_no_finding(scene, machine, settings):
    """The kubelet is told so."""
    assert findings(with_host(with_machine(scene, "w1", **machine), "w1", settings=settings)) == ()


DOCKERSHIM = "/var/run/dockershim.sock"


@pytest.mark.parametrize(
    ("name", "runtime", "socket", "kubelet", "found"),
    [
        pytest.param("cp1", "containerd://1.7.24", "unix:///run/containerd/containerd.sock", OLD, 0, id="containerd"),
        pytest.param("cp1", "cri-o://1.28.1", "/var/run/crio/crio.sock", OLD, 0, id="CRI-O, written as of old"),
        pytest.param("cp1", "containerd://1.7.24", "", OLD, 0, id="kubeadm of today has no annotation"),
        pytest.param("cp1", "containerd://1.7.24", "unix:///run/k0s/ours.sock", OLD, 0, id="a socket of another name"),
        pytest.param("cp1", "docker://20.10.21", DOCKERSHIM, Version(1, 22, 17), 0, id="a dockershim that is there"),
        pytest.param("w1", "containerd://1.7.24", DOCKERSHIM, OLD, 0, id="on workers kubeadm pulls nothing"),
        pytest.param("cp1", "docker://20.10.21", DOCKERSHIM, OLD, 1, id="cri-dockerd instead"),
        pytest.param("cp1", "cri-o://1.28.1", "unix:///run/containerd/containerd.sock", OLD, 1, id="CRI-O instead"),
    ],
)
def test_where_kubeadm_looks_for_the_runtime(scene, name, runtime, socket, kubelet, found):
    """It is the Node's annotation that counts, whatever the kubelet uses: kubernetes/kubeadm#2364."""
    said = findings(with_runtime(scene, name, runtime, socket, kubelet))
    assert [one.check for one in said] == ["cri_socket_agrees"] * found
    at = {"docker": "cri-dockerd.sock", "cri-o": "crio/crio.sock"}.get(runtime.partition(":")[0])
    way = f"kubectl annotate node {name} --overwrite kubeadm.alpha.kubernetes.io/cri-socket=unix:///var/run/{at}"
    assert all(one.message.endswith(way) for one in said)


@pytest.mark.parametrize(
    ("flag", "minor"),
    [
        pytest.param("--cloud-provider=external", 28, id="one outside of the kubelet has no say"),
        pytest.param("--cloud-provider=", 28, id="none"),
        pytest.param("--cloud-provider=aws", 31, id="there is none in the kubelet any more"),
        pytest.param("--hostname-override-not=w1", 28, id="another flag"),
    ],
)
def test_a_kubelet_that_would_take_the_hosts_new_name(scene, flag, minor):
    """Unless it is told another."""
    kubelet = Version(1, minor, 15)
    nodes = tuple(replace(n, kubelet=kubelet) if n.name == "w1" else n for n in scene.nodes)
    machine = {"hostname": "other", "kubelet_args": ("/usr/bin/kubelet", flag)}
    found = findings(with_machine(replace(scene, nodes=nodes), "w1", **machine))
    assert [one.check for one in found] == ["hostname_unchanged"]


@pytest.mark.parametrize(
    ("boots", "words"),
    [
        pytest.param(
            ("e4", "e4"),
            "its machine-id is b2 and was a1-w1 when its kubelet started: run systemctl restart kubelet",
            id="the same machine, since its kernel started",
        ),
        pytest.param(("e4", "e5"), "the host that answers is another machine", id="another machine"),
        pytest.param(("", ""), "the host that answers is another machine", id="nobody says"),
    ],
)
def test_a_machine_id_made_anew_under_a_running_kubelet_is_no_other_machine(scene, boots, words):
    """The kernel's boot id tells: no two starts of any two machines have the same."""
    of_node, of_host = boots
    nodes = tuple(replace(n, boot_id=of_node) if n.name == "w1" else n for n in scene.nodes)
    (finding,) = findings(replace(with_machine(scene, "w1", id="b2", boot_id=of_host), nodes=nodes))
    assert (finding.check, finding.severity) == ("host_is_the_nodes", Severity.BLOCK)
    assert words in finding.message


def test_a_host_that_does_not_say_which_cgroups_it_has_is_not_a_pass(scene):
    """Only where the release needs one of them."""
    silent = with_machine(scene, "w1", cgroup="")
    assert findings(silent) == ()
    (found,) = findings(replace(silent, releases=NEEDY))
    assert "the cgroup version on w1 is unknown, and 1.29 needs v2" in found.message


@pytest.mark.parametrize(
    ("owners", "words"),
    [
        pytest.param(("kubelet",), None, id="its package"),
        pytest.param(("kubelet", "kubelet-fips"), None, id="shared with another"),
        pytest.param(None, None, id="it does not run, which another check finds"),
        pytest.param(
            ("kubernetes-node",), "/usr/bin/kubelet, and it is of the package kubernetes-node: ", id="another's"
        ),
    ],
)
def test_a_kubelet_of_another_package_would_not_be_replaced(scene, facts_of, owners, words):
    """Such as a distribution's own."""
    host = on_host(facts_of("w1"), kubelet_binary="/usr/bin/kubelet").host
    found = [finding.message for finding in findings(with_host(scene, "w1", facts=host, kubelet_owners=owners))]
    assert [words in message for message in found] == ([True] if words else [])


def test_what_kubeadm_is_told_to_ignore_is_no_finding_where_the_kubelet_starts(scene):
    """And no worker that is there already is judged: no kubeadm runs on it any more."""
    needy = with_machine(replace(scene, releases=NEEDY), "w1", cgroup="v1")
    ignoring = replace(needy, hop=replace(needy.hop, ignore_preflight_errors={"SystemVerification": "soon v2"}))
    (found,) = findings(ignoring)
    assert "set failCgroupV1: false in the ConfigMap kubelet-config" in found.message
    assert "ignore_preflight_errors" not in found.message
    assert findings(with_host(ignoring, "w1", settings=Settings(runs_on_cgroup_v1=True))) == ()
    nodes = tuple(replace(node, kubelet=scene.hop.to) if node.name == "w1" else node for node in scene.nodes)
    assert findings(replace(needy, nodes=nodes)) == ()


def test_what_was_not_looked_at_is_not_a_pass(scene):
    """A host that is missing from the scene blocks."""
    found = findings(replace(scene, hosts={}))
    assert {finding.check for finding in found} == {"hosts_answer"}
    assert "w1 was not looked at" in {finding.message for finding in found}


def test_a_worker_labelled_as_control_plane_is_said_to_run_no_static_pods(scene):
    """In one sentence: no external etcd is spoken of, nor each of the four Pods that nobody misses."""
    (finding,) = findings(with_role(scene, "w1"))
    assert (finding.check, finding.severity) == ("roles_agree", Severity.BLOCK)
    assert finding.message.startswith("w1 has the control plane label and runs no static Pods of a control plane: ")
    assert "kubectl label node w1 node-role.kubernetes.io/control-plane- if it is a worker" in finding.message


def test_a_control_plane_node_whose_kubelet_starts_its_pods_in_a_moment_is_looked_at_again(scene):
    """A kubelet that makes them anew shows none for some seconds."""
    assert may_settle(findings(with_role(scene, "w1")))


@pytest.mark.parametrize(
    ("kubelet", "words"),
    [
        pytest.param(None, "kubeadm upgrade apply refuses a version that it cannot read", id="unreadable"),
        pytest.param(Version(1, 24, 0), "would be 5 minor releases behind 1.29.15", id="too old"),
    ],
)
def test_a_node_that_is_left_out_and_that_kubeadm_would_stop_at_blocks(scene, kubelet, words):
    """It may have joined since the plan; once kubeadm has applied, it is in nobody's way."""
    joined = replace(scene, outsiders=(Outsider("x1", "is a virtual kubelet", kubelet),))
    blocking, warning = findings(joined)
    assert (blocking.check, blocking.severity, warning.severity) == (
        "outsiders_let_apply",
        Severity.BLOCK,
        Severity.WARN,
    )
    assert words in blocking.message
    applied = replace(joined, control_plane=replace(scene.control_plane, cluster_version=scene.hop.to))
    assert [finding.severity for finding in findings(applied)] == [Severity.WARN]


def test_an_old_release_is_a_warning_and_never_a_refusal(scene):
    """Those clusters need this tool most."""
    late = replace(scene, today=date(2027, 11, 23))
    assert {finding.severity for finding in findings(late)} == {Severity.WARN}
    assert findings(replace(late, hop=replace(late.hop, ends_path=False))) == ()  # the path leaves it anyway


def test_nodes_left_out_of_the_run_are_not_judged(scene):
    """One of them that is dead counts as out of service, and is nothing to mend."""
    gone = left_out(scene, "w2", ready=False)
    assert {finding.check for finding in findings(gone)} == {"slots_left"}
    away = replace(gone, ledger=replace(gone.ledger, given_up={"w2": "its disk"}))
    assert findings(away) == ()  # what the sentence says to do


SINCE = NOW - timedelta(hours=1)  # when this run has taken the cluster


@pytest.mark.parametrize(
    ("changes", "ledger", "said"),
    [
        pytest.param({"ready": False}, {}, ["slots_left"], id="dead"),
        pytest.param(
            {"unschedulable": True, "cordoned_at": SINCE - timedelta(days=1)},
            {},
            ["cordoned_before"],
            id="cordoned before this run, which is not counted",
        ),
        pytest.param(
            {"unschedulable": True, "cordoned_by": "prod/v1.28.15"},
            {},
            ["slots_left"],
            id="cordoned by an earlier run of ours",
        ),
        pytest.param(
            {"unschedulable": True, "cordoned_by": "prod/v1.28.15"},
            {"w2": Slot(WORKER, EARLIER)},
            ["slots_left"],
            id="with a slot of an earlier run: counted once",
        ),
        pytest.param({}, {"w2": Slot(WORKER, EARLIER)}, [], id="an earlier run's slot on a worker in service"),
        pytest.param({}, {}, [], id="well"),
    ],
)
def test_what_counts_as_out_of_service_is_known_before_anything_moves(scene, changes, ledger, said):
    """Else the control plane is upgraded first, and then no worker is ever admitted."""
    found = left_out(scene, "w2", **changes)
    found = replace(found, ledger=replace(found.ledger, slots=ledger))
    assert [finding.check for finding in findings(found)] == said
    lane = lane_of("workers", found.hop, RUN, found.policy, found.nodes, found.control_plane, found.ledger)
    facts = replace(examples.facts_of(found.hop, "w1"), lane=lane, ledger=found.ledger)
    assert bool(why_wait(facts, found.hop, GATES_OF_THE_LANE)) is ("slots_left" in said)


def test_a_hop_that_moves_no_worker_only_says_what_would_count(scene):
    """A later hop of the path will need the slot."""
    gone = left_out(scene, "w2", ready=False)
    for hop in (replace(gone.hop, workers=()), replace(gone.hop, workers=("w9",))):
        (finding,) = findings(replace(gone, hop=hop))
        assert (finding.check, finding.severity) == ("out_of_service", Severity.WARN)
        assert "of 1 worker at a time, none is left to a run that moves workers" in finding.message
    upgraded = tuple(replace(n, kubelet=gone.hop.to) if n.name == "w1" else n for n in gone.nodes)
    assert [finding.check for finding in findings(replace(gone, nodes=upgraded))] == ["out_of_service"]


def test_a_dead_worker_may_have_come_back_a_moment_later(scene):
    """As one of the run itself."""
    assert may_settle(findings(left_out(scene, "w2", ready=False)))


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


def test_a_node_that_the_run_is_at_work_on_is_not_judged(scene):
    """Whoever is admitted later judges anew: a worker that restarts just now is NotReady, and nothing is wrong."""
    sick, hosts = sick_node(scene, "w2"), {name: host for name, host in scene.hosts.items() if name != "w2"}
    ours = sick.ledger.claimed(RUN, NOW).taken("w2", "worker", RUN, NOW)
    assert findings(replace(sick, ledger=ours, hosts=hosts)) == ()
    assert findings(replace(sick, ledger=ours.claimed(EARLIER, NOW))) != (), "a slot that an earlier run has left"


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
