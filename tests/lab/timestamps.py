"""How do Kubernetes and systemd write the time?"""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(seconds: float | None = None) -> str:
    return _at(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_time(seconds: float | None = None) -> str:
    return _at(seconds).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def systemd(seconds: float) -> str:
    return _at(seconds).strftime("%a %Y-%m-%d %H:%M:%S UTC")


def _at(seconds: float | None) -> datetime:
    return datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
