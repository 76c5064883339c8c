"""What is broken on purpose in a cluster right now?"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

#: Kinds of fault and what each is told; the control endpoint accepts exactly these.
KINDS: dict[str, tuple[str, ...]] = {
    "api_down": ("seconds",),
    "drop_session": ("node", "argv", "once", "after"),
    "never_ready": ("node",),
    "apt_lock": ("node", "seconds"),
    "budget_never_allows": ("namespace", "name"),
    "webhook_denies": ("namespace", "says"),
    "policy_denies": ("namespace", "says"),
    "webhook_no_dry_run": ("namespace",),
    "api_busy": ("namespace",),
    "slow": ("node", "argv", "seconds"),
    "slow_answer": ("node", "argv", "seconds"),
    "held": ("node", "argv"),
    "network_stalls": (),
    "ssh_down": ("node",),
    "fail": ("node", "argv", "exit_code", "stderr", "times"),
    "node_down": ("node",),
    "kubelet_crashes": ("node",),
    "static_pod_not_ready": ("node", "component"),
    "static_pod_missing": ("node", "component"),
    "etcd_member_unhealthy": ("node",),
    "etcd_learner": ("node",),
    "etcd_alarm": ("node", "alarm"),
    "german": ("node",),
    "sudo_refuses": ("node",),
    "sudo_denies": ("node", "argv"),
    "clock_off": ("node", "seconds"),
    "chatty_shell": ("node", "says"),
}


#: The same in words, for whoever breaks a cluster by hand.
IN_WORDS: dict[str, str] = {
    "api_down": "the cluster's API server does not answer",
    "drop_session": "an SSH session ends in the middle of a command that begins so",
    "never_ready": "a node never gets Ready after its kubelet was restarted",
    "apt_lock": "somebody else holds apt's lock",
    "budget_never_allows": "a PodDisruptionBudget allows no disruption, so a drain waits",
    "webhook_denies": "an admission webhook denies evictions in a namespace",
    "policy_denies": "a ValidatingAdmissionPolicy denies evictions in a namespace",
    "webhook_no_dry_run": "an admission webhook of evictions in a namespace has effects of its own",
    "api_busy": "the API server has too much to do to evict in a namespace",
    "slow": "a command that begins so takes longer",
    "slow_answer": "the answer to a command that begins so comes late, while it runs",
    "held": "a command with these words in a row hangs until it is let go on",
    "network_stalls": "no packet gets through: commands, answers and requests to the API wait",
    "ssh_down": "a node's sshd cannot be reached, and open sessions end",
    "fail": "a command that begins so fails",
    "node_down": "a node's machine is off",
    "kubelet_crashes": "a node's kubelet starts and ends, again and again",
    "static_pod_not_ready": "a static Pod of a control plane node is there and not Ready",
    "static_pod_missing": "a static Pod of a control plane node is gone",
    "etcd_member_unhealthy": "an etcd member does not answer",
    "etcd_learner": "an etcd member is a learner, without a vote",
    "etcd_alarm": "an etcd member raises an alarm (NOSPACE, CORRUPT)",
    "german": "a host speaks German to whoever does not ask for C",
    "sudo_refuses": "sudo wants a password",
    "sudo_denies": "sudo does not allow a command that begins so",
    "clock_off": "a host's clock is wrong",
    "chatty_shell": "a login prints something before every answer",
}


_OF_EVICTIONS = ("webhook_denies", "policy_denies", "webhook_no_dry_run", "api_busy")
_LOOKS = 0.02


def words(argv: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(shlex.split(argv) if isinstance(argv, str) else argv)


@dataclass(eq=False)
class Fault:
    """One thing that is broken; fields that its kind does not know stay at their defaults."""

    kind: str
    node: str | None = None
    argv: tuple[str, ...] = ()
    seconds: float | None = None
    namespace: str | None = None
    name: str | None = None
    exit_code: int = 1
    stderr: str = ""
    times: int | None = 1
    once: bool = True
    after: float = 0.0
    #: None is every component of the node.
    component: str | None = None
    alarm: str = "NOSPACE"
    says: str = "Welcome!"

    def hits(self, node: str, argv: Sequence[str]) -> bool:
        """A prefix counts wherever a program may start: also after ``env NAME=VALUE``."""
        return self.node in (None, node) and any(one[: len(self.argv)] == self.argv for one in _commands(tuple(argv)))

    def holds(self, node: str, argv: Sequence[str]) -> bool:
        """These words, wherever they stand; what systemd-run is to start has not begun with it."""
        own = list(argv[: argv.index("--")] if "systemd-run" in argv and "--" in argv else argv)
        rows = (tuple(own[place : place + len(self.argv)]) for place in range(len(own)))
        return self.node in (None, node) and self.argv in rows


def _commands(argv: tuple[str, ...]) -> list[tuple[str, ...]]:
    found = [argv]
    if argv and argv[0] == "env":
        found.append(argv[next((i for i, w in enumerate(argv) if i and "=" not in w), len(argv)) :])
    return found


@dataclass
class FaultBook:
    """The faults in force. Used by the lab's loop only."""

    seconds_scale: float = 1.0
    active: list[Fault] = field(default_factory=list)
    on_change: list[Callable[[], None]] = field(default_factory=list)

    def add(self, fault: Fault) -> Fault:
        self.active.append(fault)
        self._changed()
        limited = {"api_down": 1.0, "apt_lock": self.seconds_scale}
        if fault.seconds is not None and fault.kind in limited:
            delay = fault.seconds * limited[fault.kind]
            asyncio.get_running_loop().call_later(delay, self.lift, fault)
        return fault

    def lift(self, fault: Fault) -> None:
        if fault in self.active:
            self.active.remove(fault)
            self._changed()

    def lift_all(self) -> None:
        self.active.clear()
        self._changed()

    def matching(self, kind: str, node: str | None = None) -> list[Fault]:
        return [f for f in self.active if f.kind == kind and (node is None or f.node in (None, node))]

    def is_on(self, kind: str, node: str | None = None) -> bool:
        return bool(self.matching(kind, node))

    def sick(self, kind: str, node: str, component: str) -> bool:
        return any(f.component in (None, component) for f in self.matching(kind, node))

    def blocks_budget(self, namespace: str, name: str) -> bool:
        return any((f.namespace, f.name) == (namespace, name) for f in self.matching("budget_never_allows"))

    def of_evictions(self, namespace: str) -> list[Fault]:
        return [f for f in self.active if f.kind in _OF_EVICTIONS and f.namespace == namespace]

    def delay(self, kind: str, node: str, argv: Sequence[str]) -> float:
        return sum(f.seconds or 0.0 for f in self.active if f.kind == kind and f.hits(node, argv))

    async def while_held(self, node: str, argv: Sequence[str]) -> None:
        while any(fault.holds(node, argv) for fault in self.matching("held")):
            await asyncio.sleep(_LOOKS)

    async def network(self) -> None:
        """What is sent arrives once packets get through."""
        while self.is_on("network_stalls"):
            await asyncio.sleep(_LOOKS)

    def take_failure(self, node: str, argv: Sequence[str]) -> Fault | None:
        fault = next((f for f in self.active if f.kind == "fail" and f.hits(node, argv)), None)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.lift(fault)
        return fault

    def take_drop(self, node: str, argvs: Sequence[Sequence[str]]) -> Fault | None:
        """The fault that drops a session running one of these: the command, or what it starts in a unit."""
        drops = (f for f in self.active if f.kind == "drop_session")
        fault = next((f for f in drops if any(f.hits(node, argv) for argv in argvs)), None)
        if fault is not None and fault.once:
            self.lift(fault)
        return fault

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()
