"""A judge that cannot find anything is worth nothing: each is shown a log in which its invariant is broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaos.judges import JUDGES, violations
from test_chaos.logs import (
    NEW,
    begins,
    ends,
    evidence,
    held_by,
    ill,
    node,
    patched,
    power,
    restart,
    whole,
)

APPLY = "kubeadm upgrade apply v1.29.15 --yes"
INSTALL = "apt-get install -y kubelet=1.29.15-1.1"

BROKEN = [
    pytest.param("I1", [node("w1", "cordoned"), node("w2", "cordoned")], "w1 and w2 are out", id="two are cordoned"),
    pytest.param(
        "I1",
        [node("w1", "cordoned"), node("w1", "sick"), node("w2", "cordoned")],
        "w1 and w2 are out",
        id="the next one is cordoned while the last one is not Ready yet",
    ),
    pytest.param(
        "I1",
        [node("w3", "cordoned"), *restart("w3"), node("w3", "cordoned", "sick"), node("w1", "cordoned")],
        "w1 and w3 are out",
        id="one that a person had cordoned counts from its restart on",
    ),
    pytest.param(
        "I3", [begins("cp1", APPLY), begins("cp2", "kubeadm upgrade node")], "cp1 while", id="two kubeadm at once"
    ),
    pytest.param("I3", [node("cp1", "cordoned"), node("cp2", "cordoned")], "absence of cp1 while", id="two drained"),
    pytest.param(
        "I3",
        [node("cp1", "cordoned"), begins("cp2", "kubeadm upgrade node")],
        "absence of cp1 while kubeadm upgrade of cp2",
        id="kubeadm beside a kubelet",
    ),
    pytest.param(
        "I3",
        [ill("cp2/etcd", at=1), begins("cp1", APPLY, at=9), ends("cp1", APPLY, at=10)],
        "etcd of cp2 is down",
        id="a member is away and somebody goes on",
    ),
    pytest.param(
        "I3",
        [ill("cp3/kube-apiserver", at=1), node("cp1", "cordoned", at=9)],
        "kube-apiserver of cp3 is down",
        id="an apiserver is away and a node is cordoned",
    ),
    pytest.param("I5", [node("cp1"), node("w1", kubelet=NEW)], "an apiserver at 1.28", id="a kubelet is too new"),
    pytest.param("I5", [node("cp1"), node("cp2", apiserver="v1.30.1")], "1.28 and 1.30", id="apiservers are apart"),
    pytest.param(
        "I5",
        [node("w1", kubelet="v1.25.0"), node("cp1", kubelet="v1.27.0", apiserver=NEW)],
        "the kubelet of w1 is at 1.25",
        id="a kubelet is too old",
    ),
    pytest.param("I6", [begins("cp1", APPLY), begins("cp1", INSTALL, "other")], "beside", id="two at once on a host"),
    pytest.param(
        "I6",
        [begins("cp1", APPLY), ends("cp1", APPLY), begins("cp1", APPLY, "try-2")],
        "again",
        id="apply is run twice",
    ),
    pytest.param("I6", [*restart("w1"), *restart("w1")], "systemctl restart kubelet on w1 again", id="two restarts"),
    pytest.param(
        "I6",
        [begins("w1", INSTALL), ends("w1", INSTALL), power("w1"), power("w1", on=True), begins("w1", INSTALL)],
        "again",
        id="packages are installed twice though their machine has kept them",
    ),
    pytest.param("I7", [node("w3", "cordoned"), node("w3")], "w3 was cordoned by a person", id="put into service"),
    pytest.param("I7", [node("w1", "cordoned")], "w1 was left cordoned", id="left cordoned"),
    pytest.param("I8", [held_by("ours"), held_by("theirs")], "theirs holds the cluster", id="another run comes"),
    pytest.param(
        "I8",
        [held_by("by-hand", at=1), begins("cp1", "systemd-run kubeadm", None, at=9)],
        "while the ledger names another run",
        id="a command for somebody who has lost the cluster",
    ),
    pytest.param(
        "I8",
        [held_by("by-hand", at=1), held_by("by-hand", at=8), patched("/api/v1/nodes/w1", at=9)],
        "patch /api/v1/nodes/w1 while",
        id="a patch for somebody who has lost the cluster",
    ),
    pytest.param("target", [node("cp1", kubelet=NEW)], "there are v1.28.15, v1.29.15", id="not all are at the target"),
    pytest.param("target", [node("w1", "sick")], "w1 is not Ready", id="not all are Ready"),
    pytest.param("target", [node("w1")], "nothing was seen of w2", id="a node nobody has seen"),
]


@pytest.mark.parametrize(("judge", "log", "words"), BROKEN)
def test_a_judge_finds_what_is_broken(judge, log, words):
    found = list(JUDGES[judge](evidence(log)))
    assert any(words in one for one in found), found


def test_nothing_is_found_in_a_hop_that_went_well():
    assert violations(evidence(whole())) == []


def test_what_the_lab_has_found_is_told():
    assert violations(replace(evidence(whole()), broken_rules=("etcd has lost its quorum",))) == [
        "the lab: etcd has lost its quorum"
    ]


def test_every_judge_is_shown_something_broken():
    """The lab's own rules are tried in tests/test_lab."""
    assert {param.values[0] for param in BROKEN} | {"lab"} == set(JUDGES)


