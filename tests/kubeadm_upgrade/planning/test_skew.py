"""The version skew policy, rule by rule, with the page's own examples. https://kubernetes.io/releases/version-skew-policy/"""

from __future__ import annotations

import pytest

from in_memory.states import version
from kubeadm_upgrade.planning.skew import Component, kubeadm_lets_lag, kubeadm_violations, may_lag, violations

MANAGER = "kube-controller-manager"


def running(*components: str):
    """`kube-apiserver 1.36 cp1`; without a node, each on its own."""
    for number, text in enumerate(components):
        kind, runs, *node = text.split()
        yield Component(kind, node[0] if node else f"n{number}", version(runs))


def broken(*components: str, balanced: bool = False) -> list[str]:
    """The rules that are broken, in the order in which they are found."""
    return [violation.rule for violation in violations(running(*components), balanced=balanced)]


HA = ("kube-apiserver 1.36 cp1", "kube-apiserver 1.35 cp2")


@pytest.mark.parametrize(
    ("components", "rules"),
    [
        pytest.param(["kube-apiserver 1.36", "kube-apiserver 1.36"], [], id="apiservers alike"),
        pytest.param(HA, [], id="apiservers one minor apart"),
        pytest.param(["kube-apiserver 1.36", "kube-apiserver 1.34"], ["kube-apiserver"], id="apiservers two apart"),
        pytest.param(["kube-apiserver 1.36", "kubelet 1.36"], [], id="kubelet alike"),
        pytest.param(["kube-apiserver 1.36", "kubelet 1.35"], [], id="kubelet n-1"),
        pytest.param(["kube-apiserver 1.36", "kubelet 1.34"], [], id="kubelet n-2"),
        pytest.param(["kube-apiserver 1.36", "kubelet 1.33"], [], id="kubelet n-3"),
        pytest.param(["kube-apiserver 1.36", "kubelet 1.32"], ["kubelet"], id="kubelet n-4"),
        pytest.param(["kube-apiserver 1.36", "kubelet 1.37"], ["kubelet"], id="kubelet newer"),
        pytest.param(["kube-apiserver 1.26", "kubelet 1.24"], [], id="kubelet below 1.25, n-2"),
        pytest.param(["kube-apiserver 1.27", "kubelet 1.24"], ["kubelet"], id="kubelet below 1.25, n-3"),
        pytest.param([*HA, "kubelet 1.35"], [], id="HA: kubelet as the older apiserver"),
        pytest.param([*HA, "kubelet 1.33"], [], id="HA: kubelet n-3 of the newer apiserver"),
        pytest.param([*HA, "kubelet 1.36"], ["kubelet"], id="HA: kubelet newer than the older apiserver"),
        pytest.param([*HA, "kubelet 1.32"], ["kubelet"], id="HA: kubelet too old for the newer apiserver"),
        pytest.param(["kube-apiserver 1.36", "kube-proxy 1.33"], [], id="kube-proxy n-3"),
        pytest.param(["kube-apiserver 1.36", "kube-proxy 1.32"], ["kube-proxy"], id="kube-proxy n-4"),
        pytest.param(["kube-apiserver 1.36", "kube-proxy 1.37"], ["kube-proxy"], id="kube-proxy newer"),
        pytest.param(["kube-apiserver 1.27", "kube-proxy 1.24"], ["kube-proxy"], id="kube-proxy below 1.25, n-3"),
        pytest.param([*HA, "kube-proxy 1.36"], ["kube-proxy"], id="HA: kube-proxy newer than the older apiserver"),
        pytest.param([*HA, "kube-proxy 1.33"], [], id="HA: kube-proxy n-3 of the newer apiserver"),
        pytest.param(
            ["kube-apiserver 1.36 cp1", "kubelet 1.33 w1", "kube-proxy 1.36 w1"],
            [],
            id="kube-proxy 3 newer than kubelet",
        ),
        pytest.param(
            ["kube-apiserver 1.36 cp1", "kubelet 1.36 w1", "kube-proxy 1.33 w1"],
            [],
            id="kube-proxy 3 older than kubelet",
        ),
        pytest.param(
            ["kube-apiserver 1.24 cp1", "kubelet 1.21 w1", "kube-proxy 1.24 w1"],
            ["kubelet", "kube-proxy"],
            id="kube-proxy below 1.25, 3 newer than kubelet",
        ),
        pytest.param(["kube-apiserver 1.36 cp1", f"{MANAGER} 1.35 cp1"], [], id="controller n-1"),
        pytest.param(["kube-apiserver 1.36 cp1", f"{MANAGER} 1.34 cp1"], ["controllers"], id="controller n-2"),
        pytest.param(["kube-apiserver 1.36 cp1", "kube-scheduler 1.37 cp1"], ["controllers"], id="scheduler newer"),
        pytest.param(
            ["kube-apiserver 1.36 cp1", "cloud-controller-manager 1.34 w1"], ["controllers"], id="cloud controller n-2"
        ),
        pytest.param([*HA, f"{MANAGER} 1.36 cp1", f"{MANAGER} 1.35 cp2"], [], id="HA: controllers as kubeadm has them"),
        pytest.param(
            [*HA, f"{MANAGER} 1.36 cp2"], ["controllers"], id="HA: controller newer than the apiserver beside it"
        ),
        pytest.param(["kube-apiserver 1.36", "kubectl 1.37"], [], id="kubectl n+1"),
        pytest.param(["kube-apiserver 1.36", "kubectl 1.35"], [], id="kubectl n-1"),
        pytest.param(["kube-apiserver 1.36", "kubectl 1.34"], ["kubectl"], id="kubectl n-2"),
        pytest.param(["kube-apiserver 1.36", "kubectl 1.38"], ["kubectl"], id="kubectl n+2"),
        pytest.param([*HA, "kubectl 1.36", "kubectl 1.35"], [], id="HA: kubectl as one of the apiservers"),
        pytest.param([*HA, "kubectl 1.37", "kubectl 1.34"], ["kubectl", "kubectl"], id="HA: kubectl too far from one"),
        pytest.param(["kubelet 1.20", "kube-proxy 1.36"], [], id="no apiserver, no rule"),
        pytest.param(["kube-apiserver 1.36", "etcd 3.5"], [], id="etcd has versions of its own"),
        pytest.param(["kube-apiserver 1.36.0", "kubelet 1.36.9"], [], id="patches never matter"),
    ],
)
def test_rules_of_the_policy(components, rules):
    """Each as the page puts it."""
    assert broken(*components) == rules


