"""What a cluster's file may say of a rollout: a canary, groups with a pace of their own, pauses, and when it halts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from kubeadm_upgrade.labels import KEY, VALUE, check_labels
from kubeadm_upgrade.rollout.strategy import CANARY, REST, Group, Health, Most, Query, Selector, Strategy
from kubeadm_upgrade.strict import EACH_ONCE, Strict, Whole, YesNo, each_once
from kubeadm_upgrade.written_times import lasting

_NAME = r"^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$"
_PERCENTAGE = re.compile(r"(100|[1-9]?\d)%")


def count_or_percentage(least: int) -> Any:
    """A validator: whatever else YAML has made of it, is told in a sentence."""

    def check(value: object) -> object:
        percentage = isinstance(value, str) and _PERCENTAGE.fullmatch(value)
        if percentage and int(percentage[1]) >= least:
            return value
        if type(value) is not int:  # True is an int to Python, and 2.0 one to pydantic
            raise ValueError(f'must be a count such as 2 or a percentage such as "25%", from {least}% to 100%')
        if value < least:
            raise ValueError(f"must be at least {least}")
        return value

    return BeforeValidator(check)


Duration = Annotated[timedelta, *lasting(timedelta(days=30), shortest=timedelta())]
MaxUnavailable = Annotated[Most, count_or_percentage(1)]
Label = Annotated[str, Field(pattern=KEY)]
Value = Annotated[str, Field(pattern=VALUE)]


class SelectorOption(Strict):
    """What chooses workers by their labels."""

    selector: dict[Label, Value | list[Value]] = Field(
        default_factory=dict, description="labels of the Nodes, each with its value or a list of values; all must fit"
    )

    @field_validator("selector", mode="before")
    @classmethod
    def _are_labels(cls, value: object) -> object:
        if isinstance(value, dict):
            for key, values in value.items():
                listed = values if isinstance(values, list) else [values]
                if not listed:
                    raise ValueError(f"{key}: has no value, and so takes no worker: give one, or leave it out")
                for one in listed:
                    if not isinstance(one, str):
                        raise ValueError(f"{key}: {one!r} is no value of a label: put it in quotes")
                    check_labels({key: one})
        return value

    @property
    def chosen(self) -> Selector:
        return {key: (value,) if isinstance(value, str) else tuple(value) for key, value in self.selector.items()}


class CanarySettings(SelectorOption):
    """The workers that come first, alone, and must succeed."""

    nodes: Annotated[list[Annotated[str, Field(min_length=1)]], EACH_ONCE] = Field(
        default_factory=list, description="names of workers"
    )
    soak: Duration | None = Field(None, description="how long they serve before the next worker; default: rollout.soak")

    @model_validator(mode="after")
    def _takes_somebody(self) -> CanarySettings:
        if not self.nodes and not self.selector:
            raise ValueError("takes no worker: name some in nodes, or give a selector")
        return self

    def group(self, soak: timedelta) -> Group:
        return Group(CANARY, self.chosen, tuple(self.nodes), soak=soak if self.soak is None else self.soak)


class GroupSettings(SelectorOption):
    """Workers that move together."""

    name: str = Field(pattern=_NAME, description="as pages and the ledger show it")
    max_unavailable: MaxUnavailable | None = Field(
        None,
        description='of this group out of service at once: a count, or a percentage of the group such as "10%" '
        "(rounded down, at least 1); the cluster's max_unavailable holds beside it",
    )
    depends_on: Annotated[list[str], EACH_ONCE] = Field(
        default_factory=list, description="groups that are done, and have soaked, before it"
    )
    soak: Duration | None = Field(None, description="how long it serves before others begin; default: rollout.soak")

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in (CANARY, REST):
            raise ValueError(f"is the name of a group that is there by itself ({CANARY}, {REST}): choose another")
        return name

    @model_validator(mode="after")
    def _takes_somebody(self) -> GroupSettings:
        if not self.selector:
            raise ValueError("has an empty selector, and so takes no worker: give it labels, as zone: a")
        return self

    def group(self, soak: timedelta) -> Group:
        return Group(
            self.name,
            self.chosen,
            max_unavailable=self.max_unavailable,
            depends_on=tuple(self.depends_on),
            soak=soak if self.soak is None else self.soak,
        )


class QuerySettings(Strict):
    """A query in PromQL that is to pass: it has a result, and nothing in it is 0."""

    conn_id: str = Field(min_length=1, description="Airflow connection of type http to Prometheus")
    expr: str = Field(min_length=1, description='as sum(up{job="shop"}) > bool 2; what has no result does not pass')


class HealthSettings(Strict):
    """What is to be well before one more worker goes out of service, beside nodes and control plane."""

    daemon_sets: YesNo = Field(False, description="the DaemonSets of kube-system are rolled out")
    workloads: YesNo = Field(
        False, description="Deployments, StatefulSets and DaemonSets that had all their Pods before the run have them"
    )
    query: QuerySettings | None = Field(None, description="of Prometheus; an error is no pass")

    @property
    def health(self) -> Health:
        query = Query(self.query.conn_id, self.query.expr) if self.query else None
        return Health(self.daemon_sets, self.workloads, query)


class SuccessCriteria(Strict):
    """When the rollout halts: nothing new begins, and nodes in flight finish."""

    max_failed: Annotated[Most, count_or_percentage(0)] = Field(
        0,
        description="workers that may fail: a count, or a percentage of the run's workers (rounded down); one more, "
        "and the rollout halts. A node that has failed keeps its slot; the canary must succeed in any case",
    )


class RolloutSettings(Strict):
    """In which order workers move, and what is waited for between them."""

    canary: CanarySettings | None = Field(None, description="workers that come before all others")
    soak: Duration = Field(
        timedelta(), description="how long the canary, and each group, serves before the next one begins"
    )
    groups: list[GroupSettings] = Field(
        default_factory=list, description="in their order, one after the other; workers of none of them come last"
    )
    groups_at_once: Whole = Field(1, ge=1, description="groups that may be under way at a time")
    success_criteria: SuccessCriteria = SuccessCriteria()
    health: HealthSettings = HealthSettings()
    ready_for: Duration = Field(
        timedelta(), description="how long a node is to be Ready before it is put back into service"
    )

    @field_validator("groups")
    @classmethod
    def _hang_together(cls, groups: list[GroupSettings]) -> list[GroupSettings]:
        each_once([group.name for group in groups])
        after = {group.name: group.depends_on for group in groups}
        for name, others in after.items():
            if unknown := [other for other in others if other not in after]:
                known = ", ".join(other for other in after if other != name) or "none"
                raise ValueError(f"{name} depends on {unknown[0]}, and there is no such group: name others ({known})")
        if cycle := _cycle_in(after):
            raise ValueError(f"{' → '.join(cycle)}: each waits for the next, so none would begin: take one out")
        return groups

    @property
    def strategy(self) -> Strategy:
        return Strategy(
            canary=self.canary.group(self.soak) if self.canary else None,
            groups=tuple(group.group(self.soak) for group in self.groups),
            groups_at_once=self.groups_at_once,
            max_failed=self.success_criteria.max_failed,
            health=self.health.health,
            ready_for=self.ready_for,
        )


def _cycle_in(after: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Groups that wait for each other in a ring, the first of them also at its end; empty where there is none."""

    def follow(way: tuple[str, ...]) -> tuple[str, ...]:
        for name in after[way[-1]]:
            if name in way:
                return (*way[way.index(name) :], name)
            if found := follow((*way, name)):
                return found
        return ()

    return next((found for name in after if (found := follow((name,)))), ())
