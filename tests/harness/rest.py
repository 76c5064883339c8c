"""Airflow's REST API, as far as the tests and the demo use it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx

Json = dict[str, Any]
T = TypeVar("T")

_PAGE = 100
_POLL = 0.3
_LOCKED_TRIES = 20
_SLOWER = 2.0  # a machine may be than those on which it was tried how long things take

FINISHED_RUNS = frozenset({"success", "failed"})
FINISHED_TASKS = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class ApiError(Exception):
    """An answer of 400 or more, with what it said."""

    def __init__(self, response: httpx.Response) -> None:
        request = response.request
        self.status = response.status_code
        self.detail = _detail(response)
        super().__init__(f"{request.method} {request.url.path}: {self.status} {self.detail}")


class NotInTime(AssertionError):
    """What was waited for has not come about; says what was seen last."""


@dataclass(frozen=True)
class TaskInstance:
    """`label` is what the UI calls a mapped task instance: here, the name of a node."""

    task_id: str
    map_index: int
    label: str | None
    state: str | None
    try_number: int
    started: datetime | None
    ended: datetime | None
    #: Of this try, and in the title of the process that performs it.
    uid: str = ""

    @property
    def finished(self) -> bool:
        return self.state in FINISHED_TASKS

    @property
    def group(self) -> str:
        return self.task_id.rpartition(".")[0]

    @property
    def step(self) -> str:
        return self.task_id.rpartition(".")[2]

    def __str__(self) -> str:
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.label or self.map_index}]"


@dataclass(frozen=True)
class LogLine:
    """One line of a task's log; `level` is lower case, empty where the line has none."""

    level: str
    text: str


