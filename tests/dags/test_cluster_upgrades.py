"""The DAG file: one DAG for every cluster file, cheap to parse, and only its own for a task."""

from __future__ import annotations

import importlib
import itertools
import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from airflow.exceptions import ParamValidationError
from airflow.sdk import DAG
from airflow.sdk.definitions.param import process_params
from airflow.serialization.definitions.param import SerializedParam, SerializedParamsDict
from airflow.serialization.serialized_objects import DagSerialization

from kubeadm_airflow.endings import EndedForAPerson
from kubeadm_airflow.operators.approve import FORM as FORM_OF_PLANS
from kubeadm_airflow.operators.delete_pods import FORM as FORM_OF_DELETIONS
from kubeadm_airflow.timetable import WindowTimetable
from kubeadm_upgrade.inventory import InventoryError, load_cluster_named
from kubeadm_upgrade.procedure import TASKS

FLEET = 100


KINDS = ("upgrade", "check", "steer", "delete_pods")


def write_fleet(directory: Path, names: list[str], **settings: object) -> None:
    directory.mkdir(exist_ok=True)
    for name in names:
        cluster = {
            "name": name,
            "kubernetes_conn_id": f"{name}_kubernetes",
            "ssh_conn_id": f"{name}_ssh",
            "target_version": "1.29",
            **settings,
        }
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(cluster))


@pytest.fixture
def parse(tmp_path, monkeypatch):
    """Parses the DAG file as Airflow does, over an inventory of these clusters; returns its DAGs by id."""

    def parse(*names: str, wanted: str | None = None, **settings: object) -> dict:
        write_fleet(tmp_path / "clusters", list(names), **settings)
        monkeypatch.setenv("KUBEADM_UPGRADE_INVENTORY", str(tmp_path / "clusters"))
        monkeypatch.delenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", raising=False)
        if wanted:
            monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", wanted)
        sys.modules.pop("cluster_upgrades", None)
        module = importlib.import_module("cluster_upgrades")
        return {name: dag for name, dag in vars(module).items() if isinstance(dag, DAG)}

    return parse


def test_every_cluster_has_its_dags(parse):
    """So many DAGs a file, named after it."""
    assert set(parse("a", "b")) == {f"kubeadm_{what}.{name}" for what in KINDS for name in ("a", "b")}


def test_a_task_parses_only_its_own_dag(parse):
    """A worker that runs one task must not build the DAGs of the whole fleet."""
    for what in KINDS:
        assert set(parse("a", "b", "c", wanted=f"kubeadm_{what}.b")) == {f"kubeadm_{what}.b"}


def test_every_dag_of_a_cluster_has_its_labels(parse):
    """As tags, by which Airflow's own list is filtered."""
    for dag in parse("a", labels={"env": "prod", "example.org/team": ""}).values():
        assert dag.tags == {"kubeadm-upgrade", "env:prod", "example.org/team:"}


def test_everything_has_its_documentation(parse, tmp_path):
    """Tasks, and groups as a tooltip; the DAG leads to its board and to what steers it."""
    (tmp_path / "clusters").mkdir()
    (tmp_path / "clusters" / "bad.yaml").write_text("name: bad\n")
    dags = parse("a", look={"schedule": "17 3 * * *"})
    assert len(dags) == len(KINDS) + 2
    for dag in dags.values():
        assert [task.task_id for task in dag.tasks if not task.doc_md] == []
        assert [name for name, group in dag.task_group_dict.items() if name and not group.tooltip] == []
    doc = dags["kubeadm_upgrade.a"].doc_md
    assert "(dags/kubeadm_upgrade.a/plugin/board)" in doc
    assert "(dags/kubeadm_steer.a)" in doc


