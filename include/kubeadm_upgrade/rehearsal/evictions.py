"""What a node's evictions would meet: what the API has answered in a dry run, and what budgets can allow at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from kubeadm_upgrade.drain.obstacle import Obstacle, Why
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.rehearsal.cast import Cast, Leaving
from kubeadm_upgrade.rehearsal.finding import Foreseen, Kind
from kubeadm_upgrade.rehearsal.seen import Seen
from kubeadm_upgrade.wording import agreeing, count, shortened

Met = tuple[Kind, str, str]  # what, in which words, what to do

_OF_THE_MOMENT = (Why.BUSY, Why.SERVER, Why.CHANGED)
_LOOSEN = "give it one more replica, or loosen its budget"
_ONE_TOO_MANY = "take one of the budgets off"
_SEE_WHY = "see why its Pods are not healthy"
_REASONS = 5  # why nobody knows, of one rehearsal
_LONGEST = 500  # letters of one: a webhook may say anything
_ASK = "ask whoever keeps that webhook"


def refused(node: str, there: Iterable[Leaving]) -> Iterator[Foreseen]:
    """What the drain refuses, in its own words."""
    for one in there:
        if one.is_refused:
            yield Foreseen(Kind.REFUSED, (node,), str(one.verdict))


def not_evicted(node: str, there: Iterable[Leaving], seen: Seen) -> Iterator[Foreseen]:
    """Pods that would not be let go, those together that the same keeps."""
    alike: dict[Met, list[str]] = defaultdict(list)
    for one in there:
        if one.is_to_be_evicted and (met := _met(one, seen)):
            alike[met].append(one.name)
    for (kind, words, do), names in alike.items():
        pods = f"{agreeing(names, 'pod', 'pods')} {shortened(names)}"
        yield Foreseen(kind, (node,), f"{pods} would not be evicted: {words}", do)


def _met(one: Leaving, seen: Seen) -> Met | None:
    """The API's answer where there is one; else what its budgets would make of it."""
    if one.uid not in seen.answers:
        return _by_arithmetic(one) if one.budgets_count else None
    answer = seen.answers[one.uid]
    return None if answer is None else _of_answer(one, answer)


def _of_answer(one: Leaving, answer: Obstacle) -> Met | None:
    match answer.why:
        case Why.BUDGETS:
            names = ", ".join(map(str, one.budgets))
            return Kind.NEVER, f"{answer.says} ({names})" if names else answer.says, _ONE_TOO_MANY
        case Why.BUDGET:
            return _by_arithmetic(one) or (Kind.NOT_NOW, answer.says, _SEE_WHY)
        case Why.WEBHOOK:
            return Kind.NOT_NOW, answer.says, _ASK
        case Why.NAMESPACE:
            return Kind.NOT_NOW, answer.says, "it goes with its namespace"
        case _:
            return None


def _by_arithmetic(one: Leaving) -> Met | None:
    if len(one.budgets) > 1:
        names = ", ".join(map(str, one.budgets))
        return Kind.NEVER, f"{len(one.budgets)} budgets are over it, and the API supports one: {names}", _ONE_TOO_MANY
    keeps = next((budget for budget in one.budgets if budget.keeps(one.pod.facts)), None)
    if keeps is None:
        return None
    return (Kind.NEVER, keeps.arithmetic, _LOOSEN) if keeps.never_allows else (Kind.NOT_NOW, keeps.arithmetic, _SEE_WHY)


def not_answered(cast: Cast, seen: Seen) -> Iterator[str]:
    """Pods about which nobody knows, those of a reason together; those that nobody was asked about are counted."""
    alike: dict[str, list[str]] = defaultdict(list)
    unasked = 0
    for one in (one for there in cast.values() for one in there if one.is_to_be_evicted):
        answer = seen.answers.get(one.uid)
        if one.uid in seen.silent:
            alike[_of_any(seen.silent[one.uid], one.pod.facts)].append(one.name)
        elif answer is not None and answer.why in _OF_THE_MOMENT:
            alike[_of_any(answer.says, one.pod.facts)].append(one.name)
        elif one.uid not in seen.answers:
            unasked += 1
    for why, names in islice(alike.items(), _REASONS):
        yield f"the eviction of {agreeing(names, 'pod', 'pods')} {shortened(names)} was not judged: {why}"
    if others := list(islice(alike.values(), _REASONS, None)):
        evictions = count(sum(map(len, others)), "more eviction")
        yield f"{evictions} could not be judged, each for another reason: ask again, once the others are mended"
    if unasked:
        yield f"{unasked:,} more evictions were not tried in a dry run, and are judged by budgets alone"


def _of_any(why: str, pod: PodFacts) -> str:
    """Why this Pod's eviction was not judged, in words that fit others as well: the API names each Pod in its own."""
    path = why.replace(f"/namespaces/{pod.namespace}/pods/{pod.name}/", "/namespaces/…/pods/…/")
    words = path.replace(f'"{pod.name}"', '"…"').replace(f'in the namespace "{pod.namespace}"', 'in the namespace "…"')
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