WELL = [
    pytest.param("I1", [node("w1", "cordoned"), node("w1"), node("w2", "cordoned")], id="one after the other"),
    pytest.param("I1", [node("w3", "cordoned"), node("w1", "cordoned")], id="one that a person had cordoned"),
    pytest.param(
        "I3", [begins("cp1", APPLY), power("cp1"), begins("cp2", "kubeadm upgrade node")], id="power ends what had run"
    ),
    pytest.param(
        "I3",
        [begins("cp1", APPLY, at=1), ill("cp2/etcd", at=2), ends("cp1", APPLY, at=30)],
        id="a member ends while kubeadm runs",
    ),
    pytest.param(
        "I3",
        [ill("cp2/etcd", at=8.5), begins("cp1", APPLY, at=9), ends("cp1", APPLY, at=9)],
        id="nobody can have seen it",
    ),
    pytest.param(
        "I3", [ill("cp1/etcd", at=1), begins("cp1", APPLY, at=9), ends("cp1", APPLY, at=9)], id="the node's own member"
    ),
    pytest.param(
        "I6",
        [begins("cp1", APPLY), ends("cp1", APPLY, 129), power("cp1"), power("cp1", on=True), begins("cp1", APPLY)],
        id="what power has cut off is run again",
    ),
    pytest.param(
        "I6",
        [
            begins("w1", "kubeadm upgrade node"),
            ends("w1", "kubeadm upgrade node"),
            power("w1"),
            begins("w1", "kubeadm upgrade node"),
        ],
        id="systemd has forgotten the only witness",
    ),
    pytest.param("I6", [begins("w1", INSTALL), ends("w1", INSTALL, 100), begins("w1", INSTALL)], id="it had failed"),
    pytest.param(
        "I6",
        [begins("cp1", APPLY), replace(ends("cp1", APPLY, 1), mutating=False), begins("cp1", APPLY, "try-2")],
        id="it was refused, and is tried again under another name",
    ),
    pytest.param(
        "I8",
        [
            held_by("by-hand", at=1),
            begins("cp1", "dd", None, at=2),
            held_by("ours", at=7),
            begins("cp1", "mv", None, at=9),
        ],
        id="what was on its way, and what comes once the cluster is back",
    ),
]


@pytest.mark.parametrize(("judge", "log"), WELL)
def test_a_judge_lets_pass_what_is_allowed(judge, log):
    assert list(JUDGES[judge](evidence(log))) == []
