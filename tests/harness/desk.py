"""A run's tasks without an Airflow: Desk is what Airflow keeps of it, by the book of 3.3.2 (routes/hitl.py)."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import yaml
from airflow.sdk.exceptions import TaskAwaitingInput, TaskDeferred
from airflow.sdk.execution_time import comms, task_runner

from kubeadm_airflow.hooks.cluster_claim import claim, ledger_of
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.operators.approve import ApproveOperator
from kubeadm_airflow.operators.delete_pods import DeletePodsOperator
from kubeadm_airflow.operators.run import PlanOperator, PreflightOperator
from kubeadm_airflow.operators.window import WindowOperator

BEGAN = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)


class Desk:
    """One run of Airflow: its XComs, what tasks have kept, and the one question of the task approve."""

    def __init__(self, run_id="run-1"):
        self.run_id, self.xcoms, self._kept, self._rows = run_id, {}, {}, {}
        self.parked = self.deferred = None
        self.asked, self.task, self.tries = 0, "approve", 2
        self.params = {"dry_run": False, "nodes": [], "give_up": [], "target_version": "1.29"}

    @property
    def kept(self):
        return self._kept.setdefault(self.task, {})

    @property
    def row(self):
        return self._rows.get(self.task)

    @row.setter
    def row(self, row):
        self._rows[self.task] = row

    def send(self, msg):
        match msg:
            case comms.CreateHITLDetailPayload():
                if self.row is None:
                    self.row = SimpleNamespace(request=msg, response=None)
                    self.asked += 1
                elif self.row.response is not None:
                    self.row.response = None
                    self.asked += 1
                return self.row.request
        raise AssertionError(msg)

    def context(self, task):
        self.task = task

        async def push(key, value):
            self.xcoms[task, key] = value

        async def pull(task_ids, key="return_value"):
            return self.xcoms.get((task_ids, key))

        store = SimpleNamespace(get=self.kept.get, set=self.kept.__setitem__)
        run = SimpleNamespace(conf={}, run_after=BEGAN)
        ti = SimpleNamespace(
            id="0190b8ab-0000-7000-8000-000000000000", axcom_push=push, axcom_pull=pull, max_tries=self.tries
        )
        context = {"ti": ti, "dag_run": run, "run_id": self.run_id, "params": self.params, "task_state_store": store}
        return context | {"dag": SimpleNamespace(dag_id="kubeadm_upgrade.asked")}

    def clear(self):
        """As Airflow does: it may be tried as often as at first, from now on."""
        self.tries += 1

    def answer(self, option, user="ann", *, timedout=False, **form):
        self.row.response = {
            "chosen_options": [option],
            "params_input": form,
            "responded_at": datetime.now(UTC),
            "responded_by_user": None if timedout else {"id": user, "name": user},
            "timedout": timedout,
        }

    def act(self, begin):
        """Whether the task is parked now; what it has returned, else."""
        self.parked = self.deferred = None
        try:
            return begin()
        except TaskAwaitingInput as parked:
            self.parked = parked
        except TaskDeferred as deferred:
            self.deferred = deferred
        return None

    @property
    def body(self):
        return self.row.request.body


class Run:
    """A run of the cluster, task by task."""

    def __init__(self, walker, monkeypatch, run_id="run-1", take_over=""):
        self.desk, self.walker = Desk(run_id), walker
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", self.desk, raising=False)
        reports = Path(os.environ["KUBEADM_UPGRADE_INVENTORY"]).with_name("reports")
        monkeypatch.setenv("KUBEADM_UPGRADE_REPORTS", str(reports))
        assert asyncio.run(claim(walker.cluster, run_of(self.desk.context("claim")), take_over, ())) is None

    def plan(self):
        look = PlanOperator(task_id="plan", cluster="asked", state={"looked_at": "2000-01-01T00:00:00+00:00"})
        look.state = asyncio.run(look.look(self.desk.context("look"))).to_json()
        self.hop = look.execute(self.desk.context("plan"))
        return self

    def preflight(self):
        PreflightOperator(task_id="preflight", cluster="asked", hop=self.hop).execute(self.desk.context("preflight"))
        return self

    def approve(self):
        self.operator = ApproveOperator(task_id="approve", cluster="asked", hop=self.hop)
        return self._execute()

    def window(self):
        self.operator = WindowOperator(task_id="window", cluster="asked", hop=self.hop)
        return self._execute()

    def _execute(self):
        """Airflow does not park a task that has its answer already: it goes on with it at once."""
        context = self.desk.context(self.operator.task_id)
        done = self.desk.act(lambda: self.operator.execute(context))
        answered = self.desk.parked is not None and self.desk.row.response is not None
        return self.resume() if answered else done

    def resume(self):
        """With the answer that is there."""
        method, kwargs = self.desk.parked.method_name, self.desk.parked.kwargs
        kwargs = {**kwargs, "event": self.desk.row.response}
        return self.desk.act(
            lambda: self.operator.resume_execution(method, kwargs, self.desk.context(self.operator.task_id))
        )

    @property
    def ledger(self):
        return asyncio.run(ledger_of(self.walker.cluster))


class Deletion:
    """A run of the DAG that asks whether Pods may be deleted, started by olga."""

    def __init__(self, cluster, monkeypatch):
        self.cluster, self.desk = cluster, Desk("ask-1")
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", self.desk, raising=False)

    def ask(self, node, **params):
        """Airflow starts the task: it is parked, or fails."""
        self.desk.params = {"node": node, "reason": None, "run": None}
        self.conf = params
        self.desk.params |= {name: value for name, value in params.items() if name in self.desk.params}
        self.task = DeletePodsOperator(task_id="ask", cluster=self.cluster)
        return self.desk.act(lambda: self.task.execute(self._context()))

    def resume(self):
        """With the answer that is there."""
        parked = self.desk.parked
        kwargs = {**parked.kwargs, "event": self.desk.row.response}
        return self.desk.act(lambda: self.task.resume_execution(parked.method_name, kwargs, self._context()))

    def _context(self):
        context = self.desk.context("ask")
        run = SimpleNamespace(conf=self.conf, run_after=BEGAN, triggering_user_name="olga")
        dag = SimpleNamespace(dag_id=f"kubeadm_delete_pods.{self.cluster}", params=self.desk.params)
        return context | {"dag_run": run, "dag": dag}


def rewrite(**settings):
    path = Path(os.environ["KUBEADM_UPGRADE_INVENTORY"], "asked.yaml")
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **settings}))
