"""Release facts: ours, a fleet's own over them, and the support cycle."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from in_memory.states import release, version
from kubeadm_upgrade.kubeadm_preflight import PreflightError
from kubeadm_upgrade.releases.files import json_schema, merged, read_releases
from kubeadm_upgrade.releases.known import OWN_DIRECTORY, releases
from kubeadm_upgrade.releases.release import DIRECTORY_VARIABLE, Phase, ReleaseFactsError

FILES = sorted(OWN_DIRECTORY.glob("*.yaml"))
SCHEMA = OWN_DIRECTORY / "release.schema.json"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Write files of a fleet's own."""
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))

    def write(name, facts):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(facts))

    return write


def test_we_know_every_release_that_we_support():
    """1.22 to the newest, none left out."""
    assert [release.release for release in releases()] == [f"1.{minor}" for minor in range(22, 38)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fact_has_a_source_that_a_reader_can_open(path):
    """Groups of facts name it once."""

    def without_source(facts, where):
        if isinstance(facts, list):
            for number, item in enumerate(facts):
                yield from without_source(item, f"{where}.{number}")
        elif isinstance(facts, dict):
            leaves = [key for key, value in facts.items() if not isinstance(value, dict | list)]
            if leaves and not str(facts.get("source", "")).startswith("https://"):
                yield where
            for key, value in facts.items():
                if key not in ("etcd", "flags") or "minimum" in (value or {}):
                    yield from without_source(value, f"{where}.{key}")

    facts = yaml.safe_load(path.read_text())
    del facts["release"]
    assert not [
        where for key, value in facts.items() for where in without_source(value, key) if isinstance(value, dict | list)
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_release_deploys_can_be_compared(path):
    """Versions are versions, and the last patch is a good one."""
    (facts,) = (one for one in releases() if one.release == path.stem)
    for tag in facts.components.etcd.values():
        version(tag.partition("-")[0])
    assert min(facts.components.etcd) == 0
    assert facts.why_avoid(facts.last_patch) is None
    assert all(version(avoided).minor == facts.minor for avoided in facts.patches.avoid)


def test_what_kubeadm_can_be_told_to_ignore_is_named_as_it_names_it():
    """A cluster's file takes no other names."""
    needs = [need for one in releases() for need in (one.needs.kernel, one.needs.containerd, one.needs.cgroup_v2)]
    needs += [one.needs.cri_endpoint for one in releases()]
    named = {need.preflight_error for need in needs if need is not None}
    assert named == {"", PreflightError.SYSTEM_VERIFICATION}


def test_the_schema_for_editors_is_in_step():
    """`make schema` writes it."""
    assert json.loads(SCHEMA.read_text()) == json_schema()


def test_a_fleet_adds_a_release(own):
    """A new minor release needs no release of ours."""
    facts = yaml.safe_load(FILES[-1].read_text())
    own("1.99", {**facts, "release": "1.99"})
    assert 99 in releases()


def test_what_a_fleet_changes_is_read_again(own):
    """A triggerer and the forks of a scheduler keep the facts, and would not know of it before a restart."""
    own("1.30", {"patches": {"last": 15}})
    assert releases().of(30).patches.last == 15
    own("1.30", {"patches": {"last": 16}})
    assert releases().of(30).patches.last == 16
    assert releases() is releases()


def test_a_fleet_overrides_a_fact_and_keeps_the_others(own):
    """Key by key: a patch to avoid is added to those that we know."""
    avoided = {"1.30.7": {"reason": "our storage driver fails with it", "source": "https://wiki.example.org/17"}}
    own("1.30", {"patches": {"avoid": avoided}})
    facts = releases().of(30)
    assert facts.why_avoid(version("1.30.7")).reason == "our storage driver fails with it"
    assert facts.why_avoid(version("1.30.0"))
    assert facts.patches.last == 14


@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        pytest.param(
            "1.30", {"patches": {"avoid": {"1.30.0": "bad"}}}, "avoid.1.30.0: must be a mapping, with", id="no mapping"
        ),
        pytest.param("1.30", {"patchs": {}}, "1.30.yaml: patchs: unknown key", id="unknown key"),
        pytest.param("1.30", {"support": {"released": "soon"}}, "1.30.yaml: support.released: ", id="no date"),
        pytest.param("1.99", {"release": "1.99"}, "1.99.yaml: support: is missing", id="not enough"),
        pytest.param("1.30", {"release": "1.31"}, "the file is named '1.30': make them the same", id="other name"),
        pytest.param(
            "1.30", {"support": {"released": date(2027, 1, 1)}}, "must be in this order", id="ends before it begins"
        ),
    ],
)
def test_a_bad_file_is_refused_with_file_and_field(own, name, facts, words):
    """Before anything is planned with it."""
    own(name, facts)
    with pytest.raises(ReleaseFactsError, match=r".*") as refused:
        releases()
    assert words in str(refused.value)


