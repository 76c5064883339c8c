"""What a PodDisruptionBudget can allow at all, by its own arithmetic.

https://kubernetes.io/docs/tasks/run-application/configure-pdb/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.selector import Selector, selector_of
from kubeadm_upgrade.reading import name_of, reading
from kubeadm_upgrade.wording import count

Json = Mapping[str, Any]


@dataclass(frozen=True)
class BudgetFacts:
    """A budget, and how its controller has counted last."""

    namespace: str
    name: str
    selector: Selector
    expected: int = 0
    healthy: int = 0
    needed: int = 0
    allowed: int = 0
    counted: bool = True  # the controller has seen this very budget
    lets_unhealthy_go: bool = False  # unhealthyPodEvictionPolicy: AlwaysAllow

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def is_over(self, pod: PodFacts) -> bool:
        return pod.namespace == self.namespace and self.selector.matches(pod.labels)

    @property
    def never_allows(self) -> bool:
        """All of its Pods must be healthy, so none may ever go."""
        return self.counted and self.expected > 0 and self.needed >= self.expected

    def keeps(self, pod: PodFacts) -> bool:
        """Whether it would not let this Pod go now, as the API judges it."""
        if pod.ready:
            return self.allowed < 1 or not self.counted
        if self.lets_unhealthy_go or self.healthy >= self.needed > 0:
            return False
        return self.allowed < 1

    @property
    def arithmetic(self) -> str:
        """Why it allows none, or how many it allows."""
        if not self.counted:
            return f"budget {self} was changed, and nobody has counted its Pods since"
        needs = f"needs {self.needed} of {count(self.expected, 'Pod')} healthy"
        if self.never_allows:
            return f"budget {self} {needs}, so it never allows a disruption"
        if self.allowed < 1:
            return f"budget {self} {needs} and has {self.healthy}, so it allows none now"
        return f"budget {self} allows {count(self.allowed, 'disruption')} at a time"


def read_budgets(items: Iterable[Json]) -> tuple[BudgetFacts, ...]:
    """Those that have a selector: without one, a budget of policy/v1 is over nobody."""
    return tuple(one for item in items if (one := _read(item)))


def _read(item: Json) -> BudgetFacts | None:
    with reading(f"PodDisruptionBudget {name_of(item)}"):
        meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
        selector = selector_of(spec.get("selector"))
        if selector is None:
            return None
        return BudgetFacts(
            namespace=meta["namespace"],
            name=meta["name"],
            selector=selector,
            expected=status.get("expectedPods", 0),
            healthy=status.get("currentHealthy", 0),
            needed=status.get("desiredHealthy", 0),
            allowed=status.get("disruptionsAllowed", 0),
            counted=bool(status) and status.get("observedGeneration", 0) >= meta.get("generation", 0),
            lets_unhealthy_go=spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow",
        )
