"""Old files: which run they are of, and which may go."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from kubeadm_upgrade import retention

NOW = datetime.now(UTC)
LOG = "dag_id=kubeadm_upgrade.a/run_id=manual__1/task_id=look/attempt=1.log"


@pytest.fixture
def write(tmp_path):
    """Writes a file that was changed so many days ago."""

    def write(name: str, days: float) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        moment = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (moment, moment), follow_symlinks=False)

    return write


def old(records, days: float) -> set[tuple[str, str | None]]:
    return {(record.dag_id, record.run_id) for record in retention.old(records, NOW - timedelta(days=days))}


def test_a_run_is_as_old_as_the_newest_of_its_logs(tmp_path, write):
    write(LOG, 100)
    write(LOG.replace("look", "plan"), 5)
    assert old(retention.logs(tmp_path), 30) == set()
    assert old(retention.logs(tmp_path), 4) == {("kubeadm_upgrade.a", "manual__1")}


def test_logs_of_components_belong_to_no_run_and_go_one_by_one(tmp_path, write):
    write("dag_processor/2026-01-01/dags-folder/cluster_upgrades.py.log", 100)
    write("dag_processor/2026-09-01/dags-folder/cluster_upgrades.py.log", 5)
    (record,) = retention.old(retention.logs(tmp_path), NOW - timedelta(days=30))
    assert (record.dag_id, record.run_id) == ("", None)
    assert [path.parent.parent.name for path in record.files] == ["2026-01-01"]


def test_a_link_is_as_old_as_itself(tmp_path, write):
    """dag_processor/latest points to a directory that may be gone."""
    (tmp_path / "latest").symlink_to("nowhere")
    assert old(retention.logs(tmp_path), 30) == set()


def test_a_report_has_three_files_and_its_names_are_as_ids_are(tmp_path, write):
    run = "manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    for name in (f"{run}.md", f"{run}.json", f"{run}.plan.md"):
        write(f"kubeadm_upgrade.a/{name}", 100)
    (record,) = retention.reports(tmp_path)
    assert (record.dag_id, record.run_id) == ("kubeadm_upgrade.a", "manual__2026-01-01T00:00:00+00:00")
    assert len(record.files) == 3


def test_the_last_report_of_each_cluster_stays(tmp_path, write):
    for name, days in (("a/1", 300), ("a/2", 200), ("b/1", 400)):
        write(f"kubeadm_upgrade.{name}.json", days)
    assert old(retention.but_the_last(retention.reports(tmp_path)), 30) == {("kubeadm_upgrade.a", "1")}


def test_what_was_last_seen_of_a_cluster_stays(tmp_path, write):
    """However long ago: it is of no run."""
    for name in ("a", "b"):
        write(f"last-looks/{name}.json", 400)
    assert list(retention.reports(tmp_path)) == []


@pytest.mark.parametrize("text", ["", "0", " 0 ", None])
def test_nothing_said_is_kept_for_ever(text):
    assert retention.keep("DAYS", {} if text is None else {"DAYS": text}) is None


@pytest.mark.parametrize("text", ["90d", "-1", "1.5"])
def test_what_is_no_number_of_days_is_refused(text):
    with pytest.raises(ValueError, match=f"DAYS is '{text}': set it to a number of days, or to 0"):
        retention.keep("DAYS", {"DAYS": text})


def test_a_directory_that_is_not_there_has_no_records(tmp_path):
    assert list(retention.logs(tmp_path / "none")) == []
