"""etcd's members as etcd describes them, and what ails a control plane."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from in_memory.examples import a_control_plane, an_etcd
from kubeadm_upgrade import etcd
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.etcd import EtcdFacts, EtcdMember
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.objects import read_control_plane, read_node
from kubeadm_upgrade.roles import without_label
from kubeadm_upgrade.static_pod import StaticPod

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
NODES = ("cp1", "cp2", "cp3")
WELL = an_etcd(*NODES)


def members(*changed: EtcdMember):
    by_name = {member.name: member for member in WELL.members} | {member.name: member for member in changed}
    return replace(WELL, members=tuple(by_name.values()))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        pytest.param(WELL, (), id="all well"),
        pytest.param(
            members(EtcdMember("cp2", healthy=False, why="context deadline exceeded")),
            ("etcd member cp2 is not healthy (context deadline exceeded)",),
            id="one does not answer",
        ),
        pytest.param(
            members(EtcdMember("cp2", learner=True)), ("etcd member cp2 is still a learner",), id="one is a learner"
        ),
        pytest.param(members(EtcdMember("cp1")), ("etcd has no leader",), id="no leader"),
        pytest.param(
            replace(WELL, alarms=("NOSPACE on cp1",)), ("etcd raises an alarm: NOSPACE on cp1",), id="an alarm"
        ),
        pytest.param(
            members(EtcdMember("old")),
            (
                (
                    "etcd has a member old, which is no control plane node: give its Node the label "
                    "node-role.kubernetes.io/control-plane, or, if the machine is gone, see etcdctl member remove"
                ),
            ),
            id="a member without a node",
        ),
        pytest.param(an_etcd("cp1", "cp2"), ("cp3 is no member of etcd",), id="a node without a member"),
        pytest.param(
            members(EtcdMember("", learner=True)),
            ("etcd member (unnamed) is still a learner",),
            id="one that was only added",
        ),
        pytest.param(EtcdFacts(unknown="cp1: no"), ("etcd cannot be asked: cp1: no",), id="nobody answers"),
        pytest.param(EtcdFacts(), (), id="an external one"),
    ],
)
def test_what_ails_etcd_is_a_sentence(facts, said):
    """Members, learners, leader, health and alarms of all of them."""
    assert facts.ailing(NODES) == said


def answers(*sick: int, leader: int = 1, alarms: object = None):
    """Of three members, with numbers for ids; a sick one answers neither."""
    listed = [
        {"ID": n, "name": f"cp{n}", "clientURLs": [f"https://10.0.0.{n}:2379"], "isLearner": False} for n in (1, 2, 3)
    ]
    health = [
        {
            "endpoint": f"https://10.0.0.{n}:2379",
            "health": n not in sick,
            **({"error": "no route"} if n in sick else {}),
        }
        for n in (1, 2, 3)
    ]
    status = [
        {"Endpoint": f"https://10.0.0.{n}:2379", "Status": {"leader": leader}} for n in (1, 2, 3) if n not in sick
    ]
    return {"members": listed}, health, status, {"alarms": alarms or []}


@pytest.mark.parametrize(
    ("said", "ailing"),
    [
        pytest.param(answers(), (), id="all well"),
        pytest.param(answers(2), ("etcd member cp2 is not healthy (no route)",), id="one is sick"),
        pytest.param(
            answers(1, leader=0), ("etcd member cp1 is not healthy (no route)", "etcd has no leader"), id="no leader"
        ),
        pytest.param(
            answers(alarms=[{"memberID": 3, "alarm": 1}]), ("etcd raises an alarm: NOSPACE on cp3",), id="an alarm"
        ),
        pytest.param(
            answers(alarms=[{"memberID": 9, "alarm": 7}]), ("etcd raises an alarm: 7 on 9",), id="an unknown alarm"
        ),
        pytest.param((None, None, None, None), ("etcd cannot be asked: it lists no members",), id="nothing at all"),
        pytest.param(
            (answers()[0], None, None, None),
            (*(f"etcd member cp{n} is not healthy (it does not answer)" for n in (1, 2, 3)), "etcd has no leader"),
            id="members only",
        ),
    ],
)
def test_four_answers_make_one_picture(said, ailing):
    """Members and health meet in the client URLs; what was not answered is no health."""
    assert etcd.read(*said).ailing(NODES) == ailing


def test_questions_are_asked_of_one_member_about_all():
    """Through the API, with etcd's own certificates; exit status 1 is an answer."""
    asked = etcd.questions("cp1", LocalEtcd())
    words = ("member list", "endpoint health --cluster", "endpoint status --cluster", "alarm list")
    assert [one.run.argv for one in asked] == [
        etcd.in_pod("cp1", *LocalEtcd().ctl, *some.split(), "-w", "json") for some in words
    ]
    assert all(one.run.root and one.answers == (0, 1) for one in asked)


