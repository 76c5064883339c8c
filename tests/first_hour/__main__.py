"""python -m first_hour: what `make first-hour` runs. Plays README from a fresh clone, and writes docs/first-hour.md."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from first_hour.checkout import environment_of
from first_hour.foreign import foreign_cluster
from first_hour.hour import Hour
from first_hour.play import DEMO, Play, Script
from first_hour.readme import commands, played
from harness.airflow import free_port
from harness.settings import REPOSITORY

PAGE = REPOSITORY / "docs" / "first-hour.md"
_TITLE = "The first hour, recorded"
_BEFORE = """\
`make first-hour` typed README's commands into terminals, from a fresh clone with an empty virtual environment, and
wrote down what stood on their screens ({day}, {cores} cores). Times are minutes and seconds since the clone. The
cluster prod-1 is simulated; it runs in a process of its own, and nothing is known of it but what its owner hands over:
an administrator's kubeconfig, an SSH user and a key."""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="first-hour-") as folder:
        home = Path(folder)
        with (
            foreign_cluster(home / "prod-1") as foreign,
            Hour(home, environment_of(home, free_port(), foreign)) as hour,
        ):
            hour.run(DEMO, f"git clone --quiet {REPOSITORY} kubeadm-fleet", 60)
            play = Play(hour, Script(played(commands())), home / "kubeadm-fleet", foreign)
            play.enter_checkout()
            play.demo()
            play.own_cluster()
            play.plan()
            before = _BEFORE.format(day=datetime.now(UTC).date(), cores=os.cpu_count())
            PAGE.write_text(_anonymous(hour.page(_TITLE, before), home))
    return 0


def _anonymous(text: str, home: Path) -> str:
    """Nobody's machine, and nobody's password."""
    text = text.replace(str(REPOSITORY), "https://git.example.com/kubeadm-fleet").replace(str(home), "/home/you")
    return re.sub(r"(password|'admin':) \S+", r"\1 ********", text)


if __name__ == "__main__":
    sys.exit(main())
