"""A whole hop against the lab, over real SSH and a real HTTPS API, with crashes between any two lines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

import pytest
import yaml

from harness.fleet import write_inventory
from harness.walk import Walker
from kubeadm_airflow.hooks import cluster_scene
from kubeadm_airflow.hooks.cluster_claim import claim, note_judgement
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_upgrade import errors
from kubeadm_upgrade.actions import RepeatPreflight
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.procedure import GROUPS
from lab import ClusterSpec

NOWHERE_ELSE: Mapping[str, str] = {}


@pytest.fixture
def upgrade_lab(walk):
    """Starts a lab with one cluster of 1.28.15 and returns what walks it."""

    def start(control_plane: int, workers: int, places: Mapping[str, str] = NOWHERE_ELSE, **settings):
        spec = ClusterSpec("walked", control_plane=control_plane, workers=workers, version="1.28.15", **places)
        return walk(spec, **settings)

    return start


def out_of_service(cluster, kind: str) -> int:
    """The largest number of nodes of a kind that were cordoned or NotReady at the same moment."""
    now, most = {}, 0
    for sample in cluster.timeline:
        now[sample.node] = sample
        most = max(most, sum(f"-{kind}" in name and not (s.ready and s.schedulable) for name, s in now.items()))
    return most


def mutating(cluster) -> list[str]:
    return [f"{record.node}: {record.command}" for record in cluster.log if record.mutating and not record.unit]


@pytest.mark.parametrize(
    ("control_plane", "workers", "max_unavailable", "limit"),
    [
        pytest.param(1, 3, 1, 1, id="one at a time"),
        pytest.param(3, 4, 2, 2, id="two at a time, three control plane nodes"),
        pytest.param(1, 5, "50%", 2, id="half of five, rounded down"),
    ],
)
def test_a_hop_ends_at_the_target_and_never_takes_out_more_than_allowed(
    upgrade_lab, control_plane, workers, max_unavailable, limit
):
    """Invariants I1, I3 and I5 over a whole run, by the lab's own record of every change."""
    walker = upgrade_lab(control_plane, workers, max_unavailable=max_unavailable)

    async def run():
        hop = await walker.plan()
        blocking = [finding for finding in await walker.preflight(hop) if finding.severity == "block"]
        await walker.upgrade(hop)
        return blocking, await walker.shortcomings(hop)

    assert asyncio.run(run()) == ([], [])
    assert out_of_service(walker.lab, "w") <= limit
    assert out_of_service(walker.lab, "cp") <= 1
    assert walker.lab.violations == []
    applies = [record for record in walker.lab.log if record.argv[:3] == ("kubeadm", "upgrade", "apply")]
    assert len(applies) == 1


def test_a_second_run_changes_nothing(upgrade_lab):
    """Every step reports unchanged, and neither the hosts nor the API see a mutation."""
    walker = upgrade_lab(1, 2)

    async def twice():
        await walker.upgrade(await walker.plan("run-1"), "run-1")
        await walker.release("run-1")
        hop = await walker.plan("run-2")
        await note_judgement(walker.cluster, RunId("run-2"))
        before = len(mutating(walker.lab)), len(walker.lab.mutations)
        statuses = [
            status
            for group in GROUPS
            for node in hop.nodes_of(group)
            for status in await walker.walk(hop, group, node, "run-2")
        ]
        return before, (len(mutating(walker.lab)), len(walker.lab.mutations)), set(statuses)

    before, after, statuses = asyncio.run(twice())
    assert before == after
    assert statuses == {"unchanged"}


class Crash(Exception):
    """The worker dies."""


class Stubborn(Walker):
    """Starts a task again whose worker or triggerer has died, as Airflow does."""

    async def task(self, hop, group, node, task, run="run-1"):
        while True:
            try:
                return await super().task(hop, group, node, task, run)
            except Crash:  # in the worker
                continue
            except errors.UpgradeError as error:  # in the triggerer, which says so
                if "Crash" not in str(error):
                    raise


