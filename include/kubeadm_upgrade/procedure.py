"""Upgrading kubeadm clusters, heading by heading.

Read this file beside the page it follows:
https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/
Each class is a heading, its docstring what the heading promises. At the end stand the procedures: which headings a
control plane node goes through, and which a worker. What comes before the page is in backup.py and stage.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from kubeadm_upgrade import drain
from kubeadm_upgrade.actions import Action, Evict, GiveSlotBack, Run, TakeSlot, cordon, uncordon
from kubeadm_upgrade.backup import BackUp
from kubeadm_upgrade.facts import Facts, StaticPod, UpgradePlan
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.installs import InstallPackages, installed, not_installed, on_host, succeeded
from kubeadm_upgrade.stage import StagePackages, SwitchPackageRepository
from kubeadm_upgrade.steps import Need, Step
from kubeadm_upgrade.units import Unit


class Admit(Step):
    """Wait for a slot: one control plane node at a time, and at most max_unavailable workers."""

    needs = frozenset({Need.LANE})
    patience = None  # it may take a person to free one

    def done(self, facts: Facts, hop: Hop) -> bool:
        return facts.lane.holds(facts.node.name) or facts.lane.members[facts.node.name].finished

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if facts.lane.why_wait(facts.node.name) is None:
            yield TakeSlot(facts.lane.name, facts.node.name)

    def pending(self, facts: Facts, hop: Hop) -> str:
        return f"a slot: {facts.lane.why_wait(facts.node.name)}"

    def turns(self, facts: Facts, hop: Hop) -> int:
        return facts.lane.turns_until(facts.node.name)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return replace(facts, lane=replace(facts.lane, holders=facts.lane.holders | {facts.node.name}))


class UpgradeKubeadm(InstallPackages):
    """Install the target kubeadm. Nothing that is running changes."""

    needs = frozenset({Need.HOST})
    packages = ("kubeadm",)

    def unit(self, hop: Hop) -> str:
        return f"upgrade-kubeadm-{hop.to.tag}"


class KubeadmUpgradePlan(Step):
    """Let kubeadm itself say, on the first control plane node, whether it can make this upgrade."""

    needs = frozenset({Need.HOST, Need.CONTROL_PLANE, Need.UPGRADE_PLAN})

    def done(self, facts: Facts, hop: Hop) -> bool:
        # once an apiserver has moved kubeadm offers nothing, also where the rest of an interrupted apply is still to do
        moved = hop.to in facts.control_plane.versions("kube-apiserver").values()
        return moved or facts.control_plane.cluster_version == hop.to or self._offered(facts, hop)

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if facts.host.upgrade_plan is None:
            return not_installed(facts, hop, "kubeadm")
        if manual := facts.host.upgrade_plan.manual:
            return f"component configuration needs an upgrade by hand first: {', '.join(manual)}"
        offers = ", ".join(facts.host.upgrade_plan.offers) or "nothing"
        return f"kubeadm upgrade plan offers {offers}, not {hop.to.tag}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return on_host(facts, upgrade_plan=UpgradePlan((hop.to.tag,)))

    def _offered(self, facts: Facts, hop: Hop) -> bool:
        plan = facts.host.upgrade_plan
        return plan is not None and hop.to.tag in plan.offers and not plan.manual


class KubeadmUpgrade(Step):
    """Upgrade what kubeadm manages on a control plane node: `apply` on the first, `node` on every other."""

    needs = frozenset({Need.HOST, Need.CONTROL_PLANE})
    patience = "control_plane"

    def done(self, facts: Facts, hop: Hop) -> bool:
        here = facts.control_plane.at(facts.node.name, hop.to)
        return here and facts.control_plane.cluster_version == hop.to and not self._has_failed(facts, hop)

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if reason := not_installed(facts, hop, "kubeadm"):
            return reason
        if facts.node.name != hop.first and facts.control_plane.cluster_version != hop.to:
            return f"{hop.first} comes first, and has not applied {hop.to.tag} yet"
        ailing = facts.control_plane.ailing
        return f"the control plane is not healthy: {'; '.join(ailing)}" if ailing else None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if facts.host.units.get(self.unit(hop), Unit()).succeeded:
            return  # it has run, and the API is slower to show it than the unit to end
        argv = ("apply", hop.to.tag, "--yes") if self._applies(facts, hop) else ("node",)
        yield Run(("kubeadm", "upgrade", *argv), unit=self.unit(hop))

    def unit(self, hop: Hop) -> str:
        return f"kubeadm-upgrade-{hop.to.tag}"

    def pending(self, facts: Facts, hop: Hop) -> str:
        undone = f"if it was undone since, run systemctl stop {self.unit(hop)} and clear this task"
        return f"the API to show {hop.to.tag} on {facts.node.name}: {self.unit(hop)} has succeeded ({undone})"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        upgraded = tuple(
            replace(pod, image_tag=hop.to.tag) if _versioned(pod, facts.node.name) else pod
            for pod in facts.control_plane.static_pods
        )
        control_plane = replace(facts.control_plane, static_pods=upgraded, cluster_version=hop.to)
        return replace(
            on_host(facts, units=succeeded(facts, self.unit(hop))),
            control_plane=control_plane,
        )

    def _applies(self, facts: Facts, hop: Hop) -> bool:
        unfinished = facts.control_plane.cluster_version != hop.to or self._has_failed(facts, hop)
        return facts.node.name == hop.first and unfinished

    def _has_failed(self, facts: Facts, hop: Hop) -> bool:
        # kubeadm writes the version down when the static Pods have moved; the kubelet's configuration, CoreDNS and
        # kube-proxy come after it (golden/kubeadm-upgrade-apply.txt), and when one of them fails only the unit says so
        return facts.host.units.get(self.unit(hop), Unit()).failed


class ControlPlaneReady(Step):
    """See the whole control plane healthy before the next node is touched."""

    needs = frozenset({Need.CONTROL_PLANE, Need.LANE})
    patience = "control_plane"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return self._healthy(facts, hop) and not facts.lane.holds(facts.node.name)

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if self._healthy(facts, hop):
            yield GiveSlotBack(facts.lane.name, facts.node.name)

    def pending(self, facts: Facts, hop: Hop) -> str:
        return "; ".join(facts.control_plane.ailing) or f"the static Pods of {facts.node.name} to be at {hop.to.tag}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return _without_slot(facts)

    def _healthy(self, facts: Facts, hop: Hop) -> bool:
        return facts.control_plane.at(facts.node.name, hop.to) and not facts.control_plane.ailing


class KubeadmUpgradeNode(Step):
    """Upgrade the kubelet configuration of a worker."""

    # It leaves no version behind, so the finished unit is the only witness. That is enough: kubeadm documents
    # the command as idempotent, and a witness lost in a reboot costs one more harmless run.

    needs = frozenset({Need.HOST})

    def done(self, facts: Facts, hop: Hop) -> bool:
        finished = facts.host.units.get(self.unit(hop), Unit()).succeeded
        return finished or facts.node.kubelet == hop.to

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if reason := not_installed(facts, hop, "kubeadm"):
            return reason
        return None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        yield Run(("kubeadm", "upgrade", "node"), unit=self.unit(hop))

    def unit(self, hop: Hop) -> str:
        return f"kubeadm-upgrade-{hop.to.tag}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return on_host(facts, units=succeeded(facts, self.unit(hop)))


class DrainNode(Step):
    """Prepare the node for maintenance by marking it unschedulable and evicting the workloads."""

    # Uncordon undoes it, so it is also done when its purpose is: a second run must not drain an upgraded node.

    needs = frozenset({Need.PODS, Need.LANE})
    patience = "drain"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return facts.node.kubelet == hop.to or (facts.node.unschedulable and not drain.evictable(facts.pods))

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if not facts.lane.holds(facts.node.name):
            return f"it holds no slot of {facts.lane.name}: clear its admit task as well"
        return "; ".join(drain.objections(facts.pods, hop.drain)) or None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if facts.node.schedulable:
            yield cordon(facts.node.name, facts.node.resource_version, by=f"{hop.cluster}/{hop.to.tag}")
        for pod in drain.evictable(facts.pods):
            if not pod.terminating:
                yield Evict(pod.namespace, pod.name, pod.uid)

    def pending(self, facts: Facts, hop: Hop) -> str:
        left = ", ".join(str(pod) for pod in drain.evictable(facts.pods))
        return f"pods to go from {facts.node.name}: {left}" if left else f"{facts.node.name} to show as cordoned"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        ours = f"{hop.cluster}/{hop.to.tag}" if facts.node.schedulable else facts.node.cordoned_by
        node = replace(facts.node, unschedulable=True, cordoned_by=ours)
        return replace(facts, node=node, pods=tuple(pod for pod in facts.pods if not drain.leaves(pod)))


class UpgradeKubeletAndKubectl(InstallPackages):
    """Install the target kubelet and kubectl. The kubelet that runs is still the old one."""

    needs = frozenset({Need.HOST, Need.PODS})
    packages = ("kubelet", "kubectl")

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        # The package may restart the kubelet by itself, so this is the first moment at which it may change.
        return _why_not_drained(facts) if not installed(facts, hop, "kubelet") else None

    def unit(self, hop: Hop) -> str:
        return f"upgrade-kubelet-and-kubectl-{hop.to.tag}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return on_host(super().promise(facts, hop), kubelet_outdated=True)


class RestartKubelet(Step):
    """Restart the kubelet, so that the one that runs is the one that is installed."""

    needs = frozenset({Need.HOST, Need.PODS})
    patience = "ready"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return facts.node.kubelet == hop.to and not self._must_restart(facts)

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if reason := not_installed(facts, hop, "kubelet"):
            return reason
        return _why_not_drained(facts) if self._must_restart(facts) else None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if self._must_restart(facts):
            yield Run(("systemctl", "daemon-reload"))
            yield Run(("systemctl", "restart", "kubelet"))

    def pending(self, facts: Facts, hop: Hop) -> str:
        return f"the API still shows kubelet {facts.node.kubelet} on {facts.node.name}, not {hop.to}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        started = facts.host.kubelet_started or datetime.min.replace(tzinfo=UTC)
        node = replace(facts.node, kubelet=hop.to, ready=True, heartbeat=started)
        return replace(on_host(facts, kubelet_outdated=False, kubelet_started=started), node=node)

    def _must_restart(self, facts: Facts) -> bool:
        return facts.host.kubelet_outdated or facts.host.kubelet_started is None


class NodeReady(Step):
    """See the node Ready at the target version, from after its kubelet was restarted."""

    needs = frozenset({Need.HOST})
    patience = "ready"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return facts.node.ready and facts.node.kubelet == hop.to and self._fresh(facts)

    def pending(self, facts: Facts, hop: Hop) -> str:
        node = facts.node
        if node.kubelet != hop.to:
            return f"{node.name} runs kubelet {node.kubelet}, not {hop.to}"
        if not node.ready:
            return f"{node.name} is not Ready: {node.why_not_ready}"
        return f"a heartbeat of {node.name} from after the restart of its kubelet"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return RestartKubelet().promise(facts, hop)

    def _fresh(self, facts: Facts) -> bool:
        started, heartbeat = facts.host.kubelet_started, facts.node.heartbeat
        return started is not None and heartbeat is not None and heartbeat >= started


class UncordonNode(Step):
    """Bring the node back online by marking it schedulable, and give its slot back."""

    # The last gate re-reads the other source: what the API says of the node, not what was believed over SSH.

    needs = frozenset({Need.LANE})

    def done(self, facts: Facts, hop: Hop) -> bool:
        return facts.node.cordoned_by is None and not facts.lane.holds(facts.node.name) and facts.node.kubelet == hop.to

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if not facts.node.ready:
            return f"it is not Ready ({facts.node.why_not_ready})"
        return None if facts.node.kubelet == hop.to else f"it runs kubelet {facts.node.kubelet}, not {hop.to}"

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if facts.node.cordoned_by is not None:  # cordoned by somebody else: it stays so (invariant I7)
            yield uncordon(facts.node.name, facts.node.resource_version)
        if facts.lane.holds(facts.node.name):
            yield GiveSlotBack(facts.lane.name, facts.node.name)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        ours = facts.node.cordoned_by is not None
        node = replace(facts.node, cordoned_by=None, unschedulable=facts.node.unschedulable and not ours)
        return _without_slot(replace(facts, node=node))


BACK_UP = (BackUp(),)
STAGE = (SwitchPackageRepository(), StagePackages())
CONTROL_PLANE = (Admit(), UpgradeKubeadm(), KubeadmUpgradePlan(), KubeadmUpgrade(), ControlPlaneReady())
KUBELET = (DrainNode(), UpgradeKubeletAndKubectl(), RestartKubelet(), NodeReady(), UncordonNode())
CONTROL_PLANE_KUBELET = (Admit(), *KUBELET)
WORKER = (Admit(), UpgradeKubeadm(), KubeadmUpgradeNode(), *KUBELET)

# Task groups in the order of a run. The kubelets of the control plane follow its last apiserver (design, decision 7).
GROUPS: Mapping[str, tuple[Step, ...]] = {
    "backup": BACK_UP,
    "stage": STAGE,
    "control_plane": CONTROL_PLANE,
    "control_plane_kubelets": CONTROL_PLANE_KUBELET,
    "workers": WORKER,
}
CONTROL_PLANE_NODE = ("backup", "stage", "control_plane", "control_plane_kubelets")
WORKER_NODE = ("stage", "workers")
STEPS: Mapping[str, Step] = {step.name: step for group in GROUPS.values() for step in group}


def _why_not_drained(facts: Facts) -> str | None:
    if facts.node.schedulable:
        return "the node is not cordoned: clear its drain_node task as well"
    left = [pod for pod in drain.evictable(facts.pods) if not pod.finished]
    return f"the node is not drained, {left[0]} is still on it: clear its drain_node task as well" if left else None


def _versioned(pod: StaticPod, node: str) -> bool:
    return pod.node == node and pod.component != "etcd"


def _without_slot(facts: Facts) -> Facts:
    return replace(facts, lane=replace(facts.lane, holders=facts.lane.holders - {facts.node.name}))
