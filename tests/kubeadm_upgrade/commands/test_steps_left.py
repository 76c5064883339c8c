"""The commands that are printed are those of the docs, and hold together in a shell whatever a path is called."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.commands.cluster_text import cluster_text
from kubeadm_upgrade.commands.credentials import KUBERNETES, SSH, Credentials
from kubeadm_upgrade.commands.steps_left import connection_commands, manifest
from kubeadm_upgrade.errors import NeedsPerson
from kubeadm_upgrade.version import TargetVersion

PAGE = Path(__file__).resolve().parents[3] / "docs" / "connections.md"
FLEET = Credentials(Path("/opt/fleet/prod-1.kubeconfig"), None, "upgrader", Path("/opt/fleet/id_fleet"))


@pytest.mark.parametrize("command", connection_commands("prod-1", FLEET), ids=["kubernetes", "ssh"])
def test_the_page_has_the_same_commands(command):
    assert f"    {command}\n" in PAGE.read_text()


NAMES = st.text(st.characters(blacklist_characters="\0/", blacklist_categories=("Cs",)), min_size=1, max_size=12)


@given(NAMES, NAMES, NAMES)
def test_a_shell_hands_them_on_as_they_are(kubeconfig, context, user):
    """Blanks, quotes and dollars in a path, a context or a user."""
    given = Credentials(Path("/") / kubeconfig, context, user)
    to_api, to_hosts = map(shlex.split, connection_commands("a", given))
    assert json.loads(to_api[-1]) == {"kube_config_path": str(given.kubeconfig), "cluster_context": context}
    assert to_hosts[-2:] == ["--conn-login", user]


def test_typed_credentials_are_spoken_of_as_typed():
    """Only those: a connection of Airflow's own keeps its name."""
    text = f"check connection {SSH}, and connection {KUBERNETES}: its kube_config_path; correct key_file in its extra"
    assert FLEET.spoken(text) == "check --ssh-user and --ssh-key, and --kubeconfig; correct --ssh-key"
    assert Credentials().spoken(text) == text


@pytest.mark.parametrize(
    ("name", "target", "do"),
    [
        pytest.param("Own_1", TargetVersion(1, 29), "say --name with small letters, digits and dashes", id="name"),
        pytest.param("own-1", TargetVersion(2, 0), "say --target VERSION, such as 1.33", id="target"),
    ],
)
def test_what_is_wrong_in_a_new_file_is_mended_by_its_own_flag(name, target, do):
    with pytest.raises(NeedsPerson) as refused:
        cluster_text(name, target, FLEET)
    assert refused.value.do == do


def test_the_manifest_is_the_page_in_a_checkout():
    assert manifest() == PAGE.with_name("rbac.yaml")


def test_a_file_beside_its_schema_names_it():
    """Else it would name a file that is not there."""
    text = cluster_text("prod-1", TargetVersion(1, 29), FLEET, with_schema=True)
    assert text.startswith("# yaml-language-server: $schema=./cluster.schema.json\n")
    assert "$schema" not in cluster_text("prod-1", TargetVersion(1, 29), FLEET)
