"""`notify` of a cluster's file: its options with their descriptions, and what is wrong with one in plain words.

No sentence repeats what stands where a URL may stand by mistake: it may hold a token.
"""

from __future__ import annotations

import re
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from kubeadm_upgrade import durations
from kubeadm_upgrade.strict import Strict
from kubeadm_upgrade.telling.channels import EVERY, Channel, Notify, Way
from kubeadm_upgrade.telling.events import Kind

SAYS_NO_VALUE = "says_no_value"  # the type of errors that say all there is to say
_CONN_ID = re.compile(r"[\w.-]{1,250}", re.ASCII)
_ADDRESS = re.compile(r"[^\s@,;<>{}\"]+@[^\s@,;<>{}\"]+")
_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
_WAYS = ", ".join(Way)
_Duration = Annotated[str, Field(json_schema_extra={"pattern": durations.PATTERN})]


def _wrong(sentence: str) -> PydanticCustomError:
    return PydanticCustomError(SAYS_NO_VALUE, "{sentence}", {"sentence": sentence})


def _checked_conn_id(value: object) -> object:
    if not isinstance(value, str) or not _CONN_ID.fullmatch(value):
        raise _wrong(
            "must be the id of an Airflow connection: a URL, a token or a password does not belong into this file"
        )
    return value


class WebhookSettings(Strict):
    """A CloudEvent in JSON, posted to the URL of an Airflow connection, and signed with its password."""

    conn_id: str = Field(description="Airflow connection of type http: its URL, and its password as the secret")

    _is_an_id = field_validator("conn_id", mode="before")(_checked_conn_id)


class EmailSettings(Strict):
    """A mail by the SMTP provider's notifier."""

    conn_id: str = Field("smtp_default", description="Airflow connection of type smtp")
    to: str | list[str] = Field(description="addresses")
    sender: str = Field("", alias="from", description="default: from_email of the connection's extra")

    _is_an_id = field_validator("conn_id", mode="before")(_checked_conn_id)

    @field_validator("to", "sender", mode="before")
    @classmethod
    def _are_addresses(cls, value: object) -> object:
        every = value if isinstance(value, list) else [value]
        if not every or not all(isinstance(one, str) and _ADDRESS.fullmatch(one) for one in every):
            raise _wrong("must be a mail address such as ops@example.com, or, for `to`, a list of some")
        return value


def _or_log(schema: dict[str, Any]) -> None:
    """For editors: what a validator takes in place of a mapping."""
    mapping = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"const": "log"}, mapping]


def _or_channels(schema: dict[str, Any]) -> None:
    mapping = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "array", "items": mapping["properties"]["channels"]["items"]}, mapping]