def test_controllers_behind_a_load_balancer_may_meet_any_apiserver():
    """Then the older one counts, and the newer."""
    assert broken(*HA, f"{MANAGER} 1.36 cp1", balanced=True) == ["controllers"]
    assert broken(*HA, f"{MANAGER} 1.35 cp2", balanced=True) == []
    assert broken(*HA, f"{MANAGER} 1.34 cp2", balanced=True) == ["controllers"]


def test_a_violation_is_a_sentence():
    """Component, node, both versions."""
    (violation,) = violations(running("kube-apiserver 1.36.2 cp1", "kubelet 1.32.9 w1"))
    expected = "kubelet 1.32.9 on w1 is more than three minor releases older than kube-apiserver 1.36.2 on cp1"
    assert str(violation) == expected


@pytest.mark.parametrize(
    ("kubeadm", "cluster", "to", "kubelet", "words"),
    [
        pytest.param("1.30", "1.29", "1.30", "1.29", None, id="next minor"),
        pytest.param("1.29.5", "1.29", "1.29.5", "1.29", None, id="next patch"),
        pytest.param("1.31", "1.29", "1.31", "1.29", "one minor release older than the control plane", id="skips one"),
        pytest.param("1.29", "1.29", "1.30", "1.29", "kubeadm 1.29.0 on cp1 is older than", id="kubeadm too old"),
        pytest.param("1.31", "1.30", "1.30", "1.30", "kubeadm 1.31.0 on cp1 is of a newer minor", id="kubeadm too new"),
        pytest.param("1.28", "1.31", "1.28", "1.28", "more than one minor release newer than", id="downgrade by three"),
        pytest.param("1.29", "1.28", "1.29", "1.26", None, id="kubelet n-3 since 1.29"),
        pytest.param("1.30", "1.29", "1.30", "1.26", "more than three minor releases older", id="kubelet n-4"),
        pytest.param("1.28", "1.27", "1.28", "1.26", "more than one minor release older", id="kubelet n-2 before 1.29"),
        pytest.param("1.28", "1.27", "1.28", "1.27", None, id="kubelet n-1 before 1.29"),
    ],
)
def test_rules_of_kubeadm(kubeadm, cluster, to, kubelet, words):
    """What `kubeadm upgrade apply` would say; its limit for kubelets changed with 1.29."""
    found = kubeadm_violations(
        Component("kubeadm", "cp1", version(kubeadm)),
        Component("the cluster", "kubeadm-config", version(cluster)),
        version(to),
        [Component("kubelet", "w1", version(kubelet))],
    )
    said = [str(violation) for violation in found]
    assert (words in said[0] and len(said) == 1) if words else not said, said


@pytest.mark.parametrize(("runs", "lag"), [("1.24", 2), ("1.25", 3), ("1.37", 3)])
def test_how_far_a_kubelet_may_be_behind(runs, lag):
    """By the policy."""
    assert may_lag(version(runs)) == lag


@pytest.mark.parametrize(("to", "lag"), [("1.28", 1), ("1.29", 3), ("1.37", 3)])
def test_how_far_kubeadm_lets_it_be_behind(to, lag):
    """https://github.com/kubernetes/kubernetes/pull/120825 is in 1.29."""
    assert kubeadm_lets_lag(version(to)) == lag
