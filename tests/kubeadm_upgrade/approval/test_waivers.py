"""Which findings may be let pass, and by what answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kubeadm_upgrade.approval.answer import Answer
from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.terms import Block, HopTerms, Terms
from kubeadm_upgrade.approval.waivers import blocking, may_all_be_waived, objection
from kubeadm_upgrade.preflight import CHECKS, MAY_BE_WAIVED, Finding, Severity
from kubeadm_upgrade.version import Version

FULL = Finding("room_on_disks", Severity.BLOCK, "w1: /var has 12 MiB free, and 768 MiB are needed: make room")
WORSE = replace(FULL, message=FULL.message.replace("12", "3"))
SWAP = Finding("swap_off", Severity.BLOCK, "w2: swap is on")
AILING = Finding("api_ready", Severity.BLOCK, "etcd is not Ready")
WARNS = Finding("no_reboot_pending", Severity.WARN, "w1 waits for a reboot")
HOP = HopTerms(Version(1, 28, 15), Version(1, 29, 15), ("cp1",))
BLOCKS = (Block(FULL.check, FULL.message),)
APPROVAL = Approval("ann", datetime(2026, 11, 26, tzinfo=UTC), Terms((HOP,), blocks=BLOCKS), "", ("room_on_disks",))


def test_only_what_blocks_may_be_waived_and_most_of_it_never_is():
    names = {check.__name__ for check in CHECKS[Severity.BLOCK]}
    assert names >= MAY_BE_WAIVED
    assert {"clocks_agree", "room_on_disks", "swap_off", "drain_allowed"} == MAY_BE_WAIVED


@pytest.mark.parametrize(
    ("found", "approval", "left"),
    [
        pytest.param((FULL, WARNS), None, (FULL,), id="nobody has approved it"),
        pytest.param((FULL, WARNS), APPROVAL, (), id="it was waived"),
        pytest.param(
            (replace(FULL, message=FULL.message.replace("12", "11")),), APPROVAL, (), id="by nearly the same as well"
        ),
        pytest.param((replace(FULL, message=FULL.message.replace("12", "300")),), APPROVAL, (), id="and a better one"),
        pytest.param((WORSE,), APPROVAL, (WORSE,), id="not by a worse one"),
        pytest.param((FULL, SWAP), APPROVAL, (SWAP,), id="another check was not"),
        pytest.param(
            (replace(FULL, message=FULL.message.replace("w1", "w2")),), APPROVAL,
            (replace(FULL, message=FULL.message.replace("w1", "w2")),), id="nor the same of another node",
        ),
        pytest.param((AILING,), replace(APPROVAL, waived=("api_ready",)), (AILING,), id="what never may be, never is"),
    ],
)  # fmt: skip
def test_what_stops_a_run(found, approval, left):
    assert blocking(found, approval) == left
    assert may_all_be_waived(left) is (AILING not in left)


@pytest.mark.parametrize(
    ("waived", "sentence"),
    [
        pytest.param(("room_on_disks",), "", id="that one"),
        pytest.param((), "approved, but this still blocks, and was not waived: room_on_disks", id="none"),
        pytest.param(("swap_off",), "approved, but this still blocks, and was not waived: room_on_disks", id="another"),
        pytest.param(
            ("room",), "waive: there is no check room: what may be waived here is room_on_disks", id="unknown"
        ),
        pytest.param(
            ("api_ready",), "waive: api_ready may never be waived: what may be waived here is room_on_disks", id="never"
        ),
    ],
)
def test_what_is_wrong_with_an_answer(waived, sentence):
    assert objection((FULL,), waived) == sentence


def test_where_nothing_blocks_nothing_has_to_be_waived():
    assert objection((), ()) == ""
    assert objection((), ("x",)) == "waive: there is no check x: nothing has to be waived here"


AT = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        pytest.param(
            {"chosen_options": ["Approve"], "responded_by_user": {"id": "7", "name": "ann"}},
            Answer(True, "ann", AT),
            id="without a form",
        ),
        pytest.param(
            {
                "chosen_options": ["Approve"],
                "responded_by_user": {"id": "ann", "name": ""},
                "params_input": {"reason": " a\n b ", "waive": ["swap_off, room_on_disks", ""]},
            },
            Answer(True, "ann", AT, "a b", ("swap_off", "room_on_disks")),
            id="several in a line of the form",
        ),
        pytest.param(
            {"chosen_options": ["Refuse"], "params_input": {"reason": None, "waive": None}},
            Answer(False, "the deadline", AT),
            id="by nobody",
        ),
        pytest.param(
            {"chosen_options": ["Approve"], "params_input": {"waive": "swap_off"}, "responded_by_user": None},
            Answer(True, "the deadline", AT, "", ("swap_off",)),
            id="an API's text",
        ),
        pytest.param({"chosen_options": []}, Answer(False, "the deadline", AT), id="nothing chosen"),
    ],
)
def test_an_answer_as_airflow_hands_it_on(event, answer):
    assert Answer.read({**event, "responded_at": AT}) == answer
    assert Answer.read({**event, "responded_at": AT.isoformat()}) == answer
    assert answer.by_deadline is (answer.by == "the deadline")
