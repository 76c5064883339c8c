"""A run's rows become its record: whole at first, and then by what is new, as if everything had been read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, event, update
from sqlalchemy.orm import Session

from kubeadm_airflow.pages import run_record
from kubeadm_airflow.pages.run_record import RunReader
from kubeadm_airflow.pages.run_rows import OVERLAP, WHOLE_EVERY
from kubeadm_upgrade import report
from kubeadm_upgrade.board.record import Failure, Marks, TaskRecord
from kubeadm_upgrade.procedure import TASKS
from written.database import write_dag, write_run, write_tasks, write_xcoms
from written.run import MadeUpRun

pytestmark = pytest.mark.usefixtures("reports")

RUN = MadeUpRun("prod", workers=6, done=2, moving=2)
RUN_ID = "to-1.29"
DRAIN = "workers.drain_node"


@pytest.fixture
def session(empty) -> Iterator[Session]:
    """With the run in it; what a test does to it is taken back."""
    with empty.connect() as connection, connection.begin() as everything:
        write_dag(connection, RUN.dag_id)
        write_run(connection, RUN.dag_id, RUN_ID, "running", conf={"target_version": "1.29"})
        write_tasks(connection, RUN.dag_id, RUN_ID, RUN.tasks())
        write_xcoms(connection, RUN.dag_id, RUN_ID, RUN.xcoms())
        with Session(connection) as session:
            yield session
        everything.rollback()


@pytest.fixture
def reader() -> RunReader:
    return RunReader(RUN.dag_id, RUN_ID)


def now() -> datetime:
    return datetime.now(UTC)


def task_of(record, task_id, map_index=-1) -> TaskRecord:
    (found,) = (task for task in record.tasks if (task.task_id, task.map_index) == (task_id, map_index))
    return found


def test_the_record_holds_what_tasks_have_written(session, reader):
    record = reader.read(session, now())
    assert (record.cluster, record.state, record.params) == ("prod", "running", {"target_version": "1.29"})
    assert record.hop["workers"] == list(RUN.hop.workers)
    assert [hop["to"] for hop in record.path["hops"]] == ["1.29.15"]
    assert [node.name for node in record.nodes] == [*RUN.hop.control_plane, *RUN.hop.workers]
    assert len(record.tasks) == len(list(RUN.tasks()))
    assert task_of(record, DRAIN, 2).waiting.reason.endswith("shop/db-2: budget db allows no disruption")


@pytest.mark.parametrize(
    "task", [pytest.param("admit", id="from a worker"), pytest.param("back_up", id="from a trigger")]
)
def test_an_outcome_is_read_whoever_has_pushed_it(session, reader, task):
    assert task_of(reader.read(session, now()), f"control_plane.{task}", 0).outcome["status"] == "changed"


@pytest.mark.parametrize("task", [pytest.param(0, id="from a worker"), pytest.param(1, id="from a trigger")])
def test_a_task_of_several_steps_has_an_outcome_of_each(session, reader, task):
    name, steps = TASKS["workers"][task]
    record = task_of(reader.read(session, now()), f"workers.{name}", 0)
    assert [one["step"] for one in record.outcomes] == [step.name for step in steps]


def test_one_that_waits_has_those_of_the_steps_before(session, reader):
    done = task_of(reader.read(session, now()), DRAIN, 2).waiting.done
    assert [one["step"] for one in done] == [step.name for step in TASKS["workers"][0].steps[:-1]]


def test_a_run_that_is_not_there_has_no_record(session):
    assert RunReader(RUN.dag_id, "other").read(session, now()) is None


def test_a_look_costs_five_queries_however_many_nodes_there_are(session, reader, empty):
    asked: list[str] = []
    event.listen(empty, "before_cursor_execute", lambda *args: asked.append(args[2]))
    reader.read(session, now())
    first = len(asked)
    reader.read(session, now())
    assert (first, len(asked) - first) == (4, 5)


def test_nothing_new_is_the_very_same_record(session, reader):
    assert reader.read(session, now()) is reader.read(session, now())


def begin_anew(session):
    """As a cleared task does: its row is another try's, and what it had written is gone."""
    session.execute(_of_task(update(TaskInstance), TaskInstance, "workers.uncordon_node", 0).values(state=None))
    session.execute(_of_task(delete(XComModel), XComModel, "workers.uncordon_node", 0))


