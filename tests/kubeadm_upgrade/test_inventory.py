"""The inventory: small files are enough, bad ones get a sentence each, editors get a schema."""

from __future__ import annotations

import json
import re
import traceback
from datetime import timedelta

import jsonschema
import pytest
import yaml

from kubeadm_upgrade import inventory
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.inventory import InventoryError, files_by_cluster, json_schema, load_cluster
from kubeadm_upgrade.labels import labels_in, tags_of
from kubeadm_upgrade.look_schedule import LookSchedule

SMALLEST = {
    "name": "prod",
    "kubernetes_conn_id": "prod_kubernetes",
    "ssh_conn_id": "prod_ssh",
    "target_version": "1.29",
}
UNITS = "must be a duration such as 90m, 4h, 1h30m, 45s or 2d: its units are d, h, m and s"
EXAMPLE = inventory.DEFAULT_DIRECTORY / "example.yaml.sample"


@pytest.fixture
def load(tmp_path):
    """Load a cluster file with this content."""

    def load(content, name="prod.yaml"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
        return load_cluster(path)

    return load


def test_four_lines_are_enough(load):
    """Everything else has a default that is safe."""
    cluster = load(SMALLEST)
    assert (cluster.max_unavailable, cluster.drain.force, cluster.drain.delete_emptydir_data) == (1, False, False)
    assert cluster.patience["ready"] == timedelta(minutes=10)
    deb, rpm = (cluster.repository("1.29", form).key_url for form in ("deb", "rpm"))
    assert deb == "https://pkgs.k8s.io/core:/stable:/v1.29/deb/Release.key"
    assert rpm == "https://pkgs.k8s.io/core:/stable:/v1.29/rpm/repodata/repomd.xml.key"


def test_the_key_of_the_newest_release_serves_every_repository(load):
    """Old ones go on publishing it as it was, expired by now; a key_url of one's own is taken as it is."""
    assert load(SMALLEST).repository("1.25", "deb", "1.37") == Repository(
        "https://pkgs.k8s.io/core:/stable:/v1.25/deb/", "https://pkgs.k8s.io/core:/stable:/v1.37/deb/Release.key"
    )
    own = load(SMALLEST | {"repository": {"key_url": "https://mirror.example.org/{minor}.asc"}})
    assert own.repository("1.25", "deb", "1.37").key_url == "https://mirror.example.org/1.25.asc"


def test_a_nodes_own_settings_come_first(load):
    """Then the cluster's; then, elsewhere, the connection's."""
    cluster = load(SMALLEST | {"ssh": {"port": 2222, "jump_host": "b"}, "nodes": {"w1": {"address": "h", "port": 1}}})
    assert cluster.reach("w1") == inventory.HostAddress("h", 1, "b")
    assert cluster.reach("w2") == inventory.HostAddress(None, 2222, "b")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        pytest.param(
            {"max_unavailble": 2}, "max_unavailble: unknown key: check its spelling, or remove it", id="unknown key"
        ),
        pytest.param(
            {"ssh": {"prot": 22}}, "ssh.prot: unknown key: check its spelling, or remove it", id="nested unknown key"
        ),
        pytest.param(
            {"target_version": 1.3},
            "target_version: must be text, not 1.3: put it in quotes, for YAML reads 1.30 as",
            id="unquoted version",
        ),
        pytest.param(
            {"target_version": "latest"}, "target_version: 'latest' does not look like it should", id="no version"
        ),
        pytest.param(
            {"target_version": "2.0"}, "target_version: '2.0' does not look like it should", id="Kubernetes 2"
        ),
        pytest.param({"ssh_conn_id": None}, "ssh_conn_id: must be text, not None: put it in quotes", id="empty value"),
        pytest.param({"labels": {"-env": "prod"}}, "labels: '-env' names no label", id="no label's name"),
        pytest.param({"labels": {"env": "a b"}}, "labels: env: 'a b' is no value of a label", id="no label's value"),
        pytest.param({"labels": {"env": "prod\n"}}, "labels: env: 'prod\\n' is no value", id="a label in two lines"),
        pytest.param({"labels": {"tier": 1}}, "labels.tier: must be text, not 1: put it in quotes", id="a number"),
        pytest.param(
            {"labels": {f"example.org/{'x' * 40}": "y" * 60}},
            f"labels: example.org/{'x' * 40}: name and value have more than 99 letters together",
            id="a label too long for a tag",
        ),
        pytest.param({"look": {"schedule": "nightly"}}, "look.schedule: must be a cron expression", id="a word"),
        pytest.param({"look": {"schedule": "0 0 30 2 *"}}, "look.schedule: must be a cron", id="never"),
        pytest.param({"look": {"schedule": "0 0 3 * * *"}}, "look.schedule: must be a cron", id="with seconds"),
        pytest.param({"look": {"timezone": "Mars/Phobos"}}, "look.timezone: must be UTC, or", id="no such zone"),
        pytest.param({"look": {"timezone": "Europe"}}, "look.timezone: must be UTC, or", id="a folder of zones"),
        pytest.param({"nodes": ["w1"]}, "nodes: must be a mapping, keys and values, not ['w1']", id="wrong type"),
        pytest.param({"nodes": {"w 1": {}}}, "nodes.w 1.[key]: 'w 1' does not look like it should", id="no node name"),
        pytest.param(
            {"max_unavailable": "150%"},
            'max_unavailable: must be a count such as 2 or a percentage such as "25%"',
            id="150 %",
        ),
        pytest.param({"max_unavailable": True}, "max_unavailable: must be a count", id="a boolean is no count"),
        pytest.param({"max_unavailable": 1.0}, "max_unavailable: must be a count", id="a float is no count"),
        pytest.param(
            {"ssh": None},
            "ssh: must be a mapping, keys and values, not None",
            id="a key whose options are all comments",
        ),
        pytest.param({"max_unavailable": 0}, "max_unavailable: must be at least 1", id="zero"),
        pytest.param(
            {"repository": {"url": "https://m.example.org/deb/"}},
            "repository.url: must contain {minor}",
            id="one URL for all",
        ),
        pytest.param({"repository": {"url": "https://m/{minor}/'; id'/"}}, "repository.url: ", id="a quote in the URL"),
        pytest.param(
            {"drain": {"rules": [{"selector": "app in db", "order": 1}]}},
            "drain.rules.0.selector: 'app in db' is no label selector: write it as kubectl -l takes it",
            id="no selector",
        ),
        pytest.param(
            {"drain": {"rules": [{"order": 1}]}},
            "drain.rules.0: fits every Pod of the cluster: say which are meant (selector, namespace, owner_kind)",
            id="a rule of all Pods",
        ),
        pytest.param(
            {"drain": {"rules": [{"namespace": "shop"}]}},
            "drain.rules.0: says nothing of its Pods: add what is done with them (behavior, order, grace_period)",
            id="a rule of nothing",
        ),
        pytest.param(
            {"drain": {"rules": [{"namespace": "shop", "behavior": "keep"}]}},
            "drain.rules.0.behavior: must be 'evict', 'skip' or 'wait-completed' (is 'keep')",
            id="no behavior",
        ),
        pytest.param(
            {"drain": {"rules": [{"namespace": "shop", "grace_period": "0s"}]}},
            "drain.rules.0.grace_period: must be at least 1s: less would kill a Pod without asking it",
            id="by force",
        ),
        pytest.param({"drain": {"deadline": "1 hour"}}, "drain.deadline: must be a duration such as", id="no duration"),
        pytest.param({"drain": {"on_blocked": "force"}}, "drain.on_blocked: must be 'fail', 'wait'", id="force"),
        pytest.param(
            {"drain": {"max_quarantined": 2}},
            "drain: max_quarantined is for on_blocked: quarantine: set that, or leave max_quarantined out",
            id="quarantined by nothing",
        ),
        pytest.param({"max_unavailable": "0%"}, "max_unavailable: must be a count such as 2", id="nobody, in per cent"),
        *(
            pytest.param(
                {"drain": {option: value}},
                f"drain.{option}: must be true or false, not {value!r}{hint}",
                id=f"{option} {value!r}",
            )
            for option in ("force", "delete_emptydir_data", "wait_for_volumes", "rehearsal")
            for value, hint in (("on", ": without quotes"), ("1", ": without quotes"), (1, ""), (0.0, ""), (None, ""))
        ),
        pytest.param(
            {"rollout": {"health": {"workloads": "on"}}},
            "rollout.health.workloads: must be true or false, not 'on': without quotes",
            id="workloads on",
        ),
        *(
            pytest.param(
                changes,
                f"{where}: must be a whole number, not {value!r}{hint}",
                id=f"{where} {value!r}",
            )
            for value, hint in ((True, ""), (1.0, ""), ("2", ": without quotes"))
            for changes, where in (
                ({"drain": {"on_blocked": "quarantine", "max_quarantined": value}}, "drain.max_quarantined"),
                ({"drain": {"rules": [{"namespace": "shop", "order": value}]}}, "drain.rules.0.order"),
                ({"workers_per_run": value}, "workers_per_run"),
                ({"timeouts": {"drain": value}}, "timeouts.drain"),
                ({"ssh": {"port": value}}, "ssh.port"),
                ({"path": {"max_kubelet_skew": value}}, "path.max_kubelet_skew"),
            )
        ),
        pytest.param({"workers_per_run": 0}, "workers_per_run: must be at least 1 (is 0)", id="no worker in a run"),
        *(
            pytest.param(
                {"drain": {"rules": [{"owner_kind": kind, "order": 1}]}},
                f"drain.rules.0.owner_kind: {says}",
                id=f"owner {kind}",
            )
            for kind, says in (
                ("Deployment", "no Deployment owns Pods itself, its ReplicaSets do: write ReplicaSet"),
                ("deployments", "no Deployment owns Pods itself, its ReplicaSets do: write ReplicaSet"),
                ("CronJob", "no CronJob owns Pods itself, its Jobs do: write Job"),
                ("Statefulset", "must be the kind of a controller that owns Pods: ReplicaSet, StatefulSet, "),
                ("StatfulSet", "must be the kind of a controller that owns Pods: ReplicaSet, StatefulSet, "),
                ("Pod", "must be the kind of a controller that owns Pods: ReplicaSet, StatefulSet, "),
                ("a kind", "must be the kind of a controller that owns Pods: ReplicaSet, StatefulSet, "),
                (5, "must be the kind of a controller that owns Pods: ReplicaSet, StatefulSet, "),
            )
        ),
        pytest.param({"drain": {"deadline": 45}}, f"drain.deadline: {UNITS} (is 45)", id="a deadline of 45 what"),
        pytest.param(
            {"drain": {"rules": [{"namespace": "shop", "grace_period": 300}]}},
            f"drain.rules.0.grace_period: {UNITS} (is 300)",
            id="a grace period of 300 what",
        ),
        pytest.param(
            {"approval": {"when": "always", "deadline": 48}}, f"approval.deadline: {UNITS}", id="an answer in 48 what"
        ),
        pytest.param({"approval": True}, "approval: must be a mapping, keys and values, not True", id="approval true"),
        pytest.param({"timeouts": {"drain": -1}}, "timeouts.drain: must be more than 0 (is -1)", id="negative time"),
        pytest.param(
            {"drop_flags": {"--audit-policy-file": "why"}},
            "drop_flags.--audit-policy-file",
            id="a flag with dashes",
        ),
        pytest.param(
            {"ignore_preflight_errors": ["SystemVerification"]},
            "ignore_preflight_errors: must be a mapping of each error to the reason",
            id="preflight errors without reasons",
        ),
        pytest.param(
            {"ignore_preflight_errors": {"All": "I know what I do"}},
            "ignore_preflight_errors: all would hide what nobody has thought of: name each error that is meant",
            id="all preflight errors",
        ),
        pytest.param(
            {"ignore_preflight_errors": {"systemverification": "why"}},
            "ignore_preflight_errors: systemverification is no preflight error of kubeadm upgrade: it has Container",
            id="an unknown preflight error",
        ),
        pytest.param(
            {"ignore_preflight_errors": {"SystemVerification": " "}},
            "ignore_preflight_errors: SystemVerification needs its reason in words",
            id="an empty reason",
        ),
        pytest.param(
            {"ignore_preflight_errors": {"SystemVerification": True}},
            "ignore_preflight_errors: SystemVerification needs its reason in words",
            id="no words",
        ),
        pytest.param(
            {"name": "other"},
            "name: is 'other', but the file is named 'prod': make them the same",
            id="name of another file",
        ),
    ],
)
def test_a_mistake_gets_a_sentence(load, changes, problem):
    """File, field, what is wrong."""
    with pytest.raises(InventoryError) as caught:
        load(SMALLEST | changes)
    assert any(sentence.startswith(f"prod.yaml: {problem}") for sentence in caught.value.problems), (
        caught.value.problems
    )


