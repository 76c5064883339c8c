"""A page that is told only what is new shows the same as one that is told everything."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from kubeadm_airflow.pages.feed import Feed
from kubeadm_upgrade.board.view import Board, Progress, Row, State

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
WHEN = NOON.isoformat()
BOARD = Board("prod", "kubeadm_upgrade.prod", "r", NOON, State.MOVING, "2 of 3 are done", Progress(2, 3))


def row(name, state="queued"):
    return Row(name, "worker", "1.28.15", "1.28.15", state)


def shown(page, answer):
    """What a page that shows `page` shows after an answer: as static/feed.js does it."""
    if answer.text is None:
        return page
    told = json.loads(answer.text)
    if told["since"] is None:
        return told
    new = {one["name"]: one for one in told["nodes"]}
    nodes = [new.get(one["name"], one) for one in page["nodes"]]
    return {**page, **told, "nodes": nodes}


def told(feed, seen=None):
    return json.loads(feed.answer(WHEN, seen).text)


def test_whoever_has_nothing_is_told_everything():
    feed = Feed()
    feed.tell(replace(BOARD, nodes=(row("w1"), row("w2"))))
    answer = told(feed)
    plain = replace(BOARD, nodes=(row("w1"), row("w2"))).to_json()
    assert {**plain, "as_of": WHEN} == {name: answer[name] for name in plain}
    assert answer["since"] is None


def test_whoever_has_a_version_is_told_what_is_new():
    feed = Feed()
    feed.tell(replace(BOARD, nodes=(row("w1"), row("w2"))))
    version = told(feed)["version"]
    feed.tell(replace(BOARD, sentence="3 of 3 are done", nodes=(row("w1", "done"), row("w2"))))
    news = told(feed, version)
    assert news.keys() == {"version", "since", "as_of", "sentence", "nodes"}
    assert [node["name"] for node in news["nodes"]] == ["w1"]


def test_a_board_that_is_made_anew_and_is_the_same_is_no_news():
    feed = Feed()
    feed.tell(replace(BOARD, nodes=(row("w1"),)))
    version = told(feed)["version"]
    feed.tell(replace(BOARD, as_of=NOON.replace(hour=13), nodes=(row("w1"),)))
    assert feed.answer(WHEN, version).text is None


def test_nodes_that_come_or_go_are_news_of_all():
    feed = Feed()
    feed.tell(replace(BOARD, nodes=(row("w1"), row("w2"))))
    version = told(feed)["version"]
    feed.tell(replace(BOARD, nodes=(row("w2"), row("w3"))))
    news = told(feed, version)
    assert (news["since"], [node["name"] for node in news["nodes"]]) == (None, ["w2", "w3"])


@given(name=st.none() | st.text(max_size=20), number=st.text(max_size=5) | st.integers(-3, 9).map(str))
def test_a_version_that_nobody_was_given_is_told_everything(name, number):
    feed = Feed()
    feed.tell(replace(BOARD, nodes=(row("w1"),)))
    own, _, newest = told(feed)["version"].rpartition("-")
    assume((name, number) != (None, newest))
    assert told(feed, f"{own if name is None else name}-{number}")["since"] is None


STATES = st.sampled_from(["queued", "moving", "done"])
BOARDS = st.builds(
    lambda sentence, states: replace(
        BOARD, sentence=sentence, nodes=tuple(row(f"w{n}", state) for n, state in states.items())
    ),
    st.sampled_from(["one", "another"]),
    st.dictionaries(st.integers(1, 3), STATES),
)


@given(boards=st.lists(BOARDS, min_size=1, max_size=6), looks=st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_page_that_follows_shows_what_one_that_comes_new_shows(boards, looks):
    feed, page = Feed(), None
    for board, look in zip(boards, looks, strict=False):
        feed.tell(board)
        if look:
            page = shown(page, feed.answer(WHEN, page and page["version"]))
    page = shown(page, feed.answer(WHEN, page and page["version"]))
    assert {**page, "since": None} == told(feed)
