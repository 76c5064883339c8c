"""The fleet: its page, and what the page shows of the clusters that whoever asks may see."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from fastapi import APIRouter, Header, Response
from fastapi.responses import FileResponse

from kubeadm_airflow.pages import files
from kubeadm_airflow.pages.kept_fleet import KeptFleet
from kubeadm_airflow.pages.rights import LOGGED_IN, ReadableDags

router = APIRouter(prefix="/fleet")

_fleet = KeptFleet()


@router.get("", dependencies=[LOGGED_IN])
def page() -> FileResponse:
    return files.page("fleet")


@router.get("/data")
def data(
    readable: ReadableDags, session: SessionDep, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """The fleet as docs/fleet.schema.json describes it; 304 for the ETag of one that says the same."""
    fleet = _fleet.of(session, readable).to_json()
    text = json.dumps(fleet, separators=(",", ":"))
    etag = f'"{sha256(json.dumps(fleet["clusters"]).encode()).hexdigest()[:16]}"'
    if if_none_match == etag:
        return Response(status_code=304, headers={"etag": etag})
    return Response(text, media_type="application/json", headers={"etag": etag})