def options(schema, known, within=()):
    """Every option of a file, as the schema for editors has it: where it is; 0 is the first of a list."""
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    for name, option in schema.get("properties", {}).items():
        yield (*within, name)
        yield from options(option, known, (*within, name))
    if "items" in schema:
        yield (*within, 0)
        yield from options(schema["items"], known, (*within, 0))
    for one in schema.get("anyOf", ()):
        yield from options(one, known, within)


@pytest.mark.parametrize("value", [True, 1, -1, 2.5, "x", "", [], [True], {}, {"x": 1}, {1: "x"}, None], ids=repr)
def test_no_mistake_is_told_in_words_of_a_library(load, value):
    """Whatever is written wherever: what pydantic says to programmers reaches no reader."""
    schema = json_schema()
    every = set(options(schema, schema["$defs"]))
    assert {("drain", "rules", 0, "order"), ("rollout", "groups", 0, "selector"), ("approval", "deadline")} < every
    for where in every:
        changes = value
        for name in reversed(where):
            changes = [changes] if name == 0 else {name: changes}
        told = ()
        try:
            load(SMALLEST | changes)
        except InventoryError as error:
            told = error.problems
        for sentence in told:
            words = re.search(r"(Input|String|List|Dictionary|Value) should|valid |constrained|function-", sentence)
            assert not words, sentence


