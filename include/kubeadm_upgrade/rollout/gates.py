"""What a rollout has against one more worker: failures, the groups before its own, their soak, and its group's limit.

Gates as any other: admission/gates.py has them in their order.
"""

from __future__ import annotations

from datetime import timedelta

from kubeadm_upgrade.durations import told
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import WORKER
from kubeadm_upgrade.ledger.steering import steering_dag
from kubeadm_upgrade.next_hop import goes_on
from kubeadm_upgrade.rollout.course import Course
from kubeadm_upgrade.rollout.placement import Placed
from kubeadm_upgrade.windows.words import moment_told
from kubeadm_upgrade.wording import agreeing, count, shortened


def course_of(facts: Facts, hop: Hop) -> Course:
    return Course(facts.lane, facts.ledger, hop.to, facts.now, goes_on(facts.run.dag_run))


def not_halted(facts: Facts, hop: Hop) -> str | None:
    """No more nodes have failed than the file allows; those in flight finish, and one that has failed may come back."""
    lane, strategy, here = facts.lane, facts.policy.strategy, facts.node.name
    failed = sorted(lane.failed)
    if here in lane.failed or here in lane.left_out or not failed:
        return None
    allowed = strategy.failures_allowed(len(lane.order))
    if len(failed) <= allowed:
        return None
    first = facts.ledger.failed_nodes[failed[0]].why
    have = f"{shortened(failed)} {agreeing(failed, 'has', 'have')} failed"
    it = agreeing(failed, "it", "them")
    return (
        f"the rollout is halted: {have} ({first}), and success_criteria.max_failed allows {strategy.max_failed}: mend "
        f"{it} and clear the failed tasks, or give {it} up ({steering_dag(hop.cluster)})"
    )


def groups_turn(facts: Facts, hop: Hop) -> str | None:
    """Every group that comes before its own is done; how long it soaks is the next gate's."""
    course, first = _waited_for(facts, hop)
    if first is None or not (left := course.to_go(first)):
        return None
    failed = sorted(facts.lane.failed.intersection(left))
    why = f", and {shortened(failed)} {agreeing(failed, 'has', 'have')} failed" if failed else ""
    return f"the group {first.name} comes first: {shortened(left)} {agreeing(left, 'is', 'are')} not done{why}"


def soaked(facts: Facts, hop: Hop) -> str | None:
    """The group that comes before its own has been in service for as long as the file says."""
    course, first = _waited_for(facts, hop)
    if first is None or not (left := _soak_left(course, first)):
        return None
    calendar = facts.policy.calendar
    until = f"{moment_told(facts.now + left, calendar.zone, facts.now)} ({calendar.timezone})"
    return f"the group {first.name} soaks for {told(first.soak)}, until {until}"


def soak_left(facts: Facts, hop: Hop) -> timedelta:
    """How long the soak still lasts that the node waits for; nothing where that is not what it waits for."""
    course, first = _waited_for(facts, hop)
    return timedelta() if first is None else _soak_left(course, first)


def group_has_room(facts: Facts, hop: Hop) -> str | None:
    """Of its own group fewer are out of service than the group's max_unavailable, whoever took them out."""
    lane, here = facts.lane, facts.node.name
    group = lane.group_of(here)
    if group is None or group.limit is None or here in lane.left_out:
        return None
    unavailable = {name for name, member in lane.members.items() if member.why_unavailable}
    out = sorted((lane.counted | unavailable).intersection(group.nodes) - {here})
    if len(out) < group.limit:
        return None
    most = f"of the group {group.name} {count(group.limit, 'node')} may be out of service at a time"
    return f"{most}, and {shortened(out)} {agreeing(out, 'is', 'are')}"


def outside_ready(facts: Facts, hop: Hop) -> str | None:
    """No worker that this run does not come to has ceased to be Ready since it began: its limit is not for those."""
    lane, holder = facts.lane, facts.ledger.holder
    if lane.name != WORKER or holder is None or lane.was_begun(facts.node.name):
        return None
    gone = sorted(
        name
        for name, member in lane.members.items()
        if name not in lane.order and member.not_ready_since is not None and member.not_ready_since > holder.since
    )
    if not gone:
        return None
    it, ceased = agreeing(gone, "it", "them"), agreeing(gone, "has ceased", "have ceased")
    return (
        f"{shortened(gone)}, which this run does not come to, {ceased} to be Ready since it began: mend {it}, or give "
        f"{it} up ({steering_dag(hop.cluster)})"
    )


def _waited_for(facts: Facts, hop: Hop) -> tuple[Course, Placed | None]:
    """How far the rollout has come, and the group that this node waits for."""
    lane, course = facts.lane, course_of(facts, hop)
    group = lane.group_of(facts.node.name)
    if group is None or lane.was_begun(facts.node.name):
        return course, None
    return course, course.waits_for(group, facts.policy.strategy.groups_at_once)


def _soak_left(course: Course, group: Placed) -> timedelta:
    return timedelta() if course.to_go(group) else course.soak_left(group)
