"""A run's board: its page, and what the page shows."""

from __future__ import annotations

from typing import Annotated

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.models.dagrun import DagRun
from fastapi import APIRouter, Header, HTTPException, Response
from fastapi.responses import FileResponse
from sqlalchemy import select

from kubeadm_airflow.pages import files
from kubeadm_airflow.pages.kept_boards import KeptBoards
from kubeadm_airflow.pages.rights import MAY_SEE_RUNS
from kubeadm_airflow.pages.run_record import UPGRADE

LATEST = "latest"

router = APIRouter(prefix="/board/{dag_id}/{run_id}", dependencies=MAY_SEE_RUNS)

_boards = KeptBoards()


@router.get("")
def page() -> FileResponse:
    return files.page("board")


@router.get("/data")
def data(
    dag_id: str,
    run_id: str,
    session: SessionDep,
    since: str | None = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The board as docs/board.schema.json describes it.

    With `since`, a version that was told before: only the parts that are new since, and only the nodes. 304 where
    nothing is; so it is for an ETag.
    """
    if not dag_id.startswith(UPGRADE):
        raise HTTPException(404, f"{dag_id} upgrades no cluster: boards are of {UPGRADE}…")
    found = _newest(session, dag_id) if run_id == LATEST else run_id
    answer = _boards.answer(session, dag_id, found, since) if found else None
    if answer is None:
        raise HTTPException(404, f"there is no run {found} of {dag_id}" if found else f"{dag_id} has had no run yet")
    headers = {"etag": f'"{answer.version}"'}
    if answer.text is None or if_none_match == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(answer.text, media_type="application/json", headers=headers)


def _newest(session: SessionDep, dag_id: str) -> str | None:
    return session.scalar(select(DagRun.run_id).where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(1))
