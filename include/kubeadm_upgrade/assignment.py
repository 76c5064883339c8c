"""Who does what: the identity of a run, and the one value that operator, trigger and connection hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade.hop import Hop

# Airflow begins the ids of runs that a schedule opens with it, and lets nobody else.
_SCHEDULED = "scheduled__"


def was_opened_by_schedule(dag_run: str) -> bool:
    """Whether nobody has started this run, by its id: also of one that goes on with such a run's path."""
    return dag_run.startswith(_SCHEDULED)


@dataclass(frozen=True)
class RunId:
    """One DagRun of one Airflow: no two of them anywhere are equal, whatever they are called."""

    dag_run: str  # the DagRun's id, which two Airflows may give twice
    airflow: str = ""  # which installation: its base URL
    began: str = ""  # the run's run_after: what tells two runs of one name apart; empty where nobody has started it

    def __str__(self) -> str:
        return f"run {self.dag_run}" + (f" of {self.airflow}" if self.airflow else "")

    @classmethod
    def begun(cls, dag_run: str, airflow: str, at: datetime) -> RunId:
        """Who starts a run has seen how those before it ended. A schedule has seen nothing, so its moment says nothing;
        of its runs no two have one name.
        """
        return cls(dag_run, airflow, "" if was_opened_by_schedule(dag_run) else at.isoformat())

    @property
    def unmistakable(self) -> str:
        """One line that is no other run's: for files that outlive the run."""
        return f"{self} begun {self.began or '?'}"

    def began_after(self, moment: datetime) -> bool:
        """Whether whoever started this run could know what had happened by then; no, where nobody can tell."""
        try:
            began = datetime.fromisoformat(self.began)
        except ValueError:
            return False
        return (began if began.tzinfo else began.replace(tzinfo=UTC)) > moment

    def to_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, str]) -> RunId:
        return cls(**plain)


@dataclass(frozen=True)
class Assignment:
    """One step on one node, in one hop, for one run. Plain JSON at Airflow's border."""

    cluster: str
    run: RunId
    hop: Hop
    group: str
    step: str
    node: str

    def __str__(self) -> str:
        return f"{self.node}: {self.step}"

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "run": self.run.to_json(), "hop": self.hop.to_json()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Assignment:
        return cls(**{**plain, "run": RunId.from_json(plain["run"]), "hop": Hop.from_json(plain["hop"])})
