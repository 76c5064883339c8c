"""Remove old rows from Airflow's database, as `airflow db clean` does, but nothing of a run that is under way.

A program of the image, for who has the database already: a task has no access to it, and giving a task the database's
password would give every task all connections. `airflow db clean` goes by the age of each row alone; a run that waits
for a person, or for a window, would lose its tasks and triggers.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta

from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session
from airflow.utils.state import State
from sqlalchemy import func, select


def clean_before(days: int) -> datetime:
    """So many days ago; earlier where a run is under way that is older: `run_after` stays when a run is cleared."""
    wanted = datetime.now(UTC) - timedelta(days=days)
    under_way = select(func.min(DagRun.run_after)).where(DagRun.state.in_(State.unfinished_dr_states))
    with create_session() as session:
        oldest = session.scalar(under_way)
    return wanted if oldest is None else min(wanted, oldest)


def main() -> None:
    days = sys.argv[1] if len(sys.argv) == 2 else ""
    if not days.isdigit() or days == "0":
        sys.exit(f"KEEP_ROWS_DAYS is {days!r}, and must be a number of days")
    before = clean_before(int(days)).isoformat()
    clean = ("airflow", "db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure")
    os.execvp("airflow", (*clean, "--clean-before-timestamp", before))  # noqa: S606, S607


if __name__ == "__main__":
    main()
