"""The ledger as a ConfigMap: what people read and write with kubectl is what runs read and write."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory.examples import EARLIER, NAMESAKE, NOW, RUN, a_ledger
from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.terms import Block, Care, HopTerms, Terms
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.ledger import wire
from kubeadm_upgrade.ledger.ledger import Failure, Holder, Ledger, Slot
from kubeadm_upgrade.ledger.permit import Permit, PermittedPod
from kubeadm_upgrade.version import Version

names = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
texts = st.text(max_size=30)
sentences = texts.map(str.strip).filter(bool)
run_ids = st.builds(RunId, texts.filter(bool), texts, texts)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0)
)
maybe = times | st.none()
seconds = st.lists(st.integers(0, 9999).map(lambda tenths: tenths / 10), min_size=1, max_size=5).map(tuple)
failures = st.none() | st.builds(Failure, texts.filter(bool), texts, maybe, st.booleans())
versions = st.builds(Version, st.just(1), st.integers(22, 37), st.integers(0, 20))
several = st.just(()) | st.tuples(sentences) | st.tuples(sentences, sentences)
hops = st.builds(HopTerms, versions, versions, st.tuples(sentences), several, st.just({}), several)
blocks = st.just(()) | st.tuples(st.builds(Block, sentences, sentences))
cares = st.builds(Care, st.integers(1, 9), several)
terms = st.builds(Terms, st.tuples(hops) | st.tuples(hops, hops), texts, texts, cares, several, blocks)
approvals = st.builds(Approval, sentences, times, terms, texts, several, texts)
permitted = st.builds(PermittedPod, sentences, sentences, sentences, times, maybe)
permits = st.builds(Permit, run_ids, st.lists(permitted, min_size=1, max_size=3).map(tuple))
ledgers = st.builds(
    Ledger,
    holder=st.none() | st.builds(Holder, run_ids, times, maybe, maybe),
    slots=st.dictionaries(
        names, st.builds(Slot, st.sampled_from(["worker", "control-plane"]), run_ids, maybe, texts, failures)
    ),
    given_up=st.dictionaries(names, sentences),
    paused=st.none() | sentences,
    aborted=st.none() | sentences,
    etcd_pin=st.none() | st.just("3.5.26-0"),
    durations=st.dictionaries(st.sampled_from(["back_up", "drain_node"]), seconds),
    approved=st.none() | approvals,
    permits=st.dictionaries(names, permits),
)


@settings(max_examples=60, deadline=None)
@given(ledgers)
def test_what_is_written_is_what_is_read(ledger):
    """Whatever a name, a reason or a journal holds."""
    assert wire.read(wire.write(ledger, {})) == ledger


@settings(max_examples=60, deadline=None)
@given(ledgers, ledgers)
def test_one_ledger_is_written_over_another(before, after):
    """Nothing of what was there is left, and nothing of what is to be is missing."""
    there = wire.write(before, {})
    assert wire.read(wire.write(after, there)) == after


@settings(max_examples=60, deadline=None)
@given(ledgers, ledgers)
def test_keys_that_are_not_ours_are_kept(before, after):
    """Somebody's own notes, and what a later version of this tool may have written."""
    theirs = {"windows": "sat 22:00-04:00", "out-of-servic": "x", "notes": "- call Anna first\n"}
    assert theirs.items() <= wire.write(after, {**wire.write(before, {}), **theirs}).items()


BY_HAND = {
    "holder": "{run: run-1, airflow: 'https://airflow.example', since: 2026-11-23 03:00:00Z}   # Anna\n",
    "out-of-service.w1": "# until Monday\nrun: run-0\nlane: worker\n",
    "given-up.w2": "  its disk is broken, see ticket 7 ",
    "paused": "incident 7\n",
    "durations": "back_up: [61, 59.5]\n",
}


def test_a_text_that_did_not_change_is_left_as_somebody_wrote_it():
    """Comments, order and blanks; only the subject that changed is written anew."""
    read = wire.read(BY_HAND)
    assert wire.write(read, BY_HAND) == BY_HAND
    changed = wire.write(replace(read, etcd_pin="3.5.26-0", paused=None), BY_HAND)
    assert changed == {key: text for key, text in BY_HAND.items() if key != "paused"} | {"etcd-pin": "3.5.26-0"}


def test_what_kubectl_patch_writes_is_plain_text():
    """docs/ledger.md: a reason, and no YAML; without one, it counts as well."""
    told = wire.read({"paused": "incident 7", "aborted": "", "given-up.w1": "its disk: broken"})
    assert (told.paused, told.aborted, told.given_up) == (
        "incident 7",
        "no reason was given",
        {"w1": "its disk: broken"},
    )
    assert wire.read({"given-up.node.example.org": "x"}).given_up == {"node.example.org": "x"}


