"""What was last seen of a cluster: small, so that a page may read those of a whole fleet at once.

Every upgrade run writes it when it looks and when it reports, and so does a scheduled look (`look:` in the cluster's
file). It is one JSON file a cluster in the reports directory (`report.last_look_path`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self

from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.version import Version

SCHEMA = 1


class NodeLike(Protocol):
    """What both kinds of look know of a node: facts.NodeFacts and planning.state.NodeState."""

    @property
    def name(self) -> str: ...
    @property
    def kubelet(self) -> Version: ...
    @property
    def ready(self) -> bool: ...


@dataclass(frozen=True)
class LastLook:
    """A cluster at one moment, as its API shows it."""

    cluster: str
    looked_at: datetime
    dag_id: str  # whose run has looked
    run_id: str
    version: str  # of the control plane, as kubeadm wrote it down
    kubelets: Mapping[str, int]  # version -> on how many nodes, oldest first
    not_ready: tuple[str, ...] = ()
    holder: str | None = None  # another run that has the cluster, and its Airflow
    paused: str | None = None  # these three: why, as the ledger has it
    aborted: str | None = None
    given_up: Mapping[str, str] = field(default_factory=dict)  # node -> why
    run: str | None = None  # whose the last two are: the id of the run that had the cluster last

    @property
    def worst_kubelet(self) -> str | None:
        """The oldest; None for a cluster without nodes."""
        return next(iter(self.kubelets), None)

    @classmethod
    def of(
        cls,
        cluster: str,
        version: Version,
        nodes: Iterable[NodeLike],
        ledger: Ledger,
        looked_at: datetime,
        by: tuple[str, str],
    ) -> Self:
        """`by`: the ids of the DAG and the run that have looked."""
        seen = tuple(nodes)
        counted = Counter(node.kubelet for node in seen)
        held = ledger.holder if ledger.holder and not ledger.holder.released else None
        another = held is not None and held.run.dag_run != by[1]  # one that looks after itself is known to Airflow
        return cls(
            cluster=cluster,
            looked_at=looked_at,
            dag_id=by[0],
            run_id=by[1],
            version=str(version),
            kubelets={str(kubelet): counted[kubelet] for kubelet in sorted(counted)},
            not_ready=tuple(sorted(node.name for node in seen if not node.ready)),
            holder=str(held.run) if held and another else None,
            **ledger.marks,
        )

    def to_json(self) -> dict[str, Any]:
        plain = asdict(self) | {"not_ready": list(self.not_ready)}
        return {"schema": SCHEMA, **plain, "looked_at": self.looked_at.isoformat(timespec="seconds")}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self | None:
        """None for what another release has written: it is written anew with the next look."""
        if plain.get("schema") != SCHEMA:
            return None
        known = {name: value for name, value in plain.items() if name != "schema"}
        read = {"looked_at": datetime.fromisoformat(plain["looked_at"]), "not_ready": tuple(plain["not_ready"])}
        return cls(**{**known, **read})
