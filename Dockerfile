# An Airflow that upgrades kubeadm clusters: the official image, our requirements, our code. What it needs is installed
# here and never when a container starts. It runs as the official image does: user airflow (uid 50000), group 0.

# The slim image is Airflow alone: requirements.txt brings the providers. constraints.txt was made with Python 3.11.
ARG BASE_IMAGE=apache/airflow:slim-3.3.2-python3.11
FROM ${BASE_IMAGE}

USER root
# A named volume takes owner and mode from the directory that it is first mounted on. Group 0 may write, so that the
# image can be run as any user of that group.
RUN install --directory --owner=airflow --group=0 --mode=0775 \
        /opt/airflow/logs /opt/airflow/reports /opt/airflow/inventory /home/airflow/.ssh
USER airflow

# Before the code: a change of ours does not install Airflow's providers anew.
# A second file, for workers of their own: REQUIREMENTS=requirements-celery.txt
ARG REQUIREMENTS=requirements-image.txt
COPY requirements*.txt constraints.txt /opt/airflow/requirements/
RUN pip install --no-cache-dir --requirement "/opt/airflow/requirements/${REQUIREMENTS}" \
        --constraint /opt/airflow/requirements/constraints.txt

# Owned by root: what runs here cannot change what runs here.
COPY include /opt/airflow/include
COPY plugins /opt/airflow/plugins
COPY dags /opt/airflow/dags
COPY docker/clean.sh docker/clean_database.py /opt/airflow/docker/
ENV PYTHONPATH=/opt/airflow/include \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/airflow/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/airflow/plugins \
    KUBEADM_UPGRADE_INVENTORY=/opt/airflow/inventory \
    KUBEADM_UPGRADE_REPORTS=/opt/airflow/reports
