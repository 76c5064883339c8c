"""python -m lab: run a lab by hand; and, beside one that runs, break it and mend it."""

from __future__ import annotations

import argparse
import re
import signal
import sys
import tempfile
import threading
from pathlib import Path

import yaml

from lab.by_hand import NotDone, break_cluster, mend_cluster
from lab.faults import IN_WORDS, KINDS
from lab.lab import Lab
from lab.latency import Latency
from lab.spec import DEMO_CLUSTERS, ClusterSpec


def main() -> None:
    arguments = _arguments()
    try:
        arguments.do(arguments)
    except NotDone as why:
        sys.exit(f"lab: {why}")


def _run(arguments: argparse.Namespace) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    latency = Latency.human() if arguments.latency == "human" else Latency.none()
    with tempfile.TemporaryDirectory(prefix="lab-") as scratch:
        directory = Path(arguments.directory or scratch)
        with Lab(directory, arguments.cluster or DEMO_CLUSTERS, latency) as lab:
            _apply(lab, arguments.apply)
            print(_welcome(lab), flush=True)
            stop.wait()
    print("lab: stopped", flush=True)


def _break(arguments: argparse.Namespace) -> None:
    print(break_cluster(Path(arguments.directory), arguments.name, arguments.fault, arguments.settings))


def _list_faults(arguments: argparse.Namespace) -> None:
    print('make break FAULT="NAME setting=value …" CLUSTER=demo-a; make mend lifts them all\n')
    for name, settings in KINDS.items():
        print(f"  {name:<22}{IN_WORDS[name]}\n  {'':<22}{' '.join(f'{one}=…' for one in settings)}")


def _mend(arguments: argparse.Namespace) -> None:
    print(mend_cluster(Path(arguments.directory), arguments.name))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("--directory", help="where keys, kubeconfigs and lab.json go; a temporary one otherwise")
    parser.add_argument("--latency", choices=("none", "human"), default="human")
    parser.add_argument("--cluster", action="append", type=parse_cluster, help="NAME:CONTROL_PLANE+WORKERS@VERSION")
    parser.add_argument("--apply", action="append", default=[], type=Path, metavar="FILE.yaml")
    parser.set_defaults(do=_run)
    commands = parser.add_subparsers(title="beside a lab that runs", metavar="COMMAND")
    breaking = commands.add_parser("break", help="break a cluster: break demo-a never_ready node=demo-a-w2")
    breaking.add_argument("name", metavar="CLUSTER")
    breaking.add_argument("fault", help=", ".join(KINDS))
    breaking.add_argument("settings", nargs="*", metavar="name=value")
    mending = commands.add_parser("mend", help="lift every fault of a cluster: mend demo-a")
    mending.add_argument("name", metavar="CLUSTER")
    commands.add_parser("faults", help="list what break knows, in words").set_defaults(do=_list_faults)
    for one, do in ((breaking, _break), (mending, _mend)):
        one.add_argument("--directory", required=True, help="the folder that the lab was started with")
        one.set_defaults(do=do)
    return parser.parse_args()


def parse_cluster(text: str) -> ClusterSpec:
    """``demo-a:1+3@1.28.15``"""
    found = re.fullmatch(r"([a-z0-9-]+):(\d+)\+(\d+)@v?(\d+\.\d+\.\d+)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not like demo-a:1+3@1.28.15")
    name, control_plane, workers, version = found.groups()
    return ClusterSpec(name, int(control_plane), int(workers), version)


def _apply(lab: Lab, files: list[Path]) -> None:
    for path in files:
        objects = [one for one in yaml.safe_load_all(path.read_text()) if one]
        for cluster in lab.clusters.values():
            cluster.apply(objects)
            for account in (one for one in objects if one["kind"] == "ServiceAccount"):
                metadata = account["metadata"]
                cluster.service_account_kubeconfig(metadata.get("namespace", "default"), metadata["name"])
    lab.write_description()


def _welcome(lab: Lab) -> str:
    lines = [f"control {lab.control_url}", f"lab.json {lab.directory / 'lab.json'}"]
    for cluster in lab.clusters.values():
        lines += ["", f"# {cluster.name}, v{cluster.spec.version}, {cluster.api_url}"]
        lines.append(f"export KUBECONFIG={cluster.admin_kubeconfig}")
        for account, path in cluster.service_accounts.items():
            lines.append(f"export KUBECONFIG={path}  # service account {account}")
        for node in cluster.nodes.values():
            options = f"-i {lab.ssh_key} -o UserKnownHostsFile={lab.known_hosts}"
            lines.append(f"ssh {options} -p {node.port} {lab.ssh_user}@{node.address}  # {node.name}")
    return "\n".join([*lines, "", "Ctrl-C stops the lab."])


if __name__ == "__main__":
    main()
