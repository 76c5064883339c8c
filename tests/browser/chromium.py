"""Which browser plays, and how it is started: nothing of whoever runs the tests gets in, and nothing gets out."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
ON_MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def found() -> str | None:
    """One that is installed: playwright would bring its own, which is a download from elsewhere."""
    here = (path for path in ON_MACOS if Path(path).is_file())
    return next(filter(None, (*map(shutil.which, NAMES), *here)), None)


@contextmanager
def running() -> Iterator[Browser]:
    """With a profile of its own, which goes with it."""
    program = found()
    if program is None:
        pytest.skip(f"no browser on this machine: install one of {', '.join(NAMES)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