def test_pods_may_be_owned_by_what_kubernetes_does_not_know(load):
    """As those of operators: StrimziPodSet, CloneSet, VirtualMachineInstance."""
    kinds = ("ReplicationController", "StrimziPodSet", "CloneSet", "VirtualMachineInstance", "Workflow", "TaskRun")
    rules = [{"owner_kind": kind, "order": 1} for kind in kinds]
    assert tuple(rule.owner_kind for rule in load(SMALLEST | {"drain": {"rules": rules}}).drain.rules) == kinds


def test_preflight_errors_are_ignored_by_name_with_a_reason(load):
    """In one line, as pages show it; and the schema for editors knows the names."""
    file = SMALLEST | {"ignore_preflight_errors": {"SystemVerification": "cgroup v1\nuntil spring\n"}}
    assert load(file).policy.ignore_preflight_errors == {"SystemVerification": "cgroup v1 until spring"}
    jsonschema.validate(file, json_schema())
    with pytest.raises(jsonschema.ValidationError, match="'all' is not one of"):
        jsonschema.validate(SMALLEST | {"ignore_preflight_errors": {"all": "why"}}, json_schema())


URL = "https://{}m.example.org/{{minor}}/"


@pytest.mark.parametrize("field", ["url", "key_url"])
@pytest.mark.parametrize(
    "url",
    [
        pytest.param(URL.format("user:s3cret@"), id="user and password"),
        pytest.param(URL.format("s3cret@"), id="a token as user name"),
        pytest.param(URL.format(":s3cret@"), id="a password only"),
        pytest.param(URL.format("user:s3/cret@"), id="a slash in the password"),
        pytest.param(URL.format("user:s3cret@").replace("https", "HTTPS"), id="with another mistake"),
        pytest.param(URL.format("user:s3cret '@"), id="with a blank and a quote in it"),
        pytest.param(URL.format("user:s3cret@").replace("//", "/"), id="with a slash too few"),
        pytest.param("user:s3cret@m.example.org/{minor}/", id="no scheme"),
    ],
)
def test_a_password_in_a_url_is_refused_and_not_repeated(load, field, url):
    """It would be in argv, logs, XCom and the report; and so must the refusal not tell it (I9)."""
    with pytest.raises(InventoryError) as caught:
        load(SMALLEST | {"repository": {field: url}})
    (problem,) = caught.value.problems
    assert problem == (
        f"prod.yaml: repository.{field}: must not hold a user name or password: they would be in logs and reports; put "
        "them into apt's auth.conf or dnf's configuration on the hosts"
    )
    assert "cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "repository",
    [
        pytest.param("https://user:s3cret@m.example.org/", id="not under a key"),
        pytest.param({"url": ["https://user:s3cret@m.example.org/"]}, id="a list"),
        pytest.param({"uri": "https://user:s3cret@m.example.org/"}, id="under another key"),
    ],
)
def test_a_password_is_not_repeated_whatever_else_is_wrong(load, repository):
    with pytest.raises(InventoryError) as caught:
        load(SMALLEST | {"repository": repository})
    assert "cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("host", ["m.example.org", "m.example.org:8443", "[fd00::1]", "[fd00::1]:8443"])
