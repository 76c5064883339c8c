"""A path of several hops against the lab: real SSH, a real HTTPS API, no scheduler."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from e2e.records import cordons, widest_kubelet_skew
from harness.walk import join
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_scene import look_at_state
from kubeadm_airflow.hooks.host import Host, address_of
from kubeadm_airflow.hooks.repositories import ask_published
from kubeadm_upgrade.errors import CommandFailed, UnitFailed, UpgradeRefused
from kubeadm_upgrade.facts import HostFacts, OsRelease
from kubeadm_upgrade.objects import read_nodes
from kubeadm_upgrade.packages.port import APT
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.version import TargetVersion, in_package
from lab import ClusterSpec, Lab


@pytest.fixture
def walker(walk):
    """A cluster at 1.28 that is to go to 1.32."""
    return walk(ClusterSpec("climber", control_plane=3, workers=3, version="1.28.15"), target="1.32")


@pytest.mark.e2e  # a minute of a core
def test_four_minors_take_two_drains_per_worker(walker):
    """Every run makes the first hop of what is then planned, and that is the rest of the plan before it."""

    async def climb():
        plans, hops = [], []
        while not plans or len(plans[-1].hops) > 1:
            run = f"run-{len(hops) + 1}"
            hop, path = await walker.plan_path(run)
            blocking = [finding for finding in await walker.preflight(hop) if finding.severity == "block"]
            assert not blocking, blocking
            await walker.upgrade(hop, run)
            assert await walker.shortcomings(hop, run) == []
            await walker.release(run)
            plans.append(path)
            hops.append(hop)
        return plans, hops

    plans, hops = asyncio.run(climb())
    assert [hop.to.release for hop in hops] == ["1.29", "1.30", "1.31", "1.32"]
    workers = ("climber-w1", "climber-w2", "climber-w3")
    assert [hop.workers for hop in hops] == [(), (), workers, workers]
    for before, after in pairwise(plans):
        assert [(h.to, h.workers) for h in after.hops] == [(h.to, h.workers) for h in before.hops[1:]]
    lab = walker.lab
    assert lab.violations == []
    assert widest_kubelet_skew(lab) == 3
    count = cordons(lab)
    assert {name: count[name] for name in workers} == dict.fromkeys(workers, 2)
    assert {name: count[name] for name in count if "-cp" in name} == {f"climber-cp{n}": 4 for n in (1, 2, 3)}


def test_workers_that_one_run_does_not_take_are_the_next_ones(walk):
    """The same hop, in as many runs as it takes: the control plane moves once, and whoever is done gets no task."""
    walker = walk(ClusterSpec("queue", workers=3), workers_per_run=2)

    async def upgrade():
        hops = []
        while not hops or hops[-1].later:
            run = f"run-{len(hops) + 1}"
            hop = await walker.plan(run)
            assert not [finding for finding in await walker.preflight(hop, run) if finding.severity == "block"]
            hops.append(hop)
            await walker.upgrade(hop, run)
            assert await walker.shortcomings(hop, run) == []
            await walker.release(run)
        return hops

    first, second = asyncio.run(upgrade())
    assert (first.workers, first.later) == (("queue-w1", "queue-w2"), ("queue-w3",))
    assert (second.workers, second.later, second.way) == (("queue-w3",), (), "nodes to 1.29.15")
    assert cordons(walker.lab) == dict.fromkeys(walker.lab.spec.nodes, 1)
    assert len([record for record in walker.lab.log if record.argv[:3] == ("kubeadm", "upgrade", "apply")]) == 1
    assert walker.lab.violations == []


def test_a_plan_beyond_the_target_can_be_made_from_what_a_run_saw(walk):
    """Of every release that is known: what has no repository is told with its reason, and spoils no other."""
    spec = ClusterSpec("seer", workers=1, version="1.28.15", repository={"missing": [35, 37]})
    cluster = walk(spec, target="1.29").cluster
    state = asyncio.run(look_at_state(cluster, cluster.target_version))
    assert state.asked == tuple(f"1.{release.minor}" for release in releases() if release.minor >= 28)
    assert {release: why.rpartition("answers: ")[2] for release, why in state.unpublished.items()} == {
        "1.35": "404  Not Found",
        "1.37": "404  Not Found",
    }
    assert state.newest == {"deb": "1.36"}
    assert str(plan(state, TargetVersion.parse("1.33"), Policy(), releases()).target) == "1.33.13"
    with pytest.raises(UpgradeRefused, match=r"offers no usable version of 1\.35 \(http.*v1\.35/deb/ answers: 404"):
        plan(state, TargetVersion.parse("1.36"), Policy(pass_etcd_gates=True), releases())


def test_a_repository_in_trouble_on_the_way_is_no_missing_one(walk):
    """Time cures it; nothing is planned without it."""
    spec = ClusterSpec("lost", workers=1, version="1.28.15", repository={"base": "https://elsewhere.example"})
    cluster = walk(spec, target="1.29").cluster
    with pytest.raises(CommandFailed, match="Could not resolve host"):
        asyncio.run(look_at_state(cluster, cluster.target_version))


def test_who_asks_at_the_same_time_reads_the_answer_to_its_own_question(walk):
    """A dry run to one release beside a run to another, on the same host."""
    cluster = walk(ClusterSpec("asked", workers=1, version="1.28.15")).cluster

    async def ask(node, minor):
        async with Host.open(cluster, address_of(cluster, node)) as host:
            facts = HostFacts(OsRelease("debian"), {})
            return await ask_published(host, APT, facts, cluster.repository(f"1.{minor}", "deb").url)

    async def all_at_once():
        async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
            node = read_nodes(await api.nodes())[0]
        return await asyncio.gather(*(ask(node, minor) for minor in (29, 30, 31) * 4))

    answers = asyncio.run(all_at_once())
    releases_of = [{in_package(text).release for text in answer["kubeadm"]} for answer in answers]
    assert releases_of == [{"1.29"}, {"1.30"}, {"1.31"}] * 4


IGNORED = "--ignore-preflight-errors=SystemVerification"


def test_a_host_on_cgroup_v1_is_refused_before_anything_moves_or_named_with_a_reason(tmp_path, monkeypatch):
    """kubeadm 1.35 fails there, also where the kubelet is told to start; by name, kubeadm is told to go on."""
    with Lab(tmp_path / "lab", [ClusterSpec("old", control_plane=1, workers=2, version="1.34.11")]) as lab:
        walker = join(lab, tmp_path / "inventory", monkeypatch, target="1.35")["old"]
        for node in ("old-cp1", "old-w1", "old-w2"):
            walker.lab.put_file(node, "/sys/fs/cgroup/memory/tasks", "")
            config = walker.lab.file(node, "/var/lib/kubelet/config.yaml")
            walker.lab.put_file(node, "/var/lib/kubelet/config.yaml", f"{config}failCgroupV1: false\n")
        item = walker.lab.object("ConfigMap", "kube-system", "kubelet-config")  # from which kubeadm writes it anew
        walker.lab.apply([{**item, "data": {"kubelet": f"{item['data']['kubelet']}failCgroupV1: false\n"}}])
        with pytest.raises(UpgradeRefused, match="the cgroup version on old-cp1, old-w1, old-w2 is v1, and"):
            asyncio.run(walker.plan("run-1"))
        assert [record.command for record in walker.lab.log if record.mutating] == []

        ignored = {"SystemVerification": "until spring"}
        walker = join(lab, tmp_path / "inventory", monkeypatch, target="1.35", ignore_preflight_errors=ignored)["old"]

        async def upgrade():
            hop = await walker.plan("run-1")
            blocking = [finding for finding in await walker.preflight(hop) if finding.severity == "block"]
            assert not blocking, blocking
            await walker.upgrade(hop)
            return await walker.shortcomings(hop, "run-1")

        assert asyncio.run(upgrade()) == []
        kubeadm = [record.argv for record in walker.lab.log if record.argv[:2] == ("kubeadm", "upgrade")]
        assert {argv[2] for argv in kubeadm} == {"plan", "apply", "node"}
        assert {argv[-1] for argv in kubeadm} == {IGNORED}


def test_kubeadm_itself_refuses_cgroup_v1_where_nobody_has_asked(tmp_path, monkeypatch):
    """The lab is as strict as a real cluster was; what kubeadm says leads the message."""
    with Lab(tmp_path / "lab", [ClusterSpec("old", control_plane=1, workers=2, version="1.34.11")]) as lab:
        walker = join(lab, tmp_path / "inventory", monkeypatch, target="1.35")["old"]
        hop = asyncio.run(walker.plan("run-1"))
        walker.lab.put_file("old-cp1", "/sys/fs/cgroup/memory/tasks", "")  # since it was planned
        (found,) = [one for one in asyncio.run(walker.preflight(hop)) if one.severity == "block"]
        assert (found.check, "the cgroup version on old-cp1 is v1" in found.message) == ("needs_met", True)
        with pytest.raises(UnitFailed, match=r": \[ERROR SystemVerification\]: cgroups v1 support is deprecated"):
            asyncio.run(walker.upgrade(hop))


@pytest.fixture
def below_the_gate(walk):
    """A stock cluster at 1.33: kubeadm has given it an etcd that may not meet the next release's."""
    spec = ClusterSpec("gated", control_plane=3, workers=2, version="1.33.13")
    return walk(spec, target="1.34", path={"pass_etcd_gates": True})


