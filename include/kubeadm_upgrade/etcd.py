"""etcd's members as etcd itself describes them: the gate between two control plane nodes (invariant I3).

https://kubernetes.io/docs/tasks/administer-cluster/configure-upgrade-etcd/
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.query import Query, query
from kubeadm_upgrade.roles import LABEL

_ALARMS = {1: "NOSPACE", 2: "CORRUPT"}  # etcd's AlarmType


@dataclass(frozen=True)
class EtcdMember:
    name: str  # kubeadm names it after its node; a member that was only added has none yet
    healthy: bool = True
    learner: bool = False
    leads: bool = False
    why: str = ""  # it is not healthy, in etcd's words


@dataclass(frozen=True)
class EtcdFacts:
    """All members, whether or not they answer. An etcd outside of the cluster's nodes has none here."""

    members: tuple[EtcdMember, ...] = ()
    alarms: tuple[str, ...] = ()
    unknown: str = ""  # why etcd could not be asked

    def ailing(self, nodes: Sequence[str]) -> tuple[str, ...]:
        """Sentences on what is not well with the etcd of these control plane nodes; empty when all is."""
        return tuple(self._ailing(nodes))

    def _ailing(self, nodes: Sequence[str]) -> Iterator[str]:
        if self.unknown:
            yield f"etcd cannot be asked: {self.unknown}"
        if not self.members:
            return
        names = {member.name for member in self.members}
        for member in self.members:
            if member.learner:
                yield f"etcd member {member.name or '(unnamed)'} is still a learner"
            elif not member.healthy:
                yield f"etcd member {member.name} is not healthy" + (f" ({member.why})" if member.why else "")
            if member.name and member.name not in nodes:
                yield (
                    f"etcd has a member {member.name}, which is no control plane node: give its Node the label "
                    f"{LABEL}, or, if the machine is gone, see etcdctl member remove"
                )
        yield from (f"{node} is no member of etcd" for node in nodes if node not in names)
        if not any(member.leads for member in self.members):
            yield "etcd has no leader"
        yield from (f"etcd raises an alarm: {alarm}" for alarm in self.alarms)


def in_pod(node: str, *argv: str) -> tuple[str, ...]:
    """The argv, on any control plane host, of a command in a node's etcd Pod."""
    kubectl = ("kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "-n", "kube-system")
    return (*kubectl, "exec", f"etcd-{node}", "--", *argv)


def questions(node: str, local: LocalEtcd) -> tuple[Query[Any], ...]:
    """Members, health, status and alarms, asked of one member, of all of them.

    `endpoint health` and `status` end with 1 where a member does not answer; what they print is an answer still.
    """

    def ask(*words: str) -> Query[Any]:
        argv = in_pod(node, *local.ctl, *words, "-w", "json")
        return query(*argv, read=_json, root=True, answers=(0, 1))

    return (
        ask("member", "list"),
        ask("endpoint", "health", "--cluster"),
        ask("endpoint", "status", "--cluster"),
        ask("alarm", "list"),
    )


def read(members: Any, health: Any, status: Any, alarms: Any) -> EtcdFacts:
    """Put together what `questions` were answered with; members and health meet in the client URLs."""
    by_url = {one["endpoint"]: one for one in health or ()}
    leaders = {one["Status"]["leader"] for one in status or () if one.get("Status", {}).get("leader")}
    listed = (members or {}).get("members", ())
    found = tuple(_member(one, by_url, leaders) for one in listed)
    names = {one["ID"]: one.get("name", "") for one in listed}
    raised = tuple(
        f"{_ALARMS.get(one.get('alarm', 0), one.get('alarm'))} on {names.get(one['memberID'], one['memberID'])}"
        for one in (alarms or {}).get("alarms", ())
    )
    return EtcdFacts(found, raised, "" if found else "it lists no members")


def _member(one: Mapping[str, Any], health: Mapping[str, Any], leaders: set[int]) -> EtcdMember:
    answers = [health[url] for url in one.get("clientURLs", ()) if url in health]
    bad = next((answer for answer in answers if not answer.get("health")), None)
    return EtcdMember(
        name=one.get("name", ""),
        healthy=bool(answers) and bad is None,
        learner=bool(one.get("isLearner")),
        leads=one["ID"] in leaders,
        why=str((bad or {}).get("error", "")) if answers else "it does not answer",
    )


def _json(text: str) -> Any:
    """Nothing was printed where the command could not even ask."""
    try:
        return json.loads(text) if text.strip() else None
    except ValueError as error:
        raise UnreadableOutput(f"etcdctl printed no JSON: {text[:200]!r}") from error
