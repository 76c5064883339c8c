"""`_defaults.yaml`: what all clusters have in common, and whose mistake is whose."""

from __future__ import annotations

import json
import os

import jsonschema
import pytest
import yaml

from kubeadm_upgrade import inventory
from kubeadm_upgrade.inventory import (
    InventoryError,
    defaults_json_schema,
    files_by_cluster,
    ignored,
    load_cluster,
    load_cluster_named,
)

OWN = {"name": "prod", "target_version": "1.29"}
COMMON = {"kubernetes_conn_id": "fleet_kubernetes", "ssh_conn_id": "fleet_ssh"}
SATURDAYS = {"timezone": "Europe/Berlin", "recurring": [{"days": ["sat"], "start": "22:00", "duration": "4h"}]}


@pytest.fixture
def fleet(monkeypatch, tmp_path):
    """Write files of an inventory, and name the directory."""
    monkeypatch.setenv(inventory.DIRECTORY_VARIABLE, str(tmp_path))

    def write(**files):
        for name, content in files.items():
            text = content if isinstance(content, str) else yaml.safe_dump(content)
            (tmp_path / f"{name}.yaml").write_text(text)
        return tmp_path

    return write


def wrong(path):
    with pytest.raises(InventoryError) as caught:
        load_cluster(path)
    return caught.value


def test_a_cluster_has_what_it_does_not_say_itself(fleet):
    """Also what every file needs, but for its name."""
    path = fleet(prod=OWN, _defaults=COMMON | {"max_unavailable": 3, "windows": SATURDAYS}) / "prod.yaml"
    cluster = load_cluster(path)
    assert (cluster.ssh_conn_id, cluster.max_unavailable) == ("fleet_ssh", 3)
    assert cluster.calendar.timezone == "Europe/Berlin"
    assert cluster.rollout.calendar == cluster.calendar


def test_its_own_file_replaces_option_by_option(fleet):
    """Never a part of one: half of somebody's windows are nobody's windows."""
    own = OWN | {"max_unavailable": 1, "windows": {"once": [{"start": "2026-12-05T22:00", "duration": "1h"}]}}
    path = fleet(prod=own, _defaults=COMMON | {"max_unavailable": 3, "windows": SATURDAYS}) / "prod.yaml"
    cluster = load_cluster(path)
    assert cluster.max_unavailable == 1
    assert (cluster.calendar.timezone, cluster.calendar.recurring) == ("UTC", ())
    assert load_cluster(fleet(prod=OWN | {"windows": {}}) / "prod.yaml").calendar.is_always


@pytest.mark.parametrize(
    ("defaults", "problem"),
    [
        pytest.param({"max_unavailable": 0}, "max_unavailable: must be at least 1", id="a value"),
        pytest.param({"max_unavailble": 2}, "max_unavailble: unknown key", id="a key"),
        pytest.param({"name": "prod"}, "name: belongs into the file of each cluster: remove it here", id="a name"),
        pytest.param({"name": 7}, "name: belongs into the file of each cluster: remove it here", id="a bad name"),
        pytest.param({"ssh": {"port": "x"}}, "ssh.port: ", id="below a key"),
        pytest.param("ssh_conn_id: [", "not readable as YAML", id="no YAML"),
        pytest.param("- 1\n", "must be a mapping with options of a cluster's file", id="a list"),
        pytest.param("", "must be a mapping with options of a cluster's file", id="empty"),
        pytest.param(
            "ssh: {}\nssh: {}\n", "ssh: is there twice, in line 1, column 1 and in line 2, column 1", id="a key twice"
        ),
    ],
)
def test_its_mistakes_are_told_by_every_cluster_in_its_name(fleet, defaults, problem):
    """Also where the cluster's own file says otherwise: it is wrong all the same."""
    whole = OWN | COMMON | {"max_unavailable": 1, "ssh": {}}
    directory = fleet(a=whole | {"name": "a"}, b=whole | {"name": "b"}, _defaults=defaults)
    for name in "ab":
        error = wrong(directory / f"{name}.yaml")
        (sentence,) = error.problems
        assert sentence.startswith(f"_defaults.yaml: {problem}")
        assert error.path == directory / "_defaults.yaml"
        assert error.do == f"mend {directory / '_defaults.yaml'}"