def test_parameters_are_a_dags_alone_and_every_task_is_given_them(parse):
    """Of a copy in each task Airflow's DAG processor validates schema and value, again and again."""
    dags = parse("a", look={"schedule": "17 3 * * *"}, notify=NOTIFY)
    for dag in dags.values():
        for task in dag.tasks:
            assert {task.params.get_param(name).source for name in task.params} <= {"task"}
            assert process_params(dag, task, {}, suppress_exception=True).keys() >= dag.params.keys()
    asking = {task.task_id: set(task.params) for dag in dags.values() for task in dag.tasks if task.params}
    plans, deletions = set(FORM_OF_PLANS), set(FORM_OF_DELETIONS)
    assert asking == {"approve": plans, "window": plans, "delete_blocked_pods": deletions}


def test_an_order_waits_for_nobody(parse):
    """The DAG that takes orders is there unpaused, and carries them out one after the other."""
    dag = parse("a")["kubeadm_steer.a"]
    assert (dag.is_paused_upon_creation, dag.max_active_runs, list(dag.task_dict)) == (False, 1, ["steer"])


def test_an_order_that_waits_for_an_answer_holds_up_no_other(parse):
    """So it has a DAG of its own, whose runs wait beside each other."""
    dag = parse("a")["kubeadm_delete_pods.a"]
    assert (dag.is_paused_upon_creation, list(dag.task_dict)) == (False, ["delete_blocked_pods"])
    assert dag.max_active_runs > 1
    assert "(dags/kubeadm_steer.a)" in dag.doc_md


def test_a_cluster_is_looked_at_where_its_file_says_when(parse):
    """By itself: at that time of that zone, and not for every night that Airflow was away."""
    dag = parse("a", look={"schedule": "17 3 * * 1-5", "timezone": "Europe/Berlin"})["kubeadm_look.a"]
    assert (dag.is_paused_upon_creation, dag.catchup) == (False, False)
    assert list(dag.task_dict) == ["look", "rehearse_drains"]
    assert (dag.timetable.expression, str(dag.timetable.timezone)) == ("17 3 * * 1-5", "Europe/Berlin")
    assert set(parse("a", wanted="kubeadm_look.a", look={"schedule": "17 3 * * *"})) == {"kubeadm_look.a"}
    assert parse("a", wanted="kubeadm_look.a") == {}


WINDOWS = {"timezone": "Europe/Berlin", "recurring": [{"days": ["sat", "sun"], "start": "22:00", "duration": "4h"}]}


def test_a_run_begins_at_each_window_where_the_file_has_some(parse):
    """By a schedule of ours; those that are over are not made up for, and one run has the DAG at a time."""
    dag = parse("a", windows=WINDOWS)["kubeadm_upgrade.a"]
    assert dag.timetable == WindowTimetable(load_cluster_named("a").calendar)
    assert (dag.catchup, dag.max_active_runs, str(dag.start_date)[:10]) == (False, 1, "2026-01-01")


@pytest.mark.parametrize(
    "windows",
    [
        pytest.param({}, id="no windows"),
        pytest.param({**WINDOWS, "open_runs": False}, id="windows that only hold back"),
        pytest.param({"exclusions": [{"from": "2026-12-20", "to": "2027-01-03"}]}, id="a freeze alone"),
    ],
)
def test_elsewhere_only_people_start_runs(parse, windows):
    assert parse("a", windows=windows)["kubeadm_upgrade.a"].schedule is None


def test_windows_change_no_task(parse):
    """A run may be under way: Airflow forgets the tasks that a DAG loses."""
    assert shape(parse("a", windows=WINDOWS)["kubeadm_upgrade.a"]) == shape(parse("a")["kubeadm_upgrade.a"])


def test_a_broken_file_opens_no_run(parse, tmp_path):
    parse("a", windows=WINDOWS)
    path = tmp_path / "clusters" / "a.yaml"
    path.write_text(f"{path.read_text()}foo: 1\n")
    assert parse()["kubeadm_upgrade.a"].schedule is None


def test_the_first_task_is_the_one_that_may_skip_all_others(parse):
    """Whatever their trigger rules are, and however many there will be."""
    dag = parse("a")["kubeadm_upgrade.a"]
    assert [task.task_id for task in dag.roots] == ["due"]
    assert dag.get_task("due").get_flat_relative_ids(upstream=False) == set(dag.task_dict) - {"due"}


