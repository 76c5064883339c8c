"""A retry clears what it needs and nothing else."""

from __future__ import annotations

import pytest

from in_memory.runs import a_run
from kubeadm_upgrade.board.record import Failure, TaskRecord
from kubeadm_upgrade.board.retry import retry_of


def cleared(task_id, map_index=-1, why=""):
    task = TaskRecord(task_id, map_index, "failed", failure=Failure(why) if why else None)
    return retry_of(a_run(), task)


@pytest.mark.parametrize(
    ("task", "index", "why", "first"),
    [
        pytest.param("workers.drain_node", 2, "", ["workers.drain_node", 2], id="itself"),
        pytest.param("verify", -1, "", "verify", id="a task of the run"),
        pytest.param("plan", -1, "", "look", id="a plan is made of what is looked at anew"),
        pytest.param(
            "control_plane.kubeadm_upgrade", 0, "", ["control_plane.back_up", 0], id="a backup is good for an hour"
        ),
        pytest.param(
            "workers.uncordon_node",
            1,
            "w2: uncordon_node: it runs kubelet 1.28.15, not 1.29.15: clear its restart_kubelet task as well",
            ["workers.restart_kubelet", 1],
            id="what its refusal names",
        ),
    ],
)
def test_the_failed_task_of_one_node_and_what_comes_after_it(task, index, why, first):
    call = cleared(task, index, why)
    assert (call.method, call.path) == ("POST", "/api/v2/dags/kubeadm_upgrade.prod/clearTaskInstances")
    assert call.body["task_ids"] == [first]
    assert (call.body["include_downstream"], call.body["dag_run_id"], call.body["dry_run"]) == (True, "night", False)
    assert not call.body.get("include_upstream")
    assert not call.body.get("include_future")
