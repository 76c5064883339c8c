"""What can be killed or cut off, in words, and when that would be nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chaos.moments import Moment


def _always(_: Moment) -> str | None:
    return None


def _no_process(moment: Moment) -> str | None:
    return "it waits in the triggerer: no process of a worker is there" if moment.waits else None


@dataclass(frozen=True)
class Component:
    """`of_airflow`: it serves every cluster, so few are upgraded beside it."""

    name: str
    words: str
    recovery: str
    of_airflow: bool = False
    #: Control plane nodes and workers of its story's cluster.
    shape: tuple[int, int] = (1, 3)
    #: The group whose own nodes lose their power: a machine that boots starts whatever kubelet is installed.
    boots_in: str = ""
    refuses: Callable[[Moment], str | None] = _always


_SEVERAL = (3, 2)
_KUBELETS = "control_plane_kubelets"

TASK = Component(
    "task process",
    "the process that performs the step gets SIGKILL; where the triggerer performs it, the next one that is started",
    "Airflow tries the task again",
    refuses=_no_process,
)
SSH = Component(
    "SSH", "the node's sshd cannot be reached for a second or two, and open sessions end", "the network comes back"
)
API = Component("cluster's API", "every connection to the cluster's API is refused and ended", "it answers again")
PLANE = Component(
    "control plane node",
    "a control plane node loses its power",
    "it is switched on again",
    shape=_SEVERAL,
    boots_in=_KUBELETS,
)
ETCD = Component(
    "etcd member", "a member of etcd ends, and its Pod is gone", "its kubelet makes it anew", shape=_SEVERAL
)
WORKER = Component(
    "worker's machine", "a worker's machine loses its power", "it is switched on again", boots_in="workers"
)
LEDGER = Component("ledger", "a person edits the ledger under the run", "the person takes it back")


def _of_airflow(name: str, words: str, recovery: str = "it is started again") -> Component:
    return Component(name, words, recovery, of_airflow=True)


SCHEDULER = _of_airflow("scheduler", "SIGKILL for the scheduler, its workers and all their tasks")
TRIGGERER = _of_airflow("triggerer", "SIGKILL for the triggerer")
API_SERVER = _of_airflow("Airflow's API server", "SIGKILL for the API server, which tasks report to")
AIRFLOW = _of_airflow("all of Airflow", "SIGKILL for every process of Airflow at once", "all are started again")

COMPONENTS = (TASK, SSH, API, PLANE, ETCD, WORKER, LEDGER, SCHEDULER, TRIGGERER, API_SERVER, AIRFLOW)