def test_a_directory_that_is_not_there_is_named(monkeypatch):
    """A misspelt variable must not mean: no facts of our own."""
    monkeypatch.setenv(DIRECTORY_VARIABLE, "/does/not/exist")
    with pytest.raises(ReleaseFactsError, match="/does/not/exist is not a directory"):
        releases()


def test_what_is_not_yaml_is_refused(tmp_path):
    """With the path."""
    (tmp_path / "1.30.yaml").write_text("a: [")
    with pytest.raises(ReleaseFactsError, match=r"1\.30\.yaml: not readable as YAML"):
        read_releases([tmp_path])


def test_only_files_of_releases_are_read(tmp_path):
    """Notes may lie beside them."""
    (tmp_path / "1.x.yaml").write_text("a: [")
    (tmp_path / "README.md").write_text("")
    assert read_releases([tmp_path]) == ()


def test_an_unknown_release_says_what_to_add():
    """And where that is described."""
    with pytest.raises(ReleaseFactsError, match=r"put a file 1\.99\.yaml with its facts into the directory that"):
        releases().of(99)


@pytest.mark.parametrize(
    ("offset", "phase"),
    [
        pytest.param(-1, Phase.FUTURE, id="the day before its release"),
        pytest.param(0, Phase.SUPPORTED, id="the day of its release"),
        pytest.param(365, Phase.SUPPORTED, id="the last day before maintenance"),
        pytest.param(366, Phase.MAINTENANCE, id="the first day of maintenance"),
        pytest.param(424, Phase.MAINTENANCE, id="the last day of support"),
        pytest.param(425, Phase.ENDED, id="the day of its end"),
    ],
)
def test_the_life_of_a_release(offset, phase):
    """Released 2020-01-01, maintenance from 2021-01-01, ended 2021-03-01."""
    assert release(30).phase(date(2020, 1, 1) + timedelta(days=offset)) is phase


@pytest.mark.parametrize(
    ("day", "maintained"),
    [
        pytest.param(date(2024, 1, 1), ["1.26", "1.27", "1.28", "1.29"], id="2024"),
        pytest.param(date(2026, 11, 23), ["1.35", "1.36", "1.37"], id="2026"),
    ],
)
def test_which_releases_get_fixes(day, maintained):
    """Three, and a fourth for some weeks."""
    assert [one.release for one in releases().maintained(day)] == maintained


@pytest.mark.parametrize(
    ("patch", "etcd"),
    [
        pytest.param(0, "3.6.0-0", id="first"),
        pytest.param(6, "3.6.0-0", id="before"),
        pytest.param(7, "3.6.2-0", id="from"),
    ],
)
def test_etcd_of_a_patch_is_never_taken_for_newer_than_it_is(patch, etcd):
    """Between two known patches, the older one's."""
    one = release(30)
    known = type(one.components)({0: "3.6.0-0", 7: "3.6.2-0"}, "v1", "3", "made up")
    assert release(30, components=known).etcd_of(patch) == etcd


def test_merging_replaces_what_is_no_mapping():
    """Lists are not added to: a fleet says what is."""
    assert merged({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"c": [2]}, "e": 2}) == {
        "a": {"b": 1, "c": [2]},
        "d": 1,
        "e": 2,
    }


def test_the_files_say_for_whom_they_are():
    """Editors find the schema."""
    assert all(path.read_text().startswith("# yaml-language-server: $schema=release.schema.json\n") for path in FILES)
    assert Path(SCHEMA).is_file()