@pytest.mark.parametrize("seed", range(4))
def test_whatever_crashes_the_upgrade_completes_and_nothing_runs_twice(upgrade_lab, monkeypatch, seed):
    """Workers die before or after random actions and are started again (I1, I3, I6, I7)."""
    walker = upgrade_lab(1, 2)
    dice = random.Random(seed)
    act = NodeConnection.act

    async def act_or_die(port, action):
        if dice.random() < 0.08:
            raise Crash("before")
        answer = await act(port, action)
        if dice.random() < 0.08:
            raise Crash("after")
        return answer

    monkeypatch.setattr(NodeConnection, "act", act_or_die)

    async def run():
        stubborn = Stubborn(walker.lab, walker.name)
        hop = await stubborn.plan()
        await stubborn.upgrade(hop)
        return await stubborn.shortcomings(hop)

    assert asyncio.run(run()) == []
    assert out_of_service(walker.lab, "w") <= 1
    assert walker.lab.violations == []
    started = [(r.node, r.argv) for r in walker.lab.log if r.unit and r.argv[0] == "kubeadm"]
    assert len(started) == len(set(started))
    restarts = [r.node for r in walker.lab.log if r.argv == ("systemctl", "restart", "kubelet")]
    assert len(restarts) == len(set(restarts))


def test_a_dropped_session_in_mid_command_is_gone_on_from(upgrade_lab):
    """The session dies while apply runs in its unit; whoever looks next attaches."""
    walker = upgrade_lab(1, 2)
    walker.lab.faults.slow("walked-cp1", "kubeadm upgrade apply", 1.0)
    walker.lab.faults.drop_session("walked-cp1", "systemd-run --unit=kubeadm-upgrade-v1.29.15")

    async def run():
        hop = await walker.plan()
        await walker.upgrade(hop)
        return await walker.shortcomings(hop)

    assert asyncio.run(run()) == []
    assert sum(record.argv[:3] == ("kubeadm", "upgrade", "apply") for record in walker.lab.log) == 1


def test_a_node_cordoned_before_stays_cordoned(upgrade_lab):
    """Invariant I7: it is upgraded, takes nobody's place, and is not put into service by us."""
    walker = upgrade_lab(1, 3)

    async def run():
        from kubeadm_airflow.hooks.cluster_api import ClusterApi

        async with ClusterApi.open(walker.cluster.kubernetes_conn_id) as api:
            await api.patch_node("walked-w1", {"spec": {"unschedulable": True}})
        hop = await walker.plan()
        await walker.upgrade(hop)
        return await walker.shortcomings(hop)

    assert asyncio.run(run()) == []
    state = walker.lab.node_state("walked-w1")
    assert (state.schedulable, walker.lab.node_state("walked-w2").schedulable) == (False, True)


def test_a_failing_apply_says_why_and_a_retry_goes_on(upgrade_lab):
    """The unit's journal is in the error; the next try forgets the failed unit and starts it again."""
    walker = upgrade_lab(1, 2)
    walker.lab.faults.fail("walked-cp1", "kubeadm upgrade apply", 1, "[upgrade/apply] FATAL: no space left\n")

    async def run():
        hop = await walker.plan()
        with pytest.raises(
            errors.UnitFailed, match=r"(?s)walked-cp1.*kubeadm-upgrade-v1.29.15.*no space left.*not run again by itself"
        ) as caught:
            await walker.upgrade(hop)
        assert "exit status 1" in str(caught.value)
        await walker.upgrade(hop)
        return await walker.shortcomings(hop)

    assert asyncio.run(run()) == []


