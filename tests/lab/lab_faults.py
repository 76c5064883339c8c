"""Breaking a cluster on purpose, and mending it; safe to use from any thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from lab.cluster import SimulatedCluster
from lab.control_plane import COMPONENTS
from lab.faults import KINDS, Fault, words

Run = Callable[[Coroutine[Any, Any, Any]], Any]
Argv = str | Sequence[str]


class ActiveFault:
    """A fault in force: lift it, or use it in ``with``."""

    def __init__(self, run: Run, cluster: SimulatedCluster, fault: Fault) -> None:
        self._run, self._cluster, self.fault = run, cluster, fault

    @property
    def active(self) -> bool:
        return self.fault in self._cluster.faults.active

    def lift(self) -> None:
        async def lift() -> None:
            self._cluster.faults.lift(self.fault)

        self._run(lift())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lift()


class Faults:
    """Commands are matched by the words they start with, without sudo; in units as well as in sessions."""

    def __init__(self, run: Run, cluster: SimulatedCluster) -> None:
        self._run, self._cluster = run, cluster

    def api_down(self, seconds: float | None = None) -> ActiveFault:
        return self._add(Fault("api_down", seconds=seconds))

    def drop_session(
        self, node: str | None, when_argv_starts_with: Argv = (), once: bool = True, after: float = 0.0
    ) -> ActiveFault:
        """Cut the connection ``after`` seconds after the command was started."""
        return self._add(Fault("drop_session", node, words(when_argv_starts_with), once=once, after=after))

    def never_ready(self, node: str) -> ActiveFault:
        return self._add(Fault("never_ready", node))

    def apt_lock(self, node: str, seconds: float | None = None) -> ActiveFault:
        """``seconds`` are apt's own, see ``Latency.lock_second``."""
        return self._add(Fault("apt_lock", node, seconds=seconds))

    def budget_never_allows(self, namespace: str, pdb: str) -> ActiveFault:
        return self._add(Fault("budget_never_allows", namespace=namespace, name=pdb))

    def webhook_denies(self, namespace: str, says: str) -> ActiveFault:
        return self._add(Fault("webhook_denies", namespace=namespace, says=says))

    def policy_denies(self, namespace: str, says: str) -> ActiveFault:
        """A ValidatingAdmissionPolicy."""
        return self._add(Fault("policy_denies", namespace=namespace, says=says))

    def webhook_no_dry_run(self, namespace: str) -> ActiveFault:
        """It has side effects, so the API does not ask it where the query says dryRun, and answers with an error."""
        return self._add(Fault("webhook_no_dry_run", namespace=namespace))

    def api_busy(self, namespace: str) -> ActiveFault:
        """429 with Retry-After, and no budget has anything to do with it."""
        return self._add(Fault("api_busy", namespace=namespace))

    def slow(self, node: str | None, argv_prefix: Argv, seconds: float) -> ActiveFault:
        return self._add(Fault("slow", node, words(argv_prefix), seconds))

    def slow_answer(self, node: str | None, argv_prefix: Argv, seconds: float) -> ActiveFault:
        return self._add(Fault("slow_answer", node, words(argv_prefix), seconds))

    def held(self, node: str | None, argv: Argv) -> ActiveFault:
        """The command has begun and does nothing yet, until this is lifted; its words may stand anywhere in it."""
        return self._add(Fault("held", node, words(argv)))

    def network_stalls(self) -> ActiveFault:
        """Nothing is refused and nothing ends: what is sent arrives late. Units and kubelets go on."""
        return self._add(Fault("network_stalls"))

    def ssh_down(self, node: str) -> ActiveFault:
        """The machine is well; what a session runs dies with it, unless systemd runs it."""
        return self._add(Fault("ssh_down", node))

    def fail(
        self, node: str | None, argv_prefix: Argv, exit_code: int = 1, stderr: str = "", times: int | None = 1
    ) -> ActiveFault:
        """The command does nothing and fails; ``times`` None means until lifted."""
        return self._add(Fault("fail", node, words(argv_prefix), exit_code=exit_code, stderr=stderr, times=times))

    def node_down(self, node: str) -> ActiveFault:
        return self._add(Fault("node_down", node))

    def kubelet_crashes(self, node: str) -> ActiveFault:
        """From its next start on it does not stay up, and systemd starts it again and again."""
        return self._add(Fault("kubelet_crashes", node))

    def static_pod_not_ready(self, node: str, component: str | None = None) -> ActiveFault:
        """The mirror Pod says so; an etcd that is not Ready does not count for the quorum. None is all of them."""
        return self._add(Fault("static_pod_not_ready", node, component=component))

    def static_pod_missing(self, node: str, component: str | None = None) -> ActiveFault:
        """The mirror Pod is gone and what it ran is down. None is all of them."""
        return self._add(Fault("static_pod_missing", node, component=component))

    def etcd_member_unhealthy(self, node: str) -> ActiveFault:
        """Its Pod is Ready and it answers nobody in time."""
        return self._add(Fault("etcd_member_unhealthy", node))

    def etcd_learner(self, node: str) -> ActiveFault:
        """It has been added and was never promoted: no vote."""
        return self._add(Fault("etcd_learner", node))

    def etcd_alarm(self, node: str, alarm: str = "NOSPACE") -> ActiveFault:
        return self._add(Fault("etcd_alarm", node, alarm=alarm))

    def german(self, node: str) -> ActiveFault:
        """sudo, apt and dpkg speak German, unless LC_ALL says C."""
        return self._add(Fault("german", node))

    def sudo_refuses(self, node: str) -> ActiveFault:
        """sudo wants a password."""
        return self._add(Fault("sudo_refuses", node))

    def sudo_denies(self, node: str | None, argv_prefix: Argv) -> ActiveFault:
        """sudoers takes these commands back, and allows all others without a password."""
        return self._add(Fault("sudo_denies", node, words(argv_prefix)))

    def clock_off(self, node: str, seconds: float) -> ActiveFault:
        """Ahead of the others, or behind them."""
        return self._add(Fault("clock_off", node, seconds=seconds))

    def chatty_shell(self, node: str, says: str = "Welcome!") -> ActiveFault:
        """The login shell's .bashrc prints a line, for a command that SSH brings as well."""
        return self._add(Fault("chatty_shell", node, says=says))

    def lift_all(self) -> None:
        async def lift() -> None:
            self._cluster.faults.lift_all()

        self._run(lift())

    def _add(self, fault: Fault) -> ActiveFault:
        async def add() -> None:
            self._cluster.faults.add(fault)

        self._run(add())
        return ActiveFault(self._run, self._cluster, fault)


def from_request(body: Mapping[str, Any]) -> Fault:
    """A fault as the control endpoint is told it: ``{"fault": "slow", "node": "…", "seconds": 2}``."""
    kind = str(body.get("fault", ""))
    known = KINDS.get(kind)
    if known is None:
        raise ValueError(f"there is no fault {kind!r}; there are {', '.join(sorted(KINDS))}")
    names = {"pdb": "name", "argv_prefix": "argv", "when_argv_starts_with": "argv"}
    given = {names.get(key, key): value for key, value in body.items() if key != "fault"}
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(f"{kind} does not know {', '.join(unknown)}; it knows {', '.join(known)}")
    if given.get("component") not in (None, *COMPONENTS):
        raise ValueError(f"there is no component {given['component']}; there are {', '.join(COMPONENTS)}")
    if "argv" in given:
        given["argv"] = words(given["argv"])
    return Fault(kind, **given)
