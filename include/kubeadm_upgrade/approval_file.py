"""What a cluster's file may say of approval: a word, or who is asked, by when, and what then."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from kubeadm_upgrade.approval.policy import ApprovalPolicy, Then, When
from kubeadm_upgrade.durations import PATTERN, parse_duration
from kubeadm_upgrade.strict import EACH_ONCE, Strict

_OF_A_QUESTION = ("approvers", "deadline", "then")


class ApprovalSettings(Strict):
    """Who has to agree to a path before the cluster is touched. In short: `approval: always`."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {name: ["when"] for name in _OF_A_QUESTION}})

    when: When = Field(
        When.NEVER,
        description="never; always; when-disruptive: where a worker is drained, the minor release changes, or there is "
        "one control plane node only",
    )
    approvers: Annotated[list[Annotated[str, Field(min_length=1)]], EACH_ONCE] = Field(
        default_factory=list, description="Airflow's user ids; default: whoever may answer for the cluster's DAG"
    )
    deadline: str | None = Field(
        None,
        description="how long an answer is waited for, as 48h; default: as long as it takes",
        json_schema_extra={"pattern": PATTERN},
    )
    then: Then = Field(Then.REFUSE, description="what the deadline does, if nobody has answered: refuse, or approve")

    @model_validator(mode="before")
    @classmethod
    def _says_when(cls, plain: Any) -> Any:
        """Whoever names approvers believes that they are asked."""
        said = [name for name in _OF_A_QUESTION if isinstance(plain, dict) and name in plain]
        if said and "when" not in plain:
            raise ValueError(
                f"{' and '.join(said)} without when asks nobody about an upgrade: write when: always (or "
                "when-disruptive), or when: never, where only deletions of Pods are to be asked about"
            )
        return plain

    @field_validator("deadline", mode="before")
    @classmethod
    def _is_a_while(cls, deadline: object) -> object:
        if deadline is not None and not parse_duration(deadline):
            raise ValueError("must be longer than nothing: leave it out, if there is to be none")
        return deadline

    @model_validator(mode="after")
    def _approves_only_at_a_deadline(self) -> ApprovalSettings:
        if self.then is Then.APPROVE and self.deadline is None:
            raise ValueError("then: approve is what a deadline does, and there is none: give one, as deadline: 48h")
        return self

    @property
    def policy(self) -> ApprovalPolicy:
        deadline: timedelta | None = parse_duration(self.deadline) if self.deadline else None
        return ApprovalPolicy(self.when, tuple(self.approvers), deadline, self.then)


def _in_full(value: Any) -> Any:
    """The short form is a word."""
    return {"when": value} if isinstance(value, str) else value


ApprovalOption = Annotated[ApprovalSettings, BeforeValidator(_in_full, json_schema_input_type=When | ApprovalSettings)]