def go_on(session):
    session.execute(_of_task(update(TaskInstance), TaskInstance, DRAIN, 2).values(state="success", end_date=now()))
    session.execute(_of_task(delete(XComModel), XComModel, DRAIN, 2))
    outcome = {"step": "drain_node", "node": "prod-w3", "status": "changed", "actions": [], "details": []}
    _push(session, DRAIN, 2, "return_value", outcome)


def wait_for_another(session):
    """Only an XCom changes."""
    _push(session, DRAIN, 3, "waiting", {"reason": "Pod shop/web-1 to end", "since": now().isoformat()})


def fail(session):
    session.execute(_of_task(update(TaskInstance), TaskInstance, DRAIN, 3).values(state="failed", end_date=now()))
    told = {"task": DRAIN, "map_index": 3, "why": "it is stuck\nlines\nof a journal", "do": "clear it"}
    _push(session, DRAIN, 3, "failure", told)


def end(session):
    session.execute(update(DagRun).values(state="failed", end_date=now()))


def lose_a_node(session):
    """Rows of a mapped group go where it is expanded over fewer nodes."""
    session.execute(delete(XComModel).where(XComModel.map_index == 5))
    session.execute(delete(TaskInstance).where(TaskInstance.map_index == 5))


EVENTS = (begin_anew, go_on, wait_for_another, fail, end, lose_a_node)


@pytest.mark.parametrize("happen", EVENTS, ids=lambda event: event.__name__)
def test_what_is_new_is_read_and_what_is_not_is_the_same_object(session, reader, happen):
    before = reader.read(session, now())
    happen(session)
    after = reader.read(session, now())
    assert after == RunReader(RUN.dag_id, RUN_ID).read(session, now())
    assert after != before
    known = {id(task) for task in before.tasks}
    assert len([task for task in after.tasks if id(task) not in known]) <= 1


@given(events=st.lists(st.sampled_from(EVENTS), max_size=6), looks=st.lists(st.booleans(), min_size=6, max_size=6))
def test_whenever_it_is_looked_at_it_is_as_if_read_for_the_first_time(empty, events, looks):
    with empty.connect() as connection, connection.begin() as everything:
        write_run(connection, RUN.dag_id, RUN_ID, "running")
        write_tasks(connection, RUN.dag_id, RUN_ID, RUN.tasks())
        write_xcoms(connection, RUN.dag_id, RUN_ID, RUN.xcoms())
        with Session(connection) as session:
            reader = RunReader(RUN.dag_id, RUN_ID)
            for happen, look in zip(events, looks, strict=False):
                happen(session)
                if look:
                    reader.read(session, now())
            assert reader.read(session, now()) == RunReader(RUN.dag_id, RUN_ID).read(session, now())
        everything.rollback()


def test_a_row_that_was_written_before_the_last_look_and_came_later_is_read(session, reader):
    """Its transaction has ended later than its time says."""
    reader.read(session, now())
    early = {"state": "failed", "updated_at": now() - OVERLAP / 2}
    session.execute(_of_task(update(TaskInstance), TaskInstance, DRAIN, 3).values(**early))
    assert task_of(reader.read(session, now()), DRAIN, 3).state == "failed"


def test_a_clock_that_is_wrong_delays_but_hides_nothing(session, reader):
    reader.read(session, now())
    wrong = {"state": "failed", "updated_at": now() - timedelta(hours=1)}
    session.execute(_of_task(update(TaskInstance), TaskInstance, DRAIN, 3).values(**wrong))
    assert task_of(reader.read(session, now()), DRAIN, 3).state == "deferred"
    assert task_of(reader.read(session, now() + WHOLE_EVERY), DRAIN, 3).state == "failed"


def test_a_failure_is_told_with_its_remedy(session, reader):
    fail(session)
    expected = Failure("it is stuck", "clear it", ("lines", "of a journal"))
    assert task_of(reader.read(session, now()), DRAIN, 3).failure == expected


