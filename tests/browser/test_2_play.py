"""A night's upgrade as two people see it: one who may do something about it, and one who may only look."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from browser.visitor import NARROW
from harness.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

WITHIN = 5.0  # seconds, from what a trigger has written to what a page shows
FLEET = "/kubeadm-upgrade/fleet"


@pytest.fixture(scope="module")
def shop(site: Site) -> str:
    """A run that nothing can end before it is let go on: a budget allows no disruption."""
    site.cluster("shop").faults.budget_never_allows("shop", "api")
    return site.start("shop")[1]


def test_whoever_is_not_logged_in_comes_to_the_page_by_the_login(site, browser):
    context = browser.new_context(base_url=site.airflow.url)
    page = context.new_page()
    page.goto(FLEET)
    page.locator("input[name=username]").fill("viewer")
    page.locator("input[name=password]").fill(site.airflow.passwords["viewer"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{FLEET}")
    page.get_by_role("heading", name="of 6 clusters").wait_for()
    context.close()


def test_the_fleet_says_who_needs_a_person_first(admin, site):
    """A broken file is a cluster, too; what is looked for is in the address."""
    page = admin.opens(FLEET)
    admin.sees("1 of 6 clusters needs a person.")
    rows = page.get_by_role("row").filter(has=page.get_by_role("rowheader"))
    expect(rows).to_have_count(6)
    expect(rows.first).to_contain_text("max_unavailble: unknown key")
    page.get_by_role("button", name="env:prod").click()
    expect(rows).to_have_count(2)
    page.get_by_role("searchbox").fill("mail")
    expect(rows).to_have_count(1)
    assert page.url.endswith("#label=env%3Aprod&q=mail")
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like it")
    page.get_by_role("button", name="Show all").click()
    expect(rows).to_have_count(6)
    page.get_by_role("button", name="Cluster").click()
    expect(rows.first).to_contain_text("bank")
    expect(page.get_by_role("columnheader", name="Cluster")).to_have_attribute("aria-sort", "ascending")
    admin.is_sound()


def test_what_a_trigger_waits_for_is_on_the_page_within_seconds(admin, site, shop, pictures):
    """From what it has written into Airflow's database to what is shown, without a look at the cluster."""
    page = admin.board("shop", shop)
    page.locator(".waiting", has_text="budget api").first.wait_for(timeout=180_000)
    shown = datetime.now(UTC)
    dag_id = "kubeadm_upgrade.shop"
    waits = [
        site.api.get(
            f"/dags/{dag_id}/dagRuns/{shop}/taskInstances/{task.task_id}/xcomEntries/waiting", map_index=task.map_index
        )
        for task in site.api.task_instances(dag_id, shop)
        if task.step == "drain_node" and task.state == "deferred"
    ]
    written = min(datetime.fromisoformat(one["timestamp"]) for one in waits if "budget api" in str(one["value"]))
    assert (shown - written).total_seconds() < WITHIN
    admin.is_sound()
    admin.takes_pictures("board", pictures)


def test_a_run_is_paused_and_goes_on(admin, shop, pictures):
    page = admin.board("shop", shop)
    admin.clicks("Pause", "incident 4711")
    admin.sees("Paused")
    assert "incident 4711" in admin.sentence
    expect(page.get_by_role("button", name="Pause", exact=True)).to_have_count(0)
    admin.is_sound()
    admin.takes_pictures("paused", pictures)
    admin.clicks("Resume")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()


def test_who_may_only_look_sees_everything_and_changes_nothing(viewer, admin, site, shop):
    page = viewer.board("shop", shop)
    admin.board("shop", shop)
    assert page.locator("tbody tr").count() == admin.page.locator("tbody tr").count()
    runs = site.api.run_ids("kubeadm_steer.shop")
    for label, reason in (("Pause", "just because"), ("Abort", "just because")):
        viewer.clicks(label, reason)
        alert = page.get_by_role("dialog").get_by_role("alert")
        expect(alert).to_contain_text("You may look, but not do this")
        page.get_by_role("button", name="Cancel").click()
    assert site.api.run_ids("kubeadm_steer.shop") == runs
    viewer.is_sound()


def test_a_failure_says_why_and_goes_on_by_its_button(admin, site, pictures):
    """The reason, what to do, what the host has said, the log: and one click for what a retry needs."""
    fault = site.cluster("mail").faults.never_ready("mail-w1")
    dag_id, run_id = site.start("mail")
    page = admin.board("mail", run_id)
    trouble = page.locator(".trouble").first
    trouble.wait_for(timeout=240_000)
    expect(trouble).to_contain_text("mail-w1 is not Ready")
    expect(trouble).to_contain_text("What to do")
    expect(trouble.get_by_role("link", name="Log")).to_have_attribute(
        "href", f"{site.airflow.url}/dags/{dag_id}/runs/{run_id}/tasks/workers.node_ready/mapped/0"
    )
    # as in tests/e2e: Airflow 3.3 on SQLite may lose a mark that comes while it marks what comes after
    for task_id in ("workers.uncordon_node", "next_hop"):
        site.api.wait_for_task(dag_id, run_id, task_id, states=["upstream_failed"])
    admin.is_sound()
    admin.takes_pictures("failure", pictures)

    admin.opens(FLEET)
    admin.sees("2 of 6 clusters need a person.")
    admin.is_sound()
    admin.takes_pictures("fleet", pictures)

    fault.lift()
    admin.board("mail", run_id)
    admin.clicks("Retry Ready on mail-w1")
    admin.sees("Done and verified", patience=240_000)
    assert site.api.wait_for_run(dag_id, run_id) == "success"
    admin.is_sound()
    admin.takes_pictures("done", pictures)


def test_airflow_shows_the_board_in_its_own_pages(admin, site, shop):
    """In its colours, and a link to a log leads out of the frame."""
    page = admin.page
    page.goto(f"/dags/kubeadm_upgrade.shop/runs/{shop}/plugin/run_board")
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", level=1).filter(has_text="workers").wait_for()
    for scheme in ("dark", "light"):
        page.evaluate("scheme => localStorage.setItem('theme', scheme)", scheme)
        page.reload()
        expect(frame.locator("html")).to_have_attribute("data-scheme", scheme)
    frame.get_by_role("link", name=shop, exact=True).click()
    page.wait_for_url(f"**/dags/kubeadm_upgrade.shop/runs/{shop}")
    expect(page.locator("iframe")).to_have_count(0)
    page.goto("/")
    page.get_by_role("link", name="Fleet").click()
    frame.get_by_role("rowheader", name="shop").get_by_role("link").click()
    frame.get_by_role("heading", level=1).filter(has_text="workers").wait_for()


def test_the_upgrade_ends_and_the_page_says_so(admin, site, shop):
    """Without being loaded again."""
    admin.board("shop", shop)
    site.cluster("shop").faults.lift_all()
    admin.sees("Done and verified", patience=240_000)
    assert site.api.wait_for_run("kubeadm_upgrade.shop", shop) == "success"
    assert site.cluster("shop").violations == []


def test_the_report_is_a_page_under_the_same_policy(admin, shop):
    page = admin.page
    page.goto(f"/kubeadm-upgrade/reports/kubeadm_upgrade.shop/{shop}")
    page.get_by_role("heading", level=1, name="shop: 1.28.15 → 1.29.15").wait_for()
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    admin.is_sound()
