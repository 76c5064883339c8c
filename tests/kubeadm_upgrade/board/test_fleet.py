"""Every cluster in a word and a sentence, those that need a person first."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory.runs import DONE, NOW, a_run, ago, at, ended, failed
from kubeadm_upgrade.board.cluster_record import ClusterRecord
from kubeadm_upgrade.board.fleet import fleet_of
from kubeadm_upgrade.board.fleet_view import State
from kubeadm_upgrade.board.last_look import LastLook
from kubeadm_upgrade.releases.files import read_releases
from kubeadm_upgrade.releases.known import OWN_DIRECTORY
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar, Exclusion, Once

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "fleet.schema.json").read_text())
RELEASES = Releases(read_releases([OWN_DIRECTORY]))

# 1.34 has fixes until 2026-10-27, 1.35 until 2027-02-28: on the 26 November of NOW one has none any more
NEW, OLD = "1.35.3", "1.34.2"


def a_look(version=NEW, *kubelets, **changes):
    seen = dict.fromkeys(kubelets or (version,), 3)
    look = LastLook("prod", ago(60), "kubeadm_upgrade.prod", "night", version, seen)
    return replace(look, **changes)


def a_path(target, hops):
    return {"target": target, "hops": [{"came_from": "1.34.2", "to": target}] * hops}


@pytest.mark.parametrize(
    ("look", "target"),
    [
        pytest.param(a_look(), "1.35", id="where it is to be"),
        pytest.param(a_look(), "1.36", id="behind"),
        pytest.param(a_look(paused="the summer sale"), "1.35", id="paused"),
        pytest.param(a_look(OLD), "1.35", id="without fixes"),
    ],
)
def test_at_one_look_it_is_seen_where_nodes_are_not_ready(look, target):
    """Whatever else is to be said of a cluster at rest: somebody has to see to them."""
    found = row(cluster(look=replace(look, not_ready=("w3",)), target=target))
    assert (found.state, found.tone, found.needs_person) == (State.AILING, "person", True)
    assert found.sentence.endswith(" w3 is not Ready.")


def test_what_a_report_proved_that_was_removed_since_is_seen_by_looking():
    old = cluster(run=replace(DONE_RUN, report=None, tasks=()))
    assert row(old).state is row(cluster(run=DONE_RUN)).state


def cluster(**changes):
    return replace(ClusterRecord("prod", "kubeadm_upgrade.prod", "1.35", {"team": "shop"}, look=a_look()), **changes)


def row(record):
    return fleet_of([record], NOW, RELEASES).clusters[0]


DONE_RUN = ended(at(a_run(1, 0), {"cp1": DONE}))
CASES = {
    "nobody has looked": (
        cluster(look=None),
        State.UNKNOWN,
        "Nobody has looked at it yet: start a dry run, which changes nothing.",
    ),
    "its file is broken": (
        cluster(broken="prod.yaml: max_unavailble: unknown key"),
        State.BROKEN_FILE,
        "Its file cannot be used: prod.yaml: max_unavailble: unknown key.",
    ),
    "current": (cluster(), State.CURRENT, "Runs 1.35.3, supported until 2027-02-28, where it is to be."),
    "current, and a node is ill": (
        cluster(look=a_look(not_ready=("w3",))),
        State.AILING,
        "Runs 1.35.3, supported until 2027-02-28, where it is to be. w3 is not Ready.",
    ),
    "current, and another Airflow has it": (
        cluster(look=a_look(holder="run x of https://other")),
        State.CURRENT,
        "Runs 1.35.3, supported until 2027-02-28, where it is to be. Run x of https://other holds it.",
    ),
    "no target is known": (cluster(target=None), State.CURRENT, "Runs 1.35.3, supported until 2027-02-28."),
    "behind": (
        cluster(target="1.36"),
        State.BEHIND,
        "Runs 1.35.3, supported until 2027-02-28: it is to go to 1.36.",
    ),
    "behind by a patch": (
        cluster(target="1.35.4"),
        State.BEHIND,
        "Runs 1.35.3, supported until 2027-02-28: it is to go to 1.35.4.",
    ),
    "behind by a known path": (
        cluster(target="1.37", run=replace(DONE_RUN, path=a_path("1.37.1", 3))),
        State.BEHIND,
        "Runs 1.35.3, supported until 2027-02-28: 1.37 is 2 hops away.",
    ),
    "workers are left to the run after it": (
        cluster(
            look=a_look(NEW, "1.35.2"),
            run=replace(DONE_RUN, path=a_path("1.35.3", 1), hop={**(DONE_RUN.hop or {}), "later": ["w101"]}),
        ),
        State.BEHIND,
        "Runs 1.35.3 with kubelets as old as 1.35.2, supported until 2027-02-28: 1.35 is 1 hop away.",
    ),
    "a rehearsed path is still to be gone": (
        cluster(target="1.37", run=replace(DONE_RUN, path=a_path("1.37.1", 2), params={"dry_run": True})),
        State.BEHIND,
        "Runs 1.35.3, supported until 2027-02-28: 1.37 is 2 hops away.",
    ),
    "a path to elsewhere": (
        cluster(target="1.37", run=replace(DONE_RUN, path=a_path("1.36.1", 2))),
        State.BEHIND,
        "Runs 1.35.3, supported until 2027-02-28: it is to go to 1.37.",
    ),
    "a kubelet was left behind": (
        cluster(look=a_look(NEW, "1.33.1", NEW), target="1.35"),
        State.END_OF_LIFE,
        "Runs 1.35.3 with kubelets as old as 1.33.1, without fixes since 2026-06-28: it is to go to 1.35.",
    ),
    "no fixes any more": (
        cluster(look=a_look(OLD)),
        State.END_OF_LIFE,
        "Runs 1.34.2, without fixes since 2026-10-27: it is to go to 1.35.",
    ),
    "no fixes and nowhere to go": (
        cluster(look=a_look(OLD), target="1.34"),
        State.END_OF_LIFE,
        "Runs 1.34.2, without fixes since 2026-10-27: its file asks for 1.34, and for nothing newer.",
    ),
    "paused": (
        cluster(look=a_look(paused="the summer sale")),
        State.PAUSED,
        "Runs 1.35.3, supported until 2027-02-28; paused (the summer sale): a run would wait.",
    ),
    "its last run has ended with its window": (
        cluster(
            run=replace(
                ended(at(a_run(1, 1), {"cp1": DONE})),
                report={
                    "result": "To be continued",
                    "left": {"nodes": ["w1"], "why": "To be continued: w1 is left (x)"},
                },
            )
        ),
        State.TO_BE_CONTINUED,
        "To be continued: w1 is left (x); ",
    ),
    "under way": (
        cluster(run=at(a_run(1, 1), {"cp1": DONE, "w1": "workers.drain_node"})),
        State.MOVING,
        "The only worker is not done yet, w1 is being drained; about a minute left.",
    ),
    "a node has failed": (
        cluster(run=at(a_run(1, 1), {"cp1": DONE, "w1": "workers.drain_node"}, **failed("w1: no"))),
        State.NEEDS_PERSON,
        (
            "w1 failed at drain at 03:03 UTC: no. Mend this, then clear this task: the run goes on from here. The only "
            "worker is not done yet."
        ),
    ),
    "the last run has failed": (
        cluster(run=ended(at(a_run(1, 1), {"cp1": DONE, "w1": "workers.drain_node"}, **failed("w1: no")), "failed")),
        State.FAILED,
        "Failed after 47 minutes: w1 failed at drain at 03:03 UTC: no.",
    ),
    "a release that nobody knows": (cluster(look=a_look("1.99.0")), State.CURRENT, "Runs 1.99.0, where it is to be."),
    "a version that is none": (cluster(look=a_look("?")), State.CURRENT, "Runs ?, where it is to be."),
}


@pytest.mark.parametrize("name", CASES)
def test_how_a_cluster_stands(name):
    record, state, sentence = CASES[name]
    found = row(record)
    assert found.state is state
    assert found.sentence[: len(sentence)] == sentence


def test_every_state_is_tested_here():
    assert {state for _, state, _ in CASES.values()} == set(State) - {State.WAITING}


def test_what_stands_in_a_row():
    plain = row(
        cluster(look=a_look(NEW, OLD, NEW), run=at(a_run(1, 1), {"cp1": DONE, "w1": "workers.drain_node"}))
    ).to_json()
    del plain["sentence"]
    assert plain == {
        "name": "prod",
        "dag_id": "kubeadm_upgrade.prod",
        "labels": {"team": "shop"},
        "state": "moving",
        "tone": "busy",
        "needs_person": False,
        "version": "1.35.3",
        "worst_kubelet": "1.34.2",
        "end_of_life": "2026-10-27",
        "days_left": -30,
        "target": "1.35",
        "hops_left": None,
        "progress": {"done": 1, "of": 2},
        "next_window": None,
        "window_until": None,
        "last_run": {"run_id": "night", "state": "running", "started": "2026-11-26T02:14:00+00:00", "ended": None},
        "report": None,
        "board": None,
        "looked_at": "2026-11-26T02:14:00+00:00",
    }


HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("calendar", "opens", "until"),
    [
        pytest.param(ALWAYS, None, None, id="no windows"),
        pytest.param(Calendar(exclusions=(Exclusion(NOW, NOW + HOURS),)), None, None, id="only a freeze"),
        pytest.param(Calendar(once=(Once(NOW + HOURS, HOURS),)), NOW + HOURS, None, id="to come"),
        pytest.param(Calendar(once=(Once(NOW - HOURS, HOURS),)), None, None, id="over"),
        pytest.param(Calendar(once=(Once(NOW, HOURS),)), None, NOW + HOURS, id="open, and the last one"),
        pytest.param(
            Calendar(once=(Once(NOW, HOURS), Once(NOW + 3 * HOURS, HOURS))),
            NOW + 3 * HOURS,
            NOW + HOURS,
            id="open, and another comes",
        ),
    ],
)
def test_when_the_next_window_opens_and_this_one_closes(calendar, opens, until):
    found = row(cluster(calendar=calendar))
    assert (found.next_window, found.window_until) == (opens, until)


def test_when_support_ends_a_releases_facts_say():
    """As for preflight, that very day is one without support."""
    end = RELEASES.of(35).support.end_of_life
    assert end == date(2027, 2, 28)
    day = timedelta(days=(end - NOW.date()).days)
    before, after = (fleet_of([cluster()], NOW + day + timedelta(days=n), RELEASES).clusters[0] for n in (-1, 0))
    assert (before.state, before.days_left) == (State.CURRENT, 1)
    assert (after.state, after.days_left) == (State.END_OF_LIFE, 0)


def test_whoever_needs_a_person_comes_first():
    names = {
        "zulu": "its file is broken",
        "yankee": "a node has failed",
        "alpha": "current",
        "bravo": "current",
        "mike": "behind",
    }
    records = [replace(CASES[case][0], name=name) for name, case in reversed(names.items())]
    found = fleet_of(records, NOW, RELEASES).clusters
    assert [one.name for one in found] == ["zulu", "yankee", "mike", "alpha", "bravo"]
    assert [one.needs_person for one in found] == [True, True, False, False, False]


TEXTS = st.sampled_from(["<script>", "\ud800", "1.2.3", "", "1.35", "{x}", "\x00"]) | st.text(max_size=5)


@settings(deadline=None)
@given(
    record=st.builds(
        ClusterRecord,
        name=TEXTS,
        dag_id=TEXTS,
        target=st.none() | TEXTS,
        labels=st.dictionaries(TEXTS, TEXTS, max_size=2),
        broken=st.none() | TEXTS,
        run=st.none() | st.sampled_from([record.run for record, *_ in CASES.values() if record.run]),
        look=st.none()
        | st.builds(
            LastLook,
            cluster=TEXTS,
            looked_at=st.just(ago(9)),
            dag_id=TEXTS,
            run_id=TEXTS,
            version=TEXTS,
            kubelets=st.dictionaries(TEXTS, st.integers(1, 9), max_size=2),
            not_ready=st.lists(TEXTS, max_size=2).map(tuple),
            paused=st.none() | TEXTS,
        ),
    )
)
def test_whatever_is_known_of_a_cluster_its_row_is_plain_data(record):
    plain = fleet_of([record], NOW, RELEASES).to_json()
    jsonschema.validate(plain, SCHEMA)
    assert json.loads(json.dumps(plain)) == plain