def test_a_scheduled_run_goes_where_the_file_says_when_it_is_parsed(parse):
    """Nobody gives it parameters, and those that nobody gives are the file's, at each task's own parse."""
    for target in ("1.29", "1.30"):
        dag = parse("a", windows=WINDOWS, target_version=target)["kubeadm_upgrade.a"]
        assert process_params(dag, dag.get_task("plan"), {}, suppress_exception=False)["target_version"] == target


NOTIFY = ["log", {"webhook": {"conn_id": "hook"}}]


def test_people_are_told_where_its_file_says_whom(parse):
    """By a DAG that is there unpaused, under a tag of its own, and whose runs do not hold each other up."""
    dag = parse("a", notify=NOTIFY, labels={"env": "prod"})["kubeadm_tell.a"]
    assert (dag.is_paused_upon_creation, dag.schedule, dag.tags) == (False, None, {"kubeadm-tell", "env:prod"})
    task = dag.get_task("tell")
    assert task.expand_input.value == {"channel": ["log", "webhook hook"]}
    mapped = task.unmap({"channel": "log"})
    assert (mapped.channel, mapped.map_index_template) == ("log", "{{ task.channel }}")
    assert task.retries * dag.max_active_runs > 500
    assert json.dumps(DagSerialization.to_dict(dag), default=str)
    assert set(parse("a", wanted="kubeadm_tell.a", notify=NOTIFY)) == {"kubeadm_tell.a"}
    assert parse("a", wanted="kubeadm_tell.a") == {}


def test_whom_nobody_is_told_of_costs_no_parse(parse):
    for name in ("kubeadm_airflow.operators.tell", "upgrade_dags.tell", "kubeadm_airflow.late"):
        sys.modules.pop(name, None)
    parse("a", "b")
    assert {"kubeadm_airflow.operators.tell", "upgrade_dags.tell", "kubeadm_airflow.late"} & set(sys.modules) == set()


def test_who_is_told_changes_no_task_of_an_upgrade(parse):
    """Airflow takes tasks for removed that a DAG has no more."""
    assert shape(parse("a", notify=NOTIFY)["kubeadm_upgrade.a"]) == shape(parse("a")["kubeadm_upgrade.a"])


@pytest.mark.parametrize(
    ("notify", "seconds"),
    [
        pytest.param({"channels": ["log"], "late_after": "6h"}, 6 * 3600, id="late"),
        pytest.param({"channels": ["log"]}, None, id="never"),
        pytest.param({"channels": [{"log": {}, "events": ["failed"]}], "late_after": "6h"}, None, id="told-nobody"),
    ],
)
def test_a_run_is_late_where_its_file_says_when(parse, notify, seconds):
    """By Airflow's own deadline, which survives being written into its database."""
    dag = parse("a", notify=notify)["kubeadm_upgrade.a"]
    found = [alert.interval.total_seconds() for alert in dag.deadline or []]
    assert found == ([seconds] if seconds else [])
    assert bool(DagSerialization.to_dict(dag)["dag"]["deadline"]) is bool(seconds)


def test_a_check_asks_in_a_worker_and_in_the_triggerer(parse):
    """And rehearses drains. No task waits for another, the DAG starts by itself never and is found by the same tag."""
    dag = parse("a")["kubeadm_check.a"]
    assert {name: getattr(task, "in_triggerer", None) for name, task in dag.task_dict.items()} == {
        "in_a_worker": False,
        "in_the_triggerer": True,
        "rehearse_drains": None,
    }
    assert not any(task.downstream_task_ids for task in dag.task_dict.values())
    assert (dag.schedule, set(dag.tags)) == (None, {"kubeadm-upgrade"})


