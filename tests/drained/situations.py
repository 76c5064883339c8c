"""What may be on a node that is to be drained: a table of Pods, budgets and what a drain is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Item = dict[str, Any]

EMPTYDIR, FORCE = "--delete-emptydir-data", "--force"
OPTIONS: Mapping[str, str] = {EMPTYDIR: "delete_emptydir_data", FORCE: "force"}

SCRATCH = {"name": "scratch", "emptyDir": {}}
IN_MEMORY = {"name": "scratch", "emptyDir": {"medium": "Memory"}}
ON_HOST = {"name": "logs", "hostPath": {"path": "/var/log"}}
SETTINGS = {"name": "settings", "configMap": {"name": "settings"}}
CLAIM = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
GENERIC = {"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}


@dataclass(frozen=True)
class Owner:
    """A controller; `exists` under this name, or the reference is to none any more."""

    kind: str = "ReplicaSet"
    name: str = "web"
    namespace: str = ""  # that of the situation
    exists: bool = True
    is_controller: bool = True


WEB, DATABASE, ONCE = Owner(), Owner("StatefulSet", "db"), Owner("Job", "once")
DAEMON = Owner("DaemonSet", "kube-proxy", "kube-system")
ORPHAN = Owner("DaemonSet", "gone", exists=False)
CUSTOM = Owner("CloneSet", "clones", exists=False)  # a kind of its own, which nobody but its controller knows
ADOPTED = Owner("StatefulSet", "db", is_controller=False)


@dataclass(frozen=True)
class OnNode:
    """A Pod on the node."""

    owner: Owner | None = WEB
    volumes: tuple[Item, ...] = ()
    phase: str = "Running"
    ready: bool = True
    mirror: bool = False
    terminating: bool = False
    system: bool = False  # in kube-system
    restart: str = "Always"
    also_owned_by: Owner | None = None


@dataclass(frozen=True)
class Situation:
    """What is on the node, and what the drain is allowed."""

    name: str
    pods: tuple[OnNode, ...] = ()
    budgets: tuple[Item, ...] = ()  # specs
    flags: tuple[str, ...] = ()
    terminating_namespace: bool = False
    webhook: bool = False
    some: bool = False  # of several that are alike, it is chance which goes
    ours: str = ""  # where we judge otherwise: why

    @property
    def options(self) -> dict[str, bool]:
        return {OPTIONS[flag]: True for flag in self.flags}


def at_least(number: int | str, **spec: Any) -> Item:
    return {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": number, **spec}


def at_most(number: int | str) -> Item:
    return {"selector": {"matchLabels": {"app": "web"}}, "maxUnavailable": number}


BARE = OnNode(owner=None)
KEEPS = OnNode(volumes=(SCRATCH,))
_GOING = "it goes already: there is nothing to refuse, only to wait for"
_AMONG = {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}}

SITUATIONS = (
    Situation("nothing"),
    Situation("of-a-replicaset", (OnNode(),)),
    Situation("of-a-statefulset", (OnNode(DATABASE),)),
    Situation("of-a-job", (OnNode(ONCE, restart="Never"),)),
    Situation("of-a-kind-of-its-own", (OnNode(CUSTOM),)),
    Situation("bare", (BARE,)),
    Situation("bare-allowed", (BARE,), flags=(FORCE,)),
    Situation("bare-but-emptydir-allowed", (BARE,), flags=(EMPTYDIR,)),
    Situation("bare-succeeded", (OnNode(None, phase="Succeeded", ready=False),)),
    Situation("bare-failed", (OnNode(None, phase="Failed", ready=False),)),
    Situation("bare-pending", (OnNode(None, phase="Pending", ready=False),)),
    Situation("bare-unknown", (OnNode(None, phase="Unknown", ready=False),)),
    Situation("bare-in-kube-system", (OnNode(None, system=True),)),
    Situation("bare-in-kube-system-allowed", (OnNode(None, system=True),), flags=(FORCE,)),
    Situation("owned-and-not-controlled", (OnNode(ADOPTED),)),
    Situation("owned-and-not-controlled-allowed", (OnNode(ADOPTED),), flags=(FORCE,)),
    Situation("two-owners", (OnNode(WEB, also_owned_by=ADOPTED),)),
    Situation("emptydir", (KEEPS,)),
    Situation("emptydir-allowed", (KEEPS,), flags=(EMPTYDIR,)),
    Situation("emptydir-but-bare-allowed", (KEEPS,), flags=(FORCE,)),
    Situation("emptydir-in-memory", (OnNode(volumes=(IN_MEMORY,)),)),
    Situation("emptydir-among-others", (OnNode(volumes=(SETTINGS, ON_HOST, SCRATCH)),)),
    Situation("emptydir-of-a-statefulset", (OnNode(DATABASE, volumes=(SCRATCH,)),)),
    Situation("emptydir-of-a-job", (OnNode(ONCE, volumes=(SCRATCH,), restart="Never"),)),
    Situation("emptydir-succeeded", (OnNode(ONCE, (SCRATCH,), "Succeeded", ready=False, restart="Never"),)),
    Situation("hostpath", (OnNode(volumes=(ON_HOST,)),)),
    Situation("configmap", (OnNode(volumes=(SETTINGS,)),)),
    Situation("claim", (OnNode(DATABASE, volumes=(CLAIM,)),)),
    Situation("generic-ephemeral", (OnNode(volumes=(GENERIC,)),)),
    Situation("bare-with-emptydir", (OnNode(None, (SCRATCH,)),)),
    Situation("bare-with-emptydir-half-allowed", (OnNode(None, (SCRATCH,)),), flags=(EMPTYDIR,)),
    Situation("bare-with-emptydir-allowed", (OnNode(None, (SCRATCH,)),), flags=(EMPTYDIR, FORCE)),
    Situation("one-bad-of-three", (OnNode(), BARE, OnNode(DATABASE))),
    Situation("two-bad-of-three", (KEEPS, BARE, OnNode(DATABASE))),
    Situation("two-bad-of-three-allowed", (KEEPS, BARE, OnNode(DATABASE)), flags=(EMPTYDIR, FORCE)),
    Situation("mirror", (OnNode(None, mirror=True),)),
    Situation("mirror-with-emptydir", (OnNode(None, (SCRATCH,), mirror=True),)),
    Situation("daemon-finished", (OnNode(DAEMON, phase="Failed", ready=False, system=True),)),
    Situation("orphaned-daemon", (OnNode(ORPHAN),)),
    Situation("orphaned-daemon-allowed", (OnNode(ORPHAN),), flags=(FORCE,)),
    Situation("orphaned-daemon-finished", (OnNode(ORPHAN, phase="Succeeded", ready=False),)),
    Situation("orphaned-daemon-with-emptydir", (OnNode(ORPHAN, (SCRATCH,)),), flags=(FORCE,)),
    Situation("budget-allows", (OnNode(), OnNode()), (at_least(1),), some=True),
    Situation("budget-needs-all", (OnNode(DATABASE), OnNode(DATABASE)), (at_least(2),)),
    Situation("budget-needs-more-than-there-are", (OnNode(DATABASE),), (at_least(5),)),
    Situation("budget-none-unavailable", (OnNode(DATABASE),), (at_most(0),)),
    Situation("budget-all-of-them-in-percent", (OnNode(DATABASE),), (at_least("100%"),)),
    Situation("budget-half-unavailable", (OnNode(DATABASE), OnNode(DATABASE)), (at_most("50%"),), some=True),
    Situation("budget-of-others", (OnNode(DATABASE),), ({**at_least(9), "selector": {"matchLabels": {"app": "x"}}},)),
    Situation("budget-of-all", (OnNode(DATABASE),), ({"selector": {}, "minAvailable": 1},)),
    Situation("budget-by-expression", (OnNode(DATABASE),), ({**_AMONG, "minAvailable": 1},)),
    Situation("two-budgets", (OnNode(DATABASE),), (at_least(0), at_most("100%"))),
    Situation("budget-and-pending", (OnNode(DATABASE, phase="Pending", ready=False),), (at_least(1),)),
    Situation("budget-and-finished", (OnNode(ONCE, (), "Succeeded", ready=False, restart="Never"),), (at_least(1),)),
    Situation("budget-and-unready", (OnNode(DATABASE, ready=False),), (at_least(1),)),
    Situation(
        "budget-and-unready-allowed",
        (OnNode(DATABASE, ready=False),),
        (at_least(1, unhealthyPodEvictionPolicy="AlwaysAllow"),),
    ),
    Situation("budget-and-one-unready-of-two", (OnNode(DATABASE), OnNode(DATABASE, ready=False)), (at_least(1),)),
    Situation("budget-and-bare", (BARE,), (at_least(1),)),
    Situation("budget-and-bare-allowed", (BARE,), (at_least(1),), flags=(FORCE,)),
    Situation("namespace-goes", (OnNode(DATABASE),), terminating_namespace=True),
    Situation("webhook-denies", (OnNode(DATABASE),), webhook=True),
    Situation("terminating", (OnNode(DATABASE, terminating=True),)),
    Situation("terminating-and-a-budget", (OnNode(DATABASE, terminating=True),), (at_least(1),)),
    Situation("terminating-bare", (OnNode(None, terminating=True),), ours=_GOING),
    Situation("terminating-with-emptydir", (OnNode(DATABASE, (SCRATCH,), terminating=True),), ours=_GOING),
)
