"""Workloads as the API counts them, what was unwell before, and what a query of Prometheus' says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.examples import NOW, facts_of
from kubeadm_upgrade.admission.lane import Member
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.ledger import wire
from kubeadm_upgrade.rollout.health import daemon_sets_rolled, workloads_as_before
from kubeadm_upgrade.rollout.prometheus import why_not
from kubeadm_upgrade.rollout.strategy import Health, Strategy
from kubeadm_upgrade.rollout.workload import Workload, read_workload, unwell

META = {"name": "web", "namespace": "shop", "generation": 3}
COUNTED = {"desiredNumberScheduled": 5, "numberReady": 4, "numberAvailable": 3, "updatedNumberScheduled": 2}
PROXY = Workload("DaemonSet", "kube-system", "kube-proxy", 5, 5, 5)
SHOP = Workload("Deployment", "shop", "web", 3, 3)


@pytest.mark.parametrize(
    ("kind", "spec", "status", "read"),
    [
        pytest.param("Deployment", {}, {"observedGeneration": 3}, (1, 0, None, True), id="one replica, none there"),
        pytest.param("Deployment", {"replicas": 0}, {"observedGeneration": 2}, (0, 0, None, False), id="scaled"),
        pytest.param(
            "StatefulSet",
            {"replicas": 3},
            {"readyReplicas": 2, "observedGeneration": 3},
            (3, 2, None, True),
            id="of a release that does not count what is available",
        ),
        pytest.param("DaemonSet", {}, COUNTED | {"observedGeneration": 3}, (5, 3, 2, True), id="a DaemonSet"),
        pytest.param(
            "DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, COUNTED, (5, 3, None, False), id="rolled by hand"
        ),
        pytest.param("DaemonSet", {}, {}, (0, 0, 0, False), id="new"),
    ],
)
def test_a_workload_is_read_as_the_api_counts_it(kind, spec, status, read):
    found = read_workload({"metadata": META, "spec": spec, "status": status}, kind)
    assert (found.wanted, found.available, found.updated, found.observed) == read
    assert str(found) == f"{kind} shop/web"


def test_one_that_is_none_is_told():
    with pytest.raises(UnreadableOutput, match="Deployment web"):
        read_workload({"metadata": {"name": "web"}}, "Deployment")


def looked_at(hop, *workloads, health, unwell=(), out=()):
    facts = facts_of(hop, "w1")
    members = {**facts.lane.members, **{name: Member(False, ready=False) for name in out}}
    holder = replace(facts.ledger.holder, unwell=unwell)
    return replace(
        facts,
        lane=replace(facts.lane, members=members),
        policy=replace(facts.policy, strategy=Strategy(health=health)),
        ledger=replace(facts.ledger, holder=holder),
        workloads=workloads,
    )


@pytest.mark.parametrize(
    ("workload", "out", "waits"),
    [
        pytest.param(PROXY, (), False, id="rolled out"),
        pytest.param(replace(PROXY, updated=4), (), True, id="an old Pod is left"),
        pytest.param(replace(PROXY, available=4), (), True, id="a Pod is not available"),
        pytest.param(replace(PROXY, available=4, updated=4), ("w8",), False, id="nor is its node"),
        pytest.param(replace(PROXY, updated=None), (), False, id="rolled by hand"),
        pytest.param(replace(PROXY, observed=False), (), True, id="nobody has seen that it changed"),
        pytest.param(replace(PROXY, namespace="shop", available=0), (), False, id="somebody else's"),
        pytest.param(replace(PROXY, kind="Deployment", available=0), (), False, id="no DaemonSet"),
    ],
)
def test_daemon_sets_of_the_system(hop, workload, out, waits):
    facts = looked_at(hop, workload, health=Health(daemon_sets=True), out=out)
    assert bool(daemon_sets_rolled(facts, hop)) is waits


@pytest.mark.parametrize(
    ("workload", "before", "waits"),
    [
        pytest.param(SHOP, (), False, id="well"),
        pytest.param(replace(SHOP, available=2), (), True, id="unwell since"),
        pytest.param(replace(SHOP, available=2), ("Deployment shop/web",), False, id="unwell before as well"),
        pytest.param(replace(SHOP, available=2), None, True, id="nobody knows what was before"),
        pytest.param(replace(SHOP, wanted=2, available=2), (), False, id="scaled down meanwhile"),
    ],
)
def test_workloads_are_compared_with_what_they_were(hop, workload, before, waits):
    facts = looked_at(hop, workload, health=Health(workloads=True), unwell=before)
    assert bool(workloads_as_before(facts, hop)) is waits


def test_what_was_unwell_is_noted_once_and_survives_the_ledger(hop):
    """A later judgement may see what the run itself has done; and none of them is another thing than nobody looked."""
    ledger = facts_of(hop, "w1").ledger
    first = ledger.judged(NOW, unwell([SHOP, replace(SHOP, name="old", available=0)], 0))
    later = first.judged(NOW, ("Deployment shop/new",)).judged(NOW)
    assert later.holder.unwell == ("Deployment shop/old",)
    for noted in (None, (), ("Deployment a/b", "StatefulSet c/d")):
        there = replace(ledger, holder=replace(ledger.holder, unwell=noted))
        assert wire.read(wire.write(there, {})).holder.unwell == noted
    assert ledger.judged(NOW).holder.unwell is None


def vector(*values, **metric):
    result = [{"metric": metric, "value": [1, value]} for value in values]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


NONE_OF_ITS = "its answer is none of Prometheus' (/api/v1/query)"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(vector("1"), "", id="passes"),
        pytest.param(vector("0.2", "7"), "", id="all of them"),
        pytest.param({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}, "", id="a scalar"),
        pytest.param(vector("1", "0", job="shop"), "it is 0 for {job=shop}", id="one is 0"),
        pytest.param(vector("NaN", job="shop"), "it is 0 for {job=shop}", id="no number"),
        pytest.param(vector(), "it has no result, and what nobody has seen is not well", id="no result"),
        pytest.param({"status": "error", "errorType": "bad_data"}, NONE_OF_ITS, id="an error"),
        pytest.param({"status": "success", "data": {"resultType": "matrix", "result": []}}, NONE_OF_ITS, id="a range"),
        pytest.param(["<html>"], NONE_OF_ITS, id="somebody else's"),
        pytest.param(None, NONE_OF_ITS, id="nothing"),
    ],
)
def test_a_query_passes_by_what_it_says(answer, why):
    assert why_not(answer) == why
