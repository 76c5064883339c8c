"""Two Airflow DAGs for every cluster of the inventory: its upgrade, and a check of whether that is possible."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from kubeadm_upgrade.inventory import InventoryError, files_by_cluster, ignored, load_cluster
from upgrade_dags.check import build_check_dag, check_dag_id_of
from upgrade_dags.cluster import build_cluster_dag, dag_id_of
from upgrade_dags.quarantine import build_quarantine_dag

wanted = get_parsing_context().dag_id  # set when this file is parsed for one task: build that DAG only

for name, (path, *others) in files_by_cluster().items():
    dag_id, check_dag_id = dag_id_of(name), check_dag_id_of(name)
    if wanted not in (None, dag_id, check_dag_id):
        continue
    beside = tuple(ignored(path, others))
    try:
        cluster = load_cluster(path)
    except InventoryError as error:
        globals()[dag_id] = build_quarantine_dag(dag_id, error, beside)  # which says all that a check could say
        continue
    if wanted != check_dag_id:
        globals()[dag_id] = build_cluster_dag(cluster, beside)
    if wanted != dag_id:
        globals()[check_dag_id] = build_check_dag(cluster)
