"""Flags, feature gates and plugins that are gone in a later release, where they are set."""

from __future__ import annotations

import pytest

from in_memory.states import release, releases, version
from kubeadm_upgrade.planning.removals import control_plane_findings, kubelet_findings, removed_apis
from kubeadm_upgrade.releases.known import releases as known_releases
from kubeadm_upgrade.releases.release import Kubeadm, Removed
from kubeadm_upgrade.settings import Settings, read_cluster_configuration

FACTS = releases(
    release(26, kubeadm=Kubeadm(("v1beta3",), "made up", cleans=("container-runtime",))),
    release(
        27,
        removed=(Removed("made up", flags={"kubelet": ("container-runtime",)}, apis=("storage/v1beta1 Thing",)),),
    ),
    release(30, removed=(Removed("made up", feature_gates=("Old",), admission_plugins=("Deny",)),)),
    release(31, removed=(Removed("made up", flags={"kube-apiserver": ("cloud",), "kubelet": ("old",)}),)),
)


@pytest.mark.parametrize(
    ("settings", "came_from", "to", "expected"),
    [
        pytest.param(Settings(flags=("old",)), "1.28", "1.30", [], id="not yet gone"),
        pytest.param(Settings(flags=("old",)), "1.31", "1.32", [], id="gone before"),
        pytest.param(
            Settings(flags=("old",)), "1.28", "1.31", ["started with the flag --old, which 1.31 no longer"], id="flag"
        ),
        pytest.param(
            Settings(flags=("old",), feature_gates=("Old",)),
            "1.28",
            "1.31",
            ["the feature gate Old, which 1.30 no", "the flag --old, which 1.31 no"],
            id="a jump meets all releases on its way",
        ),
        pytest.param(
            Settings(kubeadm_flags=("container-runtime",)), "1.25", "1.26", [], id="kubeadm cleans up before it is gone"
        ),
        pytest.param(
            Settings(kubeadm_flags=("container-runtime",)),
            "1.25",
            "1.28",
            ["--container-runtime, which 1.27 no longer knows"],
            id="a jump passes over the kubeadm that would have",
        ),
        pytest.param(
            Settings(flags=("container-runtime",)),
            "1.26",
            "1.27",
            ["--container-runtime"],
            id="nobody cleans what is ours",
        ),
    ],
)
def test_what_a_kubelet_is_started_with(settings, came_from, to, expected):
    """And would not start with any more."""
    found = list(kubelet_findings({"w1": settings}, FACTS, version(came_from), version(to)))
    assert len(found) == len(expected), found
    assert all(words in sentence for words, sentence in zip(expected, found, strict=True)), found


@pytest.mark.parametrize(
    ("others", "found"),
    [
        pytest.param((), 0, id="its dockershim needs it until it has moved, which needs.py asks for"),
        pytest.param(("container-runtime-endpoint",), 1, id="left over beside containerd"),
    ],
)
def test_flags_of_the_dockershim(others, found):
    """By the facts of 1.24: never taken from a kubelet that would not run without."""
    told = {"w1": Settings(kubeadm_flags=("network-plugin", *others))}
    assert len(list(kubelet_findings(told, known_releases(), version("1.23"), version("1.24")))) == found


def test_nodes_with_the_same_setting_share_a_sentence():
    """A large cluster has one finding, not a thousand."""
    told = {f"w{number}": Settings(flags=("old",)) for number in range(9)}
    (sentence,) = kubelet_findings(told, FACTS, version("1.30"), version("1.31"))
    assert sentence.startswith("the kubelets on w0, w1, w2, w3, w4 and 4 more are started with the flag --old")


def test_what_kubeadm_config_sets():
    """By component: another one's flag of the same name does not matter."""
    told = {
        "kube-apiserver": Settings(flags=("cloud", "old"), feature_gates=("Old",), admission_plugins=("Deny",)),
        "kube-scheduler": Settings(flags=("cloud",)),
    }
    found = list(control_plane_findings(told, FACTS, version("1.29"), version("1.31")))
    assert [sentence.split(", which")[0] for sentence in found] == [
        "kubeadm-config sets the feature gate Old for kube-apiserver",
        "kubeadm-config sets the admission plugin Deny for kube-apiserver",
        "kubeadm-config sets the flag --cloud for kube-apiserver",
    ]


