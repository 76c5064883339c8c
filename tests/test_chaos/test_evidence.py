"""The ledger as the lab shows it, also where a person has been at it."""

from __future__ import annotations

import pytest

from chaos.evidence import FOREIGN_RUN, LedgerRecord


@pytest.mark.parametrize(
    ("text", "has"),
    [
        pytest.param("lane: worker\nrun: ours\n", True, id="a run's"),
        pytest.param(f"lane: worker\nrun: {FOREIGN_RUN}\n", False, id="made up by a person"),
        pytest.param("run: [ours\n", False, id="garbled"),
        pytest.param("ours", False, id="no mapping"),
        pytest.param(None, False, id="none"),
    ],
)
def test_a_slot_is_one_that_a_run_has_taken(text, has):
    data = {} if text is None else {"out-of-service.w1": text}
    assert LedgerRecord(0.0, data).has_slot("w1") is has


def test_a_holder_that_cannot_be_read_is_none():
    assert LedgerRecord(0.0, {"holder": "run: [by-hand\n"}).holder == {}
    assert LedgerRecord(0.0, {"holder": "run: ours\n"}).holder == {"run": "ours"}
