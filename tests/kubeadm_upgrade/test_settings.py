"""What components are told, read from the files and the ConfigMap in which it stands."""

from __future__ import annotations

import pytest
import yaml

from in_memory.golden import FOLDER
from kubeadm_upgrade.settings import (
    EXTRA_ARGS,
    KUBEADM_FLAGS,
    KUBELET_CONFIG,
    NO_SETTINGS,
    Settings,
    read_cluster_configuration,
    read_etcd_tag,
    read_kubelet,
    with_etcd_tag,
)

# golden/kubelet-files-w1.txt
OWN = (
    'KUBELET_KUBEADM_ARGS="--container-runtime=remote --container-runtime-endpoint=/run/containerd/containerd.sock '
    '--pod-infra-container-image=k8s.gcr.io/pause:3.5"\n'
)


@pytest.mark.parametrize(
    ("files", "settings"),
    [
        pytest.param({}, NO_SETTINGS, id="no file"),
        pytest.param(
            {KUBEADM_FLAGS: OWN},
            Settings(
                kubeadm_flags=("container-runtime", "container-runtime-endpoint", "pod-infra-container-image"),
            ),
            id="kubeadm's own, of a real node",
        ),
        pytest.param(
            {EXTRA_ARGS[0]: "# ours\nKUBELET_EXTRA_ARGS=--cloud-provider=external\n"},
            Settings(flags=("cloud-provider",)),
            id="Debian's file, without quotes",
        ),
        pytest.param(
            {EXTRA_ARGS[1]: "KUBELET_EXTRA_ARGS='--feature-gates=A=true,B=false --v 4'\n"},
            Settings(flags=("feature-gates", "v"), feature_gates=("A", "B")),
            id="Red Hat's file, gates among the flags",
        ),
        pytest.param(
            {KUBELET_CONFIG: "kind: KubeletConfiguration\nfeatureGates:\n  C: true\n"},
            Settings(feature_gates=("C",)),
            id="gates in the configuration file",
        ),
        pytest.param({EXTRA_ARGS[0]: "KUBELET_EXTRA_ARGS=\n"}, NO_SETTINGS, id="nothing set"),
    ],
)
def test_a_kubelet(files, settings):
    """From its environment files and its configuration."""
    assert read_kubelet(files) == settings


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({KUBELET_CONFIG: "a: [\n"}, id="YAML"),
        pytest.param({EXTRA_ARGS[0]: "KUBELET_EXTRA_ARGS='--v=4\n"}, id="quotes"),
    ],
)
def test_what_cannot_be_read_is_no_setting_at_all(files):
    """It is an error, not silence."""
    with pytest.raises(ValueError, match=r"YAML|quotation"):
        read_kubelet(files)


@pytest.mark.parametrize(
    "api_server",
    [
        pytest.param("extraArgs: {feature-gates: 'A=true', enable-admission-plugins: 'X,Y'}", id="v1beta3"),
        pytest.param(
            "extraArgs: [{name: feature-gates, value: 'A=true'}, {name: enable-admission-plugins, value: 'X,Y'}]",
            id="v1beta4",
        ),
    ],
)
def test_a_cluster_configuration(api_server):
    """Both forms of extraArgs say the same; a component without any is not there."""
    text = f"apiServer: {{{api_server}}}\ncontrollerManager: {{}}\netcd: {{local: {{imageTag: 3.5.26-0}}}}\n"
    assert read_cluster_configuration(text) == {
        "kube-apiserver": Settings(
            flags=("enable-admission-plugins", "feature-gates"), feature_gates=("A",), admission_plugins=("X", "Y")
        )
    }
    assert read_etcd_tag(text) == "3.5.26-0"


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
