"""docs/first-mistakes.md says what the tests have seen."""

from __future__ import annotations

from mistakes.page import PAGE, page


def test_the_page_is_what_the_tables_say():
    """PYTHONPATH=include:plugins:tests python tests/mistakes/page.py writes it anew."""
    assert PAGE.read_text() == page()


def test_there_are_thirty_and_none_lacks_its_two_lines():
    lines = [line for line in page().splitlines() if line.startswith("| ")]
    rows = [line for line in lines if not line.endswith(("| What | What to do |", "| --- | --- |"))]
    assert len(rows) >= 30
    assert all(len(cell.strip()) > 5 for line in rows for cell in line.replace("\\|", "").split("|")[2:4])
