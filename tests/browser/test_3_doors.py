"""An upgrade is asked for, refused, approved, waited for and aborted, in Airflow's own pages and on the board."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from browser.visitor import Visitor
from harness.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

BANK, NIGHT = "kubeadm_upgrade.bank", "kubeadm_upgrade.night"


def form(visitor: Visitor, dag_id: str) -> Locator:
    """The one with which Airflow starts a run."""
    visitor.page.goto(f"/dags/{dag_id}")
    visitor.page.get_by_test_id("trigger-dag-button").click()
    dialog = visitor.page.get_by_role("dialog")
    expect(target(dialog)).to_have_value("1.29")
    return dialog


def target(dialog: Locator) -> Locator:
    return dialog.locator("[name=element_target_version]")


def sent(visitor: Visitor, dialog: Locator) -> str:
    """The id of the run that the form has started, and whose page Airflow then shows."""
    dialog.get_by_role("button", name="Trigger", exact=True).click()
    visitor.page.wait_for_url("**/runs/*")
    return visitor.page.url.rpartition("/")[2]


def question(visitor: Visitor, site: Site, run_id: str) -> Locator:
    """What Airflow shows whoever is asked."""
    site.api.wait_for_task(BANK, run_id, "approve", states=["awaiting_input"])
    visitor.board("bank", run_id)
    visitor.sees("Waiting for approval")
    visitor.page.get_by_role("link", name="approve", exact=True).click()
    visitor.page.wait_for_url("**/tasks/approve/required_actions")
    visitor.page.get_by_role("heading", name="Your answer").wait_for()
    return visitor.page.locator("main, #root").first


def test_the_form_asks_for_what_an_upgrade_can_be_told(admin, site, pictures):
    """In our words, with what the cluster's file says; what is missing or wrong starts nothing."""
    dialog = form(admin, BANK)
    trigger = dialog.get_by_role("button", name="Trigger", exact=True)
    for text in ("Exact (1.29.4), or a minor release (1.29)", "Ignore maintenance windows, because"):
        expect(dialog).to_contain_text(text)
    admin.takes_picture("form", pictures)
    target(dialog).fill("")
    expect(dialog).to_contain_text("This field is required")
    expect(trigger).to_be_disabled()
    target(dialog).fill("latest")
    trigger.click()
    expect(admin.page.get_by_text("Failed to Trigger Dag").first).to_be_visible()
    assert site.api.run_ids(BANK) == set()


@pytest.fixture(scope="module")
def refused(admin, site):
    """A run that the form has started, and that waits for an answer."""
    return sent(admin, form(admin, BANK))


def test_the_question_shows_the_plan(admin, site, refused, pictures):
    shown = question(admin, site, refused)
    for text in (
        "bank: upgrade from 1.28.15 to 1.29.15?",
        "1 hop, 2 drains of workers, at most 1 of them out of service at a time",
        "Control plane bank-cp1 (kubelet 1.28.15): kubeadm upgrade apply v1.29.15",
        "Drain and upgrade bank-w1, bank-w2",
        "Who may answer: admin.",
    ):
        expect(shown).to_contain_text(text)
    notes = admin.page.get_by_role("link", name="upgrade page")
    expect(notes).to_have_attribute(
        "href", "https://v1-29.docs.kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/"
    )
    admin.takes_picture("question", pictures)


def test_the_fleet_counts_who_waits_for_an_answer(admin, refused):
    page = admin.opens("/kubeadm-upgrade/fleet")
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="bank"))
    expect(row).to_contain_text("needs a person")
    expect(row).to_contain_text("Waiting for approval")


def test_whoever_was_not_asked_is_refused_by_airflow(viewer, site, refused):
    page = viewer.board("bank", refused)
    viewer.clicks("Approve", "let us go")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("You may look, but not do this")
    page.get_by_role("button", name="Cancel").click()
    assert site.api.run_state(BANK, refused) == "running"
    viewer.is_sound()


def test_a_refusal_ends_the_run_with_who_and_why(admin, site, refused, pictures):
    """On the board; the cluster is as it was."""
    page = admin.board("bank", refused)
    admin.is_sound()
    admin.takes_pictures("asked", pictures)
    admin.clicks("Refuse", "not in the week of the audit")
    admin.sees("refused by admin: not in the week of the audit; no node was touched")
    assert site.api.wait_for_run(BANK, refused) == "failed"
    expect(page.locator(".trouble")).to_have_count(1)
    admin.is_sound()
    admin.takes_pictures("refused", pictures)
    assert {sample.schedulable for sample in site.cluster("bank").timeline} == {True}


def test_an_approval_in_airflows_own_page_lets_it_go_on(admin, site, refused):
    """By whom and why is in the report."""
    run_id = sent(admin, form(admin, BANK))
    question(admin, site, run_id)
    admin.page.locator("[name=element_reason]").fill("ticket 4711")
    admin.page.get_by_test_id("hitl-option-Approve").click()
    admin.board("bank", run_id)
    admin.sees("Done and verified", patience=300_000)
    assert site.api.wait_for_run(BANK, run_id) == "success"
    approval = site.report(BANK, run_id)["approval"]
    assert (approval["by"], approval["why"]) == ("admin", "ticket 4711")


def test_a_run_that_waits_for_its_window_says_when_it_opens_and_can_be_aborted(admin, site, pictures):
    run_id = sent(admin, form(admin, NIGHT))
    page = admin.board("night", run_id)
    admin.sees("no node is touched yet, it waits for its maintenance window: it opens on", patience=180_000)
    admin.is_sound()
    admin.takes_pictures("window", pictures)
    admin.clicks("Abort", "moved to next week")
    admin.sees(
        "Aborted (moved to next week, asked by admin): everything is prepared for 1.29.15 and no node is touched yet",
        patience=240_000,
    )
    assert site.api.wait_for_run(NIGHT, run_id) == "failed"
    expect(page.get_by_role("button", name="Abort")).to_have_count(0)
    admin.is_sound()
    admin.takes_pictures("aborted", pictures)
    cluster = site.cluster("night")
    assert {sample.schedulable for sample in cluster.timeline} == {True}
    assert cluster.violations == []
