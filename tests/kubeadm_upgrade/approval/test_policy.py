"""Who is asked, and when: as a cluster's file says it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from kubeadm_upgrade.approval.policy import ApprovalPolicy, Then, When
from kubeadm_upgrade.approval.terms import HopTerms, Terms
from kubeadm_upgrade.approval_file import ApprovalOption
from kubeadm_upgrade.version import Version

OPTION = TypeAdapter(ApprovalOption)
PATCH = Terms((HopTerms(Version(1, 29, 3), Version(1, 29, 9), ("cp1", "cp2")),))


def first(**changes):
    return replace(PATCH, hops=(replace(PATCH.hops[0], **changes), *PATCH.hops))


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        pytest.param("never", ApprovalPolicy(), id="a word"),
        pytest.param("when-disruptive", ApprovalPolicy(When.WHEN_DISRUPTIVE), id="another word"),
        pytest.param({"when": "always"}, ApprovalPolicy(When.ALWAYS), id="anybody, whenever"),
        pytest.param(
            {"when": "always", "approvers": ["ann", "bob"], "deadline": "2d", "then": "approve"},
            ApprovalPolicy(When.ALWAYS, ("ann", "bob"), timedelta(days=2), Then.APPROVE),
            id="all of it",
        ),
        pytest.param(
            {"when": "never", "approvers": ["ann"]}, ApprovalPolicy(When.NEVER, ("ann",)), id="of deletions alone"
        ),
    ],
)
def test_what_a_file_says(written, policy):
    assert OPTION.validate_python(written).policy == policy


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        pytest.param("sometimes", "Input should be 'never', 'always' or 'when-disruptive'", id="no such word"),
        pytest.param({"when": "always", "approver": ["ann"]}, "Extra inputs", id="a key that is none"),
        pytest.param({"when": "always", "approvers": ["ann", "ann"]}, "ann is there twice", id="twice"),
        pytest.param({"when": "always", "approvers": [""]}, "at least 1 character", id="nobody"),
        pytest.param({"when": "always", "deadline": "48"}, "must be a duration such as", id="48 of what"),
        pytest.param({"when": "always", "deadline": "0m"}, "must be longer than nothing", id="at once"),
        pytest.param(
            {"when": "always", "then": "approve"},
            "then: approve is what a deadline does",
            id="approve at what deadline",
        ),
        pytest.param(
            {"approvers": ["ann"], "deadline": "48h"},
            "approvers and deadline without when asks nobody about an upgrade: write when: always "
            r"\(or when-disruptive\), or when: never, where only deletions of Pods",
            id="approvers whom nobody asks",
        ),
        pytest.param({"then": "refuse"}, "then without when asks nobody", id="what becomes of no question"),
        pytest.param(True, "valid dictionary", id="yes"),
    ],
)
def test_what_it_must_not_say(written, sentence):
    with pytest.raises(ValidationError, match=sentence):
        OPTION.validate_python(written)


@pytest.mark.parametrize(
    ("terms", "is_disruptive"),
    [
        pytest.param(PATCH, False, id="a patch of two control plane nodes"),
        pytest.param(first(workers=("w1",)), True, id="a worker is drained"),
        pytest.param(first(came_from=Version(1, 28, 9)), True, id="another minor release"),
        pytest.param(first(control_plane=("cp1",)), True, id="one control plane node"),
    ],
)
def test_what_is_disruptive(terms, is_disruptive):
    assert ApprovalPolicy(When.WHEN_DISRUPTIVE).wants(terms) is is_disruptive
    assert bool(ApprovalPolicy(When.WHEN_DISRUPTIVE).why_not(terms)) is not is_disruptive
    assert ApprovalPolicy(When.ALWAYS).wants(terms)
    assert not ApprovalPolicy().wants(terms)
    assert ApprovalPolicy().why_not(terms) == "no approval is wanted (approval: never)"


@pytest.mark.parametrize(
    ("approvers", "who"),
    [((), "whoever has the right to in Airflow"), (("ann",), "ann"), (("ann", "bob", "eve"), "ann, bob or eve")],
)
def test_who_is_asked_in_words(approvers, who):
    assert ApprovalPolicy(approvers=approvers).who == who
