"""What etcd's members say of themselves, well and sick; and which etcd kubeadm brings."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from lab import ClusterSpec, Lab, LabCluster, Latency
from test_lab.conftest import Ssh, eventually
from test_lab.observed import answer
from test_lab.test_kubeadm import install

MEMBERS = ("demo-b-cp1", "demo-b-cp2", "demo-b-cp3")
FIRST, SECOND, THIRD = MEMBERS


def etcdctl(ssh: Ssh, words: str, pod: str = FIRST, host: str = FIRST) -> subprocess.CompletedProcess[str]:
    kubectl = "sudo -n kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system"
    return ssh(host, f"{kubectl} exec etcd-{pod} -- etcdctl --endpoints https://127.0.0.1:2379 {words} -w json")


def health(ssh: Ssh, pod: str = FIRST, host: str = FIRST) -> tuple[int, list[object]]:
    done = etcdctl(ssh, "endpoint health --cluster", pod, host)
    return done.returncode, [one.get("error") if not one["health"] else True for one in json.loads(done.stdout)]


LATE = "context deadline exceeded"


def test_all_is_well(ssh_high: Ssh) -> None:
    """golden/etcd-health.txt, golden/etcd-member-list.json, golden/etcd-status.json; any Pod from any host."""
    assert health(ssh_high, pod=THIRD, host=SECOND) == (0, [True, True, True])
    members = json.loads(etcdctl(ssh_high, "member list").stdout)["members"]
    assert [one["name"] for one in members] == list(MEMBERS)
    assert not [one for one in members if "isLearner" in one]
    status = json.loads(etcdctl(ssh_high, "endpoint status --cluster").stdout)
    assert {one["Status"]["leader"] for one in status} == {members[0]["ID"]}
    assert set(json.loads(etcdctl(ssh_high, "alarm list").stdout)) == {"header"}


def test_a_member_that_answers_nobody_in_time(ssh_high: Ssh, high: LabCluster) -> None:
    with high.faults.etcd_member_unhealthy(SECOND):
        assert health(ssh_high) == (1, [True, LATE, True])
        status = etcdctl(ssh_high, "endpoint status --cluster")
        assert (status.returncode, len(json.loads(status.stdout))) == (1, 2)
        assert len(json.loads(etcdctl(ssh_high, "member list").stdout)["members"]) == 3
    assert health(ssh_high) == (0, [True, True, True])


def test_a_member_whose_pod_is_gone(ssh_high: Ssh, high: LabCluster) -> None:
    with high.faults.static_pod_missing(SECOND, "etcd"):
        assert high.object("Pod", "kube-system", f"etcd-{SECOND}") is None
        assert health(ssh_high) == (1, [True, LATE, True])
        gone = etcdctl(ssh_high, "member list", pod=SECOND)
        assert (gone.returncode, gone.stderr) == (1, f'Error from server (NotFound): pods "etcd-{SECOND}" not found\n')
    assert high.object("Pod", "kube-system", f"etcd-{SECOND}") is not None
    assert health(ssh_high) == (0, [True, True, True])


def test_a_learner_has_no_vote(ssh_high: Ssh, high: LabCluster) -> None:
    high.faults.etcd_learner(THIRD)
    members = json.loads(etcdctl(ssh_high, "member list").stdout)["members"]
    assert [one.get("isLearner", False) for one in members] == [False, False, True]
    high.faults.etcd_member_unhealthy(SECOND)
    assert answer(high, "/readyz") == (0, "refused")


def test_an_alarm_is_every_members(ssh_high: Ssh, high: LabCluster) -> None:
    with high.faults.etcd_alarm(SECOND, "NOSPACE"):
        (alarm,) = json.loads(etcdctl(ssh_high, "alarm list").stdout)["alarms"]
        named = {one["name"]: one["ID"] for one in json.loads(etcdctl(ssh_high, "member list").stdout)["members"]}
        assert alarm == {"memberID": named[SECOND], "alarm": 1}
        assert health(ssh_high) == (1, ["Active Alarm(s): NOSPACE "] * 3)
    assert health(ssh_high) == (0, [True, True, True])


def test_a_second_member_takes_the_api_away(ssh_high: Ssh, high: LabCluster) -> None:
    first = high.faults.etcd_member_unhealthy(SECOND)
    assert answer(high, "/readyz") == (200, "")
    high.faults.static_pod_not_ready(THIRD, "etcd")
    assert answer(high, "/readyz") == (0, "refused")
    assert high.violations == []
    first.lift()
    eventually(lambda: answer(high, "/readyz") == (200, ""))


@pytest.mark.parametrize(
    ("image", "code"),
    [
        pytest.param("registry.k8s.io/etcd:3.5.26-0", 0, id="past the gate"),
        pytest.param("registry.k8s.io/etcd:3.6.11-0", 0, id="a release's own"),
        pytest.param("registry.k8s.io/etcd:3.5.99-0", 1, id="nobody made it"),
        pytest.param("registry.k8s.io/kube-apiserver:v1.34.9", 0, id="an apiserver"),
        pytest.param("registry.example.org/app:1", 1, id="somebody's app"),
    ],
)
def test_images_are_pulled_that_exist(ssh_high: Ssh, image: str, code: int) -> None:
    done = ssh_high(FIRST, f"sudo -n crictl pull {image}")
    assert done.returncode == code
    assert ("not found" in done.stderr) is bool(code)


CP = "one-cp1"


@pytest.fixture
def ssh_33(tmp_path):  # type: ignore[no-untyped-def]
    with Lab(tmp_path, [ClusterSpec("one", 1, 1, version="1.33.13")], Latency()) as lab:
        yield Ssh(lab, lab.clusters["one"])


def pin(cluster: LabCluster, tag: str | None) -> None:
    item: dict[str, Any] = cluster.object("ConfigMap", "kube-system", "kubeadm-config") or {}
    configuration = yaml.safe_load(item["data"]["ClusterConfiguration"])
    configuration["etcd"]["local"].pop("imageTag", None)
    configuration["etcd"]["local"] |= {"imageTag": tag} if tag else {}
    item["data"]["ClusterConfiguration"] = yaml.safe_dump(configuration)
    cluster.apply([item])


def applied(ssh: Ssh, version: str) -> str:
    done = ssh(CP, f"sudo -n kubeadm upgrade apply v{version} --yes")
    assert done.returncode == 0, done.stderr
    return str(ssh.cluster.node_state(CP).etcd)


def test_the_way_through_the_gate(ssh_33: Ssh) -> None:
    """golden/README.md, last section: etcd that is pinned stays where it is pinned in an apply of the next minor."""
    assert applied(ssh_33, "1.33.13") == "3.5.24-0"
    pin(ssh_33.cluster, "3.5.26-0")
    assert applied(ssh_33, "1.33.13") == "3.5.26-0"
    pod = ssh_33.cluster.object("Pod", "kube-system", f"etcd-{CP}")
    assert applied(ssh_33, "1.33.13") == "3.5.26-0"
    assert ssh_33.cluster.object("Pod", "kube-system", f"etcd-{CP}") == pod
    install(ssh_33, CP, "1.34.11")
    assert applied(ssh_33, "1.34.11") == "3.5.26-0"
    pin(ssh_33.cluster, None)
    assert applied(ssh_33, "1.34.11") == "3.6.5-0"
    pin(ssh_33.cluster, "3.5.26-0")
    assert applied(ssh_33, "1.34.11") == "3.6.5-0"
    assert ssh_33.cluster.violations == []


def test_past_the_gate_without_holding_it_is_a_violation(ssh_33: Ssh) -> None:
    install(ssh_33, CP, "1.34.11")
    assert applied(ssh_33, "1.34.11") == "3.6.5-0"
    assert ssh_33.cluster.violations == [
        f"{CP}: etcd goes to 3.6.5-0 while the member {CP} is at 3.5.24-0",
    ]


def test_a_tag_that_nobody_made_is_refused_before_anything_changes(ssh_33: Ssh) -> None:
    pin(ssh_33.cluster, "3.5.99-0")
    refused = ssh_33(CP, "sudo -n kubeadm upgrade apply v1.33.13 --yes")
    assert refused.returncode == 1
    assert "[ERROR ImagePull]: failed to pull image registry.k8s.io/etcd:3.5.99-0" in refused.stderr
    assert ssh_33.cluster.node_state(CP).etcd == "3.5.24-0"


def test_another_directory_and_other_certificates(tmp_path) -> None:
    """As etcd.local.dataDir and certificatesDir say: what is asked for by the usual names is not there."""
    spec = ClusterSpec("places", workers=0, etcd_data="/data/etcd", certificates="/etc/kubernetes/ssl")
    with Lab(tmp_path, [spec]) as lab:
        ssh, node = Ssh(lab, lab.clusters["places"]), "places-cp1"
        files = "--cacert {0}/etcd/ca.crt --cert {0}/etcd/server.crt --key {0}/etcd/server.key"
        usual = etcdctl(ssh, f"{files.format('/etc/kubernetes/pki')} member list", node, node)
        assert usual.returncode == 128
        assert "open /etc/kubernetes/pki/etcd/ca.crt: no such file or directory" in usual.stderr
        there = f"{files.format('/etc/kubernetes/ssl')} snapshot save"
        assert etcdctl(ssh, f"{there} /var/lib/etcd/s.db", node, node).returncode == 1
        assert etcdctl(ssh, f"{there} /data/etcd/s.db", node, node).stdout == "Snapshot saved at /data/etcd/s.db\n"
        config = lab.clusters["places"].object("ConfigMap", "kube-system", "kubeadm-config")
        written = yaml.safe_load(config["data"]["ClusterConfiguration"])
        assert (written["certificatesDir"], written["etcd"]["local"]["dataDir"]) == (
            "/etc/kubernetes/ssl",
            "/data/etcd",
        )
