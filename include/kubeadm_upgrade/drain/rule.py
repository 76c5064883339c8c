"""What is done with Pods of a kind: by a rule of the cluster's file, or by an annotation of the Pod or its owner.

The nearest wins, for each thing that may be said: the Pod's own annotation, its owner's, then the first rule that fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.selector import Selector
from kubeadm_upgrade.durations import parse_duration

BEHAVIOR, ORDER, GRACE = (f"kubeadm-fleet.io/drain{what}" for what in ("", "-order", "-grace-period"))
NOTES = (BEHAVIOR, ORDER, GRACE)
MOST_ORDER = 1000


class Behavior(StrEnum):
    """What a drain does with a Pod."""

    EVICT = "evict"
    SKIP = "skip"  # it stays, and is not waited for
    WAIT_COMPLETED = "wait-completed"  # it is left until it has finished by itself


@dataclass(frozen=True)
class Treatment:
    """What is done with one Pod."""

    behavior: Behavior = Behavior.EVICT
    order: int = 0  # the lowest first, and all of them gone before the next
    grace: int | None = None  # seconds; None: the Pod's own


@dataclass(frozen=True)
class Rule:
    """Which Pods it is about, and what it says of them; None: nothing."""

    selector: Selector = Selector()
    namespace: str | None = None
    owner_kind: str | None = None
    behavior: Behavior | None = None
    order: int | None = None
    grace: int | None = None

    def fits(self, pod: PodFacts) -> bool:
        place = self.namespace in (None, pod.namespace) and self.owner_kind in (None, pod.owner_kind)
        return place and self.selector.matches(pod.labels)

    def __str__(self) -> str:
        """Whom it is about, in words."""
        kind = f"Pods of {self.owner_kind}s" if self.owner_kind else "Pods"
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{kind}{where}" + (f" with {self.selector.text}" if self.selector.text else "")

    @property
    def loosens(self) -> Iterator[str]:
        """What of it a drain is allowed by, for whoever approves."""
        if self.behavior is Behavior.SKIP:
            yield f"leave {self} where they are"
        if self.grace is not None:
            yield f"give {self} a grace period of {self.grace} s"


def treatment_of(pod: PodFacts, rules: Iterable[Rule]) -> Treatment:
    """Raises ValueError with a sentence for an annotation that nobody can read."""
    said = [*_noted(pod), *(rule for rule in rules if rule.fits(pod))]
    return Treatment(
        behavior=next((one.behavior for one in said if one.behavior is not None), Behavior.EVICT),
        order=next((one.order for one in said if one.order is not None), 0),
        grace=next((one.grace for one in said if one.grace is not None), None),
    )


def _noted(pod: PodFacts) -> Iterator[Rule]:
    if pod.notes:
        yield rule_noted(pod.notes, f"pod {pod}")
    if pod.owner_notes:
        yield rule_noted(pod.owner_notes, f"{pod.owner_kind} {pod.namespace}/{pod.owner_name}")


def rule_noted(notes: Mapping[str, str], whose: str) -> Rule:
    """Annotations as a rule for those who carry them. Raises ValueError with a sentence."""
    behavior, order, grace = (notes.get(name) for name in NOTES)
    if behavior is not None and behavior not in list(Behavior):
        raise _wrong(whose, BEHAVIOR, behavior, f"one of {', '.join(Behavior)}")
    if order is not None and not is_order(order):
        raise _wrong(whose, ORDER, order, f"a whole number between -{MOST_ORDER} and {MOST_ORDER}")
    return Rule(
        behavior=Behavior(behavior) if behavior is not None else None,
        order=int(order) if order is not None else None,
        grace=_grace(grace, whose) if grace is not None else None,
    )


def is_order(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and int(digits) <= MOST_ORDER if len(digits) <= 4 else False


def seconds_of_grace(text: object) -> int:
    """Raises ValueError. None at all would be no eviction but a deletion by force."""
    seconds = int(parse_duration(text).total_seconds())
    if seconds < 1:
        raise ValueError("must be at least 1s: less would kill a Pod without asking it")
    return seconds


def _grace(text: str, whose: str) -> int:
    try:
        return seconds_of_grace(text)
    except ValueError as error:
        raise ValueError(f"{whose} has annotation {GRACE}: {text!r}, which {error}") from error


def _wrong(whose: str, name: str, value: str, wanted: str) -> ValueError:
    return ValueError(f"{whose} has annotation {name}: {value!r}, which must be {wanted}")