@pytest.mark.parametrize("fails", range(5))
@pytest.mark.parametrize("first", [True, False], ids=["at the first look", "later"])
def test_a_query_that_fails_delays_and_hides_nothing(session, reader, empty, first, fails):
    """Whichever of them it is: what the others have found is in the next record."""
    if not first:
        reader.read(session, now())
    for happen in EVENTS:
        happen(session)
    report.write(report.paths(RUN.dag_id, RUN_ID)[1], '{"result": "Done and verified"}')
    left = fails

    def fail_once(*_):
        nonlocal left
        left -= 1
        if left == -1:
            raise ConnectionError("the database is gone")

    event.listen(empty, "before_cursor_execute", fail_once)
    try:
        reader.read(session, now())
    except ConnectionError:
        pass
    finally:
        event.remove(empty, "before_cursor_execute", fail_once)
    assert reader.read(session, now()) == RunReader(RUN.dag_id, RUN_ID).read(session, now())


@pytest.mark.parametrize("part", ["outcomes_of", "marks_of", "last_seen", "read_json"])
def test_what_cannot_be_read_for_once_is_read_again(session, reader, monkeypatch, part):
    reader.read(session, now())
    go_on(session)
    report.write(report.paths(RUN.dag_id, RUN_ID)[1], '{"result": "Done and verified"}')
    with monkeypatch.context() as broken:
        broken.setattr(run_record, part, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reader.read(session, now())
    assert reader.read(session, now()) == RunReader(RUN.dag_id, RUN_ID).read(session, now())


def test_the_report_is_read_when_it_was_written(session, reader):
    assert reader.read(session, now()).report is None
    _, path = report.paths(RUN.dag_id, RUN_ID)
    report.write(path, '{"result": "Done and verified"}')
    assert reader.read(session, now()).report == {"result": "Done and verified"}


def test_the_newest_marks_count(session, reader):
    """What the run's look has seen is older than what somebody has set since."""
    _push(session, "look", -1, "marks", {"paused": None, "at": "2026-11-23T01:00:00+00:00"})
    steer = f"kubeadm_steer.{RUN.cluster}"
    connection = session.connection()
    write_dag(connection, steer)
    for number, why in enumerate(("incident 1", "incident 2")):
        write_run(connection, steer, str(number), "success")
        write_tasks(connection, steer, str(number), [{"task_id": "steer", "state": "success"}])
        marks = {"paused": why, "at": f"2026-11-23T02:0{number}:00+00:00"}
        write_xcoms(connection, steer, str(number), [{"task_id": "steer", "key": "marks", "value": marks}])
    assert reader.read(session, now()).marks == Marks("incident 2", at=datetime(2026, 11, 23, 2, 1, tzinfo=UTC))


def test_an_aborted_run_stays_so_once_the_next_run_has_looked(session, reader):
    """Also to whoever reads it for the first time then, and only it."""
    _, path = report.paths(RUN.dag_id, RUN_ID)
    marks = {"aborted": "too late", "given_up": {}, "run": RUN_ID, "at": "2026-11-23T03:00:00+00:00"}
    report.write(path, json.dumps({"result": "Not finished", "marks": marks}))
    look = {"paused": None, "aborted": None, "given_up": {}, "run": "next", "at": "2026-11-23T04:00:00+00:00"}
    write_run(session.connection(), RUN.dag_id, "next", "running")
    write_tasks(session.connection(), RUN.dag_id, "next", [{"task_id": "look", "state": "success"}])
    write_xcoms(session.connection(), RUN.dag_id, "next", [{"task_id": "look", "key": "marks", "value": look}])
    assert reader.read(session, now()).marks.aborted == "too late"
    assert RunReader(RUN.dag_id, "next").read(session, now()).marks.aborted is None


@pytest.mark.parametrize("value", ["/tmp/an/object/store", 4, None, [1], {"odd": 1}], ids=repr)
@pytest.mark.parametrize("task_id", ["look", "plan", "preflight", "next_hop"])
def test_an_xcom_that_is_not_as_we_write_it_is_as_if_it_were_not_there(session, reader, task_id, value):
    for key in ("return_value", "path", "findings", "trigger_run_id", "marks", "pace"):
        session.execute(_of_task(delete(XComModel), XComModel, task_id, -1).where(XComModel.key == key))
        _push(session, task_id, -1, key, value)
    assert reader.read(session, now()).state == "running"


def _of_task(statement, model, task_id, map_index):
    return statement.where(model.task_id == task_id, model.map_index == map_index)


def _push(session, task_id, map_index, key, value):
    row = {"task_id": task_id, "map_index": map_index, "key": key, "value": value}
    write_xcoms(session.connection(), RUN.dag_id, RUN_ID, [row])