def test_a_broken_file_leaves_the_others_alone(parse, tmp_path):
    """Its DAG keeps the id, and says in its docs what is wrong; no other DAG is of it."""
    parse("a")
    (tmp_path / "clusters" / "bad.yaml").write_text("name: bad\nfoo: 1\n")
    dags = parse("a")
    assert set(dags) == {*(f"kubeadm_{what}.a" for what in KINDS), "kubeadm_upgrade.bad"}
    bad = dags["kubeadm_upgrade.bad"]
    assert "bad.yaml: foo: unknown key" in bad.doc_md
    assert "bad.yaml: " in bad.description
    assert bad.dag_display_name.startswith("kubeadm_upgrade.bad: bad.yaml: ")  # as lists of DAGs and its page show it
    assert bad.dag_display_name.endswith(" more)")
    assert dags["kubeadm_upgrade.a"].dag_display_name == "kubeadm_upgrade.a"


def shape(dag):
    """What Airflow knows a run's tasks by."""
    tasks = {name: (type(task), task.trigger_rule, task.downstream_task_ids) for name, task in dag.task_dict.items()}
    return dag.dag_id, tasks, set(dag.task_group_dict), dag.max_active_runs


MISTAKES_OF_EDITORS = [
    pytest.param("a.yaml", "name: a\n\tfoo", id="a bad character"),
    pytest.param("a.yaml", "name: a\nfoo: 1\n", id="an unknown key"),
    pytest.param("a.yaml", "", id="nothing yet"),
    pytest.param("a.yml", "name: a\n", id="another ending"),
]


@pytest.mark.parametrize(("file", "text"), MISTAKES_OF_EDITORS)
def test_a_run_under_way_keeps_its_tasks_while_its_file_is_broken(parse, tmp_path, file, text):
    """Airflow takes tasks for removed that the DAG has no more, and would fail the run with the cluster held."""
    good = parse("a")["kubeadm_upgrade.a"]
    (tmp_path / "clusters" / "a.yaml").unlink()
    (tmp_path / "clusters" / file).write_text(text)
    bad = parse()["kubeadm_upgrade.a"]
    assert "quarantine" in bad.tags
    assert shape(bad) == shape(good)
    assert json.dumps(DagSerialization.to_dict(bad))
    assert set(good.params) - set(bad.params) == {"target_version"}  # which is not known


@pytest.mark.parametrize(("file", "text"), MISTAKES_OF_EDITORS)
@pytest.mark.parametrize("params", [{}, {"dry_run": True}, {"target_version": "1.30"}], ids=str)
def test_a_run_that_begins_with_a_broken_file_fails_with_its_sentence(parse, tmp_path, file, text, params):
    """In its first task, and not with a word on a parameter that only the good file's DAG knows."""
    parse()
    (tmp_path / "clusters" / file).write_text(text)
    dag = parse()["kubeadm_upgrade.a"]
    run = SimpleNamespace(conf=params, run_after=datetime(2026, 11, 23, tzinfo=UTC))
    values = {name: dag.params[name] for name in dag.params} | params
    with pytest.raises(EndedForAPerson) as caught:
        dag.get_task("due").execute({"dag": dag, "run_id": "r", "dag_run": run, "params": values})
    assert isinstance(caught.value.error, InventoryError)
    assert caught.value.error.problems[0] in dag.doc_md


@pytest.mark.parametrize(
    ("file", "dag_id"),
    [
        pytest.param("bad.yml", "bad", id="the other ending"),
        pytest.param("bad.YAML", "bad", id="in capitals"),
        pytest.param("bad.yaml.txt", "bad", id="an editor's ending"),
    ],
)
def test_a_file_with_another_ending_is_told(parse, tmp_path, file, dag_id):
    """Instead of a DAG that is missing; with whatever else is wrong in it."""
    parse("a")
    (tmp_path / "clusters" / file).write_text("name: bad\nfoo: 1\n")
    dag = parse("a")[f"kubeadm_upgrade.{dag_id}"]
    assert f"- {file}: only files that end in .yaml are read: rename it to bad.yaml\n" in dag.doc_md
    assert f"- {file}: foo: unknown key" in dag.doc_md
    assert dag.tags == {"kubeadm-upgrade", "quarantine"}


