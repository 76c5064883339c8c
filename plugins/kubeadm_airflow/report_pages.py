"""The report of a run as a page of Airflow's own web server, for whoever may see the run."""

from __future__ import annotations

from html import escape
from pathlib import Path

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse
from markdown_it import MarkdownIt

from kubeadm_upgrade import report

_STYLE = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem }
table { border-collapse: collapse }
th, td { text-align: left; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid #8884 }
code { font-size: .85em; overflow-wrap: anywhere } li { margin: .15rem 0 }
"""

_UNDER_WAY = "*The run is under way: this is its plan. The report takes its place when the run ends.*\n\n"

# An Airflow page has no login of its own: without this dependency anybody could read a report.
_MAY_SEE_RUN = Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN))


def app() -> FastAPI:
    """The report as HTML, and the files behind it."""
    pages = FastAPI(title="kubeadm upgrade reports", docs_url=None, redoc_url=None, openapi_url=None)

    @pages.get("/reports/{dag_id}/{run_id}", dependencies=[_MAY_SEE_RUN])
    def page(dag_id: str, run_id: str) -> HTMLResponse:
        markdown, _ = report.paths(dag_id, run_id)
        plan = report.plan_path(dag_id, run_id)
        if not markdown.is_file() and not plan.is_file():
            return HTMLResponse(_html("No plan yet", "<p>The plan is shown here once it is made.</p>"))
        text = markdown.read_text() if markdown.is_file() else _UNDER_WAY + plan.read_text()
        # no raw HTML: the text holds what hosts and the API said
        return HTMLResponse(_html(f"{dag_id} {run_id}", MarkdownIt("js-default").render(text)))

    @pages.get("/reports/{dag_id}/{run_id}/{kind}", dependencies=[_MAY_SEE_RUN])
    def file(dag_id: str, run_id: str, kind: str) -> FileResponse:
        path: Path | None = dict(zip(("md", "json"), report.paths(dag_id, run_id), strict=True)).get(kind)
        if path is None or not path.is_file():
            raise HTTPException(404, "there is no such report")
        return FileResponse(path)

    return pages


def _html(title: str, body: str) -> str:
    return f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>{body}"
