"""Start the upgrade of a cluster from a pipeline, and wait for the end of its path.

    pip install apache-airflow-client==3.3.2
    AIRFLOW=https://airflow.example.org AIRFLOW_USER=deploy AIRFLOW_PASSWORD=... python upgrade.py prod-1 --target 1.29

Exits with 0 where every run of the path has succeeded, else with 1. The same `--run` a second time starts nothing, and
waits for what the first has started: so a job may be tried again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.request
from itertools import count

from airflow_client.client import ApiClient, ApiException, Configuration, DagRunApi
from airflow_client.client.models import TriggerDAGRunPostBody

CONFLICT, NOT_FOUND = 409, 404
POLL_SECONDS = 5


def token(server: str) -> str:
    """It is good for 24 hours."""
    credentials = {"username": os.environ["AIRFLOW_USER"], "password": os.environ["AIRFLOW_PASSWORD"]}
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{server}/auth/token", json.dumps(credentials).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["access_token"])


def start(runs: DagRunApi, dag_id: str, run_id: str, conf: dict[str, object]) -> None:
    """Once, however often it is asked for."""
    try:
        runs.trigger_dag_run(dag_id, TriggerDAGRunPostBody(logical_date=None, dag_run_id=run_id, conf=conf))
    except ApiException as error:
        if error.status != CONFLICT:
            raise


def wait(runs: DagRunApi, dag_id: str, run_id: str) -> bool:
    """Whether the run, and those in which its path goes on, have all succeeded."""
    for number in count(1):
        name = run_id if number == 1 else f"{run_id}~{number}"
        try:
            state = runs.get_dag_run(dag_id, name).state
            while state not in ("success", "failed"):
                time.sleep(POLL_SECONDS)
                state = runs.get_dag_run(dag_id, name).state
        except ApiException as error:
            if error.status == NOT_FOUND and number > 1:
                return True
            raise
        print(f"{name}: {state.value}", flush=True)
        if state == "failed":
            return False
    raise AssertionError


def main() -> int:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Start the upgrade of a cluster, and wait for its end.")
    parser.add_argument("cluster")
    parser.add_argument("--target", help="as 1.29 or 1.29.4; default: what the cluster's file says")
    parser.add_argument("--run", default=f"pipeline-{int(time.time())}", help="the run's id; default: one of its own")
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    conf = {"dry_run": given.dry_run, **({"target_version": given.target} if given.target else {})}
    server, dag_id = os.environ["AIRFLOW"].rstrip("/"), f"kubeadm_upgrade.{given.cluster}"
    with ApiClient(Configuration(host=server, access_token=token(server))) as client:
        runs = DagRunApi(client)
        start(runs, dag_id, given.run, conf)
        print(f"{server}/dags/{dag_id}/runs/{given.run}", flush=True)
        return 0 if wait(runs, dag_id, given.run) else 1


if __name__ == "__main__":
    sys.exit(main())