@pytest.mark.parametrize(
    "file",
    ["a.yaml.sample", "a.yaml.bak", "a.yaml~", "a.json", "a.yaml.j2", "README.md", ".a.yml", "a", "a.yaml.orig"],
)
def test_what_somebody_keeps_beside_the_inventory_is_not_ours(parse, tmp_path, file):
    parse("b")
    (tmp_path / "clusters" / file).write_text("name: a\n")
    assert set(parse("b")) == {f"kubeadm_{what}.b" for what in KINDS}


@pytest.mark.parametrize("broken", [pytest.param(False, id="a good one"), pytest.param(True, id="a broken one")])
def test_of_two_files_of_a_cluster_the_one_that_is_not_read_is_told(parse, tmp_path, broken):
    """A run may be under way, so the cluster keeps its DAG, whose page says it."""
    parse("a")
    (tmp_path / "clusters" / "a.yml").write_text("name: a\n")
    if broken:
        (tmp_path / "clusters" / "b.yaml").write_text("name: b\n")
        (tmp_path / "clusters" / "b.yml").write_text("name: b\n")
    name = "b" if broken else "a"
    dag = parse("a")[f"kubeadm_upgrade.{name}"]
    assert f"{name}.yml is ignored, since {name}.yaml is there: remove one of them" in dag.doc_md
    assert ("quarantine" in dag.tags, "ignored-file" in dag.tags) == (broken, not broken)


@pytest.mark.parametrize(
    ("file", "dag_id"),
    [
        pytest.param("my cluster.yaml", "my_cluster", id="a blank"),
        pytest.param("a..b.yaml", "a._b", id="two dots, which Airflow takes for a way out of a directory"),
        pytest.param("kübel.yaml", "k_bel", id="a letter that is not ASCII"),
        pytest.param(f"{'x' * 245}.yaml", "x" * (250 - len("kubeadm_upgrade.")), id="too long"),
    ],
)
def test_a_name_that_no_dag_may_have_leaves_the_others_alone(parse, tmp_path, file, dag_id):
    """Airflow refuses the id, and would refuse every DAG of the file with it."""
    parse("a")
    (tmp_path / "clusters" / file).write_text("name: other\n")
    dags = parse("a")
    assert set(dags) == {*(f"kubeadm_{what}.a" for what in KINDS), f"kubeadm_upgrade.{dag_id}"}
    assert f"name: is 'other', but the file is named '{file[:-5]}'" in dags[f"kubeadm_upgrade.{dag_id}"].doc_md
    assert set(dags[f"kubeadm_upgrade.{dag_id}"].task_dict) == {"inventory_file_is_broken"}


def test_a_mistake_in_the_defaults_is_shown_by_each_cluster_and_is_none_itself(parse, tmp_path):
    """With the file that is to be mended in the title; and good ones make no DAG."""
    good = parse("a", "b")
    defaults = tmp_path / "clusters" / "_defaults.yaml"
    defaults.write_text("windows: {timezone: Europe/Berlin}\n")
    assert parse().keys() == good.keys()
    defaults.write_text("windows: {timezone: Mars/Phobos}\n")
    dags = parse()
    assert {dag_id for dag_id, dag in dags.items() if "quarantine" in dag.tags} == {
        "kubeadm_upgrade.a",
        "kubeadm_upgrade.b",
    }
    for dag in (dags["kubeadm_upgrade.a"], dags["kubeadm_upgrade.b"]):
        assert "_defaults.yaml: windows.timezone: must be UTC, or a time zone" in dag.dag_display_name


def test_tasks_perform_the_steps_of_the_procedure(parse):
    """Task id = step name = heading, in the procedure's groups and order."""
    dag = parse("a")["kubeadm_upgrade.a"]
    for group, tasks in TASKS.items():
        ids = [f"{group}.{task.name}" for task in tasks]
        for name, task in zip(ids, tasks, strict=True):
            assert dag.task_dict[name].steps == [step.name for step in task.steps]
        assert [task for task in dag.task_dict if task.startswith(f"{group}.")] == ids
        for earlier, later in itertools.pairwise(ids):
            assert later in dag.task_dict[earlier].downstream_task_ids


