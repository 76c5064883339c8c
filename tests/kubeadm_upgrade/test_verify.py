"""Proving the result: every way in which a cluster may not be what was promised."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kubeadm_upgrade.slots import Slots

from in_memory.examples import NEW, static_pods
from kubeadm_upgrade.verify import shortcomings


@pytest.fixture
def result(facts_of, hop):
    """A cluster after a hop, as the arguments of `shortcomings`."""
    nodes = [replace(facts_of(name).node, kubelet=NEW) for name in (*hop.control_plane, *hop.workers)]
    plane = replace(facts_of("cp1").control_plane, static_pods=static_pods(hop, NEW), cluster_version=NEW)
    return {"hop": hop, "nodes": nodes, "control_plane": plane, "slots": Slots()}


def worker(result, **changes):
    return {**result, "nodes": [replace(n, **changes) if n.name == "w1" else n for n in result["nodes"]]}


def plane(result, **changes):
    return {**result, "control_plane": replace(result["control_plane"], **changes)}


def test_what_was_promised_has_no_shortcoming(result):
    """All at the target."""
    assert list(shortcomings(**result)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda r: worker(r, ready=False, ready_reason="R"), "w1 is not Ready (R)", id="not Ready"),
        pytest.param(lambda r: worker(r, kubelet=r["hop"].came_from), "w1 runs kubelet 1.28.15, not 1.29.15", id="old"),
        pytest.param(
            lambda r: worker(r, unschedulable=True, cordoned_by="prod/v1.29.15"), "w1 is still cordoned", id="cordoned"
        ),
        pytest.param(lambda r: {**r, "nodes": r["nodes"][:-1]}, "w2 is no longer in the cluster", id="gone"),
        pytest.param(
            lambda r: plane(r, cluster_version=r["hop"].came_from), "kubeadm-config says 1.28.15", id="not written down"
        ),
        pytest.param(
            lambda r: plane(r, static_pods=static_pods(r["hop"], r["hop"].came_from)), "cp1 are not all at", id="Pods"
        ),
        pytest.param(lambda r: plane(r, failing_checks=("etcd",)), "readyz check etcd fails", id="sick"),
        pytest.param(
            lambda r: {**r, "slots": Slots().take("worker", "w1", "run")}, "w1 still holds a worker slot", id="slot"
        ),
    ],
)
def test_a_shortcoming_is_a_sentence(result, change, words):
    """What is not as promised, and where."""
    assert [sentence for sentence in shortcomings(**change(result)) if words in sentence]


def test_what_was_so_before_is_none(result):
    """A node cordoned before us, and a slot of a node that was not in this run."""
    cordoned = worker(result, unschedulable=True)
    cordoned["hop"] = replace(result["hop"], cordoned_before=("w1",))
    assert list(shortcomings(**cordoned)) == []
    assert list(shortcomings(**{**result, "slots": Slots().take("worker", "w9", "run")})) == []
