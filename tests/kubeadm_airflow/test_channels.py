"""Channels: what arrives where, over real HTTP and SMTP, and what is said where it does not."""

from __future__ import annotations

import asyncio
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.sdk import BaseNotifier

from harness.receiver import open_mailbox, open_receiver
from kubeadm_airflow import channels
from kubeadm_airflow.channels import CannotTell, NotTold, send, send_beside_triggers
from kubeadm_upgrade.telling.channels import Channel, Way
from kubeadm_upgrade.telling.events import Event, Kind
from kubeadm_upgrade.telling.notice import Notice

DOCS = Path(__file__).parents[2] / "docs" / "notifications.md"
SECRET = "s3cret-of-the-hook"
NOW = datetime(2026, 12, 5, 22, tzinfo=UTC)
EVENT = Event(Kind.FAILED, "prod", "the run has failed: {{ conn.x }} [x](http://evil) <b>\r\nBcc: evil@x", "## Nodes")


def notice(event=EVENT):
    return Notice.of(event, dag_id="d", run_id="r", began="", now=NOW, airflow="https://airflow.example.com")


@pytest.fixture
def receiver():
    with open_receiver() as running:
        yield running


@pytest.fixture
def mailbox():
    with open_mailbox() as running:
        yield running


@pytest.fixture
def connect(monkeypatch):
    """A connection of the id hook."""

    def connect(**connection):
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", json.dumps({"conn_type": "http", **connection}))
        return Channel(Way.WEBHOOK, conn_id="hook")

    return connect


@pytest.fixture
def hook(connect, receiver):
    return connect(host=f"{receiver.url}/upgrades", password=SECRET)


def is_genuine(secret, request):
    namespace: dict = {}
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    exec(compile(code, str(DOCS), "exec"), namespace)
    return namespace["is_genuine"](secret, request.headers, request.body)


def test_a_webhook_is_a_cloud_event_that_the_receiver_can_trust(receiver, hook):
    """Verified by the code in the docs."""
    send(hook, notice(), {})
    (request,) = receiver.arrived
    assert request.path == "/upgrades"
    assert request.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert is_genuine(SECRET, request)
    assert not is_genuine("another", request)
    assert request.event["data"]["title"].startswith("prod: the run has failed: {{ conn.x }} [x](http://evil) <b> Bcc:")


def test_a_second_try_has_the_same_id(receiver, hook):
    for _ in range(2):
        send(hook, notice(), {})
    assert len({request.headers["webhook-id"] for request in receiver.arrived}) == 1


def test_a_path_and_headers_may_be_in_the_extra(receiver, connect):
    """Where Airflow hides them."""
    extra = {"path": "/T0KEN", "headers": {"Authorization": "Bearer b"}}
    send(connect(host="127.0.0.1", schema="http", port=receiver.port, extra=extra), notice(), {})
    (request,) = receiver.arrived
    assert (request.path, request.headers["authorization"]) == ("/T0KEN", "Bearer b")
    assert "webhook-signature" not in request.headers


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *[pytest.param(status, NotTold, id=str(status)) for status in (408, 425, 429, 500, 502, 503)],
        *[pytest.param(status, CannotTell, id=str(status)) for status in (301, 307, 400, 401, 404, 410)],
    ],
)
def test_an_answer_that_is_none(receiver, hook, status, error):
    """What time may cure is tried again. A redirect is not followed: what is signed goes where the connection says."""
    receiver.statuses, receiver.says = [status], b"no\nsuch thing" + b"x" * 5000
    with pytest.raises(error, match=rf"127\.0\.0\.1 answers {status} to the webhook hook: no such thing") as told:
        send(hook, notice(), {})
    assert len(str(told.value)) < 400
    assert len(receiver.arrived) == 1


def test_a_receiver_that_is_down(connect):
    with pytest.raises(NotTold, match=r"127\.0\.0\.1 is not reached for the webhook hook: ConnectError"):
        send(connect(host="http://127.0.0.1:1/T0KEN"), notice(), {})


def test_a_receiver_that_is_slow(receiver, hook, monkeypatch):
    """Thirty seconds, of which nobody waits for more than ours."""
    monkeypatch.setattr(channels, "SECONDS", 0.3)
    receiver.seconds = 2
    began = time.monotonic()
    with pytest.raises(NotTold, match="has not answered the webhook hook in 0 s"):
        send(hook, notice(), {})
    assert time.monotonic() - began < 1.5


@pytest.mark.parametrize(
    "connection",
    [
        pytest.param({"host": "ftp://T0KEN"}, id="ftp"),
        pytest.param({"host": ""}, id="no-host"),
        pytest.param({"host": "http://hooks.example.com:T0KEN/"}, id="no-url"),
        pytest.param({"host": "T0KEN", "schema": "upgrades"}, id="a-path-for-a-scheme"),
    ],
)
def test_a_connection_that_is_no_url(connect, connection):
    with pytest.raises(CannotTell, match="the connection hook names no URL of http or https") as told:
        send(connect(**connection), notice(), {})
    assert "T0KEN" not in str(told.value)


