"""What a cluster's file may say of drains: what may be lost, rules for Pods, and what if one is blocked."""

from __future__ import annotations

import re
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from pydantic import Field, field_validator, model_validator

from kubeadm_upgrade.drain.policy import DrainPolicy, OnBlocked
from kubeadm_upgrade.drain.rule import MOST_ORDER, Behavior, Rule, seconds_of_grace
from kubeadm_upgrade.drain.selector import Selector, parse_selector
from kubeadm_upgrade.durations import PATTERN, parse_duration
from kubeadm_upgrade.strict import Strict, Whole, YesNo

_FITS = ("selector", "namespace", "owner_kind")
_KIND = r"^[A-Z][A-Za-z0-9]*$"
_OWNERS = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController")
_OWN_NOTHING = ("Pod", "Service", "Namespace", "PodDisruptionBudget", "HorizontalPodAutoscaler", "Ingress")
_OWN_OWNERS = {"Deployment": "ReplicaSet", "CronJob": "Job"}  # what owns Pods for them
_SAYS = ("behavior", "order", "grace_period")


class DrainRule(Strict):
    """Pods of a kind, and what a drain does with them. For each thing, the first rule that fits and says it decides."""

    selector: str | None = Field(None, description='labels of the Pods, as kubectl -l takes them: "app=db,tier!=cache"')
    namespace: str | None = Field(None, min_length=1, description="of the Pods")
    owner_kind: str | None = Field(
        None,
        pattern=_KIND,
        description="of the controller that owns the Pods themselves: ReplicaSet (a Deployment's too), StatefulSet, "
        "DaemonSet, Job (a CronJob's too), ReplicationController, or one of your own",
    )
    behavior: Behavior | None = Field(
        None,
        description="evict; skip: leave them on the node; wait-completed: wait until they have finished by themselves",
    )
    order: Whole | None = Field(
        None,
        ge=-MOST_ORDER,
        le=MOST_ORDER,
        description="the lowest goes first, and has gone before the next is asked to; default: 0",
    )
    grace_period: str | None = Field(
        None,
        description="how long they get to end, as 90s, in the place of their terminationGracePeriodSeconds",
        json_schema_extra={"pattern": PATTERN},
    )

    @field_validator("selector")
    @classmethod
    def _is_a_selector(cls, selector: str | None) -> str | None:
        if selector is not None:
            parse_selector(selector)
        return selector

    @field_validator("owner_kind", mode="before")
    @classmethod
    def _owns_pods(cls, kind: object) -> object:
        """Operators have kinds of their own that do. What is nearly one of Kubernetes' is a slip, and fits nobody."""
        if kind is None or kind in _OWNERS:
            return kind
        text = str(kind)
        near = next((one for one in (*_OWNERS, *_OWN_OWNERS) if text.lower() in (one.lower(), f"{one.lower()}s")), None)
        near = near or next(iter(get_close_matches(text, (*_OWNERS, *_OWN_OWNERS), n=1, cutoff=0.85)), None)
        if near in _OWN_OWNERS:
            raise ValueError(f"no {near} owns Pods itself, its {_OWN_OWNERS[near]}s do: write {_OWN_OWNERS[near]}")
        if near or not isinstance(kind, str) or not re.fullmatch(_KIND, kind) or kind in _OWN_NOTHING:
            raise ValueError(
                f"must be the kind of a controller that owns Pods: {', '.join(_OWNERS)}, or one of an operator's own"
            )
        return kind

    @field_validator("grace_period", mode="before")
    @classmethod
    def _is_some_time(cls, grace: object) -> object:
        if grace is not None:
            seconds_of_grace(grace)
        return grace

    @model_validator(mode="after")
    def _says_something_of_somebody(self) -> DrainRule:
        if all(getattr(self, name) is None for name in _FITS):
            raise ValueError(f"fits every Pod of the cluster: say which are meant ({', '.join(_FITS)})")
        if all(getattr(self, name) is None for name in _SAYS):
            raise ValueError(f"says nothing of its Pods: add what is done with them ({', '.join(_SAYS)})")
        return self

    @property
    def rule(self) -> Rule:
        return Rule(
            selector=parse_selector(self.selector) if self.selector is not None else Selector(),
            namespace=self.namespace,
            owner_kind=self.owner_kind,
            behavior=self.behavior,
            order=self.order,
            grace=seconds_of_grace(self.grace_period) if self.grace_period is not None else None,
        )


class DrainSettings(Strict):
    """What a drain may do beyond evicting Pods that something recreates elsewhere, and what if it is blocked."""

    delete_emptydir_data: YesNo = Field(False, description="evict Pods with emptyDir volumes; their data is lost")
    force: YesNo = Field(False, description="evict Pods that no controller recreates")
    rules: list[DrainRule] = Field(
        default_factory=list,
        description="what is done with Pods of a kind; annotations of Pods go before: docs/drain.md",
    )
    wait_for_volumes: YesNo = Field(
        True, description="a node is drained when the volumes of its evicted Pods are detached as well"
    )
    deadline: str | None = Field(
        None,
        description="how long a drain may take, as 45m, before on_blocked decides; default: timeouts.drain",
        json_schema_extra={"pattern": PATTERN},
    )
    on_blocked: OnBlocked = Field(
        OnBlocked.FAIL,
        description="what becomes of a drain that is not done at its deadline. fail: the task fails, and the node "
        "keeps its slot; wait: for as long as it takes; quarantine: the worker is left cordoned and labelled, and the "
        "run goes on without it",
    )
    max_quarantined: Whole = Field(
        1, ge=1, description="workers that one run may leave in quarantine; the next one that is blocked fails"
    )
    rehearsal: YesNo = Field(
        True,
        description="plan, preflight, check and look try evictions in a dry run; false: only the command rehearse does",
    )

    @field_validator("deadline", mode="before")
    @classmethod
    def _is_a_while(cls, deadline: object) -> object:
        if deadline is not None and not parse_duration(deadline):
            raise ValueError("must be longer than nothing: leave it out, if timeouts.drain is to hold")
        return deadline

    @model_validator(mode="before")
    @classmethod
    def _has_a_use_for_it(cls, plain: Any) -> Any:
        if isinstance(plain, dict) and plain.get("on_blocked") != OnBlocked.QUARANTINE and "max_quarantined" in plain:
            raise ValueError("max_quarantined is for on_blocked: quarantine: set that, or leave max_quarantined out")
        return plain

    @property
    def policy(self) -> DrainPolicy:
        options = self.model_dump(exclude={"rules", "deadline"})
        return DrainPolicy(**options, rules=tuple(one.rule for one in self.rules))

    @property
    def patience(self) -> timedelta | None:
        """None: what timeouts says."""
        return parse_duration(self.deadline) if self.deadline else None
