"""Versions, and what a person writes as a target."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.version import TargetVersion, Version, etcd_version

NUMBERS = st.integers(0, 99)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_versions_sort_as_numbers(one, other):
    """1.23.9 is older than 1.23.17, whatever their text says."""
    assert (Version(*one) < Version(*other)) == (one < other)


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["", "alpha.1", "beta.0", "rc.10"]))
def test_a_version_reads_what_it_prints(major, minor, patch, pre):
    """With and without the v."""
    version = Version(major, minor, patch, pre)
    assert Version.parse(str(version)) == Version.parse(version.tag) == version


def test_pre_releases_come_before_their_release():
    """alpha, beta, rc, release."""
    texts = ["1.30.0-alpha.2", "1.30.0-alpha.10", "1.30.0-beta.0", "1.30.0-rc.1", "1.30.0"]
    assert sorted(texts, key=Version.parse) == texts


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        pytest.param("v1.28.15", "1.28.15", id="as released"),
        pytest.param("v1.28.15_fips.1", "1.28.15", id="with build metadata"),
        pytest.param("v1.30.0-rc.1_build", "1.30.0-rc.1", id="a pre-release with build metadata"),
    ],
)
def test_an_image_tag_is_read_as_kubeadm_writes_it(tag, version):
    """A `+` becomes a `_`."""
    assert Version.of_tag(tag) == Version.parse(version)


IDENTIFIERS = st.lists(st.from_regex(r"[0-9A-Za-z-]{1,8}", fullmatch=True), min_size=1, max_size=3).map(".".join)


@given(NUMBERS, NUMBERS, NUMBERS, st.sampled_from(["", "-alpha.1", "-rc.10"]), st.none() | IDENTIFIERS)
def test_every_tag_that_kubeadm_writes_is_read_back(major, minor, patch, pre, build):
    """kubeadm's rule (KubernetesVersionToImageTag): whatever is no letter, digit, dash, dot or `_` becomes a `_`."""
    written_down = f"v{major}.{minor}.{patch}{pre}" + (f"+{build}" if build else "")
    tag = re.sub(r"[^-a-zA-Z0-9_.]", "_", written_down)
    assert Version.of_tag(tag) == Version.parse(written_down)


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        pytest.param("3.5.24-0", "3.5.24", id="kubeadm's own"),
        pytest.param("v3.5.15_patch.0", "3.5.15", id="with build metadata"),
        pytest.param("v3.5.15_patch.0-1", "3.5.15", id="with build metadata, rebuilt"),
        pytest.param("v3.5.15-0_ours", "3.5.15", id="rebuilt, with build metadata"),
        pytest.param("mine", None, id="somebody's own"),
        pytest.param("", None, id="none"),
    ],
)
def test_an_etcd_tag_is_read(tag, version):
    assert etcd_version(tag) == (version and Version.parse(version))


@pytest.mark.parametrize("text", ["", "1.29", "v1.29.x", "latest", "1.29.4-what.ever", "1.29.4; id"])
def test_what_is_no_version_is_refused(text):
    """With the text in the sentence."""
    with pytest.raises(ValueError, match=r"is not a Kubernetes version|cannot be ordered"):
        Version.parse(text)


@pytest.mark.parametrize(
    ("target", "version", "accepted"),
    [
        pytest.param("1.29", "1.29.15", True, id="minor accepts its patches"),
        pytest.param("v1.29", "1.29.0", True, id="v is optional"),
        pytest.param("1.29", "1.30.0", False, id="another minor"),
        pytest.param("1.29.4", "1.29.4", True, id="exact"),
        pytest.param("1.29.4", "1.29.5", False, id="exact accepts no other patch"),
        pytest.param("1.30", "1.30.0-rc.1", False, id="never a pre-release"),
    ],
)
def test_a_target_accepts(target, version, accepted):
    """What was asked for and nothing else."""
    assert TargetVersion.parse(target).accepts(Version.parse(version)) is accepted


@pytest.mark.parametrize(
    ("package", "version"),
    [
        pytest.param("1.29.3-1.1", "1.29.3", id="deb of pkgs.k8s.io"),
        pytest.param("1.29.3-2.1", "1.29.3", id="packaged again"),
        pytest.param("1.29.3-150500.1.1", "1.29.3", id="rpm"),
        pytest.param("1.27.0-00", "1.27.0", id="deb of the repository that was shut down"),
        pytest.param("1.27.0-0", "1.27.0", id="rpm of the repository that was shut down"),
        pytest.param("1.29.0~rc.1-1.1", "1.29.0-rc.1", id="pre-release"),
        pytest.param("1.29.3", "1.29.3", id="no revision"),
    ],
)
def test_the_version_in_a_package_version(package, version):
    """Whatever its revision."""
    assert Version.of_package(package) == Version.parse(version)


@pytest.mark.parametrize("package", ["", "ours", "2:1.29.3-1.1", "1.29-1.1"])
def test_what_is_no_package_of_kubernetes_is_refused(package):
    """A mirror may hold others."""
    with pytest.raises(ValueError, match="is not a Kubernetes version"):
        Version.of_package(package)


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        pytest.param("1.38.0-alpha.1", "alpha", id="alpha"),
        pytest.param("1.38.0-beta.0", "beta", id="beta"),
        pytest.param("1.38.0-rc.1", "release candidate", id="rc"),
        pytest.param("1.38.0", "GA", id="GA"),
    ],
)
def test_how_finished_a_version_is(text, stage):
    """By its pre-release."""
    assert Version.parse(text).stage == stage


@pytest.mark.parametrize(
    ("target", "runs", "before"),
    [
        pytest.param("1.29", "1.30.0", True, id="an older minor"),
        pytest.param("1.29", "1.29.15", False, id="the same minor: its latest patch is no way back"),
        pytest.param("1.29.4", "1.29.5", True, id="an older patch"),
        pytest.param("1.29.4", "1.29.4", False, id="the same"),
        pytest.param("1.30", "1.29.5", False, id="a newer minor"),
    ],
)
def test_whether_a_cluster_would_have_to_go_back(target, runs, before):
    """To get to the target."""
    assert TargetVersion.parse(target).is_before(Version.parse(runs)) is before