def test_an_at_sign_in_a_path_is_no_user(load, host):
    """Only what stands before the host's name is."""
    url = f"https://{host}/kubernetes@{{minor}}/"
    assert load(SMALLEST | {"repository": {"url": url}}).repository_url == url


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("name: [", "not readable as YAML", id="not YAML"),
        pytest.param("- name: prod\n", "must be a mapping", id="a list"),
        pytest.param("", "must be a mapping", id="empty"),
        pytest.param(
            "name: !!python/object/apply:os.system ['id']\n", "not readable as YAML", id="a YAML tag that runs code"
        ),
    ],
)
def test_what_is_no_mapping_is_said(load, text, words):
    """Before any field is looked at."""
    with pytest.raises(InventoryError, match=words):
        load(text)


def test_all_problems_come_at_once(load):
    """Nobody mends a file four times. The file's own name is among them."""
    with pytest.raises(InventoryError) as caught:
        load({"name": "prod", "foo": 1, "max_unavailable": 0})
    assert len(caught.value.problems) == 5
    with pytest.raises(InventoryError) as caught:
        load({"name": "prod", "foo": 1, "max_unavailable": 0}, "other.yml")
    assert caught.value.problems[5:] == (
        "other.yml: only files that end in .yaml are read: rename it to other.yaml",
        "other.yml: name: is 'prod', but the file is named 'other': make them the same",
    )


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        pytest.param(
            "prod.yml",
            "prod.yml: only files that end in .yaml are read: rename it to prod.yaml",
            id="another ending",
        ),
        pytest.param("staging.yaml", "prod.yaml: there is no such file in {directory}", id="no file"),
    ],
)
def test_a_task_says_why_its_cluster_has_no_file(monkeypatch, tmp_path, file, problem):
    """Its DAG may be older than the file's new name."""
    monkeypatch.setenv(inventory.DIRECTORY_VARIABLE, str(tmp_path))
    (tmp_path / file).write_text(yaml.safe_dump(SMALLEST))
    with pytest.raises(InventoryError) as caught:
        inventory.load_cluster_named("prod")
    assert caught.value.problems == (problem.format(directory=tmp_path),)


