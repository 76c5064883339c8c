"""Which steps share a task: every step is in one, in the procedure's order, and refusals name tasks that there are."""

from __future__ import annotations

import pytest

from kubeadm_upgrade.procedure import GROUPS, TASKS
from kubeadm_upgrade.tasks import clear_as_well, task_of, with_earlier

SHARED = [task for tasks in TASKS.values() for task in tasks if len(task.steps) > 1]


@pytest.mark.parametrize("group", GROUPS)
def test_the_tasks_of_a_group_perform_its_steps_in_their_order(group):
    assert [step for task in TASKS[group] for step in task.steps] == list(GROUPS[group])
    assert len({task.name for task in TASKS[group]}) == len(TASKS[group])


@pytest.mark.parametrize("group", GROUPS)
def test_every_step_knows_its_task(group):
    assert [(task_of(group, step.name), step) for task in TASKS[group] for step in task.steps] == [
        (task.name, step) for task in TASKS[group] for step in task.steps
    ]


def test_a_worker_has_four_tasks_that_a_person_can_clear():
    """As the README tells: drained, upgraded, Ready, uncordoned."""
    assert [task.name for task in TASKS["workers"]] == [
        "drain_node",
        "upgrade_kubelet_and_kubectl",
        "node_ready",
        "uncordon_node",
    ]


@pytest.mark.parametrize("task", SHARED, ids=lambda task: task.name)
def test_a_shared_task_has_the_name_of_one_of_its_steps(task):
    assert task.name in {step.name for step in task.steps}


@pytest.mark.parametrize("task", SHARED, ids=lambda task: task.name)
@pytest.mark.parametrize("status", ["changed", "unchanged"])
def test_one_step_comes_after_the_other(task, status):
    names = [step.name for step in task.steps]
    following = [task.after(name, status) for name in names]
    assert [step.name for step in following[:-1]] == names[1:]
    assert following[-1] is None


@pytest.mark.parametrize("status", ["gone", "left"])
def test_nothing_comes_after_a_node_that_has_gone_or_is_left(status):
    assert all(task.after(step.name, status) is None for task in SHARED for step in task.steps)


@pytest.mark.parametrize(
    ("step", "control_plane", "task"),
    [
        pytest.param("admit", False, "drain_node", id="worker-admit"),
        pytest.param("admit", True, "admit", id="control-plane-admit"),
        pytest.param("upgrade_kubeadm", False, "drain_node", id="worker-kubeadm"),
        pytest.param("restart_kubelet", False, "upgrade_kubelet_and_kubectl", id="worker-restart"),
        pytest.param("restart_kubelet", True, "restart_kubelet", id="control-plane-restart"),
    ],
)
def test_a_refusal_names_the_task_of_a_step(step, control_plane, task):
    assert clear_as_well(step, control_plane=control_plane) == f"clear its {task} task as well"


def test_what_an_earlier_try_has_changed_is_not_told_as_unchanged():
    earlier = [{"step": "a", "status": "changed"}, {"step": "b", "status": "unchanged"}, {"step": "d"}]
    told = (("a", "unchanged"), ("b", "unchanged"), ("c", "gone"))
    done = [{"step": name, "status": status} for name, status in told]
    assert with_earlier(done, earlier) == [earlier[0], *done[1:]]
    assert with_earlier([{"step": "a", "status": "changed", "n": 2}], earlier) == [
        {"step": "a", "status": "changed", "n": 2}
    ]
