"""Leases: who leads the controllers, by what the API shows and its own clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from in_memory.examples import a_control_plane, leaders
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.leases import LEADERS, Lease, read_lease, without_leader

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
OBJECT = {
    "metadata": {"name": "kube-scheduler", "namespace": "kube-system"},
    "spec": {
        "holderIdentity": "cp1_5ae0a02d",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-11-23T03:50:42.123456Z",
        "renewTime": "2026-11-23T03:59:58.000000Z",
    },
}


def test_a_lease_is_read_as_the_api_shows_it():
    acquired = datetime(2026, 11, 23, 3, 50, 42, 123456, tzinfo=UTC)
    renewed = NOW - timedelta(seconds=2)
    seconds = timedelta(seconds=2), timedelta(seconds=15)
    assert read_lease(OBJECT, NOW) == Lease("kube-scheduler", "cp1_5ae0a02d", acquired, renewed, *seconds)


def test_one_without_a_time_was_never_renewed():
    """As etcd shows it between the making of a Lease and its first holder."""
    assert read_lease({"metadata": {"name": "x"}, "spec": None}, NOW) == Lease("x")
    with pytest.raises(UnreadableOutput, match="Lease x"):
        read_lease({"metadata": {"name": "x"}, "spec": {"renewTime": "yesterday"}}, NOW)


OLD = timedelta(minutes=5)
MADE_ANEW = "the one on cp1 has been made anew, and the lease is from before"


def manager(**changes):
    """The controllers' lease otherwise than it is when all is well; the schedulers' as it is then."""
    return (replace(leaders("cp1")[0], **changes), leaders("cp1")[1])


@pytest.mark.parametrize(
    ("leases", "sentences"),
    [
        pytest.param(leaders("cp1"), [], id="both lead"),
        pytest.param(leaders("a-host-of-another-name"), [], id="host names say nothing"),
        pytest.param((), [f"no {name} leads" for name in LEADERS], id="no lease yet"),
        pytest.param(manager(holder=""), ["no kube-controller-manager leads"], id="given back"),
        pytest.param(manager(age=None), ["no kube-controller-manager leads"], id="never renewed"),
        pytest.param(
            manager(age=timedelta(seconds=16)),
            ["no kube-controller-manager leads: cp1 has not renewed its lease"],
            id="run out",
        ),
        pytest.param(manager(age=timedelta(seconds=15)), [], id="to be renewed"),
        pytest.param(manager(age=timedelta(seconds=-3)), [], id="a clock that goes before"),
        pytest.param(manager(acquired=NOW - OLD), [f"no kube-controller-manager leads: {MADE_ANEW}"], id="from before"),
    ],
)
def test_who_leads(hop, leases, sentences):
    """Also while the lease of a process that has ended still lasts: its Pod was made after it."""
    plane = a_control_plane(hop)
    made = tuple(replace(pod, created=NOW - timedelta(minutes=1)) for pod in plane.static_pods)
    assert list(without_leader(leases, replace(plane, static_pods=made))) == sentences


@pytest.mark.parametrize("flag", ["--leader-elect=false", "--leader-elect-resource-name=mine"])
def test_who_leads_by_other_means_is_not_asked(hop, flag):
    plane = a_control_plane(hop)
    pods = tuple(replace(pod, command=(pod.component, flag)) for pod in plane.static_pods)
    assert list(without_leader((), replace(plane, static_pods=pods))) == []