def test_what_a_message_asks_for_works_from_the_next_look_on(upgrade_lab, tmp_path):
    """The cluster's file is edited under a run that is planned already: nothing of its care is kept with the plan."""
    walker = upgrade_lab(1, 2)
    metadata = {"name": "lonely", "namespace": "shop"}
    spec = {"nodeName": "walked-w1", "containers": [{"name": "one", "image": "registry.example/one:1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {"phase": "Running"}}
    walker.lab.apply([pod])

    def blocking(found):
        return [finding.message for finding in found if finding.severity == "block"]

    async def run():
        hop = await walker.plan()
        (said,) = blocking(await walker.preflight(hop))
        path = tmp_path / "inventory" / "walked.yaml"
        write_inventory(path.parent, yaml.safe_load(path.read_text()) | {"drain": {"force": True}})
        assert blocking(await walker.preflight(hop)) == []
        await walker.upgrade(hop)
        return said, await walker.shortcomings(hop)

    said, missing = asyncio.run(run())
    assert said.endswith("(delete it, or set drain.force in the inventory)")
    assert missing == []


def test_etcd_is_where_the_cluster_has_it(upgrade_lab):
    """Another dataDir and another certificatesDir: looked at, measured, backed up and gated there, and nowhere else."""
    walker = upgrade_lab(1, 2, places={"etcd_data": "/data/etcd", "certificates": "/etc/kubernetes/ssl"})

    async def run():
        hop = await walker.plan()
        found = [one.message for one in await walker.preflight(hop) if one.severity == "block"]
        await walker.upgrade(hop)
        return found, await walker.shortcomings(hop)

    assert asyncio.run(run()) == ([], [])
    assert walker.lab.violations == []
    lines = [record.command for record in walker.lab.log]
    assert not [line for line in lines if "/var/lib/etcd" in line or "/etc/kubernetes/pki" in line]
    assert [line for line in lines if "stat -c %s /data/etcd/member/snap/db" in line]
    assert [line for line in lines if line.startswith("env LC_ALL=C df ") and line.endswith(" /data/etcd")]
    assert walker.lab.file("walked-cp1", "/data/etcd/kubeadm-fleet-snapshot.db") is None
    backup = "/var/backups/kubeadm-fleet/v1.28.15-to-v1.29.15.1/etcd.db"
    assert walker.lab.file("walked-cp1", backup) is not None


def test_a_shell_that_speaks_is_said_of_its_host_and_of_no_other(upgrade_lab):
    """.bashrc prints a line: every answer begins with it, so none is believed, and nothing is done on that host."""
    walker = upgrade_lab(1, 2)
    walker.lab.faults.sudo_refuses("walked-w2")
    chatty = walker.lab.faults.chatty_shell("walked-w1", "Welcome to walked-w1")

    async def run():
        hop = await walker.plan()
        found = [one for one in await walker.preflight(hop) if one.severity == "block"]
        with pytest.raises(errors.UnreadableOutput, match="prints 'Welcome to walked-w1' before every command's own"):
            await walker.walk(hop, "stage", "walked-w1")
        walker.lab.faults.lift_all()
        await walker.upgrade(hop)
        return [one.message for one in found], await walker.shortcomings(hop)

    found, missing = asyncio.run(run())
    (of_w1,) = [message for message in found if message.startswith("walked-w1 (")]
    assert "the SSH user's shell prints 'Welcome to walked-w1'" in of_w1
    assert [message for message in found if message.startswith("walked-w2 (") and "sudo asks for a password" in message]
    assert len(found) == 2
    assert (missing, walker.lab.violations, chatty.active) == ([], [], False)


def test_a_judgement_is_not_noted_for_whoever_has_taken_the_cluster_meanwhile(upgrade_lab, monkeypatch):
    """Preflight takes minutes on many hosts: what this run found says nothing of the hop of another."""
    walker = upgrade_lab(1, 1)
    judge = cluster_scene.judge

    async def judge_while_it_is_taken_over(cluster, hop):
        found = await judge(cluster, hop)
        assert await claim(cluster, RunId("run-2"), "run-1", ()) is None
        return found

    monkeypatch.setattr(cluster_scene, "judge", judge_while_it_is_taken_over)

    async def run():
        hop = await walker.plan("run-1")
        work = Assignment(walker.name, RunId("run-1"), hop, "workers", "admit", hop.workers[0])
        async with NodeConnection.open(walker.cluster, work) as port:
            await port.act(RepeatPreflight())
        return (await cluster_scene.look_at_result(walker.cluster)).ledger.holder

    holder = asyncio.run(run())
    assert (holder.run, holder.judged) == (RunId("run-2"), None)
