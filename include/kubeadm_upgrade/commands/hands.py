"""The rules look at nothing by themselves. A command that must look borrows the hands that tasks use, from plugins/.

They are found when they are wanted and never imported by the rules: without plugins/, and without Airflow, every other
command works as before. No Airflow need be set up for them either. Where none is, they get a home that is gone
afterwards, for Airflow makes one when it is imported.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, cast

from kubeadm_upgrade.access.known_hosts import HostKey
from kubeadm_upgrade.access.line import Line, Watcher
from kubeadm_upgrade.errors import NeedsPerson
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.rehearsal.finding import Rehearsal
from kubeadm_upgrade.version import TargetVersion

_MODULE = "kubeadm_airflow.command_line"
_BESIDE = Path(__file__).resolve().parents[3] / "plugins"
# any of these says that an Airflow is set up, whose connections count
_SET_UP = ("AIRFLOW_HOME", "AIRFLOW_CONFIG", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__SECRETS__BACKEND")
_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"


class Hands(Protocol):
    """What kubeadm_airflow.command_line can do."""

    def look_at_access(self, cluster: Cluster, target: TargetVersion | None, watcher: Watcher) -> tuple[Line, ...]:
        """Every line of a check."""

    def look_at_state(self, cluster: Cluster, target: TargetVersion | None) -> State:
        """What a plan is made of; without a target, for any that the repositories have."""

    def rehearse(self, cluster: Cluster) -> Rehearsal:
        """What the drains of all nodes would meet now."""

    def look_at_nodes(self, cluster: Cluster) -> tuple[NodeFacts, ...]:
        """The nodes that are ours to upgrade, as the API lists them now."""

    def look_at_host_keys(self, cluster: Cluster, nodes: Sequence[NodeFacts]) -> tuple[HostKey, ...]:
        """The key that each host shows, and whether known_hosts has it already."""


@contextmanager
def borrowed(connections: Mapping[str, str], *, alone: bool) -> Iterator[Hands]:
    """With these connections, as environment variables, beside those that Airflow has; `alone`, with no others."""
    with ExitStack() as stack:
        stack.callback(_set_environment, dict(os.environ))
        if alone or not _is_set_up():
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="kubeadm-upgrade-"))
            os.environ["AIRFLOW_HOME"] = home
        else:
            # as Airflow's own commands do: connections of its database count
            os.environ.setdefault(_CONTEXT, "server")
        os.environ.update(connections)
        yield _found()


def _set_environment(values: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)


def _is_set_up() -> bool:
    own = Path("~/airflow").expanduser()
    return any(os.environ.get(name) for name in _SET_UP) or any(
        (own / name).exists() for name in ("airflow.cfg", "airflow.db")
    )


def _found() -> Hands:
    if importlib.util.find_spec("kubeadm_airflow") is None and _BESIDE.is_dir():
        sys.path.append(str(_BESIDE))
    try:
        return cast("Hands", importlib.import_module(_MODULE))
    except ModuleNotFoundError as error:
        if error.name == "kubeadm_airflow":
            do = "add this project's plugins/ to PYTHONPATH"
        else:
            do = "install requirements.txt into this Python, or use the Python that Airflow runs with"
        raise NeedsPerson(f"this command needs the module {error.name}, and Python does not find it", do=do) from None