def test_whoever_is_out_of_service_comes_before_those_that_wait_to_be(parse):
    """For a free process and for a place in the triggerer alike: both go by the weight, the largest first."""
    dag = DagSerialization.from_dict(DagSerialization.to_dict(parse("a")["kubeadm_upgrade.a"]))
    for group, names in TASKS.items():
        tasks = [dag.task_dict[f"{group}.{task.name}"] for task in names]
        weights = [task.weight_rule.get_weight(SimpleNamespace(task=task)) for task in tasks]
        assert weights == sorted(weights), group


def test_the_report_waits_for_every_node(parse):
    """What comes after a failed node is upstream_failed at once, while other nodes are still at work."""
    dag = parse("a")["kubeadm_upgrade.a"]
    last = {f"{group}.{tasks[-1].name}" for group, tasks in TASKS.items()}
    assert dag.task_dict["report"].upstream_task_ids == last | {"next_hop"}
    assert dag.task_dict["verify"].upstream_task_ids >= last  # what comes after a node that is left is skipped at once
    assert dag.task_dict["report"].is_teardown


def test_whoever_looks_at_a_whole_cluster_late_in_a_run_is_patient(parse):
    """A node that is not Ready for a minute, as a window opens, costs no night."""
    dag = parse("a")["kubeadm_upgrade.a"]
    tries = {name: dag.get_task(name).retries for name in ("preflight", "window", "verify", "report")}
    assert tries == {"preflight": 2, "window": 8, "verify": 8, "report": 8}


def test_every_task_tells_of_its_failure(parse):
    """Also a step of a mapped group."""
    for dag in parse("a").values():
        assert {name for name, task in dag.task_dict.items() if not task.has_on_failure_callback} == set()


@pytest.fixture
def refused(parse):
    """What the API answers for these parameters; empty where it takes them."""
    dags = parse("a")

    def refused(what: str = "upgrade", **given: object) -> str:
        params = dags[f"kubeadm_{what}.a"].params
        known = {name: params.get_param(name) for name in params}
        of_the_server = {
            name: SerializedParam(given.get(name, one.value), one.description, None, **one.schema)
            for name, one in known.items()
        }
        try:
            SerializedParamsDict(of_the_server).validate()
        except ParamValidationError as error:
            return str(error)
        return ""

    return refused


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param(
            {"target_version": "latest"},
            "target_version: 'latest' is not one of ['a minor release, as 1.29', 'a version, as 1.29.4']",
            id="no version",
        ),
        pytest.param({"target_version": 1.3}, "target_version: 1.3 is not of type 'string'", id="no quotes"),
        pytest.param({"nodes": "w1"}, "nodes: 'w1' is not of type 'null', 'array'", id="no list"),
        pytest.param({"when_held": "now"}, "when_held: 'now' is not one of ['wait', 'fail']", id="another word"),
        pytest.param({"dry_run": "yes"}, "dry_run: 'yes' is not of type 'boolean'", id="no boolean"),
    ],
)
def test_a_parameter_is_refused_in_words(refused, given, sentence):
    """The first line of what the API answers and the form shows; a pattern would be told as it is written."""
    assert refused(**given).splitlines()[0] == f"Invalid input for param {sentence}"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="the defaults"),
        pytest.param({"target_version": "v1.30.2", "nodes": ["w1"], "give_up": ["w2"]}, id="as it always was"),
        pytest.param({"nodes": None, "give_up": None, "take_over": None}, id="fields that somebody has emptied"),
        pytest.param({"nodes": ["w1", "w1", ""]}, id="as a field of lines has them"),
    ],
)
def test_what_the_form_sends_is_taken(refused, given):
    assert refused(**given) == ""


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({}, "Invalid input for param action: No value passed", id="no action"),
        pytest.param(
            {"action": "stop"},
            "Invalid input for param action: 'stop' is not one of ['pause', 'resume', 'give_up', 'take_back', 'abort']",
            id="another word",
        ),
        pytest.param({"action": "pause", "reason": "x" * 201}, "is too long", id="a novel for a reason"),
        pytest.param({"action": "pause", "reason": "incident 7"}, "", id="as the board asks"),
        pytest.param({"action": "resume", "node": None, "reason": None}, "", id="as an emptied form does"),
    ],
)
def test_an_order_is_refused_in_words(refused, given, sentence):
    """By Airflow, before there is a run."""
    said = refused("steer", **given).splitlines() or [""]
    assert sentence in said[0]
    assert bool(sentence) == bool(said[0])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        pytest.param({}, "Invalid input for param node: No value passed", id="no node"),
        pytest.param({"node": ""}, "Invalid input for param node: ", id="an empty form"),
        pytest.param({"node": "a-w1", "reason": None, "run": None}, "", id="a node"),
        pytest.param({"node": "a-w1", "reason": "x", "run": "night"}, "", id="as the board asks"),
    ],
)
def test_whose_drain_it_is_must_be_said(refused, given, sentence):
    said = refused("delete_pods", **given).splitlines() or [""]
    assert sentence in said[0]
    assert bool(sentence) == bool(said[0])


