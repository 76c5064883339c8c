"""Boards that somebody has open stay in memory, and no others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy.orm import Session

from kubeadm_airflow.pages.kept_boards import KEPT_FOR, MOST_KEPT, KeptBoards
from written.database import empty_database, write_dag, write_run

pytestmark = pytest.mark.usefixtures("reports")

DAG = "kubeadm_upgrade.prod"
RUNS = [f"r{number}" for number in range(MOST_KEPT + 1)]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with empty_database().connect() as connection:
        write_dag(connection, DAG)
        for run_id in RUNS:
            write_run(connection, DAG, run_id, "running")
        with Session(connection) as session:
            yield session


class Clock:
    """Goes on when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def boards(clock) -> KeptBoards:
    return KeptBoards(clock)


def version(boards, session, run_id):
    """That of a board that is made from nothing is another."""
    return boards.answer(session, DAG, run_id, None).version


def test_as_many_as_are_open_are_kept(boards, session):
    first = {run_id: version(boards, session, run_id) for run_id in RUNS[:-1]}
    assert {run_id: version(boards, session, run_id) for run_id in RUNS[:-1]} == first


def test_there_is_a_bound_and_who_asked_last_goes_last(boards, session):
    first = {run_id: version(boards, session, run_id) for run_id in RUNS}
    assert version(boards, session, RUNS[-1]) == first[RUNS[-1]]
    assert version(boards, session, RUNS[0]) != first[RUNS[0]]


def test_one_that_nobody_asks_for_any_more_goes(boards, session, clock):
    closed, opened = version(boards, session, "r0"), version(boards, session, "r1")
    clock.now += KEPT_FOR / 2
    assert version(boards, session, "r1") == opened
    clock.now += KEPT_FOR / 2 + 1
    assert version(boards, session, "r1") == opened
    assert len(boards) == 1
    assert version(boards, session, "r0") != closed


def test_of_a_run_that_is_not_there_nothing_is_kept(boards, session):
    assert boards.answer(session, DAG, "other", None) is None
    assert len(boards) == 0
