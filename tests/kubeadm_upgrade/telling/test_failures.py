"""Of failures of nodes' tasks: who tells, for whom else, and how many at most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.telling.failures import MOST, Failure, task_failed
from kubeadm_upgrade.telling.notice import MOST_LETTERS, Notice

NOON = datetime(2026, 12, 5, 12, tzinfo=UTC)
SAME_WAY = "Nodes that fail the same way are not told one by one"


def at(second):
    return (NOON + timedelta(seconds=second)).isoformat()


def failure(node="w1", what="w1: no room", second=0, task="workers.drain_node"):
    return Failure(task, node, what, at(second))


def report_of(*failures, **given):
    """Of a run in which these have failed."""
    rows = [
        {"task": one.task, "node": one.node, "state": "failed", "why": one.what, "do": "", "at": one.at}
        for one in failures
    ]
    return {"unfinished": rows, "given_up": {}, "hop": {"control_plane": ["cp1"]}, "slots": []} | given


def told(failed, written, again="2", said=()):
    return task_failed("prod", failed, "make room", said, again, written)


def run_of(event):
    return Notice.of(event, dag_id="d", run_id="r", began="", now=NOON).telling_run


def all_told(failures):
    """Each by itself, when those up to it have failed; the runs that tell them."""
    events = [told(one, report_of(*failures[: number + 1])) for number, one in enumerate(failures)]
    return {run_of(event) for event in events if event}


def test_one_says_what_has_failed_and_that_it_speaks_for_others():
    event = told(failure(), report_of(failure(), slots=["w1"]))
    assert event.text == f"w1: drain_node has failed: w1: no room. The node keeps its slot. {SAME_WAY}"
    assert (event.node, event.do) == ("w1", "make room")


def test_a_node_that_holds_no_slot_is_not_said_to_keep_one():
    """One that stages packages, or waits at the gates."""
    event = told(failure(task="workers.admit"), report_of(failure(), slots=["w2"]))
    assert event.text == f"w1: admit has failed: w1: no room. {SAME_WAY}"


def test_of_five_hundred_that_fail_the_same_way_one_is_told():
    failures = [failure(f"w{n}", f"w{n}: admit: prod.yaml: no such field, says w{n}.", n) for n in range(500)]
    assert len(all_told(failures)) == 1


def test_what_fails_for_reasons_of_its_own_is_told_up_to_a_number():
    """The last that is told says that it is."""
    failures = [failure(f"w{n}", f"w{n}: pod-{n} does not go", n) for n in range(40)]
    assert len(all_told(failures)) == MOST
    before, last, after = (told(failures[n], report_of(*failures)) for n in (MOST - 2, MOST - 1, MOST))
    assert before.text.endswith(SAME_WAY)
    assert last.text.endswith(
        f"Failures of {MOST} kinds stand now: until they are mended others are not told, see the board"
    )
    assert after is None


@given(st.permutations(range(25)), st.integers(1, 30))
def test_whoever_reads_when_some_are_told_and_never_too_many(order, kinds):
    """Also where all have failed before the first of them has looked who else did."""
    failures = [failure(f"w{n}", f"w{n}: {order[n] % kinds}", n) for n in range(25)]
    events = [told(one, report_of(*failures)) for one in failures]
    assert len({run_of(event) for event in events if event}) == min(MOST, len({one.kind for one in failures}))


def test_what_was_mended_makes_room():
    failures = [failure(f"w{n}", f"w{n}: pod-{n} does not go", n) for n in range(MOST + 1)]
    assert told(failures[-1], report_of(*failures)) is None
    assert told(failures[-1], report_of(*failures[1:])) is not None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param(failure("w1", "w1: x"), failure("w2", "w2: x"), True, id="by-name"),
        pytest.param(failure("w1", "w1: x"), failure("w2", "w2: y"), False, id="reason"),
        pytest.param(failure("w1", "w1: x"), failure("w2", "w2: x", task="workers.admit"), False, id="step"),
        pytest.param(failure("w1", "w1: w10 x"), failure("w2", "w2: w20 x"), False, id="a-name-within-a-name"),
        pytest.param(failure("w.1", "w.1: x"), failure("w-1", "w.1: x"), False, id="no-pattern"),
    ],
)
def test_the_same_way(one, other, same):
    assert (run_of(told(one, report_of(one))) == run_of(told(other, report_of(other)))) is same


def test_one_that_was_cleared_and_fails_again_is_told_anew():
    assert run_of(told(failure(), report_of(failure()), "2")) != run_of(told(failure(), report_of(failure()), "5"))


@pytest.mark.parametrize(
    ("node", "is_told"),
    [pytest.param("w1", False, id="worker"), pytest.param("cp1", True, id="the run cannot go on without it")],
)
def test_of_a_node_that_somebody_has_given_up_nobody_is_told(node, is_told):
    written = report_of(failure(node), given_up={node: "its disk"})
    assert (told(failure(node), written) is not None) is is_told


def test_of_a_node_that_is_left_in_quarantine_people_are_told():
    """Nobody has decided it. Its slot is in nobody's way, so none is spoken of."""
    written = report_of(failure("w1"), given_up={"w1": "quarantined: its drain was blocked"}, slots=["w1"])
    event = told(failure("w1"), written)
    assert event is not None
    assert "keeps its slot" not in event.text


def test_who_was_ruled_out_or_given_up_takes_no_place():
    failures = [failure(f"w{n}", f"w{n}: pod-{n}", n) for n in range(MOST + 5)]
    written = report_of(*failures, given_up={f"w{n}": "old" for n in range(3)})
    for row in written["unfinished"][3:6]:
        row["ruled_out"] = True
    del written["unfinished"][6]["at"]  # of an earlier release, or marked by hand
    assert told(failures[-1], written) is not None


def test_without_a_report_one_tells_it_for_all_of_its_step():
    """What others have told is not known, and nor is who holds a slot."""
    events = [told(failure(f"w{n}", f"w{n}: pod-{n} does not go", n), None) for n in range(20)]
    assert len({run_of(event) for event in events}) == 1
    assert events[0].text == f"w0: drain_node has failed: w0: pod-0 does not go. {SAME_WAY}"


def test_a_long_reason_hides_nothing_that_comes_after_it():
    long = failure(what="x" * 900)
    event = told(long, report_of(long, slots=["w1"]), said=["E: y"])
    notice = Notice.of(event, dag_id="d", run_id="r", began="", now=NOON)
    assert len(notice.event.text) <= MOST_LETTERS
    assert notice.event.text.endswith(SAME_WAY)
    assert event.more.splitlines() == ["```", "x" * 900, "E: y", "```"]


def test_what_a_host_has_said_is_shown_and_cannot_get_out_of_its_box():
    event = told(failure(), report_of(failure()), said=["E: no space", "```", "# hi"])
    assert event.more.splitlines() == ["```", "E: no space", "'''", "# hi", "```"]


def test_a_reason_that_is_no_text_is_told_too():
    odd = failure(what="w1: \ud800")
    assert told(odd, report_of(odd)).key.isascii()
