"""Versions, and what a person writes as a target."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.version import TargetVersion, Version

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