@pytest.mark.parametrize(
    ("gate", "last", "gone"),
    [
        ("IPv6DualStack", "1.24", "1.25"),
        ("UpgradeAddonsBeforeControlPlane", "1.30", "1.31"),
        ("EtcdLearnerMode", "1.32", "1.33"),
        ("WaitForAllControlPlaneComponents", "1.34", "1.35"),
        ("PublicKeysECDSA", "1.36", "1.37"),
    ],
)
def test_feature_gates_of_kubeadm_itself(gate, last, gone):
    """By the facts of the releases: set to what does not matter, as kubeadm refuses the name."""
    told = read_cluster_configuration(f"featureGates: {{{gate}: false}}\n")
    assert list(control_plane_findings(told, known_releases(), version("1.22"), version(last))) == []
    assert list(control_plane_findings(told, known_releases(), version(last), version(gone))) == [
        f"kubeadm-config sets the feature gate {gate} for kubeadm, which {gone} no longer knows: remove it first"
    ]


@pytest.mark.parametrize("flag", ["port", "address"])
@pytest.mark.parametrize("component", ["kube-apiserver", "kube-controller-manager", "kube-scheduler"])
def test_insecure_serving(component, flag):
    """By the facts of 1.24, of every component that had it: kubernetes/kubeadm#2716."""
    told = {component: Settings(flags=(flag,))}
    (found,) = control_plane_findings(told, known_releases(), version("1.23"), version("1.24"))
    assert found.startswith(f"kubeadm-config sets the flag --{flag} for {component}, which 1.24 no longer knows")


@pytest.mark.parametrize(
    ("provider", "off", "last", "gone"),
    [
        pytest.param("openstack", (), "1.25", "1.26", id="openstack"),
        pytest.param("aws", (), "1.26", "1.27", id="aws"),
        pytest.param("azure", (), "1.28", "1.29", id="azure"),
        pytest.param("vsphere", ("DisableCloudProviders",), "1.30", "1.31", id="vsphere, kept by its gate"),
        pytest.param("gce", ("DisableCloudProviders",), "1.30", "1.31", id="gce, kept by its gate"),
    ],
)
def test_cloud_providers_within_components(provider, off, last, gone):
    """By the facts of the releases: in the control plane, and in kubelets that jump."""
    told = Settings(cloud_provider=provider, feature_gates=off, feature_gates_off=off)
    words = f", which {gone} no longer knows: move to the external cloud controller manager"
    for findings, name in ((control_plane_findings, "kube-controller-manager"), (kubelet_findings, "w1")):
        before = list(findings({name: told}, known_releases(), version("1.22"), version(last)))
        after = findings({name: told}, known_releases(), version(last), version(gone))
        (found,) = (sentence for sentence in after if f"--cloud-provider={provider}" in sentence)
        assert before == []
        assert words in found


@pytest.mark.parametrize(
    ("gate", "off", "last", "locked", "way"),
    [
        pytest.param("APIPriorityAndFairness", True, "1.28", "1.29", "on", id="1.29"),
        pytest.param("DisableCloudProviders", True, "1.30", "1.31", "on", id="1.31"),
        pytest.param("NodeSwap", True, "1.33", "1.34", "on", id="1.34"),
        pytest.param("WatchFromStorageWithoutResourceVersion", False, "1.32", "1.33", "off", id="locked to off"),
    ],
)
def test_gates_against_their_lock(gate, off, last, locked, way):
    """By the facts of the releases: a component does not start with one, and with one that agrees it does."""
    wrong = Settings(feature_gates=(gate,), feature_gates_off=(gate,) if off else ())
    right = Settings(feature_gates=(gate,), feature_gates_off=() if off else (gate,))

    def found(settings, came_from, to):
        return list(control_plane_findings({"kube-apiserver": settings}, known_releases(), came_from, to))

    assert found(wrong, version("1.22"), version(last)) == []
    assert found(right, version(last), version(locked)) == []
    (sentence,) = found(wrong, version(last), version(locked))
    assert sentence == (
        f"kubeadm-config sets the feature gate {gate} {'off' if off else 'on'} for kube-apiserver, which {locked} has "
        f"locked {way}, so it would not start: remove it first"
    )


def test_a_gate_that_is_locked_and_then_gone_is_told_of_once():
    """A kubelet that jumps over both."""
    told = {"w1": Settings(feature_gates=("APIPriorityAndFairness",), feature_gates_off=("APIPriorityAndFairness",))}
    (found,) = kubelet_findings(told, known_releases(), version("1.28"), version("1.31"))
    assert "which 1.31 no longer knows" in found


def test_apis_that_are_no_longer_served():
    """Of every release on the way."""
    assert removed_apis(FACTS, version("1.26"), version("1.28")) == ("storage/v1beta1 Thing",)
    assert removed_apis(FACTS, version("1.27"), version("1.28")) == ()
