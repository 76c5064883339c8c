"""Pages without an Airflow: their own files, the headers of every answer, and data that a test makes up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route

import kubeadm_airflow.pages
from kubeadm_airflow.pages.app import HEADERS

HOST = "http://airflow.example"
PREFIX = "/below/kubeadm-upgrade/"  # an Airflow that is not at the root of its host
BOARD, FLEET = f"{HOST}{PREFIX}board/kubeadm_upgrade.prod/to-1.29", f"{HOST}{PREFIX}fleet"
STATIC = Path(kubeadm_airflow.pages.__file__).parent / "static"


class Offline:
    """What a page may ask for, answered; whatever else it asks for is noted."""

    def __init__(self, page: Page) -> None:
        self.data: Mapping[str, Any] = {}
        self.elsewhere: list[str] = []
        self.asked: list[tuple[str, str, Any]] = []  # of Airflow's REST API
        self.refuse: Mapping[str, Any] | None = None
        page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        if f"{url.scheme}://{url.netloc}" != HOST:
            self.elsewhere.append(route.request.url)
            return route.abort()
        if url.path.startswith("/below/api/v2/"):
            return self._do(route, url.path)
        name = url.path.removeprefix(PREFIX)
        if name.endswith("/data"):
            return _fulfil(route, json.dumps(self.data), "application/json")
        if name.startswith("static/"):
            return _fulfil(route, (STATIC / name.removeprefix("static/")).read_text(), guess_type(name)[0] or "")
        if name.split("/")[0] in ("board", "fleet"):
            return _fulfil(route, (STATIC / f"{name.split('/')[0]}.html").read_text(), "text/html")
        if name != "/favicon.ico":
            self.elsewhere.append(route.request.url)
        return route.fulfill(status=404, body="")

    def _do(self, route: Route, path: str) -> None:
        self.asked.append((route.request.method, path.removeprefix("/below"), route.request.post_data_json))
        if self.refuse is not None:
            return route.fulfill(status=403, body=json.dumps(self.refuse), content_type="application/json")
        return route.fulfill(status=200, body="{}", content_type="application/json")


def _fulfil(route: Route, body: str, kind: str) -> None:
    route.fulfill(status=200, body=body, headers={**HEADERS, "content-type": f"{kind}; charset=utf-8"})
