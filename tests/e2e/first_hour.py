"""The mistakes of a first hour that are made through a whole Airflow: each with its two lines.

A file of the inventory for each, all on one small cluster of the lab, and a run of each: most are dry runs, which hold
nothing, so all of them run at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import yaml

from harness.fleet import LabFleet, write_inventory
from lab import Lab

Json = dict[str, Any]

WHERE = "where tasks run (workers and triggerer)"
CLEAR = "then clear this task: the run goes on from here"
ANEW = "then start a new run: this one has changed nothing"


@dataclass(frozen=True)
class Place:
    """What a mistake is made of."""

    lab: Lab
    fleet: LabFleet
    directory: Path
    cluster: str

    def kubeconfig(self, change: Callable[[Json], None] = lambda config: None) -> str:
        """A copy of the good one, changed."""
        path = self.fleet.connections(self.cluster)[f"{self.cluster}_kubernetes"]["extra"]["kube_config_path"]
        config = yaml.safe_load(Path(path).read_text())
        change(config)
        changed = self.directory / "fleet.kubeconfig"
        changed.write_text(yaml.safe_dump(config))
        return str(changed)

    def file(self, name: str, text: str = "") -> str:
        path = self.directory / name
        path.write_text(text)
        return str(path)


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a connection or with the cluster's file, how the run is started, and what is said then."""

    told: str  # in a table for people
    what: str
    do: str
    task: str = "look"
    cluster: str = "novice"
    kubernetes: Callable[[Place], Json] | None = None  # the extra
    ssh: Callable[[Place], Json] | None = None  # what is other of the connection
    file: Callable[[Place], Json] | None = None  # what is other in the cluster's file
    conf: Mapping[str, Any] = field(default_factory=lambda: {"dry_run": True})
    time_cures: bool = False


def change(**cluster: str) -> Callable[[Json], None]:
    return lambda config: config["clusters"][0]["cluster"].update(cluster)


MISTAKES: dict[str, Mistake] = {
    "no-connection": Mistake(
        "A connection that Airflow does not have",
        "Airflow has no connection {conn}_kubernetes",
        f"make it in Airflow, or name another in the cluster's file, {CLEAR}",
        task="claim",
        conf={},
        file=lambda at: {"kubernetes_conn_id": "no_connection_kubernetes"},
    ),
    "wrong-type": Mistake(
        "A connection of another type for SSH",
        "the connection {cluster}_kubernetes is of type kubernetes, and must be of type ssh",
        f"name one of type ssh as ssh_conn_id in the cluster's file, or change this one's type, {CLEAR}",
        file=lambda at: {"ssh_conn_id": f"{at.cluster}_kubernetes"},
    ),
    "no-kubeconfig": Mistake(
        "A wrong path of the kubeconfig",
        f"connection {{conn}}_kubernetes: its kube_config_path (none in {{directory}}): there is no such file {WHERE}",
        f"put the kubeconfig there, or correct the path in its extra, {CLEAR}",
        task="claim",
        conf={},
        kubernetes=lambda at: {"kube_config_path": str(at.directory / "none")},
    ),
    "no-context": Mistake(
        "A kubeconfig without current-context",
        "connection {conn}_kubernetes: its kube_config_path (fleet.kubeconfig in {directory}) has no current-context, "
        "and these contexts: {context}",
        "choose one: kubectl config use-context NAME, or cluster_context in the connection's extra, " + CLEAR,
        kubernetes=lambda at: {"kube_config_path": at.kubeconfig(lambda config: config.pop("current-context"))},
    ),
    "no-right": Mistake(
        "docs/rbac.yaml not applied",
        'GET /api/v1/nodes: nodes is forbidden: User "system:serviceaccount:default:nobody" cannot list resource '
        '"nodes" in API group "" at the cluster scope',
        f"grant all that docs/rbac.yaml lists (kubectl apply -f docs/rbac.yaml), {CLEAR}",
        kubernetes=lambda at: {
            "kube_config_path": str(at.lab.clusters[at.cluster].service_account_kubeconfig("default", "nobody"))
        },
    ),
    "no-key": Mistake(
        "A wrong path of the SSH key",
        f"the private key of connection {{conn}}_ssh cannot be used: there is no file {{directory}}/id_none {WHERE}",
        f"put it there, or correct key_file in its extra, {CLEAR}",
        ssh=lambda at: {"extra": {"key_file": str(at.directory / "id_none")}},
    ),
    "other-key": Mistake(
        "An SSH key that the hosts do not know",
        "{worker} ({address} port {port}): SSH login refused (Permission denied for user {user} on host {address})",
        "check login and key of connection {conn}_ssh, and that user's ~/.ssh/authorized_keys on the host, " + CLEAR,
        ssh=lambda at: {
            "extra": {
                "private_key": asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode(),
            }
        },
    ),
    "no-host-key": Mistake(
        "A host whose key is not in known_hosts",
        "{worker} ({address} port {port}): the host key is not known (Host CA key is not trusted for host {address})",
        "compare its fingerprint with the host's own, and add it (ssh-keyscan -p {port} {address} >> "
        "{directory}/known_hosts), " + CLEAR,
        file=lambda at: {"ssh": {"known_hosts": at.file("known_hosts")}},
    ),
    "no-known-hosts": Mistake(
        "A known_hosts file that is not there",
        f"{{worker}} ({{address}} port {{port}}): the host key is not known: there is no file {{directory}}/ssh/known "
        f"{WHERE}",
        "compare its fingerprint with the host's own, and make the file there (mkdir -p {directory}/ssh && ssh-keyscan "
        "-p {port} {address} >> {directory}/ssh/known), " + CLEAR,
        file=lambda at: {"ssh": {"known_hosts": str(at.directory / "ssh" / "known")}},
    ),
    "sudo-asks": Mistake(
        "sudo asks for a password",
        "{worker} ({address} port {port}): sudo asks for a password",
        f"allow what we run with NOPASSWD, see docs/hosts.md, {CLEAR}",
        cluster="stranger",
    ),
    "nobody-listens": Mistake(
        "A server in the kubeconfig where no API server runs",
        "the Kubernetes API does not answer at https://127.0.0.1:1: Connection refused",
        "see whether an API server runs there, and whether server in the kubeconfig of connection {conn}_kubernetes is "
        "right, " + CLEAR,
        kubernetes=lambda at: {"kube_config_path": at.kubeconfig(change(server="https://127.0.0.1:1"))},
        time_cures=True,
    ),
    "bad-parameter": Mistake(
        "A parameter that is misspelt",
        "unknown parameter dryrun",
        (
            "write one that this DAG knows (dry_run, give_up, ignore_window, nodes, take_over, target_version, "
            f"when_held), {ANEW}"
        ),
        task="claim",
        conf={"dryrun": True},
    ),
    "bad-node": Mistake(
        "A node that is misspelt",
        "nodes: w9 is not a worker of this cluster",
        f"name some of its workers ({{worker}}), {ANEW}",
        task="plan",
        conf={"dry_run": True, "nodes": ["w9"]},
    ),
    "not-published": Mistake(
        "A target that the package repository does not offer",
        "{name}: the package repository does not offer 1.29.99: check target_version and the repository's URL",
        "mend this, then clear the task look, with what comes after it; "
        "to change a target_version that was given, start a new run",
        task="plan",
        conf={"dry_run": True, "target_version": "1.29.99"},
    ),
    "broken-file": Mistake(
        "A cluster file with a mistake",
        "{name}.yaml: max_unavailble: unknown key: check its spelling, or remove it",
        f"mend {{inventory}}/{{name}}.yaml, {CLEAR}",
        task="claim",
        conf={},
        file=lambda at: {"max_unavailble": 2},
    ),
}