def test_no_such_connection(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_HOOK", raising=False)
    with pytest.raises(CannotTell, match="Airflow has no connection nowhere"):
        send(Channel(Way.WEBHOOK, conn_id="nowhere"), notice(), {})


@pytest.fixture
def mail(mailbox, monkeypatch):
    """A channel, and the mailbox behind it."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com", "retry_limit": 0}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": mailbox.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps(connection))
    return Channel(Way.EMAIL, conn_id="mail", to=("ops@example.com", "boss@example.com"))


def test_a_mail(mailbox, mail):
    """Nothing that a host has said becomes a header, a link or a template."""
    send(mail, notice(), {})
    ((to, message),) = mailbox.arrived
    assert to == ["ops@example.com", "boss@example.com"]
    assert (message["from"], message["bcc"]) == ("airflow@example.com", None)
    assert message["subject"].startswith("prod: the run has failed: {{ conn.x }} [x](http://evil) <b> Bcc: evil@x")
    html = message.get_body(("html",)).get_content()
    assert 'href="http://evil' not in html
    assert "&lt;b&gt;" in html
    assert "<h2>Nodes</h2>" in html
    assert '<a href="https://airflow.example.com/dags/d/runs/r/plugin/run_board">board</a>' in html


def test_a_mail_from_the_triggerer(mailbox, mail):
    asyncio.run(send_beside_triggers(mail, notice()))
    assert mailbox.arrived[0][0] == ["ops@example.com", "boss@example.com"]


def test_a_webhook_from_the_triggerer(receiver, hook):
    asyncio.run(send_beside_triggers(hook, notice()))
    assert receiver.kinds() == ["failed"]


def test_a_notifier_that_cannot_tell_from_the_triggerer(elsewhere):
    with pytest.raises(CannotTell, match="Elsewhere tells only from a worker"):
        asyncio.run(send_beside_triggers(elsewhere(text="x"), notice()))


def test_a_sender_of_its_own(mailbox, mail):
    send(Channel(Way.EMAIL, conn_id="mail", to=mail.to, sender="fleet@example.com"), notice(), {})
    assert mailbox.arrived[0][1]["from"] == "fleet@example.com"


def test_a_mail_server_that_refuses(mailbox, mail):
    mailbox.refuses = True
    with pytest.raises(NotTold, match=r"email ops@.*, boss@.* has not taken it: SMTPRecipientsRefused"):
        send(mail, notice(), {})


class Elsewhere(BaseNotifier):
    """As those of Slack, Teams and PagerDuty."""

    template_fields = ("text", "details")
    told: list = []  # noqa: RUF012

    def __init__(self, *, text, details=None):
        super().__init__()
        self.text, self.details = text, details

    def notify(self, context):
        if self.text == "raise":
            raise RuntimeError("https://hooks.example.com/T0KEN")
        self.told.append((self.text, self.details))


HERE = f"{__name__}.Elsewhere"


@pytest.fixture
def elsewhere(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "notifiers_of_others", sys.modules[__name__])
    Elsewhere.told.clear()
    return lambda name="Elsewhere", **arguments: Channel(
        Way.NOTIFIER, path=f"notifiers_of_others.{name}", arguments=arguments
    )


def test_any_notifier_by_its_path(elsewhere):
    """Its templates are filled in, and what fills them is none."""
    text = "{{ event.severity }} {{ event.links.board }} {{ event.title }}"
    send(elsewhere(text=text, details={"a": ["{{ event.cluster }}"]}), notice(), {})
    ((text, details),) = Elsewhere.told
    board = "https://airflow.example.com/dags/d/runs/r/plugin/run_board"
    assert text.startswith(f"error {board} prod: the run has failed: {{{{ conn.x }}}} [x]")
    assert details == {"a": ["prod"]}


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        pytest.param("Nobody", {}, "there is no notifiers_of_others.Nobody where this task runs", id="no-such-class"),
        pytest.param("send", {}, "notifiers_of_others.send is no notifier of Airflow's", id="a-function"),
        pytest.param("Path", {}, "notifiers_of_others.Path is no notifier of Airflow's", id="another-class"),
        pytest.param("Elsewhere", {"txt": ""}, "does not take what `with` has: .* argument 'txt'", id="argument"),
    ],
)
def test_a_notifier_that_cannot_be(elsewhere, name, arguments, sentence):
    with pytest.raises(CannotTell, match=sentence):
        send(elsewhere(name, **arguments), notice(), {})


def test_what_a_library_says_is_not_repeated(elsewhere):
    """It may name a URL with a token."""
    with pytest.raises(NotTold, match="notifier Elsewhere has not taken it: RuntimeError") as told:
        send(elsewhere(text="raise"), notice(), {})
    assert "T0KEN" not in str(told.value)
    assert told.value.__suppress_context__


def test_the_log(capsys):
    send(Channel(Way.LOG), notice(), {})
    assert "error: prod: the run has failed" in capsys.readouterr().out
