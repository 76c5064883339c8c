"""What the owner of a cluster allows a drain to do, and what becomes of one that is blocked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kubeadm_upgrade.drain.rule import Rule


class OnBlocked(StrEnum):
    """What becomes of a drain that is still blocked at its deadline."""

    FAIL = "fail"  # a person is asked, and the node keeps its slot
    WAIT = "wait"  # for as long as it takes
    QUARANTINE = "quarantine"  # the node is left, cordoned and labelled, and the others go on


@dataclass(frozen=True)
class DrainPolicy:
    """Nothing is forced unasked (decision 10 of the design)."""

    delete_emptydir_data: bool = False
    force: bool = False  # evict Pods that nothing recreates
    rules: tuple[Rule, ...] = ()
    wait_for_volumes: bool = True  # until they are detached
    on_blocked: OnBlocked = OnBlocked.FAIL
    max_quarantined: int = 1  # workers that one run may leave so
    rehearsal: bool = True  # whether runs and looks try evictions in a dry run; a person may at any time

    @property
    def allows(self) -> tuple[str, ...]:
        """What may be lost by it, or is left on a node whose kubelet is exchanged."""
        options = ("delete_emptydir_data", "force")
        careless = ("go on while volumes are attached",) if not self.wait_for_volumes else ()
        ruled = dict.fromkeys(text for rule in self.rules for text in rule.loosens)
        return (*(name for name in options if getattr(self, name)), *careless, *ruled)

    @property
    def quarantines(self) -> int:
        """How many nodes a run may leave behind and go on."""
        return self.max_quarantined if self.on_blocked is OnBlocked.QUARANTINE else 0
