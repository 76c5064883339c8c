"""What pages of one board have been told, and what of it is new since.

A page asks every two seconds, by a plain GET that names the version it has. So what a trigger waits for is on the page
within five seconds, and an open page costs the API server a few short queries each time: no connection is held, which
browsers give out by the half dozen, no proxy need be told of event streams, and rights are asked anew every time. Only
where rows are new is the board made anew, and only what is new in it is sent.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field, replace
from typing import Any

from kubeadm_upgrade.board.view import Board, Row


@dataclass(frozen=True)
class Answer:
    """The version of what a page is told, and the JSON; None where it knows all."""

    version: str
    text: str | None


@dataclass(frozen=True)
class Told:
    """A part of the board as JSON, and the version that it came with."""

    version: int
    text: str
    row: Row | None = None


@dataclass
class Feed:
    """Versions are counted here: whoever comes with one of another process, or of another run, is told everything."""

    _name: str = field(default_factory=lambda: secrets.token_hex(6))
    _version: int = 0
    _whole: int = 0  # the version at which nodes have come or gone: whoever has an earlier one is told everything
    _parts: dict[str, Told] = field(default_factory=dict)
    _rows: dict[str, Told] = field(default_factory=dict)

    def tell(self, board: Board) -> None:
        """The board as it is now. The moment at which it was made is no news."""
        version = self._version + 1
        plain = replace(board, nodes=()).to_json()
        parts = {name: _told(self._parts.get(name), version, plain[name]) for name in plain.keys() - {"as_of", "nodes"}}
        rows = {row.name: _told_row(self._rows.get(row.name), version, row) for row in board.nodes}
        if list(rows) != list(self._rows):
            self._whole = version
        if any(told.version == version for told in (*parts.values(), *rows.values())) or self._whole == version:
            self._version = version
        self._parts, self._rows = parts, rows

    def answer(self, as_of: str, seen: str | None) -> Answer:
        """For whoever has the version `seen`; None: for whoever has nothing."""
        known, version = self._known(seen), f"{self._name}-{self._version}"
        if known == self._version:
            return Answer(version, None)
        head = {"version": _json(version), "since": _json(seen if known else None), "as_of": _json(as_of)}
        parts = {name: told.text for name, told in self._parts.items() if told.version > known}
        rows = [told.text for told in self._rows.values() if told.version > known]
        fields = {**head, **parts, "nodes": f"[{','.join(rows)}]"}
        return Answer(version, "{" + ",".join(f"{_json(name)}:{text}" for name, text in fields.items()) + "}")

    def _known(self, seen: str | None) -> int:
        name, _, number = (seen or "").rpartition("-")
        known = int(number) if name == self._name and number.isdecimal() else 0
        return known if self._whole <= known <= self._version else 0


def _told(before: Told | None, version: int, value: Any) -> Told:
    text = _json(value)
    return before if before is not None and before.text == text else Told(version, text)


def _told_row(before: Told | None, version: int, row: Row) -> Told:
    """A row that is the very same as before is not made into JSON again."""
    if before is not None and before.row is row:
        return before
    text = _json(row.to_json())
    return Told(before.version if before is not None and before.text == text else version, text, row)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
