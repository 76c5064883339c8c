"""Which cluster is meant, and where it is to go?"""

from __future__ import annotations

import argparse
from pathlib import Path

from kubeadm_upgrade import cluster_file, inventory
from kubeadm_upgrade.commands import credentials
from kubeadm_upgrade.commands.credentials import Credentials
from kubeadm_upgrade.errors import NeedsPerson
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.version import TargetVersion

# of a command that looks at a cluster, for its description
EITHER = (
    "With the cluster's file and its Airflow connections; or with --kubeconfig and --ssh-user alone, before there is "
    "any Airflow."
)
_NAMELESS = "cluster"


def add_to(parser: argparse.ArgumentParser) -> None:
    """The cluster, and how it is reached where no Airflow says it."""
    parser.add_argument("cluster", nargs="?", metavar="CLUSTER", help="whose file is in the inventory")
    credentials.add_to(parser)


def asked_for(name: str | None, given: Credentials) -> tuple[Cluster, TargetVersion | None]:
    """From its file, if there is one; none is needed where everything is typed. Raises NeedsPerson, InventoryError."""
    if name is None:
        if given.kubeconfig is None:
            raise NeedsPerson(
                "no cluster is named, and no --kubeconfig given",
                do=f"name one of {', '.join(_names()) or 'your clusters'}; or say --kubeconfig FILE --ssh-user USER",
            )
        return credentials.alone(_NAMELESS, None), None
    if name not in _names() and given.are_whole:
        return credentials.alone(name, None), None
    if name not in _names():
        raise _no_such(name)
    cluster = inventory.load_cluster_named(name)
    return cluster, cluster.target_version


def _no_such(name: str) -> NeedsPerson:
    """Somebody may have written a file's name, or capitals."""
    meant = Path(name).name.lower().removesuffix(".yaml").removesuffix(".yml")
    if meant in _names():
        return NeedsPerson(f"{name!r} is no name of a cluster", do=f"say {meant}")
    is_name = cluster_file.may_be_named(name)
    what = f"there is no {name}.yaml in {inventory.directory()}" if is_name else f"{name!r} is no name of a cluster"
    make = f"make it: python -m kubeadm_upgrade init{f' --name {name}' if is_name else ''}"
    if _names():
        return NeedsPerson(what, do=f"name one of {', '.join(_names())}, or {make}")
    return NeedsPerson(what, do=f"{make}; {inventory.DIRECTORY_VARIABLE} names another directory")


def _names() -> list[str]:
    return list(inventory.files_by_cluster())
