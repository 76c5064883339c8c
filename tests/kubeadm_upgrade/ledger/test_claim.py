"""Who may have the cluster: one run at a time, whichever Airflow it is of (I8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from in_memory.examples import EARLIER, NAMESAKE, NOW, RUN, a_ledger
from kubeadm_upgrade.ledger.claim import why_not_claim
from kubeadm_upgrade.ledger.ledger import Failure, Holder, Ledger

HELD = (
    "{} holds this cluster since 2026-11-23 03:00:00 UTC (ConfigMap kube-system/kubeadm-fleet-ledger): let it end, or, "
    "if it has ended or never will, mark this run as failed and start one with take_over: {}"
)


@pytest.mark.parametrize(
    ("ledger", "take_over", "holder"),
    [
        pytest.param(Ledger(), "", None, id="nobody's"),
        pytest.param(a_ledger(RUN), "", None, id="its own"),
        pytest.param(a_ledger(RUN).released(NOW), "", None, id="its own, released"),
        pytest.param(a_ledger(EARLIER).released(NOW), "", None, id="another's, released"),
        pytest.param(a_ledger(EARLIER), "", EARLIER, id="another's"),
        pytest.param(a_ledger(NAMESAKE), "", NAMESAKE, id="a namesake's of another Airflow"),
        pytest.param(a_ledger(EARLIER), "run-0", None, id="another's, taken over"),
        pytest.param(a_ledger(EARLIER), "run-7", EARLIER, id="another's than the one to be taken over"),
        pytest.param(a_ledger(replace(RUN, began="later")), "", replace(RUN, began="later"), id="one of the same name"),
        pytest.param(
            replace(
                a_ledger(EARLIER), holder=Holder(EARLIER, NOW - timedelta(hours=1), judged=NOW - timedelta(days=99))
            ),
            "",
            EARLIER,
            id="one that has not moved for long",
        ),
    ],
)
def test_who_may_claim(ledger, take_over, holder):
    """No time passes a cluster on: only its holder's end, or a word that names the holder."""
    said = why_not_claim(ledger, RUN, take_over)
    assert said == (HELD.format(holder, holder.dag_run) if holder else None)


LEFT = replace(
    a_ledger(EARLIER).taken("w1", "worker", EARLIER, NOW),
    given_up={"w2": "its disk"},
    aborted="too late",
    paused="incident 7",
    etcd_pin="3.5.26-0",
    durations={"back_up": (61.0,)},
)


def test_a_new_run_begins_anew():
    """What was given up or aborted was that run's; what is so of the cluster stays: pauses, slots, our pin."""
    found = LEFT.claimed(RUN, NOW, give_up=["w3"])
    assert (found.given_up, found.aborted) == ({"w3": "parameter give_up"}, None)
    assert found.holder == Holder(RUN, NOW)
    assert replace(found, holder=LEFT.holder, given_up=LEFT.given_up, aborted=LEFT.aborted) == LEFT
    assert found.slot_of("w1", RUN) is None


def test_the_same_run_keeps_what_it_was_told():
    """Its claim was cleared: whoever wrote a reason by hand meant it, and it goes on where it was."""
    again = LEFT.released(NOW).claimed(EARLIER, NOW + timedelta(hours=9), give_up=["w2", "w3"])
    assert again.given_up == {"w2": "its disk", "w3": "parameter give_up"}
    assert (again.aborted, again.holder) == ("too late", replace(LEFT.holder, released=None))


def test_a_report_that_is_written_again_tells_durations_once():
    """It is tried again while something is not well yet."""
    once = a_ledger().released(NOW, {"drain_node": [1.5]})
    assert once.released(NOW, {"drain_node": [1.5]}).durations == {"drain_node": (1.5,)}


@pytest.mark.parametrize("act", ["begun", "failed", "ended"])
def test_a_note_on_a_slot_that_is_gone_says_nothing(act):
    """Somebody has taken it out by hand: it does not come back."""
    words = {"begun": ("u",), "failed": ("u", "why", NOW), "ended": ()}[act]
    assert getattr(a_ledger(), act)("w1", *words) == a_ledger()


def test_the_notes_of_one_upgrade():
    """Begun, failed, begun again, ended: the first failure is told of until all has ended well."""
    ledger = a_ledger().taken("cp1", "control-plane", RUN, NOW)
    begun = ledger.begun("cp1", "u")
    failed = begun.failed("cp1", "u", "no space", NOW)
    again = failed.begun("cp1", "u.try-2")
    told = Failure("u", "no space", NOW)
    assert [(s.doing, s.failure) for one in (begun, failed, again, again.ended("cp1")) for s in one.slots.values()] == [
        ("u", None),
        ("u", told),
        ("u.try-2", told),
        ("", None),
    ]


@pytest.mark.parametrize(
    ("run", "told"),
    [
        pytest.param(EARLIER, True, id="the run whose task failed"),
        pytest.param(replace(RUN, began=(NOW + timedelta(minutes=1)).isoformat()), True, id="started since"),
        pytest.param(replace(RUN, began="2026-11-23T00:00:00"), False, id="was waiting"),
        pytest.param(replace(RUN, began=""), False, id="nobody knows since when"),
    ],
)
def test_who_has_been_told_of_a_failure(run, told):
    """Whoever starts a run may have seen what had failed by then; who had started it before, may not."""
    ledger = a_ledger().taken("cp1", "control-plane", EARLIER, NOW).begun("cp1", "u").failed("cp1", "u", "no", NOW)
    assert ledger.taken("cp1", "control-plane", run, NOW).slots["cp1"].failure == Failure("u", "no", NOW, told)