@pytest.mark.e2e  # half a minute
def test_the_gate_of_etcd_is_passed_in_a_hop_of_its_own_and_leaves_no_pin(below_the_gate):
    """etcd goes to 3.5.26 on every member first, then to what 1.34 brings; kubeadm-config fixes nothing any more."""
    walker, lab = below_the_gate, below_the_gate.lab

    async def climb():
        hops = []
        for number in (1, 2):
            run = f"run-{number}"
            hop, _ = await walker.plan_path(run)
            blocking = [finding for finding in await walker.preflight(hop, run) if finding.severity == "block"]
            assert not blocking, blocking
            await walker.upgrade(hop, run)
            assert await walker.shortcomings(hop, run) == []
            hops.append((hop.to.tag, hop.etcd_pin, {lab.node_state(f"gated-cp{n}").etcd for n in (1, 2, 3)}))
            await walker.release(run)
        return hops

    assert asyncio.run(climb()) == [("v1.33.13", "3.5.26-0", {"3.5.26-0"}), ("v1.34.11", None, {"3.6.5-0"})]
    configuration = lab.object("ConfigMap", "kube-system", "kubeadm-config")["data"]["ClusterConfiguration"]
    assert "imageTag" not in configuration
    assert "etcd-pin" not in lab.object("ConfigMap", "kube-system", "kubeadm-fleet-ledger")["data"]
    assert lab.violations == []
    pulled = [record.node for record in lab.log if record.unit and record.unit.startswith("pull-etcd")]
    assert pulled == ["gated-cp1"]
    assert sum(cordons(lab)[f"gated-w{n}"] for n in (1, 2)) == 2
