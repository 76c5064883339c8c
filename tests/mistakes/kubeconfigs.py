"""Kubernetes connections, and the kubeconfigs that they name, with a mistake each."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
WHERE = "where tasks run (workers and triggerer)"
ANEW = "write the kubeconfig anew: docs/rbac.yaml says how"
FLAT = "write a kubeconfig that holds everything itself: kubectl config view --raw --flatten --minify"


def kubernetes(**extra: Any) -> Json:
    return {"conn_type": "kubernetes", "extra": extra}


def kubeconfig(cluster: Json | None = None, user: Json | None = None, **other: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "prod", "cluster": {"server": "https://127.0.0.1:1", **(cluster or {})}}],
        "users": [{"name": "fleet", "user": {"token": "t0ken-of-fleet"} if user is None else user}],
        "contexts": [{"name": "fleet@prod", "context": {"cluster": "prod", "user": "fleet"}}],
        "current-context": "fleet@prod",
        **other,
    }


def without_current_context() -> Json:
    config = kubeconfig()
    del config["current-context"]
    return config


def a_directory(path: Path) -> None:
    path.mkdir()


def write(config: Any) -> Callable[[Path], None]:
    return lambda path: path.write_text(config if isinstance(config, str) else yaml.safe_dump(config)) and None


PATH = "connection prod: its kube_config_path (fleet.kubeconfig in {directory})"
CUT = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB").decode()

# what makes the file, and the two lines
FILES: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "no such file": (
        lambda path: None,
        f"{PATH}: there is no such file {WHERE}",
        "put the kubeconfig there, or correct the path in its extra",
    ),
    "a directory": (
        a_directory,
        f"{PATH} is a directory",
        (
            "put the kubeconfig there, or correct the path in its extra: a container's mount of a file that is missing "
            "becomes a directory"
        ),
    ),
    "empty": (write(""), f"{PATH} is empty", ANEW),
    "no YAML": (write("clusters:\n - {\n"), f"{PATH} is no YAML, see its line 3", ANEW),
    "compressed": (lambda path: path.write_bytes(gzip.compress(b"clusters: []")), f"{PATH} is no text in UTF-8", ANEW),
    "UTF-16, as PowerShell writes it": (
        lambda path: path.write_text("clusters: []", encoding="utf-16"),
        f"{PATH} is no text in UTF-8",
        ANEW,
    ),
    "something else": (write("hello"), f"{PATH} is no kubeconfig: it has no list of clusters", ANEW),
    "no current-context": (
        write(without_current_context()),
        f"{PATH} has no current-context, and these contexts: fleet@prod",
        "choose one: kubectl config use-context NAME, or cluster_context in the connection's extra",
    ),
    "a context that does not exist": (
        write(kubeconfig(**{"current-context": "old"})),
        f"{PATH} has no context old, and these: fleet@prod",
        "correct its current-context",
    ),
    "a cluster that does not exist": (
        write(kubeconfig(user={"client-certificate": "x"}, users=[{"name": "other", "user": {}}], clusters=[])),
        f"{PATH} has no cluster prod, which its context fleet@prod names",
        ANEW,
    ),
    "a client certificate that is not there": (
        write(kubeconfig(user={"client-certificate": "fleet.crt", "client-key": "fleet.key"})),
        f"{PATH} names {{directory}}/fleet.crt as client-certificate, and there is no such file {WHERE}",
        FLAT,
    ),
    "an authority that is not there": (
        write(kubeconfig({"certificate-authority": "/nowhere/ca.crt"})),
        f"{PATH} names /nowhere/ca.crt as certificate-authority, and there is no such file {WHERE}",
        FLAT,
    ),
    "an authority that is cut short": (
        write(kubeconfig({"certificate-authority-data": CUT})),
        f"{PATH} has a certificate-authority-data for cluster prod that is cut short or no certificate or key",
        FLAT,
    ),
    "a client certificate that is no base64": (
        write(kubeconfig(user={"client-certificate-data": "%", "client-key-data": "%"})),
        f"{PATH} has a client-certificate-data for user fleet that is cut short or no certificate or key",
        FLAT,
    ),
    "a plugin that is not there": (
        write(
            kubeconfig(user={"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin"}})
        ),
        f"{PATH} has its credentials made by the program no-such-plugin, which is not there {WHERE}",
        "install it there, or use the service account of docs/rbac.yaml, whose token needs no program",
    ),
}


CONNECTIONS: dict[str, tuple[Json | None, str, str]] = {
    "none": (None, "Airflow has no connection prod", "make it in Airflow, or name another in the cluster's file"),
    "of another type": (
        {"conn_type": "ssh", "login": "root"},
        "the connection prod is of type ssh, and must be of type kubernetes",
        "name one of type kubernetes as kubernetes_conn_id in the cluster's file, or change this one's type",
    ),
    "YAML as its extra": (
        {"conn_type": "kubernetes", "extra": yaml.safe_dump(kubeconfig())},
        "the extra of connection prod is no JSON, but a kubeconfig in YAML",
        "put it into the extra's field kube_config, as a string: jq -Rs '{kube_config: .}' KUBECONFIG prints that",
    ),
    "no JSON as its extra": (
        {"conn_type": "kubernetes", "extra": "in_cluster"},
        "the extra of connection prod is no JSON: Expecting value: line 1 column 1 (char 0)",
        'write it as JSON, such as {"kube_config_path": "/the/path"}',
    ),
    "a list as its extra": (
        {"conn_type": "kubernetes", "extra": "[]"},
        "the extra of connection prod is no JSON object",
        'write it as JSON, such as {"kube_config_path": "/the/path"}',
    ),
    "two kubeconfigs": (
        kubernetes(kube_config_path="/a", kube_config="{}"),
        "connection prod sets kube_config and kube_config_path",
        "leave one of them in its extra",
    ),
    "in no cluster": (
        kubernetes(in_cluster=True),
        "connection prod sets in_cluster, and Airflow does not run in a cluster, or without a service account",
        "give it a kubeconfig: kube_config_path or kube_config in its extra",
    ),
    "a context of the connection that does not exist": (
        kubernetes(kube_config=json.dumps(kubeconfig()), cluster_context="old"),
        "connection prod: its kube_config has no context old, and these: fleet@prod",
        "correct cluster_context in its extra",
    ),
    "an empty kubeconfig": (kubernetes(kube_config=" "), "connection prod: its kube_config is empty", ANEW),
}
