"""What components are told, read from the files and the ConfigMap in which it stands."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from in_memory.golden import FOLDER
from kubeadm_upgrade.settings import Settings, read_cluster_configuration, read_etcd_tag, with_etcd_tag


@pytest.mark.parametrize(
    "api_server",
    [
        pytest.param("extraArgs: {feature-gates: 'A=true', enable-admission-plugins: 'X,Y'}", id="v1beta3"),
        pytest.param(
            "extraArgs: [{name: feature-gates, value: 'A=true'}, {name: enable-admission-plugins, value: 'X,Y'}]",
            id="v1beta4",
        ),
        pytest.param(
            "extraArgs: [{name: feature-gates, value: ''}, {name: enable-admission-plugins, value: 'X'}, "
            "{name: feature_gates, value: 'A=true'}, {name: enable-admission-plugins, value: 'Y'}]",
            id="v1beta4, names twice add up",
        ),
    ],
)
def test_a_cluster_configuration(api_server):
    """Every form of extraArgs says the same; a component without any is not there."""
    text = f"apiServer: {{{api_server}}}\ncontrollerManager: {{}}\netcd: {{local: {{imageTag: 3.5.26-0}}}}\n"
    assert read_cluster_configuration(text) == {
        "kube-apiserver": Settings(
            flags=("enable-admission-plugins", "feature-gates"), feature_gates=("A",), admission_plugins=("X", "Y")
        )
    }
    assert read_etcd_tag(text) == "3.5.26-0"


def test_feature_gates_of_kubeadm_itself():
    """They stand at the top; what a component is told stands with it."""
    text = "featureGates: {IPv6DualStack: true, PublicKeysECDSA: false}\napiServer: {}\n"
    assert read_cluster_configuration(text) == {
        "kubeadm": Settings(feature_gates=("IPv6DualStack", "PublicKeysECDSA"), feature_gates_off=("PublicKeysECDSA",))
    }


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        pytest.param("cloud-provider: aws", Settings(flags=("cloud-provider",), cloud_provider="aws"), id="within"),
        pytest.param("cloud-provider: external", Settings(flags=("cloud-provider",)), id="outside"),
        pytest.param("cloud-provider: ''", Settings(flags=("cloud-provider",)), id="none"),
        pytest.param(
            "feature-gates: 'A=false,B=true,C=True'",
            Settings(flags=("feature-gates",), feature_gates=("A", "B", "C"), feature_gates_off=("A",)),
            id="gates that are off",
        ),
    ],
)
def test_values_that_matter(arguments, settings):
    """All others are left where they are: one may be a secret."""
    text = f"controllerManager: {{extraArgs: {{{arguments}}}}}\n"
    assert read_cluster_configuration(text) == {"kube-controller-manager": settings}


def test_a_real_cluster_configuration():
    """Of the cluster that was recorded."""
    text = yaml.safe_load((FOLDER / "kubeadm-config-cm.yaml").read_text())["data"]["ClusterConfiguration"]
    assert read_cluster_configuration(text) == {"kube-apiserver": Settings(flags=("authorization-mode",))}
    assert read_etcd_tag(text) is None


WRITTEN = """apiServer:
  extraArgs:
  - name: token
    value: "12e03"
  - {name: cidr-mask, value: 1:30}
clusterName: 'yes'
etcd:
  local:
    dataDir: /var/lib/etcd
kubernetesVersion: v1.33.9
"""


@pytest.mark.parametrize("text", [WRITTEN, "kubernetesVersion: v1.33.9\n", "etcd:\n", "etcd: {local: {imageTag: x}}\n"])
def test_a_tag_is_put_in_and_taken_out_and_all_else_stays_as_it_is_written(text):
    """What YAML 1.1 takes for a number or a truth is another word to kubeadm: no value is read and written anew."""
    pinned = with_etcd_tag(text, "3.5.26-0")
    assert read_etcd_tag(pinned) == "3.5.26-0"
    assert read_etcd_tag(with_etcd_tag(pinned, None)) is None
    for loader in (yaml.BaseLoader, yaml.SafeLoader):  # each word, and what it is taken for
        before, after = yaml.load(text, Loader=loader), yaml.load(pinned, Loader=loader)
        assert {**after, "etcd": None} == {**before, "etcd": None}
    assert "!!" not in pinned


def test_a_tag_that_looks_like_a_number_stays_a_word():
    assert yaml.safe_load(with_etcd_tag(WRITTEN, "3.5"))["etcd"]["local"]["imageTag"] == "3.5"


NAMES = st.from_regex(r"[a-z]+(-[a-z]+)?", fullmatch=True)
GATES = st.from_regex(r"[A-Z][A-Za-z]+", fullmatch=True)
ARGUMENTS = st.tuples(st.sampled_from(("feature-gates", "enable-admission-plugins")), st.lists(GATES)) | st.tuples(
    NAMES, st.lists(GATES)
)


@given(st.lists(ARGUMENTS))
def test_a_list_of_arguments_says_what_all_its_entries_say(arguments):
    """However often a name comes."""
    listed = [{"name": name, "value": ",".join(values)} for name, values in arguments]
    text = yaml.safe_dump({"scheduler": {"extraArgs": listed}})
    found = read_cluster_configuration(text).get("kube-scheduler", Settings())
    said = {name: {one for other, values in arguments if other == name for one in values} for name, _ in arguments}
    assert set(found.flags) == said.keys()
    assert set(found.feature_gates) == said.get("feature-gates", set())
    assert set(found.admission_plugins) == said.get("enable-admission-plugins", set())
