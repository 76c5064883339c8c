"""`python -m kubeadm_upgrade`: what can be had without Airflow."""

from __future__ import annotations

import argparse
import json

from kubeadm_upgrade.inventory import json_schema


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m kubeadm_upgrade", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("schema", help="print the JSON Schema of a cluster file, for editors")
    parser.parse_args()
    print(json.dumps(json_schema(), indent=2))


if __name__ == "__main__":
    main()
