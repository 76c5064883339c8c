"""Upgrading kubeadm clusters, heading by heading.

Read it beside https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/, which it follows.
Each class is a heading, its docstring what it promises. At the end stand the procedures: through which headings a node
goes. What is not on the page has files of its own, as admission/, and ready.py for what the page tells one to verify.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from kubeadm_upgrade import queries
from kubeadm_upgrade.actions import Action, GiveSlotBack, NoteBegun, NoteEnded, Run
from kubeadm_upgrade.admission.admit import Admit
from kubeadm_upgrade.admission.gates import ailments
from kubeadm_upgrade.admission.next_in_line import NextInLine
from kubeadm_upgrade.backup import BackUp
from kubeadm_upgrade.drain.deadline import EndsAtDeadline
from kubeadm_upgrade.drain.filters import objections
from kubeadm_upgrade.drain.marks import uncordon
from kubeadm_upgrade.drain.node import drained, is_drained, left, wanted
from kubeadm_upgrade.etcd_gate import ConfigureEtcd, before_the_gate
from kubeadm_upgrade.facts import Facts, UpgradePlan
from kubeadm_upgrade.guards import (
    ailments_first,
    clear,
    kubelet_too_new,
    no_slot,
    stays_in_service,
    until_healthy,
    why_in_service,
)
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.installs import InstallPackages, installed, not_installed, on_host, succeeded
from kubeadm_upgrade.kubeadm_preflight import ignoring
from kubeadm_upgrade.ready import (
    ControlPlaneReady,
    NodeReady,
    StaticPodsReady,
    arrived,
    as_restarted,
    not_running,
    without_slot,
)
from kubeadm_upgrade.stage import StagePackages, SwitchPackageRepository
from kubeadm_upgrade.stage_images import StageImages
from kubeadm_upgrade.steps import Need, Step, unit_of
from kubeadm_upgrade.tasks import Task, tasks_of


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
        plan = facts.host.upgrade_plan
        offered = plan is not None and hop.to.tag in plan.offers and not plan.manual
        return moved or facts.control_plane.cluster_version == hop.to or offered

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if facts.host.upgrade_plan is None:
            return not_installed(facts, hop, "kubeadm")
        if manual := facts.host.upgrade_plan.manual:
            return f"component configuration needs an upgrade by hand first: {', '.join(manual)}"
        offers = ", ".join(facts.host.upgrade_plan.offers) or "nothing"
        return f"kubeadm upgrade plan offers {offers}, not {hop.to.tag}: run it on {facts.node.name} to see why"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return on_host(facts, upgrade_plan=UpgradePlan((hop.to.tag,)))

    def asks(self, hop: Hop) -> tuple[str, ...]:
        return (f"asks: {queries.upgrade_plan(hop.to, hop.ignore_preflight_errors).run}",)


class KubeadmUpgrade(Step):
    """Upgrade what kubeadm manages on a control plane node: `apply` on the first, `node` on every other."""

    # kubeadm writes the version down when the static Pods have moved; the kubelet's configuration, CoreDNS and
    # kube-proxy come after it (golden/kubeadm-upgrade-apply.txt). A failure there shows in the unit only, and after a
    # loss of power nowhere: so the ledger holds that it was begun until its unit was seen to succeed.

    needs = frozenset({Need.HOST, Need.CONTROL_PLANE, Need.ETCD, Need.BACKUPS})
    patience = "control_plane"
    repeats = False

    def done(self, facts: Facts, hop: Hop) -> bool:
        begun = facts.slot is not None and facts.slot.doing
        return arrived(facts, hop) and not begun

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if reason := not_installed(facts, hop, "kubeadm"):
            return reason
        first = hop.first_of(facts.control_plane.nodes_ready)
        if facts.node.name != first and facts.control_plane.cluster_version != hop.to:
            return f"{first} comes first, and has not applied {hop.to.tag} yet: see its kubeadm_upgrade task"
        if facts.slot is None:
            return no_slot(facts)
        half_way = facts.slot.doing and not facts.control_plane.at(facts.node.name, hop.came_from)
        if not half_way and not BackUp().done(facts, hop):
            return "there is no fresh backup of this run: clear its back_up task as well"
        return before_the_gate(facts, hop)

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if self._has_run(facts, hop):
            if arrived(facts, hop):  # else the API is slower to show it than the unit to end
                yield NoteEnded(facts.node.name)
        elif not ailments(facts):
            yield NoteBegun(facts.node.name, self.unit(hop))
            yield Run(("kubeadm", "upgrade", *self._what(facts, hop)), unit=self.unit(hop))

    def unit(self, hop: Hop) -> str:
        return f"kubeadm-upgrade-{hop.to.tag}" + (f"-etcd-{hop.etcd_pin}" if hop.etcd_pin else "")

    def pending(self, facts: Facts, hop: Hop) -> str:
        if self._has_run(facts, hop):
            return f"the API to show {hop.to.tag} on {facts.node.name}: {self.unit(hop)} has succeeded"
        return until_healthy(ailments(facts))

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        tags = {"etcd": hop.etcd_pin} if hop.etcd_pin else {}
        upgraded = tuple(
            replace(pod, image_tag=tags.get(pod.component, pod.image_tag if pod.component == "etcd" else hop.to.tag))
            if pod.node == facts.node.name
            else pod
            for pod in facts.control_plane.static_pods
        )
        control_plane = replace(facts.control_plane, static_pods=upgraded, cluster_version=hop.to)
        ledger = facts.ledger.ended(facts.node.name)
        return succeeded(replace(facts, control_plane=control_plane, ledger=ledger), self.unit(hop))

    def _what(self, facts: Facts, hop: Hop) -> tuple[str, ...]:
        first = facts.node.name == hop.first_of(facts.control_plane.nodes_ready)
        what = ("apply", hop.to.tag, "--yes") if first else ("node",)
        return (*what, *ignoring(hop.ignore_preflight_errors))

    def _has_run(self, facts: Facts, hop: Hop) -> bool:
        """Whether the unit that has succeeded is the one that was begun, and none that an earlier hop has left."""
        unit = unit_of(self, facts, hop)
        return unit.succeeded and facts.slot is not None and facts.slot.doing == unit.name


class KubeadmUpgradeNode(Step):
    """Upgrade the kubelet configuration of a worker."""

    # It leaves no version behind, so the finished unit is the only witness. That is enough: kubeadm documents
    # the command as idempotent, and a witness lost in a reboot costs one more harmless run.

    needs = frozenset({Need.HOST, Need.CONTROL_PLANE})
    patience = "control_plane"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return unit_of(self, facts, hop).succeeded or facts.node.kubelet == hop.to

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        return not_installed(facts, hop, "kubeadm")

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if not facts.control_plane.ailing:  # it reads its configuration from an apiserver
            yield Run(("kubeadm", "upgrade", "node", *ignoring(hop.ignore_preflight_errors)), unit=self.unit(hop))

    def pending(self, facts: Facts, hop: Hop) -> str:
        return until_healthy(facts.control_plane.ailing)

    def unit(self, hop: Hop) -> str:
        return f"kubeadm-upgrade-{hop.to.tag}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return succeeded(facts, self.unit(hop))


class DrainNode(EndsAtDeadline):
    """Prepare the node for maintenance by marking it unschedulable and evicting the workloads."""

    # Uncordon undoes it, so it is also done when its purpose is: a second run must not drain an upgraded node.

    needs = frozenset({Need.PODS, Need.VOLUMES, Need.TO_COME, Need.CONTROL_PLANE})

    def done(self, facts: Facts, hop: Hop) -> bool:
        return facts.node.kubelet == hop.to or is_drained(facts)

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if facts.slot is None:
            return no_slot(facts)
        return kubelet_too_new(facts, hop) or "; ".join(objections(facts.pods, facts.policy.drain)) or None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        yield from wanted(facts, by=f"{hop.cluster}/{hop.to.tag}")

    def pending(self, facts: Facts, hop: Hop) -> str:
        return left(facts)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return drained(facts, by=f"{hop.cluster}/{hop.to.tag}")


class UpgradeKubeletAndKubectl(InstallPackages):
    """Install the target kubelet and kubectl. The kubelet that runs is still the old one."""

    needs = frozenset({Need.HOST, Need.PODS, Need.CONTROL_PLANE, Need.ETCD})
    packages = ("kubelet", "kubectl")

    def done(self, facts: Facts, hop: Hop) -> bool:
        here = installed(facts, hop, *self.packages)
        return super().done(facts, hop) or (not here and stays_in_service(facts, hop))

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if reason := super().refuse(facts, hop):
            return reason
        # The package may restart the kubelet by itself, so this is the first moment at which it may change.
        if installed(facts, hop, "kubelet"):
            return None
        return why_in_service(facts) or kubelet_too_new(facts, hop)

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if not ailments_first(facts):
            yield from super().actions(facts, hop)

    def pending(self, facts: Facts, hop: Hop) -> str:
        return until_healthy(ailments_first(facts))

    def unit(self, hop: Hop) -> str:
        return f"upgrade-kubelet-and-kubectl-{hop.to.tag}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return on_host(super().promise(facts, hop), kubelet_outdated=True)


class RestartKubelet(Step):
    """Restart the kubelet, so that the one that runs is the one that is installed."""

    needs = frozenset({Need.HOST, Need.PODS, Need.CONTROL_PLANE, Need.ETCD})
    patience = "ready"

    def done(self, facts: Facts, hop: Hop) -> bool:
        restarted = facts.node.kubelet == hop.to and not self._must_restart(facts)
        return restarted or stays_in_service(facts, hop)

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if reason := not_installed(facts, hop, "kubelet"):
            return reason
        stopped = facts.node.kubelet == hop.to and facts.host.kubelet_started is None  # to start it disturbs nobody
        return why_in_service(facts) if self._must_restart(facts) and not stopped else None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if self._must_restart(facts) and not ailments_first(facts):
            yield Run(("systemctl", "daemon-reload"))
            yield Run(("systemctl", "restart", "kubelet"))

    def pending(self, facts: Facts, hop: Hop) -> str:
        if self._must_restart(facts):
            return until_healthy(ailments_first(facts))
        return not_running(facts) or (
            f"the API still shows kubelet {facts.node.kubelet} on {facts.node.name}, not {hop.to}"
        )

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return as_restarted(facts, hop)

    def _must_restart(self, facts: Facts) -> bool:
        stopped = facts.host.kubelet_started is None and not facts.host.kubelet_restarting
        return facts.host.kubelet_outdated or stopped


class UncordonNode(Step):
    """Bring the node back online by marking it schedulable, and give its slot back."""

    # The last gate re-reads the other source: what the API says of the node, not what was believed over SSH.

    def done(self, facts: Facts, hop: Hop) -> bool:
        return not facts.node.shows_us and facts.slot is None and facts.node.kubelet == hop.to

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        if not facts.node.ready:
            return f"it is not Ready ({facts.node.why_not_ready}): mend it, and clear this task"
        if facts.node.kubelet == hop.to:
            return None
        return f"it runs kubelet {facts.node.kubelet}, not {hop.to}: {clear('restart_kubelet', facts)}"

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if facts.node.shows_us:
            yield uncordon(facts.node)
        if facts.slot is not None:
            yield GiveSlotBack(facts.node.name)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        ours = facts.node.cordoned_by is not None
        node = replace(facts.node, cordoned_by=None, unschedulable=facts.node.unschedulable and not ours)
        return without_slot(replace(facts, node=replace(node, taints=(), quarantined=False)))


STAGE = (SwitchPackageRepository(), StagePackages(), StageImages())
KUBEADM = (Admit(), BackUp(), UpgradeKubeadm(), KubeadmUpgradePlan(), ConfigureEtcd(), KubeadmUpgrade())
KUBELET = (DrainNode(), UpgradeKubeletAndKubectl(), RestartKubelet(), NodeReady())

# Task groups in the order of a run. The kubelets of the control plane follow its last apiserver (design, decision 7).
GROUPS: Mapping[str, tuple[Step, ...]] = {
    "stage": STAGE,
    "control_plane": (*KUBEADM, ControlPlaneReady()),
    "control_plane_kubelets": (Admit(), *KUBELET, StaticPodsReady(), UncordonNode()),
    "workers": (NextInLine(), UpgradeKubeadm(), KubeadmUpgradeNode(), Admit(), *KUBELET, UncordonNode()),
}
CONTROL_PLANE_NODE = ("stage", "control_plane", "control_plane_kubelets")
WORKER_NODE = ("stage", "workers")
TASKS: Mapping[str, tuple[Task, ...]] = {group: tasks_of(group, steps) for group, steps in GROUPS.items()}
STEPS: Mapping[str, Step] = {step.name: step for group in GROUPS.values() for step in group}
