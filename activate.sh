# Airflow with our settings, in this shell, for one person on one machine. In bash or zsh, from the checkout:
#
#   make venv && . ./activate.sh
#   airflow standalone          # database, logs and reports in .airflow; the UI on this machine only
#
# Any other shell that says `. ./activate.sh` talks to the same Airflow. For a team: docs/compose.md, docs/helm.md.

if [ ! -e airflow.env ] || [ ! -x .venv/bin/airflow ]; then
    echo "activate.sh: say make venv first, and source it from the checkout's own directory" >&2
    return 1
fi

set -a
. ./airflow.env
AIRFLOW_HOME=$PWD/.airflow
AIRFLOW__CORE__DAGS_FOLDER=$PWD/dags
AIRFLOW__CORE__PLUGINS_FOLDER=$PWD/plugins
# SQLite has one writer at a time: who comes second waits, and does not fail after sqlite3's five seconds
AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="sqlite:///$PWD/.airflow/airflow.db?timeout=60"
AIRFLOW__API__HOST=127.0.0.1
AIRFLOW__API__PORT=${PORT:-8080}
AIRFLOW__API__BASE_URL=http://localhost:${PORT:-8080}
KUBEADM_UPGRADE_REPORTS=$PWD/.airflow/reports
# LocalExecutor starts as many processes at once: 32 by default
AIRFLOW__CORE__PARALLELISM=8
# macOS refuses to fork in processes like Airflow's otherwise
OBJC_DISABLE_INITIALIZE_FORK_SAFETY=YES
# what Airflow warns of in its own code is nothing that anybody here could mend
PYTHONWARNINGS=ignore
PYTHONPATH=$PWD/include:$PWD/plugins
PATH=$PWD/.venv/bin:$PATH
set +a
