"""The report of a run as a page of Airflow's own web server, for whoever may see the run."""

from __future__ import annotations

from html import escape
from pathlib import Path

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.models.dagrun import DagRun
from airflow.utils.state import State
from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, HTMLResponse
from markdown_it import MarkdownIt
from sqlalchemy import select

from kubeadm_airflow.pages.rights import MAY_SEE_RUN
from kubeadm_airflow.pages.run_record import read_json
from kubeadm_upgrade import report
from kubeadm_upgrade.times.picture import as_svg

router = APIRouter(prefix="/reports/{dag_id}/{run_id}", dependencies=[MAY_SEE_RUN])

_SHELL = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="../../static/page.css">
<link rel="stylesheet" href="../../static/report.css">
<script type="module" src="../../static/frame.js"></script>
<main>{body}</main>
</html>
"""

_PLACE = "<h2>Where the time went</h2>"  # of the picture

_UNDER_WAY = "*The run is under way: this is its plan. The report takes its place when the run ends.*\n\n"
_NOT_PLANNED = "The run is under way, and has no plan yet: it is shown here once it is made."
_NO_RUN = "There is no run `{run_id}` of `{dag_id}`, and no report of one."
_ENDED = """The run has ended ({state}), and there is no report of it in `{directory}`: {said}.

**What to do:** read that task's log, and see whether `KUBEADM_UPGRADE_REPORTS` is one directory for workers and API
server. Clearing the task writes the report.

"""


@router.get("")
def page(dag_id: str, run_id: str, session: SessionDep) -> HTMLResponse:
    """A report outlives its run's rows in Airflow's database; those are asked where there is none."""
    markdown, plain = report.paths(dag_id, run_id)
    if markdown.is_file():
        return _page(dag_id, run_id, markdown.read_text(), picture=as_svg(read_json(plain) or {}))
    found = session.scalar(select(DagRun).filter_by(dag_id=dag_id, run_id=run_id))
    plan = report.plan_path(dag_id, run_id)
    planned = plan.read_text() if plan.is_file() else ""
    if found is None and not planned:
        return _page(dag_id, run_id, _NO_RUN.format(dag_id=dag_id, run_id=run_id), 404)
    if found is None or found.state in State.finished_dr_states:
        return _page(dag_id, run_id, _without_report(found, markdown) + planned)
    return _page(dag_id, run_id, _UNDER_WAY + planned if planned else _NOT_PLANNED)


@router.get("/{kind}")
def file(dag_id: str, run_id: str, kind: str) -> FileResponse:
    path: Path | None = dict(zip(("md", "json"), report.paths(dag_id, run_id), strict=True)).get(kind)
    if path is None or not path.is_file():
        raise HTTPException(404, "there is no such report")
    return FileResponse(path)


def _without_report(run: DagRun | None, markdown: Path) -> str:
    """Why there is none, as far as it can be seen from here."""
    task = run.get_task_instance("report") if run else None
    said = f"its task `report` is in state *{task.state}*" if task else "it had no task `report`"
    return _ENDED.format(state=run.state if run else "ended", said=said, directory=markdown.parent)


def _page(dag_id: str, run_id: str, text: str, status: int = 200, picture: str = "") -> HTMLResponse:
    body = _as_html(text)
    if picture:
        body = body.replace(
            _PLACE,
            f'{_PLACE}<div class="picture" role="group" aria-label="Nodes by time" tabindex="0">{picture}</div>',
            1,
        )
    return HTMLResponse(_SHELL.format(title=escape(f"{dag_id} {run_id}"), body=body), status)


def _as_html(text: str) -> str:
    """No raw HTML gets through: the text holds what hosts and the API said. Nor does a style: the policy allows none.

    A table may be wider than a window, and whoever has no mouse scrolls what can have the focus.
    """
    markdown = MarkdownIt("js-default")
    tokens = markdown.parse(text)
    for token in tokens:
        if style := token.attrs.pop("style", None):
            token.attrSet("class", str(style).rpartition(":")[2])
        if token.type == "table_open":
            token.attrSet("tabindex", "0")
    return str(markdown.renderer.render(tokens, markdown.options, {}))
