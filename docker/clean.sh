#!/usr/bin/env bash
# The service `cleaner`: once a day, what is older than KEEP_ROWS_DAYS leaves Airflow's database; 0 keeps everything.
set -u
days=${KEEP_ROWS_DAYS:?how many days the rows of runs that have ended are kept; 0: for ever}
if [ "$days" = 0 ]; then
    echo "KEEP_ROWS_DAYS is 0: no row is ever removed."
    exec sleep infinity
fi
# not while everything starts
sleep 1h
while true; do
    # what has failed is tried again tomorrow; the log says why
    python /opt/airflow/docker/clean_database.py "$days"
    sleep 1d
done