def test_the_object_is_for_eyes():
    """Short YAML under one key a subject, and nothing that says nothing."""
    ledger = a_ledger().taken("w1", "worker", RUN, NOW).begun("w1", "kubeadm-upgrade-v1.29.15")
    ledger = replace(ledger, paused="incident 7", given_up={"w2": "its disk"}, durations={"back_up": (61.0, 59.5)})
    assert wire.write(ledger, {}) == {
        "holder": (
            "run: run-1\nairflow: https://airflow.example\nbegan: '2026-11-23T03:00:00+00:00'\n"
            "since: '2026-11-23T03:00:00+00:00'\njudged: '2026-11-23T03:40:00+00:00'\n"
        ),
        "paused": "incident 7",
        "durations": "back_up: [61, 59.5]\n",
        "out-of-service.w1": (
            "lane: worker\nrun: run-1\nairflow: https://airflow.example\nbegan: '2026-11-23T03:00:00+00:00'\n"
            "since: '2026-11-23T04:00:00+00:00'\ndoing: kubeadm-upgrade-v1.29.15\n"
        ),
        "given-up.w2": "its disk",
    }
    assert all(yaml.safe_load(text) for text in wire.write(ledger, {}).values())


@pytest.mark.parametrize(
    ("key", "text", "wanted"),
    [
        pytest.param("holder", "run-1", "YAML with run, since", id="a name only"),
        pytest.param("holder", "run: run-1", "YAML with run, since", id="no since"),
        pytest.param("holder", "run: [", "YAML with run, since", id="no YAML"),
        pytest.param("holder", "run: a\nsince: yesterday", "a time such as", id="no time"),
        pytest.param("holder", "run: a\nsince: [2026]", "a time such as", id="a list for a time"),
        pytest.param("holder", "", "YAML with run, since", id="emptied"),
        pytest.param("out-of-service.w1", "worker", "YAML with lane, run", id="a lane only"),
        pytest.param("out-of-service.w1", "- lane\n- run", "YAML with lane, run", id="a list"),
        pytest.param("durations", "fast", "YAML with names and values", id="no durations"),
        pytest.param("durations", "back_up: [quick]", "lists of seconds by step", id="no numbers"),
        pytest.param("durations", "back_up: 120", "lists of seconds by step", id="no list"),
        pytest.param("durations", "back_up: {a: 1}", "lists of seconds by step", id="a mapping"),
        pytest.param("approved", "by: ann", "YAML with by, at, terms", id="an approval of nothing"),
        pytest.param("approved", "{by: ann, at: now, terms: {hops: []}}", "an approval as", id="one of no time"),
        pytest.param("approved", "{by: ann, at: 2026-11-26, terms: all}", "an approval as", id="one of everything"),
    ],
)
def test_a_bad_edit_is_refused_with_its_key_and_what_to_do(key, text, wanted):
    """Nothing is guessed, and nothing is written over it."""
    with pytest.raises(UnreadableOutput) as caught:
        wire.read({key: text})
    said = str(caught.value)
    assert said.startswith(f"ConfigMap kube-system/kubeadm-fleet-ledger: {key} must be {wanted}")
    assert said.endswith("mend it by hand, or take the key out")
    with pytest.raises(UnreadableOutput):
        wire.write(Ledger(), {key: text})


def test_a_time_without_a_zone_is_utc():
    """As somebody types it."""
    found = wire.read({"holder": "run: a\nsince: 2026-11-23 03:00"})
    assert found.holder.since == datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def test_an_object_from_before_the_ledger_is_taken_over():
    """Its slots are those of runs that nobody knows more of: they serve no run, and are counted until taken."""
    found = wire.read_slots({"worker": '{"w1": "run-1"}', "control-plane": '{"cp1": "run-0"}'})
    assert found == Ledger(slots={"w1": Slot("worker", RunId("run-1")), "cp1": Slot("control-plane", RunId("run-0"))})
    assert found.slot_of("w1", RUN) is None
    assert wire.read(wire.write(found, {})) == found


@pytest.mark.parametrize("text", ["run-1", "[]", "null", "7"])
def test_an_older_object_that_was_badly_edited_is_refused(text):
    with pytest.raises(
        UnreadableOutput, match=r"kubeadm-fleet-slots: worker must be JSON .*: mend it by hand, or take"
    ):
        wire.read_slots({"worker": text})


@settings(max_examples=60, deadline=None)
@given(run_ids)
def test_two_runs_are_one_only_if_all_of_their_identity_is(run):
    """As the ledger gives it back."""
    written = wire.read(wire.write(Ledger(Holder(run, NOW)), {}))
    assert written.is_held_by(run)
    assert not written.is_held_by(replace(run, began=f"{run.began}!"))
    assert not Ledger(Holder(NAMESAKE, NOW)).is_held_by(RUN)


def test_the_newest_durations_are_kept():
    """Windows are planned with them: fifty of each step are enough, and others' are kept."""
    ledger = replace(a_ledger(EARLIER), durations={"back_up": tuple(map(float, range(49))), "admit": (1.0,)})
    found = ledger.released(NOW + timedelta(hours=1), {"back_up": [100.0, 101.0], "drain_node": [5.0]})
    assert found.durations["back_up"][-3:] == (48.0, 100.0, 101.0)
    assert len(found.durations["back_up"]) == 50
    assert (found.durations["admit"], found.durations["drain_node"]) == ((1.0,), (5.0,))
    assert found.holder.released == NOW + timedelta(hours=1)


def test_the_ledger_that_docs_show_is_one():
    """docs/ledger.md: what a person sees there is what is read."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "ledger.md").read_text()
    shown = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])["data"]
    ledger = wire.read(shown)
    assert ledger.holder is not None
    assert ledger.slots["prod-w2"].run == ledger.holder.run
    assert (ledger.given_up, ledger.paused) == ({"prod-w7": "its disk is broken"}, "incident 4711")
    assert ledger.durations["drain_node"] == (41.2, 13.8)
