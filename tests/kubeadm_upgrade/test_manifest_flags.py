"""What the control plane is started with, and neither kubeadm nor its configuration explains."""

from __future__ import annotations

import json

import pytest
import yaml

from in_memory.golden import FOLDER
from in_memory.states import release, releases, version
from kubeadm_upgrade.manifest_flags import KUBEADMS_OWN
from kubeadm_upgrade.objects import read_control_plane
from kubeadm_upgrade.planning.removals import manifest_findings
from kubeadm_upgrade.releases.release import Locked, Removed
from kubeadm_upgrade.settings import Settings, read_cluster_configuration
from kubeadm_upgrade.static_pod import StaticPod

GONE = Removed(
    "made up", flags={"kube-apiserver": ("old",)}, feature_gates=("Old",), admission_plugins=("PodSecurityPolicy",)
)
FACTS = releases(release(25, removed=(GONE,), locked=(Locked("made up", enabled=("Fixed",)),)))


def pod(component, *words, node="cp1"):
    return StaticPod(component, node, "v1.24.3", ready=True, command=(component, *words))


def left_out(text, *pods):
    told = read_cluster_configuration(text, pods)
    return {name: one.only_in_manifests for name, one in told.items() if one.only_in_manifests}


def test_a_real_control_plane_is_explained():
    """Of the cluster that was recorded: its Pods, and its kubeadm-config."""
    pods = json.loads((FOLDER / "pods-1.22.json").read_text())["items"]
    config = yaml.safe_load((FOLDER / "kubeadm-config-cm.yaml").read_text())
    plane = read_control_plane(pods, config, ())
    assert {one.component for one in plane.static_pods if one.command} == KUBEADMS_OWN.keys()
    assert left_out(plane.configuration, *plane.static_pods) == {}


@pytest.mark.parametrize(
    ("component", "words", "expected"),
    [
        pytest.param("kube-apiserver", ("--encryption-provider-config=/x",), ["encryption-provider-config"], id="flag"),
        pytest.param("kube-apiserver", ("--oidc-issuer-url", "https://x"), ["oidc-issuer-url"], id="value behind it"),
        pytest.param("kube-apiserver", ("--audit_policy_file=/x",), ["audit-policy-file"], id="written with _"),
        pytest.param("kube-scheduler", ("--config=/x",), ["config"], id="another component"),
        pytest.param("etcd", ("-quota-backend-bytes=8", "-auto-compaction-mode", "x"), None, id="etcd with one dash"),
        pytest.param("kube-apiserver", ("--v=4", "--vmodule=a=1"), [], id="how much is logged does not matter"),
        pytest.param("kube-apiserver", ("--authorization-mode=Node,RBAC",), [], id="kubeadm's own words"),
        pytest.param(
            "kube-apiserver",
            ("--authorization-mode=Node,RBAC,Webhook",),
            ["authorization-mode=Webhook"],
            id="a word more in kubeadm's own list",
        ),
        pytest.param(
            "kube-apiserver",
            ("--enable-admission-plugins=NodeRestriction,ImagePolicyWebhook",),
            ["enable-admission-plugins=ImagePolicyWebhook"],
            id="an admission plugin",
        ),
        pytest.param("kube-controller-manager", ("--feature-gates=A=true",), ["feature-gates=A"], id="a gate"),
        pytest.param("etcd", ("--feature-gates=InitialCorruptCheck=true",), [], id="the gate of etcd"),
        pytest.param("etcd", ("--initial-cluster-state=existing",), [], id="a member that joined"),
    ],
)
def test_what_stands_in_a_manifest_alone(component, words, expected):
    """Without its value, which may be a secret."""
    expected = ["auto-compaction-mode", "quota-backend-bytes"] if expected is None else expected
    found = left_out("apiServer: {}\n", pod(component, *words))
    assert found == ({component: dict.fromkeys(expected, ("cp1",))} if expected else {})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("apiServer: {extraArgs: {oidc-issuer-url: x, feature-gates: 'A=false'}}", id="v1beta3"),
        pytest.param(
            "apiServer: {extraArgs: [{name: oidc-issuer-url, value: x}, {name: feature-gates, value: A=false}]}",
            id="v1beta4",
        ),
    ],
)
def test_extra_args_explain(text):
    """Whatever value they have: kubeadm-config may have been edited for the next upgrade."""
    running = pod("kube-apiserver", "--oidc-issuer-url=y", "--feature-gates=A=true")
    assert left_out(text, running) == {}
    assert left_out(text, pod("kube-scheduler", "--feature-gates=A=true")) == {
        "kube-scheduler": {"feature-gates=A": ("cp1",)}
    }


def test_gates_of_kubeadm_itself_are_passed_on():
    """As 1.22 does with IPv6DualStack."""
    assert left_out("featureGates: {A: true}", pod("kube-scheduler", "--feature-gates=A=true")) == {}


@pytest.mark.parametrize(
    ("words", "to", "dropped", "found"),
    [
        pytest.param(("--audit-policy-file=/x",), "1.24", (), "--audit-policy-file, which only", id="any hop"),
        pytest.param(("--audit-policy-file=/x",), "1.24", ("audit-policy-file",), "", id="may be dropped"),
        pytest.param(("--old=1",), "1.24", (), "--old, which only its manifest says", id="not gone yet"),
        pytest.param(("--old=1",), "1.25", (), "", id="gone in the release, as it was taken out of kubeadm-config"),
        pytest.param(("--feature-gates=Old=true",), "1.26", (), "", id="a gate that is gone"),
        pytest.param(("--feature-gates=Fixed=false",), "1.25", (), "", id="a gate that is locked"),
        pytest.param(("--feature-gates=Fixed=false",), "1.24", (), "--feature-gates=Fixed, which", id="not yet locked"),
        pytest.param(("--enable-admission-plugins=PodSecurityPolicy",), "1.25", (), "", id="a plugin that is gone"),
    ],
)
def test_what_a_hop_would_take_away(words, to, dropped, found):
    """On the nodes whose manifests it writes anew."""
    told = read_cluster_configuration("", [pod("kube-apiserver", *words, node=node) for node in ("cp2", "cp1")])
    said = list(manifest_findings(told, FACTS, version(to), ("cp1", "cp2"), dropped))
    assert len(said) == bool(found)
    assert all(sentence.startswith(f"kube-apiserver on cp1, cp2 is started with {found}") for sentence in said)
    assert list(manifest_findings(told, FACTS, version(to), (), dropped)) == []


def test_it_survives_json():
    told = Settings(only_in_manifests={"audit-policy-file": ("cp1", "cp2")})
    assert Settings.from_json({"only_in_manifests": {"audit-policy-file": ["cp1", "cp2"]}}) == told
