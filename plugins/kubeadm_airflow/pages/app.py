"""The application that Airflow mounts: its routes, and what every answer of it says to a browser."""

from __future__ import annotations

from airflow.api_fastapi.app import get_auth_manager
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kubeadm_airflow.pages import boards, files, fleets, reports

# Nothing from anywhere else, and nothing written into a page itself: what a host, an API or a cluster's file says
# cannot become script or style, however it may get into a page.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def app() -> FastAPI:
    """All pages, and the files that they are made of."""
    pages = FastAPI(title="kubeadm upgrade", docs_url=None, redoc_url=None, openapi_url=None)
    for routes in (fleets, boards, reports, files):
        pages.include_router(routes.router)
    pages.exception_handler(HTTPException)(_to_the_login)
    pages.add_middleware(Guarded)
    return pages


class Guarded:
    """Puts HEADERS on every answer. Kept in a browser, answers are asked for anew: rights and runs change."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "private, no-cache")
            await send(message)

        await self._app(scope, receive, guarded)


async def _to_the_login(request: Request, error: HTTPException) -> Response:
    """A person who follows a link without being logged in comes to the login and then to the page."""
    if error.status_code == 401 and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(get_auth_manager().get_url_login(next_url=str(request.url)))
    return await http_exception_handler(request, error)
