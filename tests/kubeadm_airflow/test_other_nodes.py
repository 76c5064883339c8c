"""Whole hops over clusters whose Nodes are not all as kubeadm leaves them: success, or the right sentence first."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_claim import claim
from kubeadm_airflow.hooks.host import Host, address_of
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_upgrade import errors, objects
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.steps import Pending
from lab import ClusterSpec

LABEL = "node-role.kubernetes.io/control-plane"
VIRTUAL = ({"type": "virtual-kubelet"}, "virtual-kubelet.io/provider")
WINDOWS = ({"kubernetes.io/os": "windows"}, "os")


@pytest.fixture
def odd_lab(walk):
    """Starts a lab with one cluster of 1.28.15 and returns what walks it."""

    def start(control_plane=1, workers=2, **settings):
        # without budgets: what a dead worker takes with it would keep all others from being drained
        return walk(ClusterSpec("odd", control_plane=control_plane, workers=workers, pdbs=()), **settings)

    return start


def blocking(found):
    return [finding.message for finding in found if finding.severity == "block"]


def warnings(found):
    return [finding.message for finding in found if finding.severity == "warn"]


def untouched(walker):
    """Nobody has changed a host, or a Node."""
    commands = [record for record in walker.lab.log if record.mutating]
    return commands == [] and not [one for one in walker.lab.mutations if one.verb == "patch"]


async def hop_through(walker, **wish):
    """A whole hop. What preflight found, and what the result lacks."""
    hop = await walker.plan(**wish)
    found = await walker.preflight(hop)
    assert blocking(found) == []
    await walker.upgrade(hop)
    return found, await walker.shortcomings(hop)


def test_an_apiserver_on_a_node_without_its_label_is_not_left_behind(odd_lab):
    """Refused while planning, with the command; with the label there the whole hop goes through, as one of three."""
    walker = odd_lab(control_plane=3)
    walker.lab.set_label("odd-cp2", LABEL, None)

    async def run():
        with pytest.raises(errors.UpgradeRefused) as refused:
            await walker.plan()
        nothing_done = untouched(walker)
        await walker.release()
        walker.lab.set_label("odd-cp2", LABEL)
        _, missing = await hop_through(walker)
        return str(refused.value), nothing_done, missing

    said, nothing_done, missing = asyncio.run(run())
    assert said.startswith(
        "odd: odd-cp2 runs kube-apiserver, kube-controller-manager, kube-scheduler, etcd as static Pods"
    )
    assert f"and has no control plane label: kubectl label node odd-cp2 {LABEL}= if" in said
    assert nothing_done
    assert missing == []
    assert walker.lab.violations == []
    assert {walker.lab.node_state(name).apiserver for name in walker.lab.spec.control_plane_nodes} == {"v1.29.15"}


def test_a_label_that_is_lost_after_the_plan_stops_everybody(odd_lab, monkeypatch):
    """Preflight says it, and so does the gate that all others wait at, until the label is back."""
    walker = odd_lab(control_plane=3)

    async def run():
        hop = await walker.plan()
        walker.lab.set_label("odd-cp3", LABEL, None)
        found = blocking(await walker.preflight(hop))
        for node in hop.nodes_of("stage"):
            await walker.walk(hop, "stage", node)
        waiting = asyncio.create_task(walker.walk(hop, "control_plane", "odd-cp1"))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 1)
        applied = [record for record in walker.lab.log if record.argv[:3] == ("kubeadm", "upgrade", "apply")]
        still_waits = not waiting.done()
        walker.lab.set_label("odd-cp3", LABEL)
        await waiting
        await walker.upgrade(hop)
        return found, still_waits, applied, await walker.shortcomings(hop)

    found, still_waits, applied, missing = asyncio.run(run())
    assert [sentence.partition(" as static Pods")[0].split()[0] for sentence in found] == ["odd-cp3"]
    assert (still_waits, applied, missing) == (True, [], [])
    assert walker.lab.violations == []


def test_a_worker_labelled_as_control_plane_is_told_to_run_no_static_pods(odd_lab):
    """And no external etcd is spoken of; without the label it is a worker as all others."""
    walker = odd_lab()
    walker.lab.set_label("odd-w1", LABEL)

    async def run():
        found = blocking(await walker.preflight(await walker.plan()))
        nothing_done = untouched(walker)
        await walker.release()
        walker.lab.set_label("odd-w1", LABEL, None)
        return found, nothing_done, (await hop_through(walker))[1]

    found, nothing_done, missing = asyncio.run(run())
    (said,) = found
    assert said.startswith(
        "odd-w1 has the control plane label and runs no static Pods of a control plane: kubectl label"
    )
    assert (nothing_done, missing) == (True, [])


@pytest.mark.parametrize(
    ("info", "labels", "why"),
    [
        pytest.param({"kubeletVersion": "v1.28.2-vk-1.4"}, VIRTUAL, "is a virtual kubelet", id="a virtual kubelet"),
        pytest.param(
            {"kubeletVersion": "v1.28.15", "operatingSystem": "windows"}, WINDOWS, "runs Windows", id="Windows"
        ),
    ],
)
def test_a_node_that_is_not_ours_is_in_nobodys_way(odd_lab, info, labels, why):
    """There from the start, or come in the middle: one warning, and it stays as it is."""
    walker = odd_lab()
    walker.lab.register_node("other-1", info, *labels)

    async def run():
        hop = await walker.plan()
        found = await walker.preflight(hop)
        for group in ("stage", "control_plane"):
            for node in hop.nodes_of(group):
                await walker.walk(hop, group, node)
        walker.lab.register_node("other-2", info, *labels)
        await walker.upgrade(hop)
        return hop, found, await walker.shortcomings(hop)

    hop, found, missing = asyncio.run(run())
    assert missing == []
    assert (blocking(found), warnings(found)[-1:]) == (
        [],
        [f"other-1 {why}: it is left as it is, and to be upgraded by whoever keeps it"],
    )
    assert hop.known == {"odd-cp1", "odd-w1", "odd-w2"}
    assert walker.lab.violations == []
    kept = walker.lab.object("Node", None, "other-1")
    assert (kept["status"]["nodeInfo"]["kubeletVersion"], kept["spec"].get("unschedulable")) == (
        info["kubeletVersion"],
        None,
    )


@pytest.mark.parametrize(
    ("version", "words"),
    [
        pytest.param("v1.19.10-vk-azure-1.4", "its kubelet 1.19.10 would be 10 minor releases behind", id="too old"),
        pytest.param("", "kubeadm upgrade apply refuses a version that it cannot read", id="none"),
    ],
)
def test_what_kubeadm_would_refuse_is_refused_before_anything_moves(odd_lab, version, words):
    """It holds the kubelet version of every Node against its rule. The way out that the sentence names works."""
    walker = odd_lab()

    async def run():
        hop = await walker.plan()
        walker.lab.register_node("vk-1", {"kubeletVersion": version}, *VIRTUAL)
        found = blocking(await walker.preflight(hop))
        await walker.release()
        with pytest.raises(errors.UpgradeRefused) as refused:
            await walker.plan()
        nothing_done = untouched(walker)
        await walker.release()
        walker.lab.delete_node("vk-1")
        return found, str(refused.value), nothing_done, (await hop_through(walker))[1]

    found, said, nothing_done, missing = asyncio.run(run())
    assert f"odd: {found[0]}" == said
    assert words in said
    assert "kubectl delete node vk-1" in said
    assert (nothing_done, missing) == (True, [])


def test_a_dead_worker_that_is_left_out_is_told_of_before_the_control_plane_moves(odd_lab):
    """It takes the only slot; with what the sentence names, the run goes through."""
    walker = odd_lab(workers=3)
    walker.lab.faults.node_down("odd-w3")

    eventually(lambda: not walker.lab.node_state("odd-w3").ready)

    async def run():
        found = blocking(await walker.preflight(await walker.plan(nodes=("odd-w1", "odd-w2"))))
        nothing_done = untouched(walker)
        await walker.release()
        return found, nothing_done, (await given_up(walker))

    found, nothing_done, missing = asyncio.run(run())
    (said,) = found
    assert said.startswith(
        "1 worker node may be out of service at a time, and odd-w3, which this run does not come to, is"
    )
    assert "name it in the parameter give_up, raise max_unavailable in the cluster's file, or delete its Node" in said
    assert (nothing_done, missing) == (True, [])
    assert walker.lab.violations == []


async def given_up(walker):
    """As a run that is started with the parameter."""
    assert await claim(walker.cluster, RunId("run-2"), "", ("odd-w3",)) is None
    hop = await walker.plan("run-2", give_up=("odd-w3",))
    assert blocking(await walker.preflight(hop, "run-2")) == []
    await walker.upgrade(hop, "run-2")
    return await walker.shortcomings(hop, "run-2")


def test_a_machine_id_that_was_made_anew_is_registered_by_a_restart_of_the_kubelet(odd_lab):
    """As the sentence says, and no address is to be corrected."""
    walker = odd_lab()
    eventually(lambda: walker.lab.object("Lease", "kube-node-lease", "odd-w1"))

    async def run():
        hop = await walker.plan()
        walker.lab.put_file("odd-w1", "/etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444)
        (said,) = blocking(await walker.preflight(hop))
        await on_host(walker, "odd-w1", "systemctl", "restart", "kubelet")
        left = [said]
        for _ in range(100):
            if not (left := blocking(await walker.preflight(hop))):
                break
        return said, left

    said, left = asyncio.run(run())
    assert said.startswith("odd-w1: its machine-id is 0123456789abcdef0123456789abcdef and was ")
    assert said.endswith(" when its kubelet started: run systemctl restart kubelet, which registers the new one")
    assert left == []


async def on_host(walker, name, *argv):
    async with ClusterApi.open(walker.cluster.kubernetes_conn_id) as api:
        node = objects.read_node(await api.node(name))
    async with Host.open(walker.cluster, address_of(walker.cluster, node)) as host:
        assert (await host.run(Run(argv))).exit_status == 0


def test_a_pod_that_is_held_by_a_finalizer_says_so(odd_lab):
    """The drain that waits for it names who holds it; once somebody has let go, the hop ends well."""
    walker = odd_lab(drain={"force": True})
    walker.lab.apply([held_pod()])

    async def run():
        hop = await walker.plan()
        assert blocking(await walker.preflight(hop)) == []
        for group in ("stage", "control_plane", "control_plane_kubelets"):
            for node in hop.nodes_of(group):
                await walker.walk(hop, group, node)
        for step in ("admit", "upgrade_kubeadm", "kubeadm_upgrade_node"):
            await walker.step(hop, "workers", "odd-w1", step)
        said = await drained_until(walker, hop, "held by finalizer example.org/keep)")
        walker.lab.let_go("shop", "held")
        await walker.upgrade(hop)
        return said, await walker.shortcomings(hop)

    said, missing = asyncio.run(run())
    assert said.startswith("pods to go from odd-w1: shop/held (terminating since ")
    assert said.endswith(" UTC, held by finalizer example.org/keep)")
    assert missing == []


async def drained_until(walker, hop, words, seconds=30):
    """Look again at the drain of odd-w1, as its trigger does, until all that it waits for ends in these words."""
    work, end = (
        Assignment(walker.name, RunId("run-1"), hop, "workers", "drain_node", "odd-w1"),
        time.monotonic() + seconds,
    )
    async with NodeConnection.open(walker.cluster, work) as port:
        while True:
            result = await perform(STEPS["drain_node"], hop, port)
            if isinstance(result, Pending) and result.reason.endswith(words):
                return result.reason
            assert time.monotonic() < end, result
            await asyncio.sleep(0.2)


def held_pod():
    """Somebody has put a finalizer on it."""
    metadata = {"name": "held", "namespace": "shop", "finalizers": ["example.org/keep"]}
    spec = {"nodeName": "odd-w1", "containers": [{"name": "one", "image": "registry.example/one:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


def eventually(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.05)
