"""What of a rollout belongs to what is approved, and what of it is looser than that was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kubeadm_upgrade.durations import parse_duration, told
from kubeadm_upgrade.rollout.strategy import CANARY, Group, Most, Strategy

RolloutCare = Mapping[str, str]  # what is held to -> how it is written, as plain as the ledger needs it


def rollout_care(strategy: Strategy) -> RolloutCare:
    """Nothing of what is as it is without a rollout in the file."""
    found = {
        "groups_at_once": str(strategy.groups_at_once) if strategy.groups_at_once > 1 else "",
        "max_failed": str(strategy.max_failed) if strategy.max_failed not in (0, "0%") else "",
        "ready_for": told(strategy.ready_for) if strategy.ready_for else "",
        "health daemon_sets": "yes" if strategy.health.daemon_sets else "",
        "health workloads": "yes" if strategy.health.workloads else "",
        "health query": strategy.health.query.expr if strategy.health.query else "",
    }
    for name, group in ((CANARY, strategy.canary), *((f"group {one.name}", one) for one in strategy.groups)):
        found |= _of_group(name, group) if group else {}
    return {name: value for name, value in found.items() if value}


def _of_group(name: str, group: Group) -> dict[str, str]:
    return {
        name: group.who,
        f"{name} max_unavailable": "" if group.max_unavailable is None else str(group.max_unavailable),
        f"{name} depends_on": ", ".join(group.depends_on),
        f"{name} soak": told(group.soak) if group.soak else "",
    }


def loosened(before: RolloutCare, now: RolloutCare) -> Iterator[str]:
    """Sentences. What is new beside what was approved is more care, and so is a longer pause or a smaller number."""
    for name in sorted({*before, *now}):
        was, is_now = before.get(name, ""), now.get(name, "")
        if was != is_now and not _RULES.get(name.rpartition(" ")[2], _is_new)(was, is_now):
            yield f"rollout: {name} {was or 'none'} → {is_now or 'none'}"


def is_no_more(most: Most, than: Most, least: int) -> bool:
    """A share and a count cannot be compared without the nodes; but nothing is less than the least."""
    if most in (least, than):
        return True
    if isinstance(most, int) or isinstance(than, int):
        return isinstance(most, int) and isinstance(than, int) and most < than
    return int(most.removesuffix("%")) < int(than.removesuffix("%"))


def _is_new(was: str, is_now: str) -> bool:
    return not was


def _is_longer(was: str, is_now: str) -> bool:
    return parse_duration(is_now or "0s") >= parse_duration(was or "0s")


def _is_no_larger(least: int) -> Callable[[str, str], bool]:
    return lambda was, is_now: is_no_more(_most(is_now or str(least)), _most(was or str(least)), least)


def _is_capped(was: str, is_now: str) -> bool:
    """Of a group without a limit as many may be out as of all workers."""
    return bool(is_now) and (not was or is_no_more(_most(is_now), _most(was), 1))


def _waits_for_more(was: str, is_now: str) -> bool:
    return set(filter(None, was.split(", "))) <= set(is_now.split(", "))


def _most(text: str) -> Most:
    return int(text) if text.isdigit() else text


# By the last word of what is held to.
_RULES: Mapping[str, Callable[[str, str], bool]] = {
    "groups_at_once": _is_no_larger(1),
    "max_failed": _is_no_larger(0),
    "ready_for": _is_longer,
    "soak": _is_longer,
    "max_unavailable": _is_capped,
    "depends_on": _waits_for_more,
}
