"""The text of a new cluster's file: what differs from the defaults, and checked as any file is when it is read."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from kubeadm_upgrade.cluster_file import ClusterFile, problems
from kubeadm_upgrade.commands.credentials import Credentials
from kubeadm_upgrade.errors import NeedsPerson, several
from kubeadm_upgrade.version import TargetVersion

_HEAD = "# Every other option, with its default, is in example.yaml.sample, and in: python -m kubeadm_upgrade schema\n"
_SCHEMA = "# yaml-language-server: $schema=./cluster.schema.json\n"  # where it is beside the file
# what a field was typed as; connection ids are made of the name
_FLAGS = {
    **dict.fromkeys(("name", "kubernetes_conn_id", "ssh_conn_id"), "say --name with small letters, digits and dashes"),
    "target_version": "say --target VERSION, such as 1.33",
    "ssh": "say --ssh-port and --known-hosts otherwise",
}
_OF_KUBEADM = "kubernetes"
_OTHER = "say it otherwise"


def conn_ids(name: str) -> tuple[str, str]:
    """Of the connections to the API and to the hosts: their environment variables know no dash."""
    stem = name.replace("-", "_")
    return f"{stem}_kubernetes", f"{stem}_ssh"


def checked(name: str) -> str:
    """Raises NeedsPerson with the file's own sentence on a name."""
    cluster_text(name, TargetVersion(1, 0), Credentials())
    return name


def cluster_named_in(kubeconfig: Path, context: str | None) -> str | None:
    """What a kubeconfig calls its cluster, where that is a name of its own: kubeadm calls every one the same."""
    try:
        config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        chosen = context or config["current-context"]
        (name,) = [one["context"]["cluster"] for one in config["contexts"] if one["name"] == chosen]
        return None if name == _OF_KUBEADM else checked(name)
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError, NeedsPerson):
        return None


def is_of_init(path: Path) -> bool:
    """Whether init has written this file."""
    try:
        return _HEAD in path.read_text()
    except (OSError, ValueError):
        return False


def cluster_text(name: str, target: TargetVersion, given: Credentials, *, with_schema: bool = False) -> str:
    """Raises NeedsPerson with every problem, in the words of whoever edits the file."""
    kubernetes, ssh_conn_id = conn_ids(name)
    ssh = {
        **({"port": given.port} if given.port else {}),
        **({"known_hosts": str(given.known_hosts)} if given.known_hosts else {}),
    }
    content = {
        "name": name,
        "kubernetes_conn_id": kubernetes,
        "ssh_conn_id": ssh_conn_id,
        "target_version": str(target),
        **({"ssh": ssh} if ssh else {}),
    }
    try:
        ClusterFile.model_validate(content)
    except ValidationError as error:
        found = tuple(problems(Path(f"{name}.yaml"), error))
        flags = dict.fromkeys(_FLAGS.get(str(item["loc"][0]), _OTHER) for item in error.errors())
        raise NeedsPerson(several(found), do="; ".join(flags)) from error
    return (_SCHEMA if with_schema else "") + _HEAD + yaml.safe_dump(content, sort_keys=False)