def make_mistakes(lab: Lab, fleet: LabFleet, inventory: Path) -> Mapping[str, str]:
    """Write their files, beside the inventory; returns their connections.

    They join it when they are tried (`begin`): whenever a trigger ends a task, Airflow parses the whole DAG file for
    the task's callbacks, and with two dozen clusters more that takes most of a core from all other tests.
    """
    lab.clusters["stranger"].faults.sudo_refuses("stranger-cp1")
    lab.clusters["stranger"].faults.sudo_refuses("stranger-w1")
    environment: dict[str, str] = {}
    for name, mistake in MISTAKES.items():
        at = Place(lab, fleet, inventory.parent / "mistakes" / name, mistake.cluster)
        at.directory.mkdir(parents=True)
        ids = {kind: f"{name.replace('-', '_')}_{kind}" for kind in ("kubernetes", "ssh")}
        good = fleet.connections(mistake.cluster)
        made = {kind: dict(good[f"{mistake.cluster}_{kind}"]) for kind in ids}
        if mistake.kubernetes:
            made["kubernetes"]["extra"] = mistake.kubernetes(at)
        if mistake.ssh:
            made["ssh"] |= mistake.ssh(at)
        other = mistake.file(at) if mistake.file else {}
        conn_ids = {f"{kind}_conn_id": conn_id for kind, conn_id in ids.items()}
        file = fleet.inventory(mistake.cluster, "1.29", **{**conn_ids, **other, "name": name})
        write_inventory(_later(inventory), file)
        if name != "no-connection":
            environment |= {f"AIRFLOW_CONN_{ids[kind].upper()}": json.dumps(one) for kind, one in made.items()}
    return environment


def begin(inventory: Path) -> None:
    """Let their files join the inventory; the next parse makes DAGs of them."""
    for path in _later(inventory).iterdir():
        path.rename(inventory / path.name)


def _later(inventory: Path) -> Path:
    return inventory.with_name("later")