def test_mistakes_of_both_are_told_at_once_each_in_its_own_name(fleet):
    """A value that the cluster has of its own is its own; what neither says is missing in the cluster's."""
    directory = fleet(prod={"name": "prod", "drain": 1}, _defaults={"ssh_conn_id": "x", "drain": 2, "path": 3})
    error = wrong(directory / "prod.yaml")
    assert error.problems == (
        "prod.yaml: kubernetes_conn_id: is missing",
        "prod.yaml: target_version: is missing",
        "prod.yaml: drain: must be a mapping, keys and values, not 1",
        "_defaults.yaml: drain: must be a mapping, keys and values, not 2",
        "_defaults.yaml: path: must be a mapping, keys and values, not 3",
    )
    assert error.do == f"mend {directory / 'prod.yaml'} and {directory / '_defaults.yaml'}"
    directory = fleet(prod="name: [")
    assert [one.partition(":")[0] for one in wrong(directory / "prod.yaml").problems] == [
        "prod.yaml",
        "_defaults.yaml",
        "_defaults.yaml",
    ]


@pytest.mark.parametrize("name", ["_defaults.yml", "_Defaults.yaml", "_DEFAULTS.YAML", "_defaults.yaml.txt"])
def test_a_file_that_is_meant_for_it_is_no_cluster_and_said_not_to_be_read(fleet, name):
    """A fleet that lost its windows by an ending would be upgraded at noon."""
    directory = fleet(prod=OWN | COMMON)
    (directory / name).write_text(yaml.safe_dump({"windows": SATURDAYS}))
    assert list(files_by_cluster()) == ["prod"]
    assert wrong(directory / "prod.yaml").problems == (f"{name}: is not read: rename it to _defaults.yaml",)
    fleet(_defaults=COMMON)
    load_cluster(directory / "prod.yaml")
    assert list(ignored(directory / "prod.yaml", ())) == [
        f"{name} is ignored, since _defaults.yaml is there: remove one of them"
    ]


@pytest.mark.parametrize("name", ["_defaults.yaml.sample", "_defaults.yaml.bak", "_defaults.yaml~", "defaults.json"])
def test_what_somebody_keeps_beside_it_is_none(fleet, name):
    directory = fleet(prod=OWN | COMMON)
    (directory / name).write_text("windows: nonsense")
    load_cluster(directory / "prod.yaml")
    assert not list(ignored(directory / "prod.yaml", ()))


def test_defaults_alone_are_an_empty_fleet(fleet):
    fleet(_defaults=COMMON)
    assert files_by_cluster() == {}


def test_a_link_to_nowhere_is_not_readable(fleet):
    """As of a ConfigMap that is gone."""
    directory = fleet(prod=OWN | COMMON)
    (directory / "_defaults.yaml").symlink_to(directory / "nowhere")
    assert wrong(directory / "prod.yaml").problems == ("_defaults.yaml: not readable: No such file or directory",)


def test_a_change_holds_from_the_next_look_on(fleet):
    """Also one that leaves the file as long as it was."""
    directory = fleet(prod=OWN, _defaults=COMMON | {"max_unavailable": 3})
    assert load_cluster_named("prod").max_unavailable == 3
    fleet(_defaults=COMMON | {"max_unavailable": 4})
    os.utime(directory / "_defaults.yaml", ns=(1, 1))
    assert load_cluster_named("prod").max_unavailable == 4


def test_the_schema_is_that_of_clusters_but_for_what_each_must_say():
    """`make schema` writes it; the sample is valid by it, and as defaults."""
    written = json.loads((inventory.DEFAULT_DIRECTORY / "defaults.schema.json").read_text())
    assert written == defaults_json_schema()
    sample = yaml.safe_load((inventory.DEFAULT_DIRECTORY / "_defaults.yaml.sample").read_text())
    jsonschema.validate(sample, written)
    jsonschema.validate({}, written)
    with pytest.raises(jsonschema.ValidationError, match="name"):
        jsonschema.validate({"name": "prod"}, written)


def test_the_sample_serves_a_cluster(fleet):
    sample = (inventory.DEFAULT_DIRECTORY / "_defaults.yaml.sample").read_text()
    directory = fleet(prod=OWN | {"kubernetes_conn_id": "prod_kubernetes"}, _defaults=sample)
    assert load_cluster(directory / "prod.yaml").calendar.opens_runs
