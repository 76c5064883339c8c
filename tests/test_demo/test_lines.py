"""The demo without a terminal: a line for everything that is over."""

from __future__ import annotations

import pytest

from demo.lines import Lines
from in_memory.runs import DONE, NOW, a_run, at, failed
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import RunRecord

RUN = a_run(control_plane=0, workers=1)


def told(lines: Lines, run: RunRecord, capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines.show(board_of(run, NOW).to_json(), NOW, "")
    return [" ".join(line[8:].split()) for line in capsys.readouterr().out.splitlines()]


def test_each_task_is_told_once_and_again_when_it_was_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    first = told(lines, at(RUN, {"w1": "stage.stage_packages"}), capsys)
    assert first == [
        "path → 1.28.15 → 1.29.15",
        "1 claim done",
        "2 look done",
        "3 plan done",
        "4 preflight done",
        "5 approve done",
        "6 w1 switch_package_repository done",
    ]
    assert told(lines, at(RUN, {"w1": "stage.stage_packages"}, **failed("x")), capsys) == ["7 w1 stage_packages FAILED"]
    assert told(lines, at(RUN, {"w1": "workers.next_in_line"}), capsys) == ["8 w1 stage_images done"]
    again = at(RUN, {"w1": "stage.stage_packages"}, **failed("x"), try_number=2)
    assert told(lines, again, capsys) == ["9 w1 stage_packages FAILED"]


def test_each_run_of_a_path_begins_with_what_is_left_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    assert told(lines, at(RUN, {"w1": DONE}), capsys)[0] == "path → 1.28.15 → 1.29.15"
    hops = [{"came_from": "1.29.15", "to": "1.30.14"}, {"came_from": "1.30.14", "to": "1.31.14"}]
    onward = a_run(control_plane=0, workers=1, run_id="night~2", path={"hops": hops})
    assert told(lines, onward, capsys)[0] == "path → 1.29.15 → 1.30.14 → 1.31.14"
