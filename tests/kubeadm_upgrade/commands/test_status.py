"""`status`, as it is typed, against a server that answers what the board's routes answer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from in_memory.runs import DONE, NOW, a_run, at, ended, failed
from kubeadm_upgrade.__main__ import main
from kubeadm_upgrade.board.board import board_of

DAG = "kubeadm_upgrade.prod"
SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "board.schema.json").read_text())
RUN = a_run(control_plane=1, workers=2)
HALF = at(RUN, {"cp1": DONE, "w1": "workers.drain_node"})
OVER = ended(at(RUN, dict.fromkeys(("cp1", "w1", "w2"), DONE)))
BROKEN = at(RUN, {"cp1": DONE, "w1": "workers.drain_node"}, **failed("w1: drain_node: no budget"))


def board(record):
    return board_of(record, NOW).to_json()


@pytest.fixture
def status(capsys):
    def status(*arguments):
        code = main(["status", *arguments])
        return code, *capsys.readouterr()

    return status


def test_how_a_run_stands(airflow, status):
    """Its sentence, a line a node, and where a browser sees more; 0 whatever it is."""
    airflow.board(DAG, "latest", (200, board(BROKEN)))
    code, out, err = status("prod")
    assert (code, err) == (0, "")
    assert board(BROKEN)["sentence"] in " ".join(out.split())
    assert "What to do: mend this, then clear this task" in out
    assert out.splitlines()[-1] == f"board  {airflow.url}/dags/{DAG}/runs/night/plugin/run_board"


def test_json_is_what_the_server_has_said(airflow, status):
    """Of a run by its id, whatever that holds; and without what only pages need."""
    airflow.board(DAG, "spring%2Fto-1.29", (200, {"version": "a-1", "since": None, **board(HALF)}))
    code, out, _ = status("prod", "--run", "spring/to-1.29", "--output", "json")
    assert (code, json.loads(out)) == (0, board(HALF))
    jsonschema.validate(json.loads(out), SCHEMA)


@pytest.mark.parametrize(
    ("last", "code"),
    [
        pytest.param(OVER, 0, id="done"),
        pytest.param(ended(replace(OVER, params={"dry_run": True})), 0, id="rehearsed"),
        pytest.param(ended(BROKEN, "failed"), 1, id="failed"),
    ],
)
def test_watching_ends_with_the_run_and_says_how_that_ended(airflow, status, last, code):
    """Where nobody looks on, a line for every change; what is the same is told once."""
    told = iter([HALF, HALF, HALF, last])
    airflow.board(DAG, "latest", lambda: (200, board(next(told))))
    airflow.board(DAG, "night", lambda: (200, board(next(told))))
    before, after = board(HALF)["sentence"], board(last)["sentence"]
    assert status("prod", "--watch") == (code, f"prod: {before}\nprod: {after}\n", "")


def test_watching_goes_on_in_the_runs_that_the_path_goes_on_in(airflow, status):
    """Unless a run was named."""
    first, second = replace(OVER, next_run="night~2"), replace(OVER, run_id="night~2")
    airflow.board(DAG, "latest", (200, board(first)))
    airflow.board(DAG, "night", (200, board(first)))
    airflow.board(DAG, "night~2", (200, board(second)))
    _, out, _ = status("prod", "--watch", "--output", "json")
    assert [json.loads(line)["run_id"] for line in out.splitlines()] == ["night", "night~2"]
    _, out, _ = status("prod", "--watch", "--output", "json", "--run", "night")
    assert [json.loads(line)["run_id"] for line in out.splitlines()] == ["night"]


def test_another_run_that_is_started_meanwhile_is_not_taken_for_it(airflow, status):
    airflow.board(DAG, "latest", (200, board(HALF)))
    airflow.board(DAG, "night", lambda: (200, board(OVER)))
    assert status("prod", "--watch")[0] == 0
    assert [line.split("/")[4] for line in airflow.asked] == ["latest", "night"]


def test_a_server_that_is_away_for_a_moment_is_waited_for(airflow, status):
    """And not asked for what is known already."""
    told = iter([(200, board(HALF)), (502, "<html>"), (503, "<html>"), (200, board(OVER))])
    airflow.board(DAG, "latest", lambda: next(told))
    airflow.board(DAG, "night", lambda: next(told))
    assert status("prod", "--watch")[0] == 0


def test_a_server_that_stays_away_ends_it(airflow, status, monkeypatch):
    monkeypatch.setattr("kubeadm_upgrade.commands.watching.PATIENCE", 0.05)
    airflow.board(DAG, "latest", (200, board(HALF)))
    airflow.board(DAG, "night", (500, "oh"))
    code, _, err = status("prod", "--watch")
    assert (code, err.splitlines()[0]) == (1, f"Airflow at {airflow.url} answers with status 500")


FLEET = {"schema": 1, "as_of": NOW.isoformat(), "clusters": [{"name": "prod"}, {"name": "test"}]}


@pytest.mark.parametrize(
    ("answers", "what", "do"),
    [
        pytest.param(
            {"board": (404, {"detail": f"{DAG} has had no run yet"}), "fleet": (200, FLEET)},
            f"{DAG} has had no run yet",
            None,
            id="no run yet",
        ),
        pytest.param(
            {
                "board": (404, {"detail": f"{DAG} has had no run yet"}),
                "fleet": (200, {**FLEET, "clusters": [{"name": "test"}, {"name": "b"}]}),
            },
            "there is no cluster prod that this user may see",
            "name one of b, test",
            id="no such cluster",
        ),
        pytest.param(
            {"board": (403, {"detail": "Forbidden"})},
            "this user may not see prod",
            f"ask for the right to read the DAG {DAG}, its runs, task instances and XComs",
            id="no right",
        ),
        pytest.param(
            {},
            "Airflow 3.3.2 at {url} does not have the pages of kubeadm-fleet",
            "give its API server our plugins folder, and PYTHONPATH with include",
            id="no plugin: Airflow answers with its own page",
        ),
        pytest.param(
            {"board": (404, {"detail": "Not Found"})},
            "Airflow 3.3.2 at {url} does not have the pages of kubeadm-fleet",
            "give its API server our plugins folder, and PYTHONPATH with include",
            id="no plugin: not found",
        ),
        pytest.param(
            {"/api/v2/version": (404, "nothing here")},
            "what answers at {url} is no Airflow",
            "start it, or name another: --server URL, or KUBEADM_UPGRADE_SERVER",
            id="another server",
        ),
        pytest.param(
            {"board": (302, "")},
            "{url} sends us to https://elsewhere.example.org/",
            "name that as --server, up to where Airflow begins",
            id="a redirect, which would have our token",
        ),
        pytest.param(
            {"board": (500, "oh")},
            "Airflow at {url} answers with status 500",
            "see its API server's log",
            id="a mistake of the server",
        ),
    ],
)
def test_what_keeps_a_board_from_us_is_said(airflow, status, answers, what, do):
    """In two lines, and with exit code 1."""
    paths = {"board": f"/kubeadm-upgrade/board/{DAG}/latest/data", "fleet": "/kubeadm-upgrade/fleet/data"}
    airflow.answers |= {paths.get(name, name): answer for name, answer in answers.items()}
    code, out, err = status("prod")
    assert (code, out) == (1, "")
    assert err.splitlines() == [what.format(url=airflow.url), *([f"What to do: {do}"] if do else [])]


@pytest.mark.parametrize(
    ("server", "what"),
    [
        pytest.param("http://127.0.0.1:1", "no Airflow answers at http://127.0.0.1:1: ", id="nobody listens"),
        pytest.param("https://no-host.invalid", "no Airflow answers at https://no-host.invalid: ", id="no such host"),
        pytest.param("airflow:8080", "airflow:8080 is no address of a server", id="no scheme"),
        pytest.param("http://", "http: is no address of a server", id="no host in it"),
    ],
)
def test_no_server(airflow, status, server, what):
    code, _, err = status("prod", "--server", server)
    assert code == 1
    assert err.startswith(what)


def test_a_wrong_token(airflow, status, monkeypatch):
    """It is not repeated."""
    monkeypatch.setenv("KUBEADM_UPGRADE_TOKEN", "old-token")
    code, out, err = status("prod")
    assert code == 1
    assert err.startswith(f"Airflow at {airflow.url} does not take this token: it is wrong, or has expired\nWhat to do")
    assert "old-token" not in out + err


def test_no_token(airflow, status, monkeypatch):
    monkeypatch.delenv("KUBEADM_UPGRADE_TOKEN")
    code, _, err = status("prod")
    assert (code, err.splitlines()[0]) == (1, "no token is given")
    assert airflow.asked == []


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda path: ["--token", "s3cret"], id="a flag, which was asked for"),
        pytest.param(lambda path: ["--token-file", str(path)], id="a file"),
    ],
)
def test_other_ways_to_give_a_token(airflow, status, monkeypatch, tmp_path, given):
    monkeypatch.delenv("KUBEADM_UPGRADE_TOKEN")
    (tmp_path / "token").write_text("s3cret\n")
    airflow.board(DAG, "latest", (200, board(HALF)))
    assert status("prod", *given(tmp_path / "token"))[0] == 0


def test_a_password_is_worth_a_token(airflow, status, monkeypatch):
    """It is sent once, to the login alone."""
    monkeypatch.setenv("KUBEADM_UPGRADE_PASSWORD", "pass word")
    airflow.board(DAG, "latest", (200, board(HALF)))
    assert status("prod", "--user", "anna")[0] == 0
    assert airflow.asked[0] == "POST /auth/token anna"
    code, _, err = status("prod", "--user", "berta")
    assert (code, err.splitlines()[0]) == (1, f"Airflow at {airflow.url} does not know berta with this password")
    assert "pass word" not in err


def test_a_password_that_nobody_can_be_asked_for(airflow, status):
    code, _, err = status("prod", "--user", "anna")
    assert code == 1
    assert err == (
        "no password of anna is given, and there is no terminal to ask at\nWhat to do: set KUBEADM_UPGRADE_PASSWORD\n"
    )
