"""The DAGs of every cluster of the inventory: its upgrade, what steers it, a check, who is told, and more."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from kubeadm_upgrade.inventory import InventoryError, files_by_cluster, ignored, load_cluster
from kubeadm_upgrade.ledger.steering import deleting_dag, steering_dag
from kubeadm_upgrade.telling.notice import telling_dag
from upgrade_dags.check import build_check_dag, check_dag_id_of
from upgrade_dags.cluster import build_cluster_dag, dag_id_of
from upgrade_dags.delete_pods import build_delete_pods_dag
from upgrade_dags.look import build_look_dag, look_dag_id_of
from upgrade_dags.quarantine import build_quarantine_dag
from upgrade_dags.steer import build_steer_dag

wanted = get_parsing_context().dag_id  # set when this file is parsed for one task: build that DAG only

for name, (path, *others) in files_by_cluster().items():
    dag_id, beside = dag_id_of(name), tuple(ignored(path, others))
    builders = {
        dag_id: lambda cluster, beside=beside: build_cluster_dag(cluster, beside),
        check_dag_id_of(name): build_check_dag,
        steering_dag(name): build_steer_dag,
        deleting_dag(name): build_delete_pods_dag,
    }
    look_dag_id, tell_dag_id = look_dag_id_of(name), telling_dag(name)
    if wanted not in (None, look_dag_id, tell_dag_id, *builders):
        continue
    try:
        cluster = load_cluster(path)
    except InventoryError as error:
        globals()[dag_id] = build_quarantine_dag(name, error, beside)  # which says all that the others could say
        continue
    if cluster.look.cron:
        builders[look_dag_id] = build_look_dag
    if cluster.notify.channels and wanted in (None, tell_dag_id):
        from upgrade_dags.tell import build_tell_dag  # what most fleets and all other tasks need not import

        builders[tell_dag_id] = build_tell_dag
    for one, build in builders.items():
        if wanted in (None, one):
            globals()[one] = build(cluster)
