"""Who leaves which node: the drain's own verdicts, with what each Pod asks of nodes and which budgets are over it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kubeadm_upgrade.drain.filters import Fate, Verdict, leaving
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.drain.rule import Behavior
from kubeadm_upgrade.rehearsal.budget import BudgetFacts
from kubeadm_upgrade.rehearsal.seen import PodSeen, Seen


@dataclass(frozen=True)
class Leaving:
    """A Pod that the drain of its node takes away, or will not."""

    pod: PodSeen
    verdict: Verdict
    budgets: tuple[BudgetFacts, ...] = ()  # over it

    @property
    def is_to_be_evicted(self) -> bool:
        return self.verdict.is_to_be_evicted

    @property
    def is_refused(self) -> bool:
        return self.verdict.fate is Fate.BLOCKS

    @property
    def budgets_count(self) -> bool:
        """The API asks none about a Pod that does not run, or runs no more."""
        return not self.pod.pending and not self.pod.facts.finished

    @property
    def needs_a_place(self) -> bool:
        """Whether somebody makes it anew: not one that may finish first, nor one whose maker is gone."""
        facts = self.pod.facts
        made_anew = facts.owner_kind is not None and not facts.owner_is_gone
        waits = self.verdict.treatment.behavior is Behavior.WAIT_COMPLETED
        return self.verdict.fate is Fate.GOES and made_anew and not waits and self.pod.counts

    @property
    def name(self) -> str:
        return str(self.pod.facts)

    @property
    def uid(self) -> str:
        return self.pod.facts.uid


Cast = Mapping[str, tuple[Leaving, ...]]  # by node


def cast_of(seen: Seen, policy: DrainPolicy) -> Cast:
    """On every node that has any."""
    here: dict[str, list[PodSeen]] = defaultdict(list)
    for pod in seen.pods:
        here[pod.node].append(pod)
    over = _Budgets(seen.budgets or ())
    return {node: tuple(_leaving(pods, over, policy)) for node, pods in here.items()}


class _Budgets:
    """Found by the first label that each is about: a namespace may have hundreds of them."""

    def __init__(self, budgets: Iterable[BudgetFacts]) -> None:
        self._by_label: dict[tuple[str, str, str | None], list[BudgetFacts]] = defaultdict(list)
        for budget in budgets:
            for key, value in _labels(budget):
                self._by_label[budget.namespace, key, value].append(budget)

    def over(self, pod: PodFacts) -> tuple[BudgetFacts, ...]:
        labels = ((pod.namespace, key, value) for key, value in (("", None), *pod.labels.items()))
        some = (budget for label in labels for budget in self._by_label.get(label, ()))
        return tuple(budget for budget in some if budget.is_over(pod))


def _labels(budget: BudgetFacts) -> Iterator[tuple[str, str | None]]:
    """One of these a Pod must have; where that cannot be said, any Pod is asked about."""
    first = next((term for term in budget.selector.terms if term.values and not term.is_not), None)
    if first is None or first.values is None:
        yield "", None
    else:
        yield from ((first.key, value) for value in first.values)


def _leaving(pods: list[PodSeen], budgets: _Budgets, policy: DrainPolicy) -> Iterator[Leaving]:
    by_facts = {id(pod.facts): pod for pod in pods}
    for verdict in leaving((pod.facts for pod in pods), policy):
        yield Leaving(by_facts[id(verdict.pod)], verdict, budgets.over(verdict.pod))
