"""One Airflow DAG for every cluster of the inventory."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from kubeadm_upgrade.inventory import InventoryError, files_by_cluster, ignored, load_cluster
from upgrade_dags.cluster import build_cluster_dag, dag_id_of
from upgrade_dags.quarantine import build_quarantine_dag

wanted = get_parsing_context().dag_id  # set when this file is parsed for one task: build that DAG only

for name, (path, *others) in files_by_cluster().items():
    dag_id = dag_id_of(name)
    if wanted not in (None, dag_id):
        continue
    beside = tuple(ignored(path, others))
    try:
        globals()[dag_id] = build_cluster_dag(load_cluster(path), beside)
    except InventoryError as error:
        globals()[dag_id] = build_quarantine_dag(dag_id, error, beside)
