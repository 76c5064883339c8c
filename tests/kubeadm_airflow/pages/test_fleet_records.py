"""What is known of every cluster, and how little of it is read twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import yaml
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.serialization.serialized_objects import DagSerialization
from sqlalchemy import event, insert, text, update
from sqlalchemy.orm import Session

from kubeadm_airflow.pages import fleet_records
from kubeadm_airflow.pages.fleet_records import FleetReader
from kubeadm_airflow.pages.kept_fleet import KeptFleet
from kubeadm_airflow.pages.run_record import RunReader
from kubeadm_upgrade import report
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.fleet import fleet_of
from kubeadm_upgrade.board.last_look import LastLook
from kubeadm_upgrade.inventory import load_cluster
from kubeadm_upgrade.releases.known import releases
from upgrade_dags.cluster import build_cluster_dag
from written.database import empty_database, write_dag, write_run, write_tasks, write_xcoms
from written.run import MadeUpRun

pytestmark = pytest.mark.usefixtures("reports")

NOW = datetime.now(UTC)
LATER = NOW + timedelta(seconds=10)
PROD = MadeUpRun("prod", workers=3, done=1, moving=1)


@pytest.fixture
def session(empty) -> Iterator[Session]:
    with empty.connect() as connection, connection.begin() as everything:
        with Session(connection) as session:
            yield session
        everything.rollback()


def write_prod(session: Session, run_id: str, state: str, **columns) -> None:
    connection = session.connection()
    write_run(connection, PROD.dag_id, run_id, state, **columns)
    write_tasks(connection, PROD.dag_id, run_id, PROD.tasks())
    write_xcoms(connection, PROD.dag_id, run_id, PROD.xcoms())


def records(reader, session, now=NOW):
    return {record.name: record for record in reader.read(session, now)}


def test_a_cluster_is_known_by_its_tags_its_run_and_what_was_last_seen(session):
    write_dag(session.connection(), PROD.dag_id, ["kubeadm-upgrade", "env:prod"])
    write_prod(session, "to-1.29", "running")
    seen = LastLook("prod", NOW.replace(microsecond=0), PROD.dag_id, "to-1.29", "1.28.15", {"1.28.15": 6})
    report.keep_last_look(seen)
    prod = records(FleetReader(), session)["prod"]
    assert (prod.labels, prod.look, prod.broken) == ({"env": "prod"}, seen, None)
    assert prod.run.run_id == "to-1.29"
    assert prod.board == "/kubeadm-upgrade/board/kubeadm_upgrade.prod/to-1.29"


def test_a_broken_file_says_what_is_wrong(session):
    said = "broken.yaml is broken: target_version: is missing"
    write_dag(session.connection(), "kubeadm_upgrade.broken", ["kubeadm-upgrade", "quarantine"], description=said)
    assert records(FleetReader(), session)["broken"].broken == said


def test_the_target_is_what_the_newest_version_of_the_dag_has(session, tmp_path):
    write_dag(session.connection(), PROD.dag_id)
    for number, target in enumerate(("1.29", "1.32")):
        path = tmp_path / "prod.yaml"
        settings = {"name": "prod", "target_version": target, "kubernetes_conn_id": "a", "ssh_conn_id": "b"}
        path.write_text(yaml.safe_dump(settings))
        data = DagSerialization.to_dict(build_cluster_dag(load_cluster(path)))
        when = NOW - timedelta(hours=2 - number)
        row = {"dag_id": PROD.dag_id, "data": data, "dag_hash": target, "created_at": when, "last_updated": when}
        version = {"dag_version_id": uuid4()}
        session.execute(insert(SerializedDagModel.__table__).values(**row, **version))
    assert records(FleetReader(), session)["prod"].target == "1.32"


def test_a_plan_of_an_earlier_run_counts_where_the_newest_has_none(session):
    write_dag(session.connection(), PROD.dag_id)
    write_prod(session, "planned", "success")
    write_run(session.connection(), PROD.dag_id, "failed-at-once", "failed")
    prod = records(FleetReader(), session)["prod"]
    assert (prod.run.run_id, prod.planned.run_id) == ("failed-at-once", "planned")
    assert prod.planned.path["target"] == "1.29.15"


def write_nothing_to_do(session: Session, run_id: str, claim: str = "skipped", state: str = "success") -> None:
    connection = session.connection()
    write_run(connection, PROD.dag_id, run_id, state)
    rows = [{"task_id": "due", "state": "success"}, {"task_id": "claim", "state": claim}]
    write_tasks(connection, PROD.dag_id, run_id, rows)
    write_xcoms(connection, PROD.dag_id, run_id, [{"task_id": "due", "key": "nothing_to_do", "value": "Nothing to do"}])


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_night_with_nothing_to_do_hides_no_earlier_run(session, state):
    """However many of them there are, and when one more comes; nor what becomes of that run since."""
    write_dag(session.connection(), PROD.dag_id)
    write_prod(session, "to-1.29", state)
    reader = FleetReader()
    for night in ("scheduled__1", "scheduled__2", "scheduled__3"):
        write_nothing_to_do(session, night)
        known = records(reader, session)["prod"]
        assert (known.run.run_id, known.run.state, known.planned) == ("to-1.29", state, None)
        assert known.board == "/kubeadm-upgrade/board/kubeadm_upgrade.prod/to-1.29"
    session.execute(update(DagRun).where(DagRun.run_id == "to-1.29").values(state="running", updated_at=LATER))
    assert records(reader, session, LATER)["prod"].run.state == "running"


def test_a_night_with_nothing_to_do_is_shown_where_there_was_nothing_else(session):
    write_dag(session.connection(), PROD.dag_id)
    write_nothing_to_do(session, "scheduled__1")
    known = records(FleetReader(), session)["prod"]
    assert (known.run.run_id, board_of(known.run, NOW).state) == ("scheduled__1", "nothing_to_do")


@pytest.mark.parametrize(
    ("claim", "state"),
    [
        pytest.param("success", "success", id="cleared, and gone on with"),
        pytest.param("skipped", "failed", id="marked as failed by somebody"),
        pytest.param(None, "running", id="under way"),
    ],
)
def test_a_run_that_a_schedule_has_opened_is_a_run_as_any_other(session, claim, state):
    write_dag(session.connection(), PROD.dag_id)
    write_prod(session, "to-1.29", "success")
    write_nothing_to_do(session, "scheduled__1", claim, state)
    assert records(FleetReader(), session)["prod"].run.run_id == "scheduled__1"


def test_a_cluster_that_cannot_be_read_hides_no_other(session, monkeypatch, caplog):
    """And is read again at the next look."""
    write_dag(session.connection(), "kubeadm_upgrade.another")
    write_dag(session.connection(), PROD.dag_id)
    write_prod(session, "to-1.29", "running")
    reader, kept = FleetReader(), RunReader.read
    records(reader, session)

    def read(self, *given):
        kept(self, *given)
        raise OSError("Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(RunReader, "read", read)
        known = records(reader, session, LATER)
    assert {name: one.unread for name, one in known.items()} == {"another": None, "prod": "OSError: Input/output error"}
    assert "kubeadm_upgrade.prod" in caplog.text
    row = next(one for one in fleet_of(known.values(), NOW, releases()).clusters if one.name == "prod")
    assert (row.state, row.sentence) == ("unknown", "It could not be read: OSError: Input/output error.")
    assert records(reader, session, LATER)["prod"].run == records(FleetReader(), session)["prod"].run


def test_a_query_that_fails_hides_no_other_cluster():
    """A transaction in which one has failed answers no more."""
    engine = empty_database()
    with engine.begin() as connection:
        for name in ("first", "second"):
            write_dag(connection, f"kubeadm_upgrade.{name}")
            write_run(connection, f"kubeadm_upgrade.{name}", "r", "running")
    with Session(engine) as session:
        event.listen(engine, "before_cursor_execute", once(lambda: session.execute(text("nonsense")), "task_instance"))
        known = records(FleetReader(), session)
        assert known["first"].unread.startswith("OperationalError")
        assert known["second"].run.run_id == "r"


def once(act, word):
    """At the first statement that has this word."""
    left = [act]

    def listener(connection, cursor, statement, *_):
        if word in statement and left:
            left.pop()()

    return listener


def test_a_fleet_that_cannot_be_read_is_not_an_empty_one(session, monkeypatch):
    """Also to whoever asks while it rests from that."""
    fleet = KeptFleet()
    monkeypatch.setattr(fleet_records.fleet_rows, "dags", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fleet.of(session, ())
    with pytest.raises(RuntimeError, match="could not be read"):
        fleet.of(session, ())


def test_of_clusters_at_rest_nothing_is_read_twice(session, empty):
    """Five queries for all of them, and none for any."""
    for name in ("prod", "other"):
        write_dag(session.connection(), f"kubeadm_upgrade.{name}")
    write_prod(session, "to-1.29", "success")
    write_run(session.connection(), "kubeadm_upgrade.other", "r", "failed")
    asked: list[str] = []
    event.listen(empty, "before_cursor_execute", lambda *args: asked.append(args[2]))
    reader = FleetReader()
    first = records(reader, session)
    asked.clear()
    again = records(reader, session, LATER)
    assert len(asked) == 5
    assert again["prod"].run is first["prod"].run


@pytest.mark.parametrize("state", ["success", "failed", None, "skipped"])
def test_the_fleet_judges_a_run_as_its_board_does(session, state):
    """Whose report has written something and then failed, or was marked: invariant I11."""
    write_dag(session.connection(), PROD.dag_id)
    write_prod(session, "to-1.29", "success")
    session.execute(update(TaskInstance).where(TaskInstance.task_id == "report").values(state=state))
    report.write(report.paths(PROD.dag_id, "to-1.29")[1], '{"result": "Done and verified"}')
    whole = RunReader(PROD.dag_id, "to-1.29").read(session, NOW)
    known = records(FleetReader(), session)["prod"].run
    assert board_of(known, NOW).state == board_of(whole, NOW).state
    assert {task.group for task in known.tasks} == {""}


def test_of_runs_at_rest_and_clusters_that_are_gone_no_rows_are_kept(session):
    for name in ("prod", "other"):
        write_dag(session.connection(), f"kubeadm_upgrade.{name}")
    write_prod(session, "planned", "success")
    write_run(session.connection(), PROD.dag_id, "failed-at-once", "failed")
    write_run(session.connection(), "kubeadm_upgrade.other", "r", "running")
    reader = FleetReader()
    records(reader, session)
    assert set(reader._readers) == {("kubeadm_upgrade.other", "r")}
    assert (set(reader._at_rest), set(reader._plans)) == ({PROD.dag_id}, {PROD.dag_id})
    session.execute(update(DagModel).values(is_stale=True))
    assert records(reader, session, LATER) == {}
    assert [*reader._readers, *reader._at_rest, *reader._plans, *reader._targets] == []


def test_a_run_that_is_cleared_after_its_end_is_read_again(session):
    write_dag(session.connection(), PROD.dag_id)
    write_prod(session, "to-1.29", "failed")
    reader = FleetReader()
    assert records(reader, session)["prod"].run.state == "failed"
    session.execute(update(DagRun).values(state="running", updated_at=LATER))
    assert records(reader, session, LATER)["prod"].run.state == "running"