def test_the_list_of_dags_says_where_each_goes(parse):
    """A run's id cannot: Airflow makes it before it knows the run's parameters."""
    assert parse("a")["kubeadm_upgrade.a"].description == "Upgrade kubeadm cluster a to 1.29, or where a run says"


def test_only_what_must_be_there_is_marked_as_required(parse):
    """The form marks a field unless its type may be null (3.3.2)."""
    params = parse("a")["kubeadm_upgrade.a"].params
    required = {name for name in params if "null" not in params.get_param(name).schema["type"]}
    assert required == {"target_version", "dry_run", "when_held"}


@pytest.mark.usefixtures("plugin")
def test_the_dag_is_the_same_at_every_parse(parse):
    """Nothing volatile goes into the DAG, or every parse would make a new version of it."""
    whole = {"labels": {"env": "prod", "team": "shop"}, "look": {"schedule": "17 3 * * *"}, "windows": WINDOWS}
    first, second = (
        [json.dumps(DagSerialization.to_dict(dag)) for dag in parse("a", **whole).values()] for _ in range(2)
    )
    assert len(first) == len(KINDS) + 1
    assert first == second


def test_parsing_imports_no_client(tmp_path):
    """SSH and Kubernetes clients are imported by tasks, not by the DAG file."""
    write_fleet(tmp_path / "clusters", ["a"])
    code = (
        "import sys, cluster_upgrades; "
        "clients = ('asyncssh', 'paramiko', 'kubernetes', 'kubernetes_asyncio', 'aiohttp'); "
        "print([client for client in clients if client in sys.modules])"
    )
    repository = Path(__file__).resolve().parents[2]
    environment = {
        "PYTHONPATH": ":".join(str(repository / room) for room in ("include", "plugins", "dags")),
        "KUBEADM_UPGRADE_INVENTORY": str(tmp_path / "clusters"),
        "AIRFLOW_HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


@pytest.mark.bench
@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("windows", [{}, WINDOWS], ids=["without windows", "with windows"])
def test_parse_and_serialise_a_fleet(parse, windows):
    """Reported, not judged: how long the DAG processor works on a hundred clusters in one file."""
    names = [f"cluster-{number:03}" for number in range(FLEET)]
    parse(*names[:1])  # imports are not what is measured
    started = time.perf_counter()
    dags = parse(*names, windows=windows)
    parsed = time.perf_counter()
    sizes = [len(json.dumps(DagSerialization.to_dict(dag))) for dag in dags.values()]
    serialised = time.perf_counter()
    own = parse(*names, wanted="kubeadm_upgrade.cluster-050")
    ended = time.perf_counter()
    assert (len(dags), len(own)) == (len(KINDS) * FLEET, 1)
    print(
        f"\n{FLEET} clusters: parse {parsed - started:.2f} s, serialise {serialised - parsed:.2f} s "
        f"({sum(sizes) / len(sizes) / 1024:.0f} KiB a DAG); a task's own parse {ended - serialised:.3f} s"
    )
