"""Whether the hop that a node is about to be taken out of service for is what somebody has agreed to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.examples import NOW, RUN, a_hop, an_etcd, with_slot
from kubeadm_upgrade.admission.gates import approved, kind_of_wait
from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.policy import ApprovalPolicy, When
from kubeadm_upgrade.approval.terms import Care, HopTerms, Terms
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.hop import Repository, Source
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.waits import Wait

HOP = replace(a_hop(), drains=True)
TEMPLATE = "https://pkgs.k8s.io/core:/stable:/v{minor}/{format}/"
PACKAGES = {"deb": dict(HOP.sources["deb"].packages)}
FIRST = HopTerms(HOP.came_from, HOP.to, HOP.control_plane, HOP.workers, PACKAGES)
NEXT = HopTerms(HOP.to, Version(1, 30, 14), HOP.control_plane, HOP.workers)
DONE = HopTerms(Version(1, 27, 16), HOP.came_from, HOP.control_plane, HOP.workers)
TERMS = Terms((FIRST, NEXT), TEMPLATE)
ALWAYS, DISRUPTIVE = ApprovalPolicy(When.ALWAYS), ApprovalPolicy(When.WHEN_DISRUPTIVE)
PATCH = replace(HOP, came_from=Version(1, 29, 10), workers=(), drains=False)


@pytest.fixture
def at_the_gate(facts_of):
    def sentence(hop=HOP, terms=TERMS, node="cp1", when=ALWAYS, slot=False, **policy):
        facts = facts_of(node)
        facts = with_slot(facts) if slot else facts
        agreed = Approval("ann", NOW, terms) if terms else None
        facts = replace(
            facts,
            policy=replace(facts.policy, approval=when, **policy),
            ledger=replace(facts.ledger, approved=agreed),
            etcd=an_etcd("cp1", "cp2"),
        )
        return facts, approved(facts, hop)

    return sentence


@pytest.mark.parametrize(
    "case",
    [
        pytest.param({}, id="what was approved"),
        pytest.param({"node": "cp2"}, id="the next node"),
        pytest.param({"terms": replace(TERMS, hops=(DONE, FIRST, NEXT))}, id="a later run of the path"),
        pytest.param(
            {"hop": replace(HOP, came_from=HOP.to, workers=("w2",)), "node": "w2"},
            id="more workers, in the run after it",
        ),
        pytest.param({"terms": replace(TERMS, care=Care(3)), "max_unavailable": 2}, id="with more care"),
        pytest.param({"terms": replace(TERMS, care=Care("50%")), "max_unavailable": 1}, id="one at a time"),
        pytest.param({"terms": replace(TERMS, care=Care("50%")), "max_unavailable": "25%"}, id="a smaller share"),
        pytest.param({"terms": None, "when": ApprovalPolicy()}, id="nobody is asked"),
        pytest.param({"terms": None, "when": DISRUPTIVE, "hop": PATCH}, id="not disruptive"),
        pytest.param(
            {"terms": None, "when": DISRUPTIVE, "hop": replace(PATCH, workers=("w1",))}, id="workers that are there"
        ),
        pytest.param({"terms": None, "when": DISRUPTIVE, "hop": replace(PATCH, kubelet_minor=28)}, id="their kubelets"),
        pytest.param(
            {"terms": replace(TERMS, hops=(replace(FIRST, workers=("w1",)),)), "node": "w2", "slot": True},
            id="one that was begun with",
        ),
    ],
)
def test_it_is_let_pass(at_the_gate, case):
    assert at_the_gate(**case)[1] is None


@pytest.mark.parametrize(
    ("case", "difference"),
    [
        pytest.param({"terms": None}, "there is none: clear the task approve", id="none, and approve was marked"),
        pytest.param({"terms": None, "when": DISRUPTIVE}, "there is none", id="none, of what is disruptive"),
        pytest.param(
            {"terms": None, "when": DISRUPTIVE, "hop": replace(PATCH, workers=("w1",), drains=True)}, "there is none",
            id="a drain",
        ),
        pytest.param(
            {"terms": None, "when": DISRUPTIVE, "hop": replace(PATCH, control_plane=("cp1",))}, "there is none",
            id="one control plane node",
        ),
        pytest.param({"max_unavailable": "100%"}, "max_unavailable 1 → 100%", id="all at once"),
        pytest.param({"drain": DrainPolicy(force=True)}, "drain allows more: force", id="force"),
        pytest.param({"drop_flags": {"f": "why"}}, "drop_flags allows more: f", id="a flag left out"),
        pytest.param(
            {"hop": replace(HOP, ignore_preflight_errors={"Swap": "why"})},
            "ignore_preflight_errors allows more: Swap", id="an error passed over",
        ),
        pytest.param(
            {"hop": replace(HOP, to=Version(1, 29, 16), sources={})}, "the hop to 1.29: 1.29.15 → 1.29.16",
            id="planned anew for another patch",
        ),
        pytest.param(
            {"terms": replace(TERMS, hops=(NEXT,))}, "the hop (1.28.15 to 1.29.15) is not in what was approved",
            id="another path",
        ),
        pytest.param(
            {"hop": replace(HOP, came_from=Version(1, 28, 1))}, "begins at 1.28.1, and not at 1.28.15", id="another way"
        ),
        pytest.param(
            {"terms": replace(TERMS, hops=(replace(FIRST, packages={"deb": PACKAGES["deb"] | {"kubelet": "0"}}),))},
            "kubelet (deb): 0 → 1.29.15-1.1", id="another revision",
        ),
        pytest.param(
            {"hop": replace(HOP, sources={"deb": Source(Repository("https://evil/", "k"), PACKAGES["deb"])})},
            "/v1.29/deb/ → https://evil/", id="another repository",
        ),
        pytest.param(
            {
                "hop": replace(
                    HOP, sources={"deb": Source(Repository(HOP.sources["deb"].repository.url, "k"), PACKAGES["deb"])}
                )
            },
            "the repository's signing key is from k", id="another key",
        ),
        pytest.param({"hop": replace(HOP, ignore_window="x")}, "does not wait for maintenance windows", id="noon"),
        pytest.param({"hop": replace(HOP, etcd_pin="3.5.26-0")}, "fixes etcd at 3.5.26-0", id="etcd work"),
        pytest.param(
            {"terms": replace(TERMS, hops=(replace(FIRST, workers=("w1",)),)), "node": "w2"},
            "w2 is not in the hop to 1.29.15 that was approved", id="a node of no approval",
        ),
    ],
)  # fmt: skip
def test_what_was_not_approved_waits_for_it(at_the_gate, case, difference):
    """Whenever it has become so: before the first node, or in the third night."""
    facts, sentence = at_the_gate(**case)
    hop = case.get("hop", HOP)
    assert difference in sentence
    assert "clear the task approve" in sentence
    if facts.node.name == "cp1":
        assert kind_of_wait(facts, hop) is Wait.APPROVAL
        assert list(STEPS["admit"].actions(facts, hop)) == []


def test_whoever_is_out_of_service_is_finished(at_the_gate):
    """It has its slot: it is not at the gates."""
    facts, _ = at_the_gate(terms=None, slot=True)
    assert STEPS["admit"].done(facts, HOP)


def test_a_rehearsal_and_a_run_that_has_lost_the_cluster_wait_for_none(at_the_gate):
    facts, _ = at_the_gate(terms=None)
    assert facts.ledger.is_held_by(RUN)
    assert approved(replace(facts, ledger=replace(facts.ledger, holder=None)), HOP) is None
