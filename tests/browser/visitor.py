"""Somebody with a browser: what they see, what they do, and whether everybody could see it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page

from harness.airflow import AirflowInstance
from harness.settings import REPOSITORY

PICTURES = REPOSITORY / "docs" / "pictures"
TAKE_PICTURES = "PICTURES"  # set by make pictures: only then are those of docs/ taken anew
WIDE, NARROW = {"width": 1440, "height": 940}, {"width": 390, "height": 844}
PATIENCE = 60_000.0  # milliseconds
REFUSED = ("400 (Bad Request)", "403 (Forbidden)")
SERIOUS = ("serious", "critical")


@dataclass
class Visitor:
    """One page of one user; what its console complains of, and what it asks for from elsewhere, is kept."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    @classmethod
    @contextmanager
    def logged_in(cls, browser: Browser, airflow: AirflowInstance, user: str) -> Iterator[Self]:
        context = browser.new_context(base_url=airflow.url, viewport=WIDE, locale="en-GB", color_scheme="light")
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "_token", "value": airflow.token(user), "url": airflow.url}])
        visitor = cls(context.new_page(), airflow.url)
        visitor._listen(context)
        yield visitor
        context.close()

    def _listen(self, context: BrowserContext) -> None:
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._complains)
        context.on("request", lambda request: self._asks(request.url))

    def _complains(self, message: Any) -> None:
        # Airflow's own sandbox is warned of; an answer that is refused is one that is shown; and what Airflow answers
        # its own pages while SQLite has another writer is not of our pages
        refused = any(status in message.text for status in REFUSED)
        of_airflow = "Failed to load resource" in message.text and "/kubeadm-upgrade/" not in message.location["url"]
        if message.type == "error" and not refused and not of_airflow:
            self.complaints.append(message.text)

    def _asks(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.elsewhere.append(url)

    def opens(self, path: str) -> Page:
        self.page.goto(path)
        self.page.locator("main:not([aria-busy])").wait_for()
        return self.page

    def board(self, cluster: str, run_id: str) -> Page:
        return self.opens(f"/kubeadm-upgrade/board/kubeadm_upgrade.{cluster}/{run_id}")

    def sees(self, text: str, patience: float = PATIENCE) -> None:
        """In the sentence at the top, without loading the page again."""
        self.page.locator("#sentence", has_text=text).wait_for(timeout=patience)

    @property
    def sentence(self) -> str:
        return self.page.locator("#sentence").inner_text()

    def clicks(self, label: str, reason: str | None = None) -> None:
        """A button that asks once: the question is answered with yes."""
        self.page.get_by_role("button", name=label, exact=True).first.click()
        dialog = self.page.get_by_role("dialog")
        if reason is not None:
            dialog.get_by_role("textbox").fill(reason)
        dialog.get_by_role("button", name=label, exact=True).click()

    def is_sound(self) -> None:
        """Everybody can read and use it, in both schemes; the browser complains of nothing, and asks nobody else."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme)
            found = Axe().run(self.page).response["violations"]
            serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS]
            assert not serious, f"{scheme}: {serious}"
        self.page.emulate_media(color_scheme="light")
        assert not self.complaints, str(self.complaints)
        assert not self.elsewhere, str(self.elsewhere)

    def takes_pictures(self, name: str, directory: Path) -> None:
        """Light and dark, wide and narrow."""
        into = _album(directory)
        for scheme in ("light", "dark"):
            for size, viewport in (("wide", WIDE), ("narrow", NARROW)):
                self.page.emulate_media(color_scheme=scheme)
                self.page.set_viewport_size(viewport)
                self.page.screenshot(path=into / f"{name}-{scheme}-{size}.png", animations="disabled")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(WIDE)

    def takes_picture(self, name: str, directory: Path) -> None:
        """Of a page of Airflow's own, as it is."""
        self.page.set_viewport_size(WIDE)
        self.page.screenshot(path=_album(directory) / f"{name}.png", animations="disabled")


def _album(directory: Path) -> Path:
    into = PICTURES if os.environ.get(TAKE_PICTURES) else directory
    into.mkdir(parents=True, exist_ok=True)
    return into
