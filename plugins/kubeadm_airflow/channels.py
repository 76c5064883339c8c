"""Channels as Airflow's notifiers: two of our own, the SMTP provider's, and any other by its path.

A notifier finds what is told in its context, as `event`. Nothing of it is ever a template: it holds what hosts and the
API have said, so it is filled into templates, and never rendered itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseNotifier, Context

from kubeadm_upgrade.errors import NeedsPerson, TimeCures
from kubeadm_upgrade.telling import envelope
from kubeadm_upgrade.telling.channels import Channel, Way
from kubeadm_upgrade.telling.notice import Notice

SECONDS = 10.0  # for connecting, and for each silence after that
LONGEST = 60.0  # for one try
NOTICE = "kubeadm_notice"  # what our own notifiers look for in their context
_WORTH_TRYING_AGAIN = frozenset({408, 425, 429})
_SAID = 200


class NotTold(TimeCures):
    """A channel has not taken what it was to tell."""

    mend = "see whether the receiver is well"
    then = "then clear this task: it tells it again"


class CannotTell(NeedsPerson):
    """A channel will not take it however often it is tried."""

    then = "then clear this task: it tells it again"


def send(channel: Channel, notice: Notice, context: Mapping[str, Any]) -> None:
    """Raises NotTold or CannotTell, which hold no word of what a library has said: that may name a URL with a token."""
    with _in_our_words(channel):
        notifier_of(channel)(_context(notice, context))


async def send_beside_triggers(channel: Channel, notice: Notice) -> None:
    """The same in an event loop that serves others as well."""
    with _in_our_words(channel):
        notifier = notifier_of(channel)
        notifier.context = _context(notice, {})
        await asyncio.wait_for(_awaited(notifier), LONGEST)


async def _awaited(notifier: BaseNotifier) -> None:
    try:
        await notifier
    except NotImplementedError:
        what = f"{type(notifier).__name__} tells only from a worker, and this is the triggerer"
        raise CannotTell(what, do="leave `late` out of events of its channel") from None


def _context(notice: Notice, context: Mapping[str, Any]) -> Any:
    return {**context, NOTICE: notice, "event": _Filled(notice)}


@contextmanager
def _in_our_words(channel: Channel) -> Iterator[None]:
    try:
        yield
    except (NotTold, CannotTell):
        raise
    except NeedsPerson as error:
        raise CannotTell(error.what, do=error.do) from None
    except Exception as error:
        raise NotTold(f"{channel} has not taken it: {type(error).__name__}", do="see the log above") from None


def notifier_of(channel: Channel) -> BaseNotifier:
    """Raises CannotTell where there is none of that path."""
    match channel.way:
        case Way.LOG:
            return LogNotifier()
        case Way.WEBHOOK:
            return WebhookNotifier(conn_id=channel.conn_id)
        case Way.EMAIL:
            return _mail(channel)
    return _by_path(channel)


class LogNotifier(BaseNotifier):
    """To the log of the task that tells."""

    def notify(self, context: Context) -> None:
        notice: Notice = context[NOTICE]  # type: ignore[literal-required]
        self.log.info("%s: %s", notice.event.severity, notice.text)
        for line in notice.markdown.splitlines():
            self.log.info("%s", line)

    async def async_notify(self, context: Context) -> None:
        self.notify(context)


class WebhookNotifier(BaseNotifier):
    """Posts a CloudEvent to the URL of a connection, signed with the connection's password where it has one."""

    def __init__(self, *, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    def notify(self, context: Context) -> None:
        asyncio.run(self.async_notify(context))

    async def async_notify(self, context: Context) -> None:
        notice: Notice = context[NOTICE]  # type: ignore[literal-required]
        target = await _target(self.conn_id)
        status, said = await _post(target, notice, self.conn_id)
        if 200 <= status < 300:
            self.log.info("%s has taken it: %s", target.host, status)
            return
        what = f"{target.host} answers {status} to the webhook {self.conn_id}" + (f": {said}" if said else "")
        if status >= 500 or status in _WORTH_TRYING_AGAIN:
            raise NotTold(what)
        raise CannotTell(what, do=f"see what it wants, and mend the connection {self.conn_id}")


class _Target:
    """Where a webhook goes. Only its host is ever shown: a path may hold a token."""

    def __init__(self, conn_id: str, connection: Any, extra: Mapping[str, Any]) -> None:
        import httpx

        from kubeadm_airflow.hooks.connections import base_url

        given = base_url(connection.host or "", connection.port, connection.schema or "https")
        self.secret: str = connection.password or ""
        self.headers = {str(name): str(value) for name, value in (extra.get("headers") or {}).items()}
        try:
            self.url = httpx.URL(f"{given}{extra.get('path', '')}")
            self.host = self.url.host
            if self.url.scheme not in ("http", "https") or not self.host:
                raise ValueError
        except (httpx.InvalidURL, ValueError):
            raise CannotTell(
                f"the connection {conn_id} names no URL of http or https",
                do="write the URL into its host, as https://hooks.example.com/upgrades",
            ) from None


async def _target(conn_id: str) -> _Target:
    from kubeadm_airflow.hooks.connections import connection_named

    return _Target(conn_id, *await connection_named(conn_id))


async def _post(target: _Target, notice: Notice, conn_id: str) -> tuple[int, str]:
    """The status, and the beginning of what was said with it. Redirects are not followed: what is signed goes there."""
    import httpx

    body = envelope.body(notice)
    headers = target.headers | envelope.headers(notice, body, target.secret, datetime.now(UTC))
    try:
        async with (
            httpx.AsyncClient(timeout=SECONDS) as client,
            client.stream("POST", target.url, content=body, headers=headers) as answer,
        ):
            said = b"" if answer.is_success else await anext(answer.aiter_bytes(_SAID), b"")
            return answer.status_code, " ".join(said.decode(errors="replace").split())
    except httpx.TimeoutException:
        raise NotTold(f"{target.host} has not answered the webhook {conn_id} in {SECONDS:.0f} s") from None
    except httpx.HTTPError as error:
        raise NotTold(f"{target.host} is not reached for the webhook {conn_id}: {type(error).__name__}") from None


def _mail(channel: Channel) -> BaseNotifier:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    return SmtpNotifier(
        to=list(channel.to),
        from_email=channel.sender or None,
        subject="{{ event.title }}",
        html_content="{{ event.html }}",
        smtp_conn_id=channel.conn_id,
    )


def _by_path(channel: Channel) -> BaseNotifier:
    from airflow.sdk._shared.module_loading import import_string

    try:
        kind = import_string(channel.path)
    except ImportError:
        raise CannotTell(
            f"there is no {channel.path} where this task runs",
            do="install its provider there, or mend notifier in the cluster's file",
        ) from None
    if not (isinstance(kind, type) and issubclass(kind, BaseNotifier)):
        raise CannotTell(f"{channel.path} is no notifier of Airflow's", do="name a subclass of BaseNotifier")
    try:
        return kind(**channel.arguments)
    except TypeError as error:
        what = f"{channel.path} does not take what `with` has: {error}"
        raise CannotTell(what, do="mend `with` in the cluster's file") from None


class _Filled(dict[str, Any]):
    """What templates name; HTML is made of the Markdown only where one asks for it."""

    def __init__(self, notice: Notice) -> None:
        super().__init__(notice.variables)

    def __missing__(self, name: str) -> str:
        if name != "html":
            raise KeyError(name)
        from markdown_it import MarkdownIt

        # no raw HTML gets through: the text holds what hosts and the API have said
        return str(MarkdownIt("js-default").render(self["markdown"]))
