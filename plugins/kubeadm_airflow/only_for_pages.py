"""What is written down for pages alone: whoever looks on sees less where it fails, and no task fails with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


@contextmanager
def only_for_pages(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        log.warning("pages are not told %s: %s: %s", what, type(error).__name__, error)
