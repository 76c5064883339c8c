"""Whether what one source answered to a row is read as it must be, and has the shape that it should have."""

from __future__ import annotations

from transcripts.ask import Answers
from transcripts.row import Answer, Differs, Kind, Row, Source, Transcript


def check(row: Row, source: Source, answers: Answers, lab: Answers | None = None) -> None:
    """Golden is the judge; where nothing was recorded, the lab is, for whoever has its answers as well."""
    needed: set[Differs] = set()
    judges: set[Source] = set()
    for kind in row.asked_of(source):
        answer = said(answers, row, kind)
        row.must.check(answer.read(), f"{row.name}, {source.value}, {kind.value}")
        if judge := _judge(row, kind, lab):
            judges.add(judge.source)
            needed |= row.compare(judge, answer.transcript)
    stale = {one for judge in judges for one in row.allowances(judge, source)} - needed
    assert not stale, f"{row.name}: nothing differs any more, take it out of the table: {stale}"


def said(answers: Answers, row: Row, kind: Kind) -> Answer:
    answer = answers[row.name, kind]
    if isinstance(answer, Exception):
        raise answer
    return answer


def _judge(row: Row, kind: Kind, lab: Answers | None) -> Transcript | None:
    if row.golden:
        return row.golden.transcript
    asked = row.asked_of(Source.LAB)
    if lab is None or not asked:
        return None
    return said(lab, row, kind if kind in asked else asked[0]).transcript
