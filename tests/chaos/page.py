"""Writes the table of injections into docs/chaos.md:

PYTHONPATH=include:plugins:dags:tests python tests/chaos/page.py
"""

from __future__ import annotations

from collections.abc import Iterator

from chaos.components import COMPONENTS
from chaos.moments import MOMENTS
from chaos.points import Cell, missing_moments, table
from harness.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "chaos.md"
BEGIN, END = "<!-- written by tests/chaos/page.py -->", "<!-- until here -->"


def written() -> str:
    """What stands between the two marks: components, the table, and why places in it are empty."""
    return "\n".join((BEGIN, "", *_components(), "", *_rows(), "", *_reasons(), "", END))


def on_page(text: str) -> str:
    before, rest = text.split(BEGIN)
    return before + written() + rest.split(END)[1]


def _components() -> Iterator[str]:
    yield "| Component | What is done to it | Recovery |"
    yield "| --- | --- | --- |"
    for number, one in enumerate(COMPONENTS, 1):
        yield f"| {number}. {one.name} | {one.words} | {one.recovery} |"


def _rows() -> Iterator[str]:
    cells = table()
    played = sum(cell.reason is None for cell in cells)
    numbers = " | ".join(str(number) for number in range(1, len(COMPONENTS) + 1))
    yield f"{played} injections: components by their number, moments in the order of a run."
    yield ""
    yield f"| Step | Moment | Seen by the lab | {numbers} |"
    yield f"| --- | --- | --- |{' :-: |' * len(COMPONENTS)}"
    for moment in MOMENTS:
        marks = " | ".join(_mark(cell) for cell in cells if cell.moment is moment)
        yield f"| {moment.group}.{moment.step} | {moment.where} | {moment.shows} | {marks} |"


def _mark(cell: Cell) -> str:
    return "●" if cell.reason is None else _letters()[cell.reason]


def _letters() -> dict[str, str]:
    reasons = dict.fromkeys(cell.reason for cell in table() if cell.reason is not None)
    return dict(zip(reasons, "abcdefgh", strict=False))


def _reasons() -> Iterator[str]:
    yield "What is not there:"
    yield ""
    yield from (f"- {letter}: {reason}." for reason, letter in _letters().items())
    yield from (f"- `{what}`: {reason}." for what, reason in missing_moments())


if __name__ == "__main__":
    PAGE.write_text(on_page(PAGE.read_text()))
