"""What hosts answer at the edges, and what the API answers; what hosts answer otherwise is in test_transcripts.py."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade import objects, queries
from kubeadm_upgrade.actions import CORDONED_BY
from kubeadm_upgrade.drain import answer, pod_object
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.packages import apt, dnf
from kubeadm_upgrade.query import read_files_with_text
from kubeadm_upgrade.version import Version

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def golden(name: str) -> str:
    return (GOLDEN / name).read_text()


def nodes(name: str) -> dict:
    return {node["metadata"]["name"]: objects.read_node(node) for node in json.loads(golden(name))["items"]}


@pytest.mark.parametrize(
    ("read", "text", "expected"),
    [
        pytest.param(apt.read_installed, "kubectl 1.2.3-1.1 rc \n", {}, id="dpkg-query: removed, configuration left"),
        pytest.param(apt.read_installed, "kubectl  un \n", {}, id="dpkg-query: known by name only, without a version"),
        pytest.param(read_files_with_text, "/a/b.list:deb x:y\n/a/b.list:\n", {"/a/b.list": "deb x:y\n\n"}, id="grep"),
        pytest.param(
            read_files_with_text,
            "/a/http:__b.list\0deb x:y\n/a/http:__b.list\0\n/a/c.list\0# \x0c\u2028 \r\n",
            {"/a/http:__b.list": "deb x:y\n\n", "/a/c.list": "# \x0c\u2028 \r\n"},
            id="grep -Z: a colon in a name, and what only Python takes for the end of a line",
        ),
        pytest.param(queries.read_sums, "ab12  /x/etcd.db\n", {"/x/etcd.db": "ab12"}, id="sha256sum"),
        pytest.param(
            queries.read_stats,
            "42 1795406400 /x/etcd.db\n",
            {"/x/etcd.db": (42, 1795406400.0)},
            id="stat: size and time",
        ),
        pytest.param(queries.read_age, "  4711\n", timedelta(seconds=4711), id="ps: seconds"),
        pytest.param(queries.read_age, "", None, id="ps: no such process"),
        pytest.param(queries.read_lines, "kubeadm upgrade node\n\n", ("kubeadm upgrade node",), id="ps: command lines"),
        pytest.param(objects.read_readyz, golden("readyz-1.22.txt"), (), id="readyz, all well"),
        pytest.param(objects.read_readyz, golden("readyz-while-w2-notready.txt"), (), id="readyz, not verbose"),
        pytest.param(
            objects.read_readyz, "<html>502 Bad Gateway</html>", ("(no readable answer)",), id="readyz, a proxy"
        ),
        pytest.param(objects.read_readyz, "", ("(no readable answer)",), id="readyz, nothing"),
        pytest.param(
            objects.read_readyz, "[+]ping ok\n[-]etcd failed: reason withheld\n", ("etcd",), id="readyz, etcd"
        ),
    ],
)
def test_answers_are_read(read, text, expected):
    """One reader a tool; nothing is guessed."""
    assert read(text) == expected


def test_a_manual_configuration_upgrade_is_seen():
    """A `yes` in the last column of the second table, and the same in JSON."""
    text = golden("kubeadm-upgrade-plan-target.txt").replace("v1beta1             no", "v1beta1             yes")
    plan = golden("kubeadm-upgrade-plan-1.33-to-1.34-json.txt")
    plan = plan.replace('"manualUpgradeRequired": false', '"manualUpgradeRequired": true', 1)
    assert queries.read_upgrade_plan(text).manual == ("kubelet.config.k8s.io",)
    assert queries.read_upgrade_plan(plan).manual == ("kubeproxy.config.k8s.io",)


def test_newer_kubeadm_is_asked_for_json():
    """-o json exists from 1.31 on; naming the version keeps kubeadm off the internet."""
    argvs = [queries.upgrade_plan(Version(1, minor, 0)).run.argv for minor in (30, 31)]
    assert argvs == [
        ("kubeadm", "upgrade", "plan", "v1.30.0"),
        ("kubeadm", "upgrade", "plan", "v1.31.0", "-o", "json"),
    ]


@pytest.mark.parametrize(
    ("text", "binary"),
    [
        pytest.param("/usr/bin/kubelet\n", queries.RunningBinary("/usr/bin/kubelet", replaced=False), id="as on disk"),
        pytest.param(
            "/opt/k s/kubelet (deleted)\n", queries.RunningBinary("/opt/k s/kubelet", replaced=True), id="gone"
        ),
    ],
)
def test_the_kernel_tells_what_a_process_runs(text, binary):
    """/proc/PID/exe."""
    assert queries.read_running_binary(text) == binary


PACKAGE_NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,12}", fullmatch=True)
PATHS = st.from_regex(r"(/[A-Za-z0-9_.:, -]{1,8}){1,3}", fullmatch=True)


@given(st.lists(PACKAGE_NAMES, min_size=1, max_size=3, unique=True), st.sampled_from(["", ":amd64"]), PATHS)
def test_dpkg_says_whose_a_file_is(names, architecture, path):
    """deb-control(5) and dpkg-query(1); a diversion stands on lines of its own."""
    line = ", ".join(f"{name}{architecture}" for name in names) + f": {path}\n"
    diverted = f"diversion by dash from: {path}\nlocal diversion to: {path}.distrib\n"
    assert apt.read_owners(diverted + line) == tuple(sorted(names))
    assert apt.read_owners("") == ()


@given(st.lists(PACKAGE_NAMES, min_size=1, max_size=3, unique=True), PATHS)
def test_rpm_says_whose_a_file_is(names, path):
    """That it is nobody's is said on standard output too."""
    assert dnf.read_owners("".join(f"{name}\n" for name in names)) == tuple(sorted(names))
    assert dnf.read_owners(f"file {path} is not owned by any package\n") == ()


