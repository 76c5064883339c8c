ARG ROOT
FROM ${ROOT}
ENV AIRFLOW_HOME=/opt/airflow AIRFLOW_UID=50000 LANG=C.UTF-8 DUMB_INIT_SETSID=1 \
    PATH=/home/airflow/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /opt/airflow
USER 50000
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"]
CMD []
