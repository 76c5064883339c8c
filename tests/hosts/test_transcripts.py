"""The table of transcripts over real hosts: one with apt, one with dnf, a control plane node."""

from __future__ import annotations

import pytest

from transcripts.ask import Answers, ask, ask_lab
from transcripts.row import Kind, Source
from transcripts.table import ROWS
from transcripts.verdict import check

HOSTS = {Kind.APT: "real-w1", Kind.DNF: "real-w2", Kind.CONTROL_PLANE: "real-cp1"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return ask_lab(tmp_path_factory.mktemp("transcripts"), ROWS)


@pytest.fixture(scope="module")
def answers(lab: Answers, shared) -> Answers:
    """The cluster is upgraded on the way: it is this module's own."""
    return ask(Source.REAL, shared.walker, HOSTS, ROWS)


@pytest.mark.parametrize("row", [row for row in ROWS if row.asked_of(Source.REAL)], ids=lambda row: row.name)
def test_real_hosts_answer_as_golden_and_the_lab_do(row, answers, lab):
    """Read alike, and of one shape but for what the row allows, all of which is needed."""
    check(row, Source.REAL, answers, lab)
