"""README's commands, in their order and as they stand there: what a newcomer does in the first hour."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from first_hour.checkout import copy_of_checkout, environment_of
from first_hour.foreign import foreign_cluster
from first_hour.hour import Hour
from first_hour.play import Play, Script
from first_hour.readme import NOT_PLAYED, commands, played
from harness.airflow import free_port
from harness.settings import REPOSITORY


def test_what_is_not_played_is_what_ci_runs() -> None:
    assert NOT_PLAYED in commands()
    assert re.search(r"\brun test\b", (REPOSITORY / ".ci" / "run").read_text())


@pytest.mark.first_hour
@pytest.mark.timeout(1500)
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="README grants rights by kubectl, and there is none here")
def test_every_command_of_the_readme_does_what_it_says(tmp_path: Path) -> None:
    checkout = copy_of_checkout(tmp_path / "kubeadm-fleet", installed=True)
    with (
        foreign_cluster(tmp_path / "foreign") as foreign,
        Hour(checkout, environment_of(tmp_path, free_port(), foreign)) as hour,
    ):
        script = Script(played(commands()))
        play = Play(hour, script, checkout, foreign)
        play.demo()
        play.own_cluster()
        play.plan()
        assert script.left == ()