def test_what_is_no_json_is_not_guessed_at():
    (look, *_) = etcd.questions("cp1", LocalEtcd())
    assert look.read(" \n") is None
    with pytest.raises(UnreadableOutput, match="etcdctl printed no JSON: 'Error: no such host'"):
        look.read("Error: no such host")


PLANE = a_control_plane(type("Hop", (), {"control_plane": ("cp1", "cp2")})())
EXTERNAL = "etcd:\n  external:\n    endpoints: [https://10.0.0.9:2379]\n"


def without(plane, *gone):
    return replace(
        plane, static_pods=tuple(pod for pod in plane.static_pods if not {pod.component, pod.node} & {*gone})
    )


@pytest.mark.parametrize(
    ("plane", "said"),
    [
        pytest.param(PLANE, (), id="all well"),
        pytest.param(
            without(PLANE, "cp2"),
            (
                "etcd on cp2 is missing",
                "kube-apiserver on cp2 is missing",
                "kube-controller-manager on cp2 is missing",
                "kube-scheduler on cp2 is missing",
            ),
            id="every static Pod of a node is missing",
        ),
        pytest.param(
            without(PLANE, "kube-scheduler"),
            ("kube-scheduler on cp1 is missing", "kube-scheduler on cp2 is missing"),
            id="a component is missing",
        ),
        pytest.param(
            without(PLANE, "etcd"), ("etcd on cp1 is missing", "etcd on cp2 is missing"), id="etcd should be there"
        ),
        pytest.param(replace(without(PLANE, "etcd"), configuration=EXTERNAL), (), id="an external etcd"),
        pytest.param(
            replace(PLANE, static_pods=(*PLANE.static_pods, StaticPod("etcd", "cp9", "3.5.9-0", ready=False))),
            ("etcd on cp9 is not Ready",),
            id="a Pod of a node that is gone",
        ),
        pytest.param(
            replace(PLANE, nodes_ready={"cp1": True, "cp2": False}),
            ("control plane node cp2 is not Ready",),
            id="a node",
        ),
        pytest.param(replace(PLANE, failing_checks=("etcd",)), ("readyz check etcd fails",), id="a check"),
        pytest.param(
            replace(PLANE, nodes_ready={"cp1": True}, unlabelled={"cp2": ("kube-apiserver", "etcd")}),
            (without_label("cp2", ("kube-apiserver", "etcd")),),
            id="a node without the label",
        ),
    ],
)
def test_what_is_missing_ails(plane, said):
    """Absence never looks like health."""
    assert plane.ailing == said


def test_a_real_control_plane_ails_of_nothing():
    """golden: pods and nodes of one minute."""
    nodes = [read_node(node) for node in json.loads((GOLDEN / "nodes-1.22.json").read_text())["items"]]
    pods = json.loads((GOLDEN / "pods-1.22.json").read_text())["items"]
    config = {"data": {"ClusterConfiguration": "kubernetesVersion: v1.22.17\n"}, "metadata": {}}
    assert read_control_plane(pods, config, nodes).ailing == ()
    without_etcd = [pod for pod in pods if not pod["metadata"]["name"].startswith("etcd-")]
    assert read_control_plane(without_etcd, config, nodes).ailing == ("etcd on cp1 is missing",)


@pytest.mark.parametrize("part", ["kube-apiserver", "kube-controller-manager", "kube-scheduler"])
def test_the_newest_part_says_how_far_the_cluster_has_come(part):
    """Etcd's versions are of another kind."""
    newest = [replace(pod, image_tag="v1.30.1") if pod.component == part else pod for pod in PLANE.static_pods]
    assert str(replace(PLANE, static_pods=tuple(newest)).newest) == "1.30.1"
    assert PLANE.newest == PLANE.cluster_version
