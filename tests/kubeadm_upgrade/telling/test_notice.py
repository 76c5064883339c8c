"""What is told of an event: clean, of bounded size, once, and in an envelope that a receiver can trust."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kubeadm_upgrade.telling import envelope
from kubeadm_upgrade.telling.events import (
    SEVERITY,
    Event,
    Kind,
    approval_wanted,
    late,
    plan_ready,
    started,
)
from kubeadm_upgrade.telling.notice import MOST_LETTERS, MOST_MARKDOWN, Notice

NOON = datetime(2026, 12, 5, 12, tzinfo=UTC)
EVENT = Event(Kind.BLOCKED, "prod", "w1: drain_node has waited", do="let them go", node="w1", key="a")
DOCS = Path(__file__).parents[3] / "docs" / "notifications.md"


def notice(event=EVENT, run_id="night", airflow="https://airflow.example.com/", **given):
    known = {"dag_id": "kubeadm_upgrade.prod", "began": NOON.isoformat(), "now": NOON}
    return Notice.of(event, run_id=run_id, airflow=airflow, **{**known, **given})


HOSTILE = st.text(st.characters(), max_size=3000) | st.sampled_from(
    [
        "\x1b[31m\r\nBcc: evil@example.com",
        "[click](https://evil.example)<img src=x onerror=alert(1)>",
        "{{ conn.x }}",
        "",
    ]
)


@given(text=HOSTILE, do=HOSTILE, more=HOSTILE, node=HOSTILE, run_id=HOSTILE)
def test_whatever_hosts_say_a_notice_is_clean_and_bounded(text, do, more, node, run_id):
    told = notice(Event(Kind.FAILED, "prod", text, more, do, node), run_id=run_id)
    for line in (told.title, told.text, told.event.node):
        assert line.isprintable()
        assert len(line) <= 2 * MOST_LETTERS + 100
    assert len(told.markdown) <= MOST_MARKDOWN + 10 * MOST_LETTERS + 12 * len(run_id)
    assert all(line.isprintable() for line in told.markdown.split("\n"))
    assert re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", told.telling_run)
    assert Notice.from_json(json.loads(json.dumps(told.to_json()))) == told
    assert json.loads(envelope.body(told))["data"]["title"] == told.title


@given(text=HOSTILE, do=HOSTILE)
def test_no_sentence_becomes_a_link_or_a_tag(text, do):
    """Whoever can name a Pod must not be able to put a link into the mail of an operator."""
    html = MarkdownIt("js-default").render(notice(Event(Kind.FAILED, "prod", text, "", do), airflow="").markdown)
    assert set(re.findall(r"<\s*/?\s*([a-z]+)", html)) <= {"p", "strong"}


@pytest.mark.parametrize(
    ("of", "of_another"),
    [
        pytest.param(notice(), notice(EVENT, now=datetime(2027, 1, 1, tzinfo=UTC)), id="later"),
        pytest.param(notice(), notice(replace(EVENT, text="w1 has waited longer")), id="in-other-words"),
    ],
)
def test_told_twice_it_is_one(of, of_another):
    assert (of.id, of.telling_run) == (of_another.id, of_another.telling_run)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(notice(replace(EVENT, kind=Kind.FAILED)), id="kind"),
        pytest.param(notice(replace(EVENT, key="b")), id="key"),
        pytest.param(notice(replace(EVENT, node="w2")), id="node"),
        pytest.param(notice(run_id="night~2"), id="run"),
        pytest.param(notice(began="2026-12-06T12:00:00+00:00"), id="a-run-of-the-same-name"),
        pytest.param(notice(airflow="https://other.example.com"), id="airflow"),
        pytest.param(notice(dag_id="kubeadm_upgrade.other"), id="dag"),
    ],
)
def test_two_things_are_two(other):
    assert other.id != notice().id


def test_two_runs_whose_long_names_differ_at_their_ends_are_told_apart():
    assert notice(run_id="x" * 240 + "a").telling_run != notice(run_id="x" * 240 + "b").telling_run


def test_links_lead_to_board_report_and_run():
    run = "https://airflow.example.com/dags/kubeadm_upgrade.prod/runs/manual__2026-12-05T12%3A00%3A00%2B00%3A00"
    links = notice(run_id="manual__2026-12-05T12:00:00+00:00").links
    assert links == {"board": f"{run}/plugin/run_board", "report": f"{run}/plugin/upgrade_report", "run": run}
    assert f"[board]({links['board']})" in notice(run_id="manual__2026-12-05T12:00:00+00:00").markdown


def test_without_a_base_url_links_are_relative():
    told = notice(airflow="")
    assert told.links["run"] == "dags/kubeadm_upgrade.prod/runs/night"
    assert "](" not in told.markdown
    assert envelope.envelope(told)["source"] == "/dags/kubeadm_upgrade.prod"


def test_a_text_that_is_cut_ends_where_its_code_does():
    told = notice(replace(EVENT, more="```\n" + "line of a log\n" * 5000 + "```"))
    assert len(told.event.more) < MOST_MARKDOWN + 100
    assert told.event.more.endswith("```\n\n*The rest is in the report.*")


def test_every_kind_has_its_severity_and_its_place_in_the_docs():
    assert set(SEVERITY) == set(Kind)
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\w+) \|$", DOCS.read_text(), re.MULTILINE))
    assert rows == {str(kind): str(severity) for kind, severity in SEVERITY.items()}


@pytest.mark.parametrize(
    ("event", "title"),
    [
        (plan_ready("prod", "Plan ab12: 2 hops", "# page", "ab12"), "prod: the plan is ready: Plan ab12: 2 hops."),
        (
            approval_wanted("prod", "1.28.15 to 1.29.15, 12 drains", "# plan", "h"),
            "prod: approval is wanted: 1.28.15 to 1.29.15, 12 drains.",
        ),
        (
            started("prod", "1.28.15 to 1.29.15", "cp1"),
            "prod: the upgrade has started: 1.28.15 to 1.29.15, first with cp1.",
        ),
        (late("prod", "6h"), "prod: the run has not ended after 6h."),
    ],
    ids=lambda value: value.kind if isinstance(value, Event) else "",
)
def test_each_is_a_sentence(event, title):
    assert notice(event).title == title


def test_the_envelope_is_a_cloud_event():
    """As the specification wants it, with the required attributes as text that is not empty."""
    plain = envelope.envelope(notice())
    assert plain["specversion"] == "1.0"
    assert plain["type"] == "io.kubeadm-fleet.upgrade.blocked"
    assert plain["source"] == "https://airflow.example.com/dags/kubeadm_upgrade.prod"
    assert (plain["subject"], plain["time"]) == ("prod", "2026-12-05T12:00:00+00:00")
    assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in plain)
    assert plain["data"]["do"] == "let them go"


def is_genuine(*args):
    """The receiver's side, word for word as the docs have it."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    namespace: dict = {}
    exec(compile(code, str(DOCS), "exec"), namespace)
    return namespace["is_genuine"](*args)