def test_a_missing_directory_is_an_empty_fleet(monkeypatch, tmp_path):
    """And hidden files are no clusters."""
    monkeypatch.setenv(inventory.DIRECTORY_VARIABLE, str(tmp_path / "none"))
    assert files_by_cluster() == {}
    monkeypatch.setenv(inventory.DIRECTORY_VARIABLE, str(tmp_path))
    (tmp_path / ".prod.yaml").touch()
    (tmp_path / "prod.yaml").touch()
    assert files_by_cluster() == {"prod": (tmp_path / "prod.yaml",)}


def test_the_schema_for_editors_is_in_step():
    """`make schema` writes it."""
    written = json.loads((inventory.DEFAULT_DIRECTORY / "cluster.schema.json").read_text())
    assert written == json_schema()


@pytest.mark.parametrize("options", [pytest.param(False, id="as it is"), pytest.param(True, id="with every option")])
def test_the_shipped_example_is_valid(load, options):
    """For us and for an editor, also when its comments are made active."""
    text = EXAMPLE.read_text()
    if options:
        text = re.sub(
            r"^#(?=[a-z ])(?! )", "", re.sub(r"^#(  +\S)", r"\1", text, flags=re.MULTILINE), flags=re.MULTILINE
        )
    content = yaml.safe_load(text)
    assert load(text, "example.yaml").name == "example"
    jsonschema.validate(content, json_schema())
    if options:
        assert set(content) == set(json_schema()["properties"])


