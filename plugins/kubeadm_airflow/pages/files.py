"""The files that pages are made of: served as they are, to whoever is logged in."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from kubeadm_airflow.pages.rights import LOGGED_IN

_STATIC = Path(__file__).parent / "static"
_files = StaticFiles(directory=_STATIC)

router = APIRouter(prefix="/static", dependencies=[LOGGED_IN])


@router.get("/{name}")
async def file(name: str, request: Request) -> Response:
    return await _files.get_response(name, request.scope)


def page(name: str) -> FileResponse:
    """A page is the same whatever it is about: that comes as data, and is never a part of a page."""
    return FileResponse(_STATIC / f"{name}.html")
