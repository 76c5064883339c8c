"""Which Nodes no upgrade of ours is about, and that every other is read: for any Node the API may show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.objects import read_nodes
from kubeadm_upgrade.outsiders import Outsider, read_outsiders
from kubeadm_upgrade.version import Version

CONTROL_PLANE = {"node-role.kubernetes.io/control-plane": ""}


def a_node(info, name="x1", labels=None, taints=()):
    metadata = {"name": name} | ({"labels": labels} if labels else {})
    return {"metadata": metadata, "spec": {"taints": list(taints)} if taints else {}, "status": {"nodeInfo": info}}


@pytest.mark.parametrize(
    ("node", "why", "kubelet"),
    [
        pytest.param(
            a_node({"kubeletVersion": "v1.19.10-vk-azure-1.4"}, labels={"type": "virtual-kubelet"}),
            "is a virtual kubelet",
            Version(1, 19, 10),
            id="a virtual kubelet by its label",
        ),
        pytest.param(
            a_node(
                {"kubeletVersion": "v1.28.2"}, taints=[{"key": "virtual-kubelet.io/provider", "effect": "NoSchedule"}]
            ),
            "is a virtual kubelet",
            Version(1, 28, 2),
            id="a virtual kubelet by its taint",
        ),
        pytest.param(
            a_node({"kubeletVersion": "v1.19.10-vk-azure-1.4"}),
            "reports the kubelet version 'v1.19.10-vk-azure-1.4', which is no release of Kubernetes",
            Version(1, 19, 10),
            id="neither label nor taint",
        ),
        pytest.param(
            a_node({"kubeletVersion": "v1.28.15", "operatingSystem": "windows"}),
            "runs Windows",
            Version(1, 28, 15),
            id="Windows",
        ),
        pytest.param(
            a_node({"kubeletVersion": "kwok-v0.5.0"}),
            "reports the kubelet version 'kwok-v0.5.0', which is no release of Kubernetes",
            None,
            id="no version at all",
        ),
        pytest.param(a_node({}), "reports no kubelet version", None, id="no kubeletVersion"),
        pytest.param({"metadata": {"name": "x1"}, "spec": {}}, "reports no kubelet version", None, id="no status"),
        pytest.param({"metadata": {"name": "x1"}, "status": {}}, "reports no kubelet version", None, id="no nodeInfo"),
    ],
)
def test_a_node_that_kubeadm_does_not_keep_is_left_out(node, why, kubelet):
    """It is told of, with what its kubelet says; and the others are read all the same."""
    plain = a_node({"kubeletVersion": "v1.28.15", "operatingSystem": "linux"}, "w1")
    assert read_outsiders([node, plain]) == (Outsider("x1", why, kubelet),)
    assert [one.name for one in read_nodes([node, plain])] == ["w1"]


@pytest.mark.parametrize("version", ["v1.28.15", "v1.30.0-rc.1", "v1.28.15+vendor.2", "v1.31.0-alpha.1"])
def test_kubernetes_own_versions_are_no_outsiders(version):
    """Pre-releases, and what a vendor writes behind."""
    node = a_node({"kubeletVersion": version})
    assert (read_outsiders([node]), len(read_nodes([node]))) == ((), 1)


@pytest.mark.parametrize("info", [{}, {"kubeletVersion": "unknown"}], ids=["none", "another"])
def test_a_control_plane_node_is_never_left_out(info):
    """Without its version nothing may move (I5): the sentence names it."""
    node = a_node(info, "cp1", CONTROL_PLANE)
    assert read_outsiders([node]) == ()
    with pytest.raises(UnreadableOutput, match=r"^Node cp1: status\.nodeInfo\.kubeletVersion: '(unknown)?' is not"):
        read_nodes([node])


RELEASES = st.builds("v1.{}.{}".format, st.integers(20, 40), st.integers(0, 30))
SUFFIXES = st.sampled_from(["", "-rc.1", "-beta.0", "+vendor", "-vk-azure-1.4", "-eks-ae9a62a", "-gke.1-x", "~1"])
VERSIONS = st.one_of(st.builds("{}{}".format, RELEASES, SUFFIXES), st.text(max_size=12), st.just(""))
LABELS = st.dictionaries(
    st.sampled_from(["type", "kubernetes.io/os", "node-role.kubernetes.io/worker"]),
    st.sampled_from(["", "virtual-kubelet", "linux", "windows"]),
)
# every field of a Node that its Go type lets be omitted may be missing
INFOS = st.fixed_dictionaries(
    {}, optional={"kubeletVersion": VERSIONS, "operatingSystem": st.sampled_from(["linux", "windows", ""])}
)
STATUSES = st.fixed_dictionaries({}, optional={"nodeInfo": INFOS, "conditions": st.just([]), "addresses": st.just([])})
NODES = st.builds(
    lambda number, labels, rest: {"metadata": {"name": f"n{number}"} | ({"labels": labels} if labels else {}), **rest},
    st.integers(0, 99),
    LABELS,
    st.fixed_dictionaries({}, optional={"spec": st.just({}), "status": STATUSES}),
)


@given(st.lists(NODES, max_size=5, unique_by=lambda node: node["metadata"]["name"]))
def test_every_node_is_either_read_or_told_of(nodes):
    """Whatever a Node lacks, it is in the way of no other; and none gets lost."""
    ours, outsiders = read_nodes(nodes), read_outsiders(nodes)
    names = [node["metadata"]["name"] for node in nodes]
    assert sorted([*(one.name for one in ours), *(one.name for one in outsiders)]) == sorted(names)