def test_a_cluster_is_looked_at_when_its_file_says_so(load):
    """In UTC, unless it says otherwise; by default never."""
    assert load(SMALLEST).look.cron is None
    assert load(SMALLEST | {"look": {"schedule": "17 3 * * *"}}).look == LookSchedule("17 3 * * *", "UTC")


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({}, id="none"),
        pytest.param({"env": "prod", "team": "", "example.org/tier": "1_a.B-c"}, id="some"),
    ],
)
def test_labels_are_tags_and_tags_are_labels(load, labels):
    """Whatever tags there are beside them."""
    cluster = load(SMALLEST | {"labels": labels})
    assert labels_in([*tags_of(cluster.labels), "kubeadm-upgrade"]) == labels


def test_flags_that_may_be_dropped_are_read_fresh(load):
    """With how carefully a run goes about its work: the remedy that preflight names holds from the next look on."""
    why = {"audit-policy-file": "the audit log is written elsewhere now"}
    assert load(SMALLEST | {"drop_flags": why}).rollout.drop_flags == why


TWICE = """name: prod
kubernetes_conn_id: prod_kubernetes
ssh_conn_id: prod_ssh
target_version: "1.29"
drain: &drain
  force: true
  force: false
nodes: {w1: {port: 1}, w2: {port: 2}}
target_version: "1.31"
"""


def test_a_key_that_is_there_twice_is_a_mistake(load):
    """As after a bad merge: yaml itself takes the last without a word. The same key of two mappings is none."""
    with pytest.raises(InventoryError) as caught:
        load(TWICE)
    assert caught.value.problems == (
        "prod.yaml: force: is there twice, in line 6, column 3 and in line 7, column 3: remove one of them",
        "prod.yaml: target_version: is there twice, in line 4, column 1 and in line 9, column 1: remove one of them",
    )


