"""How a cluster is reached, as somebody types it: what the two Airflow connections would hold."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kubeadm_upgrade.commands.arguments import port
from kubeadm_upgrade.inventory import Cluster, HostAddress

# of connections that exist for one command; Airflow's own are never shadowed by them
KUBERNETES, SSH = "of_the_command_line_kubernetes", "of_the_command_line_ssh"


@dataclass(frozen=True)
class Credentials:
    """Files are named, never read: their content is in no argument, environment variable or message."""

    kubeconfig: Path | None = None
    context: str | None = None
    user: str | None = None
    key: Path | None = None
    port: int | None = None
    known_hosts: Path | None = None

    @classmethod
    def of(cls, options: argparse.Namespace) -> Credentials:
        return cls(
            options.kubeconfig,
            options.context,
            options.ssh_user,
            options.ssh_key,
            options.ssh_port,
            options.known_hosts,
        )

    @property
    def are_whole(self) -> bool:
        """Whether they need no Airflow beside them."""
        return self.kubeconfig is not None and self.has_ssh

    @property
    def has_ssh(self) -> bool:
        return self.user is not None or self.key is not None

    def flags(self) -> Iterator[str]:
        """As they would be typed again."""
        for name, value in (
            ("--kubeconfig", self.kubeconfig),
            ("--context", self.context),
            ("--ssh-user", self.user),
            ("--ssh-key", self.key),
            ("--ssh-port", self.port),
            ("--known-hosts", self.known_hosts),
        ):
            if value is not None:
                yield from (name, str(value))

    def kubernetes(self) -> Mapping[str, Any]:
        """The connection of type kubernetes."""
        context = {"cluster_context": self.context} if self.context else {}
        return {"conn_type": "kubernetes", "extra": {"kube_config_path": str(self.kubeconfig), **context}}

    def ssh(self) -> Mapping[str, Any]:
        """The connection of type ssh; without a key, those of whoever runs it, and of its agent."""
        login = {"login": self.user} if self.user else {}
        return {"conn_type": "ssh", **login, "extra": {"key_file": str(self.key)} if self.key else {}}

    def environment(self) -> Mapping[str, str]:
        """The connections as Airflow reads them from environment variables."""
        found = {KUBERNETES: self.kubernetes()} if self.kubeconfig else {}
        found |= {SSH: self.ssh()} if self.has_ssh else {}
        return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(connection) for name, connection in found.items()}

    def over(self, cluster: Cluster) -> Cluster:
        """The cluster as it is reached with these, where they are given."""
        return replace(
            cluster,
            kubernetes_conn_id=KUBERNETES if self.kubeconfig else cluster.kubernetes_conn_id,
            ssh_conn_id=SSH if self.has_ssh else cluster.ssh_conn_id,
            known_hosts=str(self.known_hosts) if self.known_hosts else cluster.known_hosts,
            host=replace(cluster.host, port=self.port or cluster.host.port),
        )

    def spoken(self, text: str) -> str:
        """A message on these connections, by the names that somebody has typed."""
        for typed, words in ((self.kubeconfig is not None, _OF_KUBECONFIG), (self.has_ssh, _OF_SSH)):
            if typed:
                for pattern, flag in words:
                    text = re.sub(pattern, flag, text)
        return text


# what hooks call the parts of a connection, and what they were typed as
_OF_KUBECONFIG = (
    (rf"the kubeconfig of connection {KUBERNETES}", "the kubeconfig"),
    (rf"((Airflow's|the) )?(connection )?{KUBERNETES}(: its kube_config_path)?", "--kubeconfig"),
    (re.escape(" where tasks run (workers and triggerer)"), ""),
    (r"\bthe path in its extra", "--kubeconfig"),
    (r"\bkube_config_path( in its extra)?", "--kubeconfig"),
    (r"\bcluster_context( in its extra)?", "--context"),
)
_OF_SSH = (
    (rf"((Airflow's|the) )?(connection )?{SSH}", "--ssh-user and --ssh-key"),
    (re.escape(" where tasks run (workers and triggerer)"), ""),
    (r"\bkey_file( in its extra)?", "--ssh-key"),
    (
        r"\bset private_key_passphrase in its extra",
        "write private_key_passphrase beside key_file into Airflow's connection (docs/connections.md), and check that",
    ),
    (
        r"\bcorrect (nodes\.\S+\.address) or ssh\.port in \S+",
        r"say another --ssh-port, or write \1 into its file",
    ),
)


def add_to(parser: argparse.ArgumentParser) -> None:
    """The flags, which may all be left out where an Airflow connection or a default says it."""
    parser.add_argument("--kubeconfig", type=file_named, metavar="FILE", help="reach the API with this kubeconfig")
    parser.add_argument("--context", metavar="NAME", help="of the kubeconfig; default: its current one")
    parser.add_argument("--ssh-user", metavar="USER", help="log in to hosts as this user")
    parser.add_argument(
        "--ssh-key", type=file_named, metavar="FILE", help="with this private key; default: the user's own"
    )
    parser.add_argument("--ssh-port", type=port, metavar="PORT", help="default: the cluster's file, else 22")
    parser.add_argument(
        "--known-hosts", type=file_named, metavar="FILE", help="default: the cluster's file, else the user's"
    )


def alone(name: str, target: Any) -> Cluster:
    """A cluster that has no file yet."""
    return Cluster(name, KUBERNETES, SSH, target, host=HostAddress())


def file_named(text: str) -> Path:
    """Whole, since tasks that read it run elsewhere."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    return Path(text).expanduser().absolute()