def signed(secret, now=None):
    body = envelope.body(notice())
    return envelope.headers(notice(), body, secret, now or datetime.now(UTC)), body


def test_what_is_signed_verifies_as_the_docs_say():
    headers, body = signed("s3cret")
    assert is_genuine("s3cret", headers, body)


@pytest.mark.parametrize(
    ("secret", "change", "now"),
    [
        pytest.param("other", {}, None, id="another-secret"),
        pytest.param("s3cret", {"webhook-id": "x"}, None, id="another-id"),
        pytest.param("s3cret", {"webhook-timestamp": "1"}, None, id="another-time"),
        pytest.param("s3cret", {"webhook-signature": ""}, None, id="not-signed"),
        pytest.param("s3cret", {}, datetime(2020, 1, 1, tzinfo=UTC), id="old"),
    ],
)
def test_what_is_not_genuine_does_not(secret, change, now):
    headers, body = signed("s3cret", now)
    assert not is_genuine(secret, headers | change, body)


def test_a_changed_body_does_not():
    headers, body = signed("s3cret")
    assert not is_genuine("s3cret", headers, body.replace(b"prod", b"pr0d"))


def test_a_secret_of_standard_webhooks_is_what_it_encodes():
    """The specification's own example."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    told = envelope.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert told == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    plain = b64encode(b"x").decode()
    assert envelope.signature(f"whsec_{plain}", "i", "1", b"") == envelope.signature("x", "i", "1", b"")


def test_without_a_secret_it_is_not_signed():
    headers, _ = signed("")
    assert "webhook-signature" not in headers
