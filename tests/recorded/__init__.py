"""Runs as a real Airflow had written them down, at moments that matter: what boards are tested on."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from kubeadm_upgrade.board.record import RunRecord

FOLDER = Path(__file__).parent / "runs"


def moments() -> tuple[str, ...]:
    """Their names, in the order of the run."""
    return tuple(path.stem for path in sorted(FOLDER.glob("*.json")))


def recorded(moment: str) -> tuple[RunRecord, datetime]:
    """A run, and the time at which it was looked at."""
    plain = json.loads((FOLDER / f"{moment}.json").read_text())
    return RunRecord.from_json(plain["record"]), datetime.fromisoformat(plain["now"])