class ChannelSettings(Strict):
    """One place where people are told: exactly one of log, webhook, email and notifier."""

    model_config = ConfigDict(json_schema_extra=_or_log)

    log: dict[str, Any] | None = Field(None, max_length=0, description="the log of the task that tells; also `- log`")
    webhook: WebhookSettings | None = None
    email: EmailSettings | None = None
    notifier: str | None = Field(None, description="dotted path of a notifier's class, as of Slack's provider")
    arguments: dict[str, Any] | None = Field(
        None, alias="with", description="the notifier's keyword arguments; {{ event.title }} and its like are filled in"
    )
    events: list[Kind] | None = Field(None, min_length=1, description="what is told here; default: everything")

    @model_validator(mode="before")
    @classmethod
    def _one_way(cls, value: object) -> object:
        if value == "log":
            return {"log": {}}
        if not isinstance(value, dict):
            raise _wrong("must be `log`, or a mapping with webhook, email or notifier")
        known = {*Way, "with", "events"}
        if unknown := [str(key) for key in value if key not in known]:
            raise _wrong(f"{_shown(unknown[0])} is no key of a channel, which is one of {_WAYS}")
        ways = [way for way in Way if way in value]
        if len(ways) != 1:
            raise _wrong(f"must have exactly one of {_WAYS}" + (f", and has {' and '.join(ways)}" if ways else ""))
        return cls._of_one_way(ways[0], value)

    @classmethod
    def _of_one_way(cls, way: Way, value: dict[str, Any]) -> object:
        if "with" in value and way is not Way.NOTIFIER:
            raise _wrong("with: is for notifier only")
        if value[way] is None and way is Way.LOG:
            return {**value, way: {}}
        if way in (Way.WEBHOOK, Way.EMAIL) and not isinstance(value[way], dict):
            example = "{conn_id: my_hook}" if way is Way.WEBHOOK else "{conn_id: smtp_default, to: ops@example.com}"
            raise _wrong(f"{way}: must be a mapping such as {example}: the URL and secrets are in the connection")
        return value

    @field_validator("notifier", mode="before")
    @classmethod
    def _is_a_path(cls, value: object) -> object:
        if not isinstance(value, str) or not _PATH.fullmatch(value):
            raise _wrong(
                "must be the dotted path of a notifier's class, such as "
                "airflow.providers.slack.notifications.slack_webhook.SlackWebhookNotifier"
            )
        return value

    @field_validator("arguments", mode="before")
    @classmethod
    def _are_keywords(cls, value: object) -> object:
        if not isinstance(value, dict) or not all(isinstance(key, str) and key.isidentifier() for key in value):
            raise _wrong("must be a mapping of the notifier's keyword arguments")
        return value

    @field_validator("events", mode="before")
    @classmethod
    def _are_known(cls, value: object) -> object:
        if not isinstance(value, list) or not value:
            raise _wrong(f"must be a list of some of {', '.join(Kind)}")
        for one in value:
            if one not in EVERY:
                near = get_close_matches(str(one), list(Kind), n=1)
                meant = f": did you mean {near[0]}?" if near else ""
                raise _wrong(f"{_shown(one)} is none of {', '.join(Kind)}{meant}")
        return value

    def channel(self) -> Channel:
        events = frozenset(self.events) if self.events else EVERY
        if self.webhook:
            return Channel(Way.WEBHOOK, events, self.webhook.conn_id)
        if self.email:
            to = (self.email.to,) if isinstance(self.email.to, str) else tuple(self.email.to)
            return Channel(Way.EMAIL, events, self.email.conn_id, to, self.email.sender)
        if self.notifier:
            return Channel(Way.NOTIFIER, events, path=self.notifier, arguments=self.arguments or {})
        return Channel(Way.LOG, events)


class NotifySettings(Strict):
    """Who is told what happens to an upgrade (docs/notifications.md). A list is its channels."""

    model_config = ConfigDict(json_schema_extra=_or_channels)

    channels: list[ChannelSettings] = Field(default_factory=list, description="where people are told")
    blocked_after: _Duration = Field("15m", description="what waits longer than this for what is amiss is told")
    late_after: _Duration | None = Field(
        None, description="a run that has not ended so long after it was queued is told; default: none is late"
    )

    @model_validator(mode="before")
    @classmethod
    def _channels_alone(cls, value: object) -> object:
        if not isinstance(value, list | dict | NotifySettings):
            raise _wrong("must be a list of channels, or a mapping with channels, blocked_after and late_after")
        return {"channels": value} if isinstance(value, list) else value

    @field_validator("blocked_after", "late_after", mode="before")
    @classmethod
    def _are_durations(cls, value: object) -> object:
        if value is not None and durations.parse_duration(value) <= timedelta(0):
            raise ValueError("must be longer than nothing")
        return value

    def notify(self) -> Notify:
        return Notify(
            tuple(one.channel() for one in self.channels),
            durations.parse_duration(self.blocked_after),
            durations.parse_duration(self.late_after) if self.late_after else None,
        )


def _shown(value: object) -> str:
    text = str(value)
    return repr(text) if re.fullmatch(r"\w{1,40}", text) else "something"
