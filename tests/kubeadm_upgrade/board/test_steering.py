"""What may be done now, and nothing that would change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.runs import DONE, NOW, a_run, at, ended, failed, of_the_run, waiting
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import Marks

DRAIN = "workers.drain_node"


def actions(record):
    return {one.id: one for one in board_of(record, NOW).actions}


def middle(**task):
    return at(a_run(), {"cp1": DONE, "w1": DRAIN}, **task)


def asked(**changes):
    return of_the_run(replace(a_run(), **changes), "approve", state="awaiting_input")


CASES = {
    "a run under way": (middle(), {"pause", "abort"}),
    "a paused one": (replace(middle(), marks=Marks(paused="x")), {"resume", "abort"}),
    "an aborted one": (replace(middle(), marks=Marks(aborted="x")), set()),
    "a paused one that was aborted": (replace(middle(), marks=Marks(aborted="x", paused="y")), {"resume"}),
    "one in which a worker waits": (middle(**waiting("x", "pods")), {"pause", "abort", "give_up:w1", "delete_pods:w1"}),
    "one in which a worker has failed": (
        middle(**failed("x")),
        {"retry:workers.drain_node:0", "pause", "abort", "give_up:w1", "delete_pods:w1"},
    ),
    "one in which a worker was given up": (
        replace(middle(), marks=Marks(given_up={"w1": "x"})),
        {"pause", "abort", "take_back:w1"},
    ),
    "one in which a control plane node has failed": (
        at(a_run(), {"cp1": "control_plane.back_up"}, **failed("x")),
        {"retry:control_plane.back_up:0", "pause", "abort"},
    ),
    "one that somebody is asked about": (asked(), {"approve", "refuse", "pause", "abort"}),
    "one in which a control plane node's drain has failed": (
        at(a_run(), {"cp1": "control_plane_kubelets.drain_node"}, **failed("x")),
        {"retry:control_plane_kubelets.drain_node:0", "pause", "abort", "delete_pods:cp1"},
    ),
    "one in which another step waits": (
        at(a_run(), {"cp1": DONE, "w1": "workers.node_ready"}, **waiting("x", "node")),
        {"pause", "abort", "give_up:w1"},
    ),
    "a rehearsal": (replace(middle(), params={"dry_run": True}), set()),
    "one that is over": (ended(middle(state="success")), set()),
    "one that is over and has failed": (
        ended(middle(**failed("x")), "failed"),
        {"retry:workers.drain_node:0", "delete_pods:w1"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_may_be_done(name):
    record, ids = CASES[name]
    assert set(actions(record)) == ids


def test_steering_is_a_run_of_the_dag_that_steers():
    pause = actions(middle())["pause"].to_json()
    assert pause | {"ask": ""} == {
        "id": "pause",
        "label": "Pause",
        "ask": "",
        "needs": "reason",
        "node": None,
        "method": "POST",
        "path": "/api/v2/dags/kubeadm_steer.prod/dagRuns",
        "body": {"logical_date": None, "conf": {"action": "pause", "reason": "{reason}"}},
    }


def test_an_answer_is_the_call_of_airflows_own_page():
    """As the user who is logged in: whoever is not asked is refused there."""
    approve, refuse = (actions(asked())[name] for name in ("approve", "refuse"))
    path = "/api/v2/dags/kubeadm_upgrade.prod/dagRuns/night/taskInstances/approve/-1/hitlDetails"
    assert (approve.call.method, approve.call.path, refuse.call.path) == ("PATCH", path, path)
    assert approve.call.body == {"chosen_options": ["Approve"], "params_input": {"reason": "{reason}", "waive": []}}
    assert refuse.call.body["chosen_options"] == ["Refuse"]
    assert (approve.label, approve.needs, refuse.needs) == ("Approve", "reason", "reason")


def test_abort_says_that_a_run_which_asks_has_to_be_answered():
    """Airflow has parked it: nothing looks at the ledger before somebody has answered."""
    assert actions(asked())["abort"].ask.endswith("ends once somebody has given one: refuse it as well.")
    assert "refuse" not in actions(middle())["abort"].ask


def test_whoever_approves_what_blocks_sees_what_they_waive():
    approve = actions(asked(blocks=("room_on_disks", "swap_off")))["approve"]
    assert approve.label == "Approve, waiving room_on_disks, swap_off"
    assert approve.call.body["params_input"]["waive"] == ["room_on_disks", "swap_off"]


def test_what_is_about_a_node_names_it():
    give_up = actions(middle(**failed("x")))["give_up:w1"]
    assert (give_up.node, give_up.call.body["conf"]) == (
        "w1",
        {"action": "give_up", "node": "w1", "reason": "{reason}", "run": "night"},
    )


def test_to_have_somebody_asked_is_a_run_of_the_dag_that_asks():
    """For this run and that node alone; the answer is somebody else's."""
    asks = actions(middle(**waiting("x", "pods")))["delete_pods:w1"]
    assert (asks.call.method, asks.call.path) == ("POST", "/api/v2/dags/kubeadm_delete_pods.prod/dagRuns")
    assert asks.call.body["conf"] == {"node": "w1", "reason": "{reason}", "run": "night"}
    assert (asks.node, asks.needs) == ("w1", "reason")


def test_an_order_for_a_run_says_for_which():
    """Whoever presses a button of an old board means that run, and not the next one."""
    given_up = replace(middle(), marks=Marks(given_up={"w1": "x"}, paused="y"))
    found = actions(given_up) | actions(middle())
    runs = {name: one.call.body["conf"].get("run") for name, one in found.items()}
    assert runs == {"resume": None, "pause": None, "abort": "night", "take_back:w1": "night"}


@pytest.mark.parametrize("record", [record for record, _ in CASES.values()], ids=list(CASES))
def test_each_asks_once(record):
    for one in actions(record).values():
        assert one.ask.strip().endswith(("?", "."))
        assert "?" in one.ask
