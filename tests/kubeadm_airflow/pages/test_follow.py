"""static/follow.js as a browser runs it, asked and answered by a test; skips where there is no node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import kubeadm_airflow.pages

NODE = shutil.which("node")
SCRIPT = Path(kubeadm_airflow.pages.__file__).parent / "static" / "follow.js"

# One look for each answer; what is told in the end is what was shown and what was asked.
PLAY = """
import { Follower } from './follow.mjs'
const [answers] = process.argv.slice(2).map(JSON.parse)
const shown = [], asked = []
globalThis.document = { hidden: true, addEventListener() {} }
globalThis.fetch = async (url, { headers }) => {
  asked.push([new URL(url).searchParams.get('since'), headers['If-None-Match'] ?? null])
  const { status = 200, etag = null, ...told } = answers[asked.length - 1]
  return { status, headers: new Map([['ETag', etag]]), json: async () => told }
}
const none = () => null
const show = (board) => shown.push(board.sentence)
const missing = (status) => shown.push(status)
const follower = new Follower('http://a/data', { show, moves: () => false, missing, silent: none })
for (const _ of answers) await follower.look()
console.log(JSON.stringify({ shown, asked }))
"""

pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node")


def play(room: Path, *answers: dict[str, Any]) -> dict[str, Any]:
    (room / "follow.mjs").write_text(SCRIPT.read_text())
    (room / "play.mjs").write_text(PLAY)
    command = [str(NODE), str(room / "play.mjs"), json.dumps(answers)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    return dict(json.loads(told.stdout))


def board(second: int, sentence: str, version: str, since: str | None = None) -> dict[str, Any]:
    as_of = f"2026-11-26T12:00:{second:02}+00:00"
    told = {"as_of": as_of, "sentence": sentence, "version": version, "since": since, "nodes": []}
    return {**told, "etag": f'"{version}"'}


def test_what_is_new_is_shown(tmp_path):
    played = play(tmp_path, board(1, "one", "a-1"), board(2, "two", "a-2", since="a-1"), {"status": 304})
    assert played["shown"] == ["one", "two"]
    assert played["asked"] == [[None, None], ["a-1", '"a-1"'], ["a-2", '"a-2"']]


def test_what_is_older_than_what_is_shown_is_not_shown(tmp_path):
    """Of several API workers each has a board of its own: one may have looked later than another."""
    newer, older = board(9, "newer", "a-1"), board(8, "older", "b-1")
    played = play(tmp_path, newer, older, board(10, "newest", "b-2"))
    assert played["shown"] == ["newer", "newest"]
    assert played["asked"][2] == ["a-1", '"a-1"']


@pytest.mark.parametrize("status", [403, 404])
def test_who_may_see_it_no_more_is_told_the_whole_when_they_may_again(tmp_path, status):
    """What was shown is gone from the page, so what is new since would not do."""
    played = play(tmp_path, board(9, "one", "a-1"), {"status": status}, board(8, "two", "b-1"))
    assert played["shown"] == ["one", status, "two"]
    assert played["asked"][2] == [None, None]
