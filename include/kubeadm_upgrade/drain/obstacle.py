"""What keeps a drain from going on, as values: whoever tells of it makes the same sentence of the same value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from kubeadm_upgrade.drain.selector import selector_of
from kubeadm_upgrade.reading import moment, name_of, reading
from kubeadm_upgrade.wording import agreeing, count, shortened

Json = Mapping[str, Any]

# The only words of a budget that has counted. It also refuses while it is still being processed, or failed to sync.
_JUDGED = re.compile(r"disruption budget \S+ needs \d+ healthy pods and has \d+")


class Why(Enum):
    """Of what kind an obstacle is."""

    BUDGET = "budget"  # it allows no disruption now
    BUDGETS = "budgets"  # several are over one Pod, which the API does not support
    NAMESPACE = "namespace"  # it is being deleted, and takes nothing new, an Eviction neither
    WEBHOOK = (
        "webhook"  # it says no, or does not answer; or an admission policy, which is one without a server, says no
    )
    BUSY = "busy"  # the API server has too much to do
    CHANGED = "changed"  # the Pod was another meanwhile
    SERVER = "server"  # a failure of the API server's own
    TERMINATING = "terminating"  # it is told to go, and has not gone
    COMPLETING = "completing"  # it is to finish by itself
    VOLUME = "volume"  # still attached


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget as its controller sees it."""

    namespace: str
    name: str
    allowed: int  # disruptionsAllowed
    since: datetime | None = None  # when it last began, or ceased, to allow any
    healthy: int = 0  # currentHealthy
    needed: int = 0  # desiredHealthy
    seen: bool = True  # as it is now: what its controller has counted may be for what it was before

    def __str__(self) -> str:
        since = f" since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since and not self.allowed else ""
        return f"{self.namespace}/{self.name} allows {count(self.allowed, 'disruption')}{since}"


@dataclass(frozen=True)
class Obstacle:
    """One thing that is in the way of one Pod, or of the node."""

    why: Why
    what: str  # the Pod, or the volume
    says: str = ""  # the API's own words
    budgets: tuple[Budget, ...] = ()
    retry_after: int | None = None  # seconds, where the API says so
    since: datetime | None = None
    kept: str = ""  # why it is not deleted either, although somebody has agreed to that

    @property
    def is_of_eviction(self) -> bool:
        """Whether the API was asked and did not grant it."""
        return self.why not in (Why.TERMINATING, Why.COMPLETING, Why.VOLUME)

    @property
    def words(self) -> str:
        """What is said of it, whichever Pods it is about."""
        told = "; ".join(map(str, self.budgets))
        said = f"{self.says} ({told})" if told else self.says
        return f"{said}, and is not deleted: {self.kept}" if self.kept else said

    @property
    def is_of_a_budget(self) -> bool:
        return self.why in (Why.BUDGET, Why.BUDGETS)

    @property
    def is_judged(self) -> bool:
        """Whether a budget has counted and says no, or the API never asks one, since there are several."""
        return self.why is Why.BUDGETS or (self.why is Why.BUDGET and _JUDGED.search(self.says) is not None)

    def __str__(self) -> str:
        if self.is_of_eviction:
            return f"pod {self.what} may not be evicted yet: {self.words}"
        return f"{self.what} ({self.says})" if self.says else self.what


def told(causes: Iterable[object]) -> str:
    """All of them in one sentence: Pods that one budget keeps are told together."""
    plain: list[str] = []
    alike: dict[str, list[Obstacle]] = {}
    for cause in causes:
        if isinstance(cause, Obstacle) and cause.is_of_eviction:
            alike.setdefault(cause.words, []).append(cause)
        else:
            plain.append(str(cause))
    return "; ".join((*(_together(some) for some in alike.values()), *plain))


def _together(some: list[Obstacle]) -> str:
    if len(some) == 1:
        return str(some[0])
    return f"pods {shortened([one.what for one in some])} may not be evicted yet: {some[0].words}"


def over(labels: Mapping[str, str], budgets: Iterable[Json]) -> tuple[Budget, ...]:
    """Those of a namespace that are over a Pod with these labels."""
    return tuple(budget for plain in budgets if (budget := _over(labels, plain)))


def _over(labels: Mapping[str, str], plain: Json) -> Budget | None:
    with reading(f"PodDisruptionBudget {name_of(plain)}"):
        selector = selector_of((plain.get("spec") or {}).get("selector"))
        return _budget(plain) if selector and selector.matches(labels) else None


def _budget(plain: Json) -> Budget:
    """One that its controller has not seen yet allows nothing."""
    meta, status = plain["metadata"], plain.get("status") or {}
    turned: Json = next((c for c in status.get("conditions") or () if c.get("type") == "DisruptionAllowed"), {})
    return Budget(
        namespace=meta["namespace"],
        name=meta["name"],
        allowed=status.get("disruptionsAllowed", 0),
        since=moment(turned.get("lastTransitionTime")),
        healthy=status.get("currentHealthy", 0),
        needed=status.get("desiredHealthy", 0),
        seen=status.get("observedGeneration", 0) >= meta.get("generation", 0),
    )


def of_finalizers(names: tuple[str, ...]) -> str:
    """Who holds an object that is to go."""
    return f"held by {agreeing(names, 'finalizer', 'finalizers')} {', '.join(names)}"