def test_a_file_is_asked_for_by_its_name_and_not_by_a_pattern():
    """And where /bin is a link, by the name that an older package has it by."""
    assert apt.owners("/usr/bin/kubelet").run.argv[2:] == ("/usr/bin/kubelet", "/bin/kubelet")
    assert apt.owners("/opt/[k]*/kubelet").run.argv[2:] == (r"/opt/\[k\]\*/kubelet",)


def test_kubeadm_is_told_to_ignore_the_same_errors_when_it_plans():
    """It looks at the cluster's health there too."""
    argv = queries.upgrade_plan(Version(1, 35, 6), ["SystemVerification", "CreateJob"]).run.argv
    assert argv[3:] == ("v1.35.6", "-o", "json", "--ignore-preflight-errors=CreateJob,SystemVerification")


@pytest.mark.parametrize("status", ["iU", "iHR", "iF", "hF", "iW"])
def test_a_half_installed_package_is_no_installed_package(status):
    """dpkg may be at work on it right now, so it is no error yet (iHR was seen while kubeadm was installed)."""
    output = f"kubeadm 1.28.15-1.1 hi \nkubelet 1.28.15-1.1 {status} \nkubectl un \n"
    assert apt.read_installed(output) == {"kubeadm": "1.28.15-1.1"}
    assert apt.read_half_installed(output) == {"kubelet"}


