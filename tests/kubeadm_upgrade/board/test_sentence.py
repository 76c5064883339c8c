"""The sentence on top of a board: what whoever is woken at night reads first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from in_memory.runs import AFTER, BEFORE, DONE, NOW, a_run, ago, at, ended, failed, of_the_run, waiting
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import Marks, TaskRecord, Waiting
from kubeadm_upgrade.board.view import State
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar, Exclusion, Once

BUDGET = "pod shop/db-0 may not be evicted yet: The disruption budget db needs 1 healthy pods and has 1 currently"
PAUSED = "a slot: the upgrade is paused (incident 4711): start kubeadm_steer.prod with resume"
FULL = "1 worker node may be out of service at a time, and w9 is not Ready: mend it, or give it up (docs/ledger.md)"
CLOSED = f"a slot: {FULL}"
WHY = "pod shop/x has no controller and would be lost (delete it, or set drain.force in the inventory)"
LOST = f"w5: drain_node: {WHY}"
HELD = "run other holds this cluster since 2026-11-26 03:00:00 UTC (ConfigMap kube-system/kubeadm-fleet-ledger)"

PLANES = {f"cp{n}": DONE for n in (1, 2, 3)}
FOUR = {f"w{n}": DONE for n in (1, 2, 3, 4)}
REST = [f"w{n}" for n in range(6, 13)]


def the_middle(**at_the_gates):
    """The control plane and four of twelve workers are done, all after w5 wait to be admitted."""
    run = at(a_run(3, 12), PLANES | FOUR)
    return at(run, dict.fromkeys(REST, "workers.next_in_line"), **(at_the_gates or waiting("its turn", "turn")))


def w5(place="workers.drain_node", run=None, **task):
    return at(run or the_middle(), {"w5": place}, **task)


WORKERS = [f"w{n}" for n in range(1, 13)]
STAGED = dict.fromkeys(WORKERS, "workers.next_in_line")


def yet_to_come(**places):
    """At a place that Airflow has not come to."""
    return at(a_run(3, 12), places, state=None, started=None)


NOTHING = "Nothing to do: prod is at 1.29.15, every node Ready"
NOT_YET = [TaskRecord(name) for name in (*BEFORE, *AFTER)]
SKIPPED = [replace(task, state="skipped") for task in NOT_YET]

ALL = PLANES | {f"w{n}": DONE for n in range(1, 13)}

UNAPPROVED = "an approval of what is otherwise than what ann has approved: max_unavailable 1 → 100%: put the file back"
# no node was begun with, packages and images are there
PREPARED = at(
    a_run(1, 2), {"cp1": "control_plane.admit"} | dict.fromkeys(("w1", "w2"), "workers.next_in_line"), state=None
)
OPENS = "its maintenance window: it opens on Sat 5 Dec 22:00 (Europe/Berlin)"
SHUT = f"a slot: {OPENS}"
CASES = {
    "a node that was to begin without an approval": (
        at(the_middle(), {"w5": "workers.admit"}, **waiting(f"a slot: {UNAPPROVED}", "approval")),
        State.NEEDS_PERSON,
        f"No further node is begun since 03:03 UTC, it waits for {UNAPPROVED}; 4 of 12 workers are done.",
    ),
    "queued": (
        replace(a_run(), state="queued", started=None, tasks=(), hop=None),
        State.CLAIMING,
        "Queued: nothing is touched yet.",
    ),
    "another run has the cluster": (
        of_the_run(a_run(), "claim", state="deferred", waiting=Waiting(HELD, ago(11), "cluster")),
        State.CLAIMING,
        f"Waiting for the cluster since 03:03 UTC: {HELD}.",
    ),
    "looking": (
        of_the_run(of_the_run(replace(a_run(), hop=None, nodes=()), "preflight", state=None), "look", state="running"),
        State.PLANNING,
        "Looking at the cluster: nothing is touched yet.",
    ),
    "preflight again": (
        of_the_run(a_run(), "preflight", state="up_for_retry"),
        State.PLANNING,
        "Checking what must be so before a node is touched once more: nothing is touched yet.",
    ),
    "somebody is asked": (
        of_the_run(
            a_run(),
            "approve",
            state="awaiting_input",
            waiting=Waiting("ann or bob, until 2026-11-28 03:03 UTC (then it counts as refused)", ago(11), "approval"),
        ),
        State.NEEDS_PERSON,
        (
            "Waiting for approval since 03:03 UTC by ann or bob, until 2026-11-28 03:03 UTC (then it counts as "
            "refused): nothing is touched yet."
        ),
    ),
    "somebody is asked, and nobody knows whom": (
        of_the_run(a_run(), "approve", state="awaiting_input"),
        State.NEEDS_PERSON,
        "Waiting for approval: nothing is touched yet.",
    ),
    "somebody is asked, and it is aborted": (
        replace(of_the_run(a_run(), "approve", state="awaiting_input"), marks=Marks(aborted="too late")),
        State.NEEDS_PERSON,
        "Aborted (too late), and waiting for an answer: it ends once somebody refuses it (Refuse).",
    ),
    "preflight finds": (
        of_the_run(
            a_run(),
            "preflight",
            **failed(
                "prod: nothing was touched: w2: swap is on (/swapfile): turn it off", "turn it off, then clear it"
            ),
        ),
        State.NEEDS_PERSON,
        (
            "The task preflight failed at 03:03 UTC: nothing was touched: w2: swap is on (/swapfile): turn it off. "
            "Turn it off, then clear it."
        ),
    ),
    "packages": (
        at(yet_to_come(cp1="control_plane.admit"), dict.fromkeys(WORKERS, "stage.stage_packages")),
        State.MOVING,
        "Packages are on 1 of 15 nodes, 12 fetch theirs; about ",
    ),
    "a control plane node": (
        at(yet_to_come(cp1="control_plane_kubelets.admit", **STAGED), {"cp2": "control_plane.kubeadm_upgrade"}),
        State.MOVING,
        "1 of 3 control plane nodes is at 1.29.15, cp2 upgrades its control plane components; about ",
    ),
    "the only control plane node": (
        at(a_run(1, 1), {"cp1": "control_plane.back_up"}),
        State.MOVING,
        "The control plane is on its way to 1.29.15, cp1 is being backed up; about ",
    ),
    "a kubelet of the control plane": (
        at(
            yet_to_come(cp1="control_plane_kubelets.admit", cp2="control_plane_kubelets.admit", **STAGED),
            {"cp3": "control_plane_kubelets.node_ready"},
        ),
        State.MOVING,
        "The control plane is at 1.29.15 and the kubelets of 0 of 3 nodes are done, cp3 is coming back; about ",
    ),
    "a worker": (w5(), State.MOVING, "4 of 12 workers are done, w5 is being drained; about "),
    "several workers": (
        at(the_middle(), {"w5": "workers.drain_node"}),
        State.MOVING,
        "4 of 12 workers are done, w5 is being drained; about ",
    ),
    "a command on its host is work": (
        w5("workers.upgrade_kubeadm", **waiting("unit upgrade-kubeadm-v1.29.15 is running: Get:1 kubeadm", "command")),
        State.MOVING,
        "4 of 12 workers are done, w5 installs kubeadm; about ",
    ),
    "a budget": (
        w5(**waiting(f"{BUDGET}", "pods")),
        State.WAITING,
        f"4 of 12 workers are done, w5 has waited for Pods to go since 03:03 UTC ({BUDGET}); about ",
    ),
    "several budgets, of which a sentence names the first": (
        w5(**waiting(f"{BUDGET}; pod shop/web-0 may not be evicted yet: {'x' * 400}; pod shop/web-1 too", "pods")),
        State.WAITING,
        f"4 of 12 workers are done, w5 has waited for Pods to go since 03:03 UTC ({BUDGET} and 2 more); about ",
    ),
    "a reason that goes on and on": (
        w5(**waiting("x" * 400, "pods")),
        State.WAITING,
        f"4 of 12 workers are done, w5 has waited for Pods to go since 03:03 UTC ({'x' * 119}…); about ",
    ),
    "a Pod that did not go, after others that did": (
        w5(state="deferred", waiting=Waiting("pods to go from w5: shop/db-0", ago(11), "pods", ago(4))),
        State.WAITING,
        "4 of 12 workers are done, w5 has waited for Pods to go since 03:03 UTC (shop/db-0 since 03:10 UTC); about ",
    ),
    "a wait of an earlier release": (
        w5(**waiting("pods to go from w5: shop/db-0", "")),
        State.WAITING,
        "4 of 12 workers are done, w5 has waited since 03:03 UTC (shop/db-0); about ",
    ),
    "a failure": (
        w5(**failed(LOST)),
        State.NEEDS_PERSON,
        (
            f"w5 failed at drain at 03:03 UTC: {WHY}. Mend this, then clear this task: the run goes on from here. 4 of "
            "12 workers are done, 7 others wait until then."
        ),
    ),
    "a failure while another goes on": (
        at(
            at(at(a_run(3, 12), PLANES | FOUR), {"w6": "workers.restart_kubelet"}),
            {"w5": "workers.drain_node"},
            **failed(LOST),
        ),
        State.NEEDS_PERSON,
        (
            f"w5 failed at drain at 03:03 UTC: {WHY}. Mend this, then clear this task: the run goes on from here. 4 of "
            "12 workers are done, w6 goes on."
        ),
    ),
    "two failures": (
        at(w5(**failed(LOST)), {"w4": "workers.drain_node"}, **failed("later") | {"ended": ago(2)}),
        State.NEEDS_PERSON,
        "w5 failed at drain at 03:03 UTC (1 other failed after it): pod shop/x",
    ),
    "paused": (
        w5(run=the_middle(**waiting(PAUSED, "pause"))),
        State.PAUSED,
        (
            "Paused since 03:03 UTC (incident 4711): nothing new begins until somebody resumes it; 4 of 12 workers "
            "are done, w5 is finished first."
        ),
    ),
    "paused a moment ago": (
        replace(w5(), marks=Marks(paused="incident 4711", at=ago(1))),
        State.PAUSED,
        "Paused since 03:13 UTC (incident 4711): nothing new begins",
    ),
    "resumed a moment ago, and nobody has looked since": (
        replace(w5(run=the_middle(**waiting(PAUSED, "pause"))), marks=Marks(at=ago(0.1))),
        State.MOVING,
        "4 of 12 workers are done, w5",
    ),
    "paused again with kubectl, after a resume": (
        replace(w5(run=the_middle(**waiting(PAUSED, "pause"))), marks=Marks(at=ago(60))),
        State.PAUSED,
        "Paused since 03:03 UTC (incident 4711): nothing new begins",
    ),
    "resumed with kubectl": (
        replace(
            at(the_middle(), {"w5": "workers.admit"}, **waiting("a slot: 1 worker node may be out", "slot", 1)),
            marks=Marks(paused="incident 4711", at=ago(30)),
        ),
        State.WAITING,
        "4 of 12 workers are done, no further node may go out of service since 03:13 UTC: 1 worker node may be out",
    ),
    "its window is shut": (
        at(the_middle(), {"w5": "workers.next_in_line"}, **waiting(SHUT, "window")),
        State.WAITING,
        f"4 of 12 workers are done, it waits for {OPENS}; about ",
    ),
    "its window is shut, and everything else is done": (
        replace(PREPARED, tasks=(*PREPARED.tasks, TaskRecord("window", **waiting(OPENS, "window")))),
        State.WAITING,
        f"Everything is prepared for 1.29.15 and no node is touched yet, it waits for {OPENS}; about ",
    ),
    "its window is shut, and nobody came to a node that has its slot": (
        w5(**waiting(OPENS, "window")),
        State.WAITING,
        (
            "4 of 12 workers are done, w5 has waited for its maintenance window since 03:03 UTC (it opens on Sat 5 Dec "
            "22:00 (Europe/Berlin)); about "
        ),
    ),
    "its window is shut, and a node in flight is finished": (
        at(at(the_middle(), {"w6": "workers.next_in_line"}, **waiting(SHUT, "window")), {"w5": "workers.node_ready"}),
        State.MOVING,
        "4 of 12 workers are done, w5 is coming back; about ",
    ),
    "it has ended with its window": (
        replace(
            ended(at(a_run(3, 12), PLANES | FOUR)),
            report={"result": "To be continued", "left": {"nodes": ["w5"], "why": "To be continued: w5 is left (x)"}},
        ),
        State.TO_BE_CONTINUED,
        "To be continued: w5 is left (x); 4 of ",
    ),
    "a node of nobody is in the way": (
        at(the_middle(), {"w5": "workers.admit"}, **waiting(CLOSED, "slot")),
        State.WAITING,
        f"4 of 12 workers are done, no further node may go out of service since 03:03 UTC: {FULL}",
    ),
    "another is in the way now": (
        at(the_middle(), {"w5": "workers.admit"}, state="deferred", waiting=Waiting(CLOSED, ago(16), "slot", ago(1))),
        State.NEEDS_PERSON,
        f"No further node may go out of service since 02:58 UTC, now: {FULL}; 4 of 12 workers are done.",
    ),
    "and nobody sees to it": (
        at(the_middle(), {"w5": "workers.admit"}, **waiting(CLOSED, "slot", 16)),
        State.NEEDS_PERSON,
        f"No further node may go out of service since 02:58 UTC: {FULL}; 4 of 12 workers are done.",
    ),
    "a token that has expired": (
        w5(**waiting("the API of prod does not accept our credentials (401)", "credentials")),
        State.NEEDS_PERSON,
        (
            "Credentials are not accepted since 03:03 UTC (the API of prod does not accept our credentials (401)): "
            "renew them, and it goes on; 4 of 12 workers are done."
        ),
    ),
    "a file that somebody has broken": (
        w5(**waiting("prod.yaml: max_unavailble: unknown key: check its spelling, or remove it", "file")),
        State.NEEDS_PERSON,
        (
            "The cluster's file is broken since 03:03 UTC (prod.yaml: max_unavailble: unknown key: check its spelling, "
            "or remove it): mend it, and it goes on; 4 of 12 workers are done."
        ),
    ),
    "given up": (
        at(
            replace(the_middle(), marks=Marks(given_up={"w5": "its disk"})),
            {"w5": "workers.drain_node"},
            **waiting("x", "pods"),
        ),
        State.MOVING,
        "4 of 12 workers are done (w5 given up)",
    ),
    "aborted": (
        replace(w5(), marks=Marks(aborted="the wrong night")),
        State.ABORTED,
        (
            "Aborted (the wrong night): nothing new begins, and the run ends; 4 of 12 workers are done, w5 is "
            "finished first."
        ),
    ),
    "aborted and over": (
        replace(ended(the_middle(), "failed"), marks=Marks(aborted="the wrong night")),
        State.ABORTED,
        "Aborted (the wrong night): 4 of 12 workers are done; start a new run for what is left.",
    ),
    "done": (
        ended(at(a_run(3, 12), ALL)),
        State.DONE,
        "Done and verified in 47 minutes: 3 control plane nodes and 12 workers at 1.29.15.",
    ),
    "done, and the path goes on": (
        replace(ended(at(a_run(1, 0), {"cp1": DONE})), next_run="night~2"),
        State.DONE,
        "Done and verified in 47 minutes: 1 control plane node at 1.29.15; run night~2 goes on.",
    ),
    "over, and a task had failed": (
        ended(w5(**failed(LOST)), "failed"),
        State.FAILED,
        (
            f"Failed after 47 minutes: w5 failed at drain at 03:03 UTC: {WHY}. Mend this, then clear this task: the "
            "run goes on from here. 4 of 12 workers are done."
        ),
    ),
    "marked as a success by somebody": (
        of_the_run(ended(the_middle()), "report", state="skipped"),
        State.FAILED,
        (
            "Failed after 47 minutes: Airflow calls this run a success and no report has proven it: clear its task "
            "report. 4 of 12 workers are done."
        ),
    ),
    "its report says that it was not": (
        replace(ended(the_middle()), report={"result": "Not finished"}),
        State.FAILED,
        (
            "Failed after 47 minutes: Airflow calls this run a success, and its report says: not finished. 4 of 12 "
            "workers are done."
        ),
    ),
    "its report is gone": (
        replace(ended(at(a_run(3, 12), ALL)), report=None),
        State.UNPROVEN,
        (
            "Ended after 47 minutes, and nothing proves it any more: Airflow calls this run a success, and its report "
            "is not there. Reports are removed in time; where this one never was, clear its task report."
        ),
    ),
    "a schedule has opened it, and it looks": (
        replace(a_run(), hop=None, nodes=(), tasks=(TaskRecord("due", state="running", try_number=1), *NOT_YET)),
        State.PLANNING,
        "Looking whether there is anything to do: nothing is touched yet.",
    ),
    "nothing was to do": (
        replace(
            a_run(),
            state="success",
            ended=ago(59),
            hop=None,
            path=None,
            nodes=(),
            tasks=(TaskRecord("due", state="success", try_number=1), *SKIPPED),
            nothing_to_do=f"{NOTHING}. The next window opens Sat 28 Nov 22:00 (Europe/Berlin)",
        ),
        State.NOTHING_TO_DO,
        f"{NOTHING}. The next window opens Sat 28 Nov 22:00 (Europe/Berlin).",
    ),
    "rehearsed": (
        ended(replace(at(a_run(3, 12), ALL), params={"dry_run": True})),
        State.REHEARSED,
        (
            "Rehearsed, and nothing was changed: a run brings 3 control plane nodes and 12 workers to 1.29.15, with "
            "the commands that the report lists."
        ),
    ),
    "a rehearsal": (
        replace(w5(), params={"dry_run": True}),
        State.MOVING,
        "Rehearsing, nothing is changed: 4 of 12 workers are done, w5 is being drained.",
    ),
    "another day": (
        replace(w5(), marks=Marks(paused="x", at=ago(60 * 30))),
        State.PAUSED,
        "Paused since 24 Nov 21:14 UTC (x): ",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_run_is_told_in_a_sentence(name):
    record, state, sentence = CASES[name]
    board = board_of(record, NOW)
    assert board.state is state
    assert board.sentence[: len(sentence)] == sentence
    assert board.sentence.endswith((".", "…"))
    if sentence.endswith("."):
        assert board.sentence == sentence


@pytest.mark.parametrize(
    ("calendar", "ignore", "words"),
    [
        pytest.param(ALWAYS, "", "left.", id="no windows"),
        pytest.param(
            Calendar(once=(Once(ago(60), timedelta(hours=4)),)),
            "",
            "left; its window closes on Thu 26 Nov 06:14",
            id="open",
        ),
        pytest.param(Calendar(once=(Once(ago(60), timedelta(hours=4)),)), "an exploit", "left.", id="ignored"),
        pytest.param(Calendar(once=(Once(ago(-60), timedelta(hours=4)),)), "", "left.", id="shut: a node in flight"),
        pytest.param(Calendar(exclusions=(Exclusion(ago(-60), ago(-90)),)), "", "left.", id="only a freeze to come"),
    ],
)
def test_while_a_window_is_open_it_is_told_when_it_closes(calendar, ignore, words):
    record = w5()
    record = replace(record, hop={**record.hop, "ignore_window": ignore})
    assert words in board_of(record, NOW, calendar=calendar).sentence


def test_nodes_that_wait_for_a_window_are_queued_and_the_estimate_does_not_count_it():
    waits = at(the_middle(), {"w5": "workers.next_in_line"}, **waiting(SHUT, "window", minutes=3000))
    board = board_of(waits, NOW)
    (row,) = [row for row in board.nodes if row.name == "w5"]
    assert (row.state, row.sentence) == (
        "queued",
        "waits for its maintenance window: it opens on Sat 5 Dec 22:00 (Europe/Berlin)",
    )
    assert board.seconds_left < 3600


@pytest.mark.parametrize("report", [None, {"result": "Not finished"}, {}], ids=str)
def test_a_report_that_was_marked_as_a_success_proves_nothing(report):
    """Invariant I11: whoever marks the task by hand writes no report, or leaves the one that says otherwise."""
    marked = of_the_run(ended(at(a_run(3, 12), ALL)), "report", state="success")
    assert board_of(replace(marked, report=report), NOW).tone != "good"


@pytest.mark.parametrize(
    ("report", "state"),
    [
        pytest.param({"result": "Done and verified"}, State.DONE, id="its report says so"),
        pytest.param({"result": "Not finished"}, State.FAILED, id="its report says otherwise"),
        pytest.param(None, State.UNPROVEN, id="it is not there any more"),
    ],
)
def test_of_a_run_without_its_tasks_the_report_decides(report, state):
    """As the fleet's page asks for those that have ended well."""
    assert board_of(replace(ended(a_run()), tasks=(), report=report), NOW).state is state


def test_a_run_with_nothing_to_do_that_somebody_has_cleared_is_as_any_other():
    """Its first task has told it before; what the others have done since is what counts."""
    cleared = replace(ended(at(a_run(3, 12), ALL)), nothing_to_do=NOTHING)
    assert board_of(cleared, NOW).state is State.DONE
    assert board_of(replace(cleared, report=None), NOW).state is State.UNPROVEN
    assert board_of(replace(cleared, state="running", report=None), NOW).state is State.MOVING


def test_every_state_is_tested_here():
    assert {state for _, state, _ in CASES.values()} == set(State)


def test_a_long_story_is_cut_in_the_sentence_and_whole_in_its_cell():
    board = board_of(w5(**failed("w5: drain_node: " + "x" * 5000)), NOW)
    assert len(board.sentence) < 600
    assert any(len(cell.failure.why) > 5000 for row in board.nodes for cell in row.cells if cell.failure)


def test_what_was_cut_ends_where_it_was_cut():
    assert "…. " not in board_of(w5(**failed("w5: drain_node: " + "x" * 5000)), NOW).sentence
