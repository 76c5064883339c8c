"""`fleet`, as it is typed, against a server that answers what the fleet's route answers."""

from __future__ import annotations

import json
from itertools import chain, repeat
from pathlib import Path

import jsonschema
import pytest

from in_memory.runs import NOW
from kubeadm_upgrade.__main__ import main
from kubeadm_upgrade.board.fleet_view import ClusterRow, Fleet, State

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "fleet.schema.json").read_text())
ROUTE = "/kubeadm-upgrade/fleet/data"
GOOD = ClusterRow("a", "kubeadm_upgrade.a", State.CURRENT, "Runs 1.35.3: where it is to be.", {"env": "prod"}, "1.35.3")
BAD = ClusterRow("b", "kubeadm_upgrade.b", State.FAILED, "Failed after 47 minutes.", {"env": "test"})


def fleet_of(*rows):
    return Fleet(NOW, rows).to_json()


@pytest.fixture
def fleet(capsys):
    def fleet(*arguments):
        code = main(["fleet", *arguments])
        return code, *capsys.readouterr()

    return fleet


def test_every_cluster(airflow, fleet):
    airflow.answers[ROUTE] = (200, fleet_of(BAD, GOOD))
    code, out, _ = fleet()
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["b", "a"]


@pytest.mark.parametrize(
    ("arguments", "names", "code"),
    [
        pytest.param(["--label", "env=prod"], ["a"], 0, id="a label"),
        pytest.param(["--needs-person"], ["b"], 1, id="who needs a person, as a check for cron"),
        pytest.param(["--needs-person", "--label", "env=prod"], [], 0, id="nobody"),
    ],
)
def test_some_as_json(airflow, fleet, arguments, names, code):
    airflow.answers[ROUTE] = (200, fleet_of(BAD, GOOD))
    found, out, _ = fleet("--output", "json", *arguments)
    jsonschema.validate(json.loads(out), SCHEMA)
    assert (found, [one["name"] for one in json.loads(out)["clusters"]]) == (code, names)


def test_watching_tells_what_has_changed(airflow, fleet):
    """Until somebody ends it: here the server takes the token no more."""
    told = chain(repeat((200, fleet_of(GOOD)), 2), [(200, fleet_of(BAD))], repeat((401, {"detail": "expired"})))
    airflow.answers[ROUTE] = lambda: next(told)
    code, out, _ = fleet("--watch")
    assert code == 1
    assert out == "a: Runs 1.35.3: where it is to be.\nb: Failed after 47 minutes.\n"


def test_a_label_is_written_with_its_sign(airflow, fleet, capsys):
    with pytest.raises(SystemExit):
        fleet("--label", "env")
    assert "'env' is no label: write KEY=VALUE" in capsys.readouterr().err
