"""Clusters as `look` finds them, and release facts that stay as they are: for the planner's tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS
from kubeadm_upgrade.planning.state import NodeState, State
from kubeadm_upgrade.releases.release import (
    Components,
    Kubeadm,
    Minimum,
    Needs,
    Patches,
    Release,
    Releases,
    Support,
)
from kubeadm_upgrade.version import Version

LAST_PATCH = 9
MINORS = range(22, 38)


def version(text: str) -> Version:
    """`1.28` is its first patch."""
    return Version.parse(text if text.count(".") == 2 else f"{text}.0")


def release(minor: int, **changes: object) -> Release:
    """A release of which only the versions say something."""
    facts: dict[str, object] = {
        "support": Support(date(2020, 1, 1), date(2021, 1, 1), date(2021, 3, 1), "made up"),
        "patches": Patches(LAST_PATCH, "made up"),
        "components": Components({0: f"3.5.{minor}-0"}, f"v1.{minor}.0", f"3.{minor}", "made up"),
        "kubeadm": Kubeadm(("v1beta3",), "made up"),
    }
    return Release(f"1.{minor}", **{**facts, **changes})


def releases(*changed: Release, without: Sequence[int] = ()) -> Releases:
    """Every release that we support; the changed ones in the place of the plain ones."""
    plain = (release(minor) for minor in MINORS if minor not in without)
    return Releases([*plain, *changed])


def gated_releases() -> Releases:
    """With a gate of etcd that no patch before it brings, one that only late patches bring, and one more far behind."""
    deployed = {minor: {0: f"3.6.{minor}-0"} for minor in range(30, 34)}
    deployed |= {minor: {0: f"3.7.{minor}-0"} for minor in range(34, MINORS.stop)}
    deployed |= {31: {0: "3.6.31-0", 5: "3.6.35-0"}, 32: {0: "3.6.36-0"}, 33: {0: "3.6.37-0"}}
    gates = {30: "3.5.40", 32: "3.6.35", 34: "3.6.50"}
    return releases(
        *(
            release(
                minor,
                components=Components(etcd, "v1", "3", "made up"),
                needs=Needs(etcd=Minimum(gates[minor], "made up", "made up") if minor in gates else None),
            )
            for minor, etcd in deployed.items()
        )
    )


def control_plane_node(name: str, runs: str, kubelet: str | None = None, **components: str) -> NodeState:
    """`components` by name with underscores: kube_scheduler="1.28.3"."""
    found = dict.fromkeys((*CONTROL_PLANE_COMPONENTS, "kube-proxy"), version(runs))
    found |= {"etcd": version("3.5.9")}
    found |= {kind.replace("_", "-"): version(text) for kind, text in components.items()}
    return NodeState(name, True, version(kubelet or runs), found)


def worker(name: str, kubelet: str, proxy: str | None = None, **changes: object) -> NodeState:
    components = {"kube-proxy": version(proxy or kubelet)}
    return NodeState(name, False, version(kubelet), components, **changes)


def cluster(runs: str, *kubelets: str, control_plane: int = 1, **changes: object) -> State:
    """A control plane of one version, and workers w1, w2 and so on with these kubelets."""
    nodes = [control_plane_node(f"cp{number}", runs) for number in range(1, control_plane + 1)]
    nodes += [worker(f"w{number}", kubelet, runs) for number, kubelet in enumerate(kubelets, 1)]
    return State(version(runs), tuple(nodes), **changes)
