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
        pytest.param(
            {KUBELET_CONFIG: "failCgroupV1: false\n"}, Settings(runs_on_cgroup_v1=True), id="told to run on cgroup v1"
        ),
        pytest.param(
            {KUBELET_CONFIG: "failCgroupV1: false\n", EXTRA_ARGS[0]: "KUBELET_EXTRA_ARGS=--fail-cgroupv1=true\n"},
            Settings(flags=("fail-cgroupv1",)),
            id="a flag goes before the configuration",
        ),
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
