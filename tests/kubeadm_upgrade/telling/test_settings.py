"""`notify` of a cluster's file: what it may say, and a sentence for each mistake, which repeats no secret."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from kubeadm_upgrade.inventory import InventoryError, load_cluster
from kubeadm_upgrade.telling.channels import EVERY, Channel, Notify, Way
from kubeadm_upgrade.telling.events import Kind

SMALLEST = {"name": "prod", "kubernetes_conn_id": "k", "ssh_conn_id": "s", "target_version": "1.29"}


@pytest.fixture
def notify(tmp_path):
    def load(value):
        path = tmp_path / "prod.yaml"
        path.write_text(yaml.safe_dump(SMALLEST | {"notify": value}))
        return load_cluster(path).notify

    return load


@pytest.mark.parametrize(
    ("value", "channel"),
    [
        pytest.param(["log"], Channel(Way.LOG), id="log"),
        pytest.param([{"log": None}], Channel(Way.LOG), id="log-null"),
        pytest.param([{"log": {}, "events": ["late"]}], Channel(Way.LOG, frozenset({Kind.LATE})), id="events"),
        pytest.param([{"webhook": {"conn_id": "hook"}}], Channel(Way.WEBHOOK, conn_id="hook"), id="webhook"),
        pytest.param(
            [{"email": {"to": "a@b.example"}}],
            Channel(Way.EMAIL, conn_id="smtp_default", to=("a@b.example",)),
            id="email",
        ),
        pytest.param(
            [{"email": {"conn_id": "m", "to": ["a@b.example", "c@d.example"], "from": "e@f.example"}}],
            Channel(Way.EMAIL, conn_id="m", to=("a@b.example", "c@d.example"), sender="e@f.example"),
            id="email-from",
        ),
        pytest.param(
            [{"notifier": "a.b.C", "with": {"text": "{{ event.title }}"}}],
            Channel(Way.NOTIFIER, path="a.b.C", arguments={"text": "{{ event.title }}"}),
            id="notifier",
        ),
        pytest.param([{"notifier": "a.C"}], Channel(Way.NOTIFIER, path="a.C"), id="notifier-alone"),
    ],
)
def test_a_channel(notify, value, channel):
    assert notify(value) == notify({"channels": value}) == Notify((channel,))


def test_nobody_is_told_unless_the_file_says_so(notify):
    assert not Notify().wants(Kind.FAILED)
    assert notify([]) == Notify()


def test_when_something_is_blocked_or_late(notify):
    told = notify({"channels": ["log"], "blocked_after": "1h30m", "late_after": "2d"})
    assert (told.blocked_after, told.late_after) == (timedelta(minutes=90), timedelta(days=2))
    assert notify(["log"]).late_after is None


def test_a_channel_is_found_by_its_name(notify):
    """As tasks carry it: two that say the same are numbered, and one that is gone is none."""
    told = notify(
        ["log", {"webhook": {"conn_id": "x"}}, "log", {"email": {"to": "a@b.example"}}, {"notifier": "a.b.C"}]
    )
    assert told.names == ("log", "webhook x", "log (2)", "email a@b.example", "notifier C")
    assert told.named("webhook x").conn_id == "x"
    assert told.named("webhook y") is None
    assert told.wants(Kind.LATE)
    assert told.channels[0].events == EVERY


def test_every_example_of_the_docs_can_be_used(notify):
    docs = Path(__file__).parents[3] / "docs" / "notifications.md"
    examples = re.findall(r"```yaml\n(notify:.*?)```", docs.read_text(), re.DOTALL)
    assert len(examples) == 4
    for example in examples:
        assert notify(yaml.safe_load(example)["notify"]).channels


TOKEN = "https://hooks.example.com/services/T0KEN"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        pytest.param(TOKEN, "notify: must be a list of channels, or a mapping with channels, blocked_after", id="text"),
        pytest.param([TOKEN], "notify.channels.0: must be `log`, or a mapping with webhook, email or", id="entry"),
        pytest.param([{"webhook": TOKEN}], "notify.channels.0: webhook: must be a mapping such as {conn_id:", id="url"),
        pytest.param([{"webhook": {"conn_id": TOKEN}}], "conn_id: must be the id of an Airflow connection", id="conn"),
        pytest.param([{"webhook": {"conn_id": "x", "url": TOKEN}}], "url: unknown key", id="webhook-url"),
        pytest.param([{"webhook": {}}], "notify.channels.0.webhook.conn_id: is missing", id="no-conn"),
        pytest.param([{"slack": TOKEN}], "'slack' is no key of a channel, which is one of log, webhook,", id="slack"),
        pytest.param([{TOKEN: None}], "something is no key of a channel", id="url-as-key"),
        pytest.param([{"events": ["late"]}], "must have exactly one of log, webhook, email, notifier", id="none"),
        pytest.param([{"log": {}, "webhook": {"conn_id": "x"}}], "and has log and webhook", id="two"),
        pytest.param([{"log": {}, "with": {}}], "with: is for notifier only", id="with"),
        pytest.param([{"log": {}, "events": ["faild"]}], "'faild' is none of plan_ready, ", id="event"),
        pytest.param([{"log": {}, "events": ["faild"]}], "did you mean failed?", id="event-near"),
        pytest.param([{"log": {}, "events": []}], "must be a list of some of plan_ready, ", id="no-event"),
        pytest.param([{"email": {"to": "ops"}}], "email.to: must be a mail address such as ops@exa", id="address"),
        pytest.param([{"email": {"to": []}}], "email.to: must be a mail address", id="no-address"),
        pytest.param([{"email": {"to": "a@b\nBcc: c@d"}}], "email.to: must be a mail address", id="header"),
        pytest.param([{"email": {"to": "{{ x }}@b.c"}}], "email.to: must be a mail address", id="template"),
        pytest.param([{"notifier": "SlackNotifier"}], "must be the dotted path of a notifier's class", id="path"),
        pytest.param([{"notifier": "os; rm -rf"}], "must be the dotted path of a notifier's class", id="shell"),
        pytest.param([{"notifier": "a.B", "with": TOKEN}], "with: must be a mapping of the notifier's", id="args"),
        pytest.param({"channels": [], "blocked_after": "15"}, "blocked_after: must be a duration such as", id="number"),
        pytest.param({"channels": [], "late_after": "0s"}, "late_after: must be longer than nothing", id="nothing"),
        pytest.param({"chanels": []}, "notify.chanels: unknown key: check its spelling", id="key"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(notify, value, sentence):
    with pytest.raises(InventoryError) as told:
        notify(value)
    assert sentence in str(told.value)
    assert "T0KEN" not in str(told.value)
