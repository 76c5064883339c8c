"""Whatever a host, an API or a cluster's file says stays text; and a page asks nobody but the server it comes from."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page

from browser.made_up import BOARD_DATA, FLEET_DATA, with_texts
from browser.offline import BOARD, FLEET, Offline

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

PAYLOADS = [
    "<script>window.taken = 1</script>",
    "<img src=x onerror='window.taken = 1'>",
    "</title><svg/onload=window.taken=1>",
    "javascript:window.taken=1",
    '" onmouseover="window.taken=1',
    "{{constructor.constructor('window.taken=1')()}}",
    "http://elsewhere.example/",
    "//elsewhere.example/x",
    "\\\\elsewhere.example\\x",
    "../../../auth/logout",
    "<style>*{background:url(//elsewhere.example)}</style>",
    "<iframe srcdoc='<script>parent.taken=1</script>'>",
    "\u202e\u0000\uffff&lt;b&gt;",
]
RETRY = "Retry drain on prod-w9"
HOSTILE = st.sampled_from(PAYLOADS) | st.text(max_size=30)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def offline(page: Page) -> Offline:
    return Offline(page)


def what_stands_there(page: Page, offline: Offline, address: str, data: Any) -> tuple[list[str], list[str]]:
    """The elements of a page, and where its links lead."""
    offline.data = data
    page.goto("about:blank")
    page.goto(address)
    page.locator("main:not([aria-busy])").wait_for()
    folds = page.locator("[aria-expanded=false]")
    while folds.count():  # each that is opened is none of them any more
        folds.first.click()
    tags = page.evaluate("[...document.querySelectorAll('*')].map((element) => element.tagName)")
    links = page.evaluate("[...document.links].map((link) => link.href)")
    return tags, links


@pytest.mark.parametrize(
    ("address", "data"), [pytest.param(BOARD, BOARD_DATA, id="board"), pytest.param(FLEET, FLEET_DATA, id="fleet")]
)
def test_no_text_becomes_markup_script_or_a_way_out(page, offline, address, data):
    """The same elements stand there, whatever the texts say; every text is there to be read."""
    expected, _ = what_stands_there(page, offline, address, data)

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(texts=st.lists(HOSTILE, min_size=1, max_size=8))
    def hostile(texts: list[str]) -> None:
        tags, links = what_stands_there(page, offline, address, with_texts(data, texts))
        assert tags == expected
        assert all(link.startswith("http://airflow.example/below/") for link in links)
        assert page.evaluate("window.taken") is None
        assert offline.elsewhere == []

    hostile()


def test_the_policy_stops_what_would_get_in_all_the_same(page, offline):
    """Were a mistake made some day, nothing would come of it."""
    what_stands_there(page, offline, BOARD, copy.deepcopy(BOARD_DATA))
    broken = """() => {
        const markup = '<p id=p style="color: red">x</p><img src=x onerror="window.taken=1">'
        document.body.insertAdjacentHTML('beforeend', markup)
        const script = document.createElement('script')
        script.textContent = 'window.taken = 1'
        document.body.append(script)
        return getComputedStyle(document.getElementById('p')).color
    }"""
    assert page.evaluate(broken) != "rgb(255, 0, 0)"
    page.wait_for_timeout(200)
    assert page.evaluate("window.taken") is None


def test_a_question_is_put_once_and_its_answer_is_what_airflow_is_asked(page, offline):
    what_stands_there(page, offline, BOARD, BOARD_DATA)
    offline.asked.clear()
    page.get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Pause").click()
    assert offline.asked == []  # a reason is wanted
    dialog.get_by_role("textbox").fill('$& {reason} "quoted"')
    dialog.get_by_role("button", name="Pause").click()
    dialog.wait_for(state="detached")
    body = {"logical_date": None, "conf": {"action": "pause", "reason": '$& {reason} "quoted"'}}
    assert offline.asked == [("POST", "/api/v2/dags/kubeadm_steer.prod/dagRuns", body)]


def test_what_airflow_refuses_is_shown(page, offline):
    what_stands_there(page, offline, BOARD, BOARD_DATA)
    offline.refuse = {"detail": "<b>Forbidden</b>"}
    try:
        page.get_by_role("button", name=RETRY).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name=RETRY).click()
        dialog.get_by_role("alert").filter(has_text="You may look, but not do this").wait_for()
        assert "<b>Forbidden</b>" in dialog.get_by_role("alert").inner_text()
    finally:
        offline.refuse = None
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_everything_is_reached_by_the_keyboard(page, offline):
    """In the order in which it is read, and what has the focus is seen."""
    offline.data = BOARD_DATA
    page.goto(BOARD)
    page.get_by_role("button", name=RETRY).wait_for()
    reached, buttons = [], ("Pause", "Abort", RETRY, "Log")
    while not set(buttons) <= set(reached):
        page.keyboard.press("Tab")
        text, outline = page.evaluate(
            "[document.activeElement.textContent.trim(), getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline == "solid", text
        reached.append(text)
    assert [text for text in reached if text in buttons] == list(buttons)
    page.get_by_role("button", name="Abort").focus()
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Abort"