@pytest.mark.parametrize(
    ("text", "package_format"),
    [
        pytest.param("ID=ubuntu\nID_LIKE=debian\n", "deb", id="Ubuntu"),
        pytest.param('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "deb", id="a derivative"),
        pytest.param('ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="8.10"\n', "rpm", id="RHEL"),
        pytest.param('ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="7.9"\n', None, id="RHEL 7, which has only yum"),
        pytest.param('ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="9"\n', "rpm", id="CentOS Stream"),
        pytest.param('ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7"\n', None, id="CentOS 7"),
        pytest.param('ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="10.0"\n', "rpm", id="Rocky"),
        pytest.param('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', "rpm", id="Alma"),
        pytest.param('ID="ol"\nID_LIKE="fedora"\n', "rpm", id="Oracle"),
        pytest.param("ID=fedora\nVERSION_ID=40\n", "rpm", id="Fedora"),
        pytest.param(
            "ID=fedora\nVERSION_ID=40\nVARIANT_ID=coreos\nOSTREE_VERSION='40.20240906.3.0'\n", None, id="Fedora CoreOS"
        ),
        pytest.param("ID=fedora\nVERSION_ID=44\n", None, id="Fedora with dnf 5"),
        pytest.param('ID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\n', "rpm", id="Amazon Linux 2023"),
        pytest.param('ID="amzn"\nID_LIKE="centos rhel fedora"\nVERSION_ID="2"\n', None, id="Amazon Linux 2"),
        pytest.param('ID="ol"\nID_LIKE="fedora"\n', "rpm", id="no version"),
        pytest.param(
            'ID="alinux"\nID_LIKE="rhel fedora centos anolis"\nVERSION_ID="3"\nPLATFORM_ID="platform:al8"\n',
            "rpm",
            id="Alibaba Cloud Linux 3, built as release 8",
        ),
        pytest.param(
            'ID="tencentos"\nID_LIKE="rhel fedora centos"\nVERSION_ID="3.1"\nPLATFORM_ID="platform:el8"\n',
            "rpm",
            id="TencentOS 3, built as release 8",
        ),
        pytest.param('ID="alinux"\nVERSION_ID="3"\nPLATFORM_ID="platform:al8"\n', "rpm", id="no word of its kin"),
        pytest.param('ID="alinux"\nID_LIKE="rhel fedora centos"\nVERSION_ID="2.1903"\n', None, id="alinux 2, yum"),
        pytest.param("ID=fedora\nVERSION_ID=44\nPLATFORM_ID=platform:f44\n", None, id="Fedora's platform, dnf 5"),
        pytest.param(
            'ID="amzn"\nID_LIKE="fedora"\nVERSION_ID="2023"\nPLATFORM_ID="platform:al2023"\n',
            "rpm",
            id="Amazon's platform",
        ),
        pytest.param('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', None, id="openSUSE"),
        pytest.param("ID=flatcar\nID_LIKE=coreos\n", None, id="Flatcar"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_the_package_format_of_an_operating_system(text, package_format):
    """By its id, or by what it is like."""
    assert queries.read_os_release(text).package_format == package_format


def test_the_kubelets_start_is_read():
    """systemctl prints UTC when asked to; a process that does not run has no start."""
    assert queries.read_kubelet_process("MainPID=0\nExecMainStartTimestamp=\n").started is None
    with pytest.raises(UnreadableOutput, match="not in UTC"):
        queries.read_kubelet_process("MainPID=1\nExecMainStartTimestamp=Mon 2026-11-23 04:50:07 CET\n")


def test_nodes_are_read():
    """Roles, versions, addresses and the heartbeat."""
    found = nodes("nodes-1.22.json")
    assert [(n.name, n.control_plane, str(n.kubelet), n.ready, n.schedulable) for n in found.values()] == [
        ("cp1", True, "1.22.17", True, True),
        ("w1", False, "1.22.17", True, True),
        ("w2", False, "1.22.17", True, True),
    ]
    assert found["w1"].addresses["InternalIP"] == "172.31.0.21"
    assert (found["w1"].machine_id, found["w1"].boot_id) == (
        "990fd2afd8b9426a9f138434c6b7242f",
        "1a95ec6b-01f2-49d5-aab8-f9136a4587ff",
    )
    assert found["w1"].heartbeat == datetime(2026, 11, 23, 3, 50, 42, tzinfo=UTC)


def test_a_cordoned_node_is_not_ours_without_our_annotation():
    """Somebody with kubectl did it."""
    cordoned = [node for node in nodes("nodes-cordoned.json").values() if node.unschedulable]
    assert cordoned
    assert {node.cordoned_by for node in cordoned} == {None}


def test_a_silent_kubelet_is_not_ready():
    """Ready is Unknown, not False; the reason is the API's own."""
    node = objects.read_node(json.loads(golden("node-w2-unknown.json")))
    assert not node.ready
    assert node.why_not_ready == "NodeStatusUnknown: Kubelet stopped posting node status."


def test_the_control_plane_is_read():
    """Versions from the mirror Pods' image tags; the cluster's from what kubeadm wrote down."""
    pods = json.loads(golden("pods-1.22.json"))["items"]
    config = yaml.safe_load(golden("kubeadm-config-cm.yaml"))
    plane = objects.read_control_plane(pods, config, nodes("nodes-1.22.json").values())
    assert str(plane.cluster_version) == "1.22.17"
    assert plane.at("cp1", Version(1, 22, 17))
    assert plane.ailing == ()
    assert {pod.component: pod.image_tag for pod in plane.static_pods}["etcd"] == "3.5.0-0"


def test_pods_are_read_as_a_drain_needs_them():
    """Mirror Pods, DaemonSets and ReplicaSets are told apart."""
    pods = [pod_object.read_pod(pod) for pod in json.loads(golden("pods-1.22.json"))["items"]]
    assert {pod.owner_kind for pod in pods if not pod.mirror} >= {"DaemonSet", "ReplicaSet"}
    assert {pod.name for pod in pods if pod.mirror} >= {"etcd-cp1", "kube-apiserver-cp1"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("eviction-blocked-429", "The disruption budget web needs 3 healthy pods", id="429"),
        pytest.param("eviction-two-pdbs-500", "more than one PodDisruptionBudget", id="two budgets"),
    ],
)
def test_a_blocked_eviction_names_its_budget(name, words):
    """In the API's own words."""
    status = int(name.rpartition("-")[2])
    assert words in str(answer.obstacle("shop/web-1", status, json.loads(golden(f"{name}-body.json"))))


@pytest.mark.parametrize("status", ["False", "Unknown", None])
def test_a_static_pod_is_ready_only_when_it_is_said_to_be(status):
    """Unknown is not Ready (invariant I3)."""
    pod = {
        "metadata": {
            "name": "etcd-cp1",
            "labels": {"component": "etcd"},
            "annotations": {"kubernetes.io/config.mirror": "x"},
        },
        "spec": {"nodeName": "cp1", "containers": [{"name": "etcd", "image": "registry.k8s.io/etcd:3.5.9-0"}]},
        "status": {"conditions": [{"type": "Ready", "status": status}] if status else []},
    }
    config = {"metadata": {}, "data": {"ClusterConfiguration": "kubernetesVersion: v1.28.15\n"}}
    assert objects.read_control_plane([pod], config, []).ailing == ("etcd on cp1 is not Ready",)


@pytest.mark.parametrize("label", ["control-plane", "master"])
def test_a_control_plane_node_is_known_by_either_label(label):
    """kubeadm below 1.20 set `master` only, and no upgrade before 1.24 takes it away."""
    node = {
        "metadata": {"name": "cp1", "labels": {f"node-role.kubernetes.io/{label}": ""}},
        "status": {"nodeInfo": {"kubeletVersion": "v1.22.17"}},
    }
    assert objects.read_node(node).control_plane


@pytest.mark.parametrize(
    ("label", "there", "unlabelled"),
    [
        pytest.param("node-role.kubernetes.io/control-plane", True, {}, id="labelled"),
        pytest.param("node-role.kubernetes.io/master", True, {}, id="labelled as it was done before 1.24"),
        pytest.param(
            None,
            True,
            {"cp1": ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")},
            id="not labelled",
        ),
        pytest.param(None, False, {}, id="mirror Pods of a Node that has gone"),
    ],
)
def test_a_node_that_runs_parts_of_the_control_plane_has_its_label(label, there, unlabelled):
    """Without it, its apiserver would stay behind when all others move."""
    items = json.loads(golden("nodes-1.22.json"))["items"]
    for item in items:
        labels = {name: "" for name in item["metadata"]["labels"] if "node-role" not in name}
        item["metadata"]["labels"] = labels | ({label: ""} if label and item["metadata"]["name"] == "cp1" else {})
    found = [objects.read_node(item) for item in items if there or item["metadata"]["name"] != "cp1"]
    pods = json.loads(golden("pods-1.22.json"))["items"]
    plane = objects.read_control_plane(pods, yaml.safe_load(golden("kubeadm-config-cm.yaml")), iter(found))
    assert plane.unlabelled == unlabelled
    assert tuple(plane.nodes_ready) == (("cp1",) if label else ())


@pytest.mark.parametrize(
    ("addresses", "right"),
    [
        pytest.param(["192.0.2.2", "2001:db8::2"], "192.0.2.2", id="IPv4 first"),
        pytest.param(["2001:db8::2", "192.0.2.2"], "2001:db8::2", id="IPv6 first"),
    ],
)
def test_of_several_addresses_of_a_type_the_first_counts(addresses, right):
    """The primary one of a node with two stacks, as the kubelet was told it by --node-ip."""
    listed = [{"type": "Hostname", "address": "w1"}, *({"type": "InternalIP", "address": one} for one in addresses)]
    status = {"nodeInfo": {"kubeletVersion": "v1.28.15"}, "addresses": listed}
    node = objects.read_node({"metadata": {"name": "w1"}, "status": status})
    assert node.addresses == {"Hostname": "w1", "InternalIP": right}


def test_a_node_tells_its_kernel_and_its_runtime():
    """golden/nodes-1.22.json."""
    first, *_ = json.loads((GOLDEN / "nodes-1.22.json").read_text())["items"]
    node = objects.read_node(first)
    told = first["status"]["nodeInfo"]
    assert (node.kernel, node.runtime) == (told["kernelVersion"], told["containerRuntimeVersion"])
    assert node.kernel[0].isdigit()
    assert node.cri_socket == "/run/containerd/containerd.sock"


CORDON, OURS = {"f:spec": {"f:unschedulable": {}}}, {"f:metadata": {"f:annotations": {f"f:{CORDONED_BY}": {}}}}


@pytest.mark.parametrize(
    ("managed", "ours"),
    [
        pytest.param([{"fieldsV1": CORDON | OURS}], True, id="one request of ours"),
        pytest.param([{"fieldsV1": OURS}, {"fieldsV1": CORDON}], False, id="uncordoned and cordoned by a person since"),
        pytest.param([{"fieldsV1": OURS}], True, id="uncordoned by a person"),
        pytest.param([], True, id="an API that does not say"),
    ],
)
def test_a_cordon_of_somebody_else_is_not_ours_for_an_old_annotation(managed, ours):
    """kubectl uncordon leaves our annotation where it is (I7)."""
    node = json.loads((GOLDEN / "nodes-cordoned.json").read_text())["items"][-1]
    node["metadata"] |= {"annotations": {CORDONED_BY: "prod/v1.28.15"}, "managedFields": managed}
    assert (objects.read_node(node).cordoned_by is not None) is ours


ANYTHING_GOES = [{"operator": "Exists"}]
CORDONED = {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("created", "tolerations", "undeterred"),
    [
        pytest.param("03:52:42", ANYTHING_GOES, True, id="tolerates everything"),
        pytest.param("03:52:42", [CORDONED], True, id="tolerates a cordon"),
        pytest.param("03:52:42", [{**CORDONED, "operator": "Equal"}], True, id="tolerates a cordon, spelt otherwise"),
        pytest.param("03:52:40", ANYTHING_GOES, False, id="was there before"),
        pytest.param("03:52:42", [], False, id="has no reason to be here"),
        pytest.param("03:52:42", [{"operator": "Exists", "effect": "NoExecute"}], False, id="another effect"),
        pytest.param("03:52:42", [{**CORDONED, "key": "dedicated"}], False, id="another taint"),
    ],
)
def test_a_pod_that_comes_to_a_cordoned_node_is_let_be(created, tolerations, undeterred):
    """It would come again: kubectl drain asks for a node's Pods only once."""
    nodes = json.loads((GOLDEN / "nodes-cordoned.json").read_text())["items"]
    cordoned_at = next(node.cordoned_at for node in map(objects.read_node, nodes) if node.name == "w1")
    meta = {"namespace": "a", "name": "b", "uid": "c", "creationTimestamp": f"2026-11-23T{created}Z"}
    pod = {"metadata": meta, "spec": {"tolerations": tolerations}}
    assert pod_object.read_pod(pod, cordoned_at).undeterred is undeterred
    assert not pod_object.read_pod(pod).undeterred


@pytest.mark.parametrize(
    ("metadata", "since", "due", "finalizers"),
    [
        pytest.param({}, None, None, (), id="not terminating"),
        pytest.param({"finalizers": ["example.org/keep"]}, None, None, ("example.org/keep",), id="nobody deletes it"),
        pytest.param(
            {"deletionTimestamp": "2026-11-23T04:00:30Z", "deletionGracePeriodSeconds": 30},
            datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
            datetime(2026, 11, 23, 4, 0, 30, tzinfo=UTC),
            (),
            id="within its grace period",
        ),
        pytest.param(
            {"deletionTimestamp": "2026-11-23T04:00:00Z", "deletionGracePeriodSeconds": 0, "finalizers": ["a/b", "c"]},
            datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
            datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
            ("a/b", "c"),
            id="its kubelet is through with it, and finalizers hold it",
        ),
        pytest.param(
            {"deletionTimestamp": "2026-11-23T04:00:00Z"},
            datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
            datetime(2026, 11, 23, 4, 0, tzinfo=UTC),
            (),
            id="no grace period is said",
        ),
    ],
)
def test_what_holds_a_pod_that_is_deleted_is_read(metadata, since, due, finalizers):
    """The API writes down when it is to be gone: the deletion, and the grace period after it."""
    pod = pod_object.read_pod({"metadata": {"namespace": "shop", "name": "a", "uid": "u", **metadata}, "spec": {}})
    assert (pod.terminating_since, pod.due, pod.finalizers) == (since, due, finalizers)
    assert pod.terminating is (since is not None)


def static_pod(component: str, image: str) -> dict:
    pods = json.loads(golden("pods-1.22.json"))["items"]
    pod = next(pod for pod in pods if pod["metadata"]["name"] == f"{component}-cp1")
    (container,) = pod["spec"]["containers"]
    return {**pod, "spec": {**pod["spec"], "containers": [{**container, "image": image}]}}


PLAIN_CONFIG = {"data": {"ClusterConfiguration": "kubernetesVersion: v1.28.15+fips.1\n"}, "metadata": {}}


@pytest.mark.parametrize(
    ("component", "image", "version"),
    [
        pytest.param("kube-apiserver", "mirror.example:5000/k8s/kube-apiserver:v1.28.15_fips.1", "1.28.15", id="built"),
        pytest.param("etcd", "mirror.example:5000/etcd:v3.5.15_patch.0", "3.5.15", id="etcd, built by somebody"),
        pytest.param("etcd", "k8s.gcr.io/etcd:3.5.0-0@sha256:ab", "3.5.0", id="a tag, and a digest behind it"),
        pytest.param("kube-scheduler", "kube-scheduler:v1.28.15", "1.28.15", id="no registry"),
    ],
)
def test_the_version_of_a_static_pod_is_in_its_images_tag(component, image, version):
    """Whoever has built it."""
    plane = objects.read_control_plane([static_pod(component, image)], PLAIN_CONFIG, ())
    (pod,) = plane.static_pods
    assert (pod.version, pod.unversioned, plane.unversioned) == (Version.parse(version), None, ())
    assert plane.cluster_version == Version(1, 28, 15)


@pytest.mark.parametrize("image", ["mirror.example:5000/kube-apiserver@sha256:ab", "kube-apiserver", "x:latest"])
def test_an_image_that_says_no_version_is_said_with_its_pod_and_node(image):
    """And the others are known all the same."""
    scheduler = static_pod("kube-scheduler", "x:v1.28.15")
    plane = objects.read_control_plane([static_pod("kube-apiserver", image), scheduler], PLAIN_CONFIG, ())
    (said,) = plane.unversioned
    assert said.startswith(f"Pod kube-system/kube-apiserver-cp1 on cp1 runs the image {image}, whose tag is no version")
    assert plane.versions("kube-scheduler") == {"cp1": Version(1, 28, 15)}
    assert plane.minors == {28}
    with pytest.raises(UnreadableOutput, match="kube-apiserver-cp1 on cp1"):
        plane.versions("kube-apiserver")


def test_a_kube_proxy_of_somebodys_build_has_a_version():
    pods = [
        {
            "metadata": {"name": "kube-proxy-x"},
            "spec": {"nodeName": "w1", "containers": [{"name": "kube-proxy", "image": "x:v1.28.15_fips.1"}]},
        }
    ]
    assert objects.read_kube_proxies(pods) == {"w1": Version(1, 28, 15)}