class AirflowApi:
    """Logs in when first needed, and again when its token is no longer taken. Safe to use from threads."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._credentials = {"username": user, "password": password}
        # Longer than the server itself waits for SQLite, so that the answer says what happened. Proxies are for the
        # outside; this is this machine.
        self._http = httpx.Client(base_url=url, timeout=150, trust_env=False)
        self._login = threading.Lock()
        self._token: str | None = None

    def close(self) -> None:
        self._http.close()

    # --- the installation

    def is_healthy(self, component: str, since: float = 0.0) -> bool:
        """True when the component has given a sign of life after the moment `since`."""
        health = self._http.get("/api/v2/monitor/health")
        if not health.is_success:
            return False
        report = health.json().get(component) or {}
        heartbeat = report.get(f"latest_{component}_heartbeat")
        return report.get("status") == "healthy" and _time(heartbeat or "").timestamp() >= since

    def import_errors(self) -> list[Json]:
        return list(self._pages("/importErrors", "import_errors"))

    def plugin_import_errors(self) -> list[Json]:
        return list(self.get("/plugins/importErrors")["import_errors"])

    def create_connection(self, connection: Mapping[str, Any]) -> None:
        """`connection` in the API's words: connection_id, conn_type, login, extra, ..."""
        self.call("POST", "/connections", dict(connection))

    # --- DAGs

    def dags(self) -> dict[str, Json]:
        return {dag["dag_id"]: dag for dag in self._pages("/dags", "dags")}

    def dag(self, dag_id: str) -> Json:
        """With `doc_md`, `params`, `file_token` and the like."""
        return self.get(f"/dags/{dag_id}/details")

    def has_dag(self, dag_id: str) -> bool:
        dag = self.dags().get(dag_id)
        return dag is not None and not dag["is_stale"]

    def unpause(self, dag_id: str) -> None:
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})

    def parse_again(self, file_token: str) -> None:
        """Ask the DAG processor to read a DAG file now."""
        response = self._request("PUT", f"/parseDagFile/{file_token}")
        # 409: it has been asked already
        if response.is_error and response.status_code != httpx.codes.CONFLICT:
            raise ApiError(response)

    # --- runs

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, run_id: str | None = None) -> str:
        """Start a run; returns its id."""
        body: Json = {"logical_date": None, "conf": dict(conf or {})}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run_ids(self, dag_id: str) -> set[str]:
        return {run["dag_run_id"] for run in self._pages(f"/dags/{dag_id}/dagRuns", "dag_runs")}

    def run(self, dag_id: str, run_id: str) -> Json:
        return self.get(f"/dags/{dag_id}/dagRuns/{run_id}")

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.run(dag_id, run_id)["state"])

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        self.call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}", {"state": state})

    # --- task instances

    def task_instances(self, dag_id: str, run_id: str, *states: str) -> list[TaskInstance]:
        """All of them, or those in one of `states`, in the order in which the API lists them."""
        path, query = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", {"state": states} if states else {}
        return [_task_instance(item) for item in self._pages(path, "task_instances", **query)]

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, key: str = "return_value") -> Any:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.get(path, map_index=map_index, deserialize=False)["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1) -> list[LogLine]:
        """What a task has logged in one try, in worker and triggerer together."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        answer = self.get(path, map_index=map_index, full_content=True)
        content = answer["content"]
        if isinstance(content, str):
            return [LogLine("", line) for line in content.splitlines()]
        return list(_log_lines(content))

    def clear(
        self, dag_id: str, run_id: str, tasks: Sequence[TaskInstance], *, only_failed: bool = False
    ) -> list[TaskInstance]:
        """What the UI's Clear button sends with its default choices; returns what will run again."""
        body = {
            "dag_run_id": run_id,
            "dry_run": False,
            "include_downstream": True,
            "include_future": False,
            "include_past": False,
            "include_upstream": False,
            "only_failed": only_failed,
            "run_on_latest_version": False,
            "task_ids": [task.task_id if task.map_index < 0 else [task.task_id, task.map_index] for task in tasks],
        }
        cleared = self.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)
        return [_task_instance(item) for item in cleared["task_instances"]]

    def mark(self, dag_id: str, run_id: str, task: TaskInstance, state: str) -> None:
        """Set a task instance's state by hand, as the UI's Mark as… does: success, failed or skipped."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}"
        mapped = f"/{task.map_index}" if task.map_index >= 0 else ""
        self.call("PATCH", f"{path}{mapped}", {"new_state": state})

    # --- waiting

    def wait_for_dag(self, dag_id: str, patience: float = 60.0) -> None:
        """Wait for a DAG that a file just written describes."""
        wait_for(lambda: self.has_dag(dag_id), f"a DAG {dag_id}", patience, self._import_errors)

    def _import_errors(self) -> str:
        return "\n".join(str(error["stack_trace"]) for error in self.import_errors())

    def wait_for_run(self, dag_id: str, run_id: str, patience: float = 180.0) -> str:
        """Wait for a run to end; returns its state."""

        def ended() -> str | None:
            state = self.run_state(dag_id, run_id)
            return state if state in FINISHED_RUNS else None

        def seen() -> str:
            return self._unfinished(dag_id, run_id)

        return wait_for(ended, f"the end of {dag_id} {run_id}", patience, seen)

    def wait_for_task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        label: str | None = None,
        states: Iterable[str] = FINISHED_TASKS,
        patience: float = 120.0,
    ) -> TaskInstance:
        """Wait until a task instance (of the node `label`) is in one of these states."""
        wanted = frozenset(states)

        def found() -> TaskInstance | None:
            for task in self.task_instances(dag_id, run_id):
                if task.task_id == task_id and label in (None, task.label) and task.state in wanted:
                    return task
            return None

        def seen() -> str:
            return self._unfinished(dag_id, run_id)

        what = f"{task_id}[{label}]" if label else task_id
        return wait_for(found, f"{what} to be {' or '.join(sorted(wanted))}", patience, seen)

    def wait_for_step(
        self, dag_id: str, run_id: str, task_id: str, label: str, step: str, patience: float = 120.0
    ) -> TaskInstance:
        """Wait until a task of several steps waits in this one."""
        task = self.wait_for_task(dag_id, run_id, task_id, label, ["deferred"], patience)

        def at() -> str:
            return str(self.xcom(dag_id, run_id, task_id, task.map_index, "waiting").get("step"))

        wait_for(lambda: at() == step, f"{task_id}[{label}] to come to {step}", patience, at)
        return task

    def _unfinished(self, dag_id: str, run_id: str) -> str:
        tasks = self.task_instances(dag_id, run_id)
        return ", ".join(f"{task} {task.state}" for task in tasks if task.state not in (None, "success"))

    # --- the wire

    def get(self, path: str, **query: Any) -> Json:
        return self._json(self._request("GET", path, query=query))

    def call(self, method: str, path: str, body: Json) -> Json:
        return self._json(self._request(method, path, body))

    def _pages(self, path: str, key: str, **query: Any) -> Iterator[Json]:
        seen = 0
        while True:
            page = self.get(path, limit=_PAGE, offset=seen, **query)
            yield from page[key]
            seen += len(page[key])
            if not page[key] or seen >= page["total_entries"]:
                return

    def _request(
        self, method: str, path: str, body: Json | None = None, query: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        response = self._send(method, path, body, query)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._token = None
            response = self._send(method, path, body, query)
        for _ in range(_LOCKED_TRIES):
            if not _is_locked_database(response):
                break
            time.sleep(_POLL)
            response = self._send(method, path, body, query)
        return response

    def _send(self, method: str, path: str, body: Json | None, query: Mapping[str, Any] | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._log_in()}"}
        return self._http.request(method, f"/api/v2{path}", json=body, params=query, headers=headers)

    def _log_in(self) -> str:
        with self._login:
            if self._token is None:
                answer = self._http.post("/auth/token", json=self._credentials)
                self._token = str(self._json(answer)["access_token"])
            return self._token

    @staticmethod
    def _json(response: httpx.Response) -> Json:
        if response.is_error:
            raise ApiError(response)
        return dict(response.json()) if response.content else {}


def wait_for(
    look: Callable[[], T | None],
    what: str,
    patience: float,
    seen: Callable[[], str] = lambda: "",
) -> T:
    """Look again and again until there is something true to see, and return it."""
    deadline = time.monotonic() + patience * _SLOWER
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NotInTime(f"waited {patience * _SLOWER:.0f} s for {what}. {seen()}".strip())
        time.sleep(_POLL)


def _task_instance(item: Mapping[str, Any]) -> TaskInstance:
    return TaskInstance(
        item["task_id"],
        item["map_index"],
        item.get("rendered_map_index"),
        item["state"],
        item.get("try_number", 0),
        _time(item["start_date"]) if item.get("start_date") else None,
        _time(item["end_date"]) if item.get("end_date") else None,
        item.get("id", ""),
    )


def _log_lines(content: Sequence[Mapping[str, Any]]) -> Iterator[LogLine]:
    for line in content:
        text = str(line.get("event", ""))
        for error in line.get("error_detail") or ():
            text = f"{text}\n{error.get('exc_type')}: {error.get('exc_value')}"
        if not text.startswith(("::group::", "::endgroup::")):
            yield LogLine(str(line.get("level") or "").lower(), text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.fromtimestamp(0).astimezone()


def _is_locked_database(response: httpx.Response) -> bool:
    """Airflow's answer when SQLite had another writer; the transaction was rolled back, so nothing was done."""
    return response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and "Database error" in response.text


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text
