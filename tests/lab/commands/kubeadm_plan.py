"""kubeadm upgrade plan.

Text as golden/kubeadm-upgrade-plan*.txt, JSON as golden/kubeadm-upgrade-plan-1.33-to-1.34-json.txt.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from lab.commands.kubeadm_cluster import (
    cluster_version,
    fatal,
    health_errors,
    reading_configuration,
    refuse_early,
)
from lab.options import Options
from lab.process import Process
from lab.releases import Release

_LINE = "_" * 69
_CONFIGS = ("kubeproxy.config.k8s.io", "v1alpha1"), ("kubelet.config.k8s.io", "v1beta1")


@dataclass(frozen=True)
class Row:
    """One component that would change; ``node`` is empty for what belongs to no node."""

    name: str
    node: str
    current: str
    target: str


async def plan(process: Process, options: Options, version: str | None) -> int:
    if (code := refuse_early(process, needs_admin=True)) is not None:
        return code
    await asyncio.sleep(process.host.cluster.latency.kubeadm_plan)
    kubeadm = process.host.installed("kubeadm")
    target = Release.parse(version) if version else kubeadm
    machine = options.last("-o", "--output", default="text") == "json" and kubeadm.minor >= 31
    say = process.complain if machine else process.print
    if errors := health_errors(process, options):
        return process.refuse(fatal(errors), 1)
    _head(process, kubeadm, target, say)
    if version is None:
        _offline(process, kubeadm)
    rows = list(_rows(process, target)) if target > cluster_version(process) else []
    if machine:
        process.print(json.dumps(_document(process, rows), indent=4))
    else:
        process.print(_text(process, kubeadm, target, rows))
    return 0


def _head(process: Process, kubeadm: Release, target: Release, say) -> None:  # type: ignore[no-untyped-def]
    new = kubeadm.minor >= 32
    current = cluster_version(process)
    if new:
        say("[preflight] Running pre-flight checks.")
    else:
        say("[upgrade/config] Making sure the configuration is correct:")
    say(reading_configuration(kubeadm, "upgrade/config"))
    if not new:
        say("[preflight] Running pre-flight checks.")
    say("[upgrade] Running cluster health checks")
    say("[upgrade] Fetching available versions to upgrade to")
    say(f"[upgrade/versions] Cluster version: {current if new else current.v}")
    say(f"[upgrade/versions] kubeadm version: {kubeadm.v}")
    say(f"[upgrade/versions] Target version: {target.v}")
    say(f"[upgrade/versions] Latest version in the v1.{current.minor} series: {target.v}")


def _offline(process: Process, kubeadm: Release) -> None:
    """A lab has no internet, as the golden cluster had none."""
    for name in ("stable", f"stable-1.{cluster_version(process).minor}"):
        url = f"https://dl.k8s.io/release/{name}.txt"
        text = f'unable to get URL "{url}": Get "{url}": dial tcp: lookup dl.k8s.io on 127.0.0.11:53: no such host'
        process.complain(
            "W1123 03:53:36.034745    2549 version.go:103] could not fetch a "
            f"Kubernetes version from the internet: {text}"
        )
        process.complain(
            f"W1123 03:53:36.034998    2549 version.go:104] falling back to the local client version: {kubeadm.v}"
        )


def _rows(process: Process, target: Release) -> list[Row]:
    cluster, plane = process.host.cluster, process.host.cluster.control_plane
    current, nodes = cluster_version(process), list(plane.images)
    rows = [Row("kubelet", one.node, one.running.v, target.v) for one in cluster.registered()]
    for component in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        rows += [Row(component, n, plane.images[n][component].rpartition(":")[2], target.v) for n in nodes]
    rows.append(Row("kube-proxy", "", current.v, target.v))
    rows.append(Row("CoreDNS", "", current.coredns, target.coredns))
    rows += [Row("etcd", n, plane.etcd_tag(n), target.etcd) for n in nodes]
    return rows


def _document(process: Process, rows: list[Row]) -> dict[str, Any]:
    current = cluster_version(process)
    components = []
    for row in rows:
        version = str(current) if row.name == "kube-proxy" else row.current
        one = {"name": row.name, "currentVersion": version, "newVersion": row.target}
        components.append(one | ({"nodeName": row.node} if row.node else {}))
    kubeadm = process.host.installed("kubeadm").v
    if components:
        place = next(i for i, one in enumerate(components) if one["name"] == "etcd")
        components.insert(place, {"name": "kubeadm", "currentVersion": kubeadm, "newVersion": rows[0].target})
    upgrade = {"description": f"version in the v1.{current.minor} series", "components": components}
    configs = [
        {"group": group, "currentVersion": v, "preferredVersion": v, "manualUpgradeRequired": False}
        for group, v in _CONFIGS
    ]
    kind = {"kind": "UpgradePlan", "apiVersion": "output.kubeadm.k8s.io/v1alpha3"}
    return kind | {"availableUpgrades": [upgrade] if components else [], "configVersions": configs}


def _text(process: Process, kubeadm: Release, target: Release, rows: list[Row]) -> str:
    if not rows:
        return ""
    kubelets = [row for row in rows if row.name == "kubelet"]
    others = [row for row in rows if row.name != "kubelet"]
    series = f"v1.{cluster_version(process).minor} series"
    table = _node_table if kubeadm.minor >= 31 else _short_table
    return "\n".join(
        [
            "\nComponents that must be upgraded manually after you have upgraded "
            "the control plane with 'kubeadm upgrade apply':",
            table(kubelets, True),
            f"\nUpgrade to the latest version in the {series}:\n",
            table(others, False),
            "\nYou can now apply the upgrade by executing the following "
            f"command:\n\n\tkubeadm upgrade apply {target.v}\n",
            f"{_LINE}\n\n",
            _CONFIG_TABLE + _LINE + "\n",
        ]
    )


def _short_table(rows: list[Row], counted: bool) -> str:
    """Before 1.31: one line per component, kubelets counted."""
    if counted:
        counts = Counter(row.current for row in rows)
        cells = [("kubelet", f"{count} x {version}", rows[0].target) for version, count in sorted(counts.items())]
    else:
        cells = list(dict.fromkeys((row.name, row.current, row.target) for row in rows))
    return _columns([("COMPONENT", "CURRENT", "TARGET"), *cells])


def _node_table(rows: list[Row], counted: bool) -> str:
    del counted
    cells = [
        (
            row.name,
            row.node,
            row.current.removeprefix("v") if row.name == "kube-proxy" else row.current,
            row.target,
        )
        for row in rows
    ]
    return _columns([("COMPONENT", "NODE", "CURRENT", "TARGET"), *cells])


def _columns(cells: list[tuple[str, ...]]) -> str:
    widths = [max(len(cell) for cell in column) + 3 for column in zip(*cells, strict=True)]
    lines = ("".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines)


_CONFIG_TABLE = """\
The table below shows the current state of component configs as understood by this version of kubeadm.
Configs that have a "yes" mark in the "MANUAL UPGRADE REQUIRED" column require manual config upgrade or
resetting to kubeadm defaults before a successful upgrade can be performed. The version to manually
upgrade to is denoted in the "PREFERRED VERSION" column.

API GROUP                 CURRENT VERSION   PREFERRED VERSION   MANUAL UPGRADE REQUIRED
kubeproxy.config.k8s.io   v1alpha1          v1alpha1            no
kubelet.config.k8s.io     v1beta1           v1beta1             no
"""