@pytest.mark.parametrize(
    ("lines", "at"),
    [
        pytest.param("drain: {force: false, force: true}", ["force", (5, 9), (5, 23)], id="in one line"),
        pytest.param("drain: {rules: [{order: 1, 'order': 2}]}", ["order", (5, 18), (5, 28)], id="one in quotes"),
        pytest.param("nodes: {w1: {port: 1}, w1: {port: 2}}", ["w1", (5, 9), (5, 24)], id="a node"),
        pytest.param("labels:\n  a: b\n  c: d\n  a: e", ["a", (6, 3), (8, 3)], id="a label"),
    ],
)
def test_every_key_that_is_there_twice_is_told_with_its_place(load, lines, at):
    text = "".join(f"{key}: '{value}'\n" for key, value in SMALLEST.items())
    with pytest.raises(InventoryError) as caught:
        load(f"{text}{lines}\n")
    key, first, this = at
    places = [f"in line {line}, column {column}" for line, column in (first, this)]
    told = f"prod.yaml: {key}: is there twice, {' and '.join(places)}: remove one of them"
    assert told in caught.value.problems


def test_what_a_mapping_takes_over_from_another_is_not_there_twice(load):
    text = "".join(f"{key}: '{value}'\n" for key, value in SMALLEST.items())
    cluster = load(f"{text}nodes:\n  w1: &w1\n    port: 1\n    address: a\n  w2:\n    <<: *w1\n    port: 2\n")
    assert (cluster.reach("w2").port, cluster.reach("w2").address) == (2, "a")
    nested = load(f"{text}nodes:\n  w1: &w1 {{port: 1}}\n  w2: &w2 {{<<: *w1, port: 2}}\n  w3: {{<<: *w2, port: 3}}\n")
    assert [nested.reach(name).port for name in ("w1", "w2", "w3")] == [1, 2, 3]


def test_a_drains_rules_and_its_deadline(load):
    """As a drain has them; the deadline goes before timeouts.drain, which holds without one."""
    rules = [{"selector": "app=db", "order": 5, "grace_period": "2m"}, {"owner_kind": "Job", "behavior": "skip"}]
    drain = {"rules": rules, "deadline": "45m", "on_blocked": "quarantine", "max_quarantined": 2}
    cluster = load(SMALLEST | {"drain": drain, "timeouts": {"drain": 60}})
    assert [(str(rule), rule.order, rule.grace, rule.behavior) for rule in cluster.drain.rules] == [
        ("Pods with app=db", 5, 120, None),
        ("Pods of Jobs", None, None, "skip"),
    ]
    assert (cluster.patience["drain"], cluster.drain.on_blocked) == (timedelta(minutes=45), "quarantine")
    assert cluster.rollout.care.quarantines == 2
    assert cluster.rollout.care.allows == (
        "give Pods with app=db a grace period of 120 s",
        "leave Pods of Jobs where they are",
    )
    assert load(SMALLEST | {"timeouts": {"drain": 60}}).patience["drain"] == timedelta(seconds=60)


MENDED = "name: prod\nkubernetes_conn_id: k\nssh_conn_id: s\ntarget_version: '1.3%d'\n"


def test_a_file_is_read_again_once_it_has_changed_and_not_before(tmp_path):
    """Also where another is put in its place, as editors and ConfigMaps do, and where only the defaults change."""
    path, other = tmp_path / "prod.yaml", tmp_path / "new"
    path.write_text(MENDED % 1)
    first = load_cluster(path)
    assert load_cluster(path) is first
    other.write_text(MENDED % 2)
    other.replace(path)
    second = load_cluster(path)
    assert (str(second.target_version), load_cluster(path)) == ("1.32", second)
    (tmp_path / "_defaults.yaml").write_text("max_unavailable: 3\n")
    assert load_cluster(path).max_unavailable == 3
    (tmp_path / "_defaults.yaml").unlink()
    assert load_cluster(path) == second


def test_a_file_that_is_broken_is_broken_until_it_is_mended(tmp_path):
    path = tmp_path / "prod.yaml"
    path.write_text(MENDED % 1)
    load_cluster(path)
    path.write_text("name: prod\n")
    for _ in range(2):
        with pytest.raises(InventoryError):
            load_cluster(path)
    path.write_text(MENDED % 1)
    assert str(load_cluster(path).target_version) == "1.31"
    path.unlink()
    with pytest.raises(InventoryError, match="there is no such file"):
        load_cluster(path)
