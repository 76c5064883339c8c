"""Actions are values: what a step wants done, printable before it is done.

The text of a `Run` is the very line that goes over SSH, behind one prefix that is always the same (`env LC_ALL=…`, see
`Host.run`), so a dry run, an approval text, a report and the commands that a host logs are the same lines.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kubeadm_upgrade import units

# Who cordoned a node: only a node that carries this annotation is uncordoned by us (invariant I7).
CORDONED_BY = "kubeadm-fleet.io/cordoned-by"


@dataclass(frozen=True)
class Run:
    """A command on a host: an argv, never shell text."""

    argv: tuple[str, ...]
    root: bool = True
    stdin: str | None = field(default=None, repr=False)
    unit: str | None = None
    timeout: timedelta = timedelta(minutes=5)

    @property
    def command(self) -> tuple[str, ...]:
        """The whole argv, with sudo and the named unit where wanted. The only place that adds either."""
        argv = units.start(self.unit, self.argv) if self.unit else self.argv
        return ("sudo", "-n", *argv) if self.root else argv

    def __str__(self) -> str:
        return shlex.join(self.command)


@dataclass(frozen=True)
class PatchNode:
    """A JSON merge patch of a Node. A resourceVersion in it makes the API refuse if the Node changed since."""

    verb: str
    node: str
    patch: Mapping[str, Any]

    def __str__(self) -> str:
        shown = {key: value for key, value in self.patch.items() if key != "metadata"}
        notes = self.patch.get("metadata", {}).get("annotations")
        return f"{self.verb} node/{self.node}: patch {json.dumps(shown | ({'annotations': notes} if notes else {}))}"


@dataclass(frozen=True)
class Evict:
    """Ask the API to evict a Pod; budgets are respected, nothing is deleted around them."""

    namespace: str
    pod: str
    uid: str

    def __str__(self) -> str:
        return f"evict pod/{self.namespace}/{self.pod}"


@dataclass(frozen=True)
class TakeSlot:
    """Take a slot of a lane in the cluster's own slots object, if the object is still as it was looked at."""

    lane: str
    node: str

    def __str__(self) -> str:
        return f"take a {self.lane} slot for {self.node}"


@dataclass(frozen=True)
class GiveSlotBack:
    lane: str
    node: str

    def __str__(self) -> str:
        return f"give back the {self.lane} slot of {self.node}"


Action = Run | PatchNode | Evict | TakeSlot | GiveSlotBack


def install_file(path: str, text: str) -> tuple[Run, Run]:
    """Replace a file as one change: a reader sees the old text or the new, never half of it.

    `dd` rather than `install /dev/stdin`, since sshd may give a command a socket as standard input, which
    cannot be opened by name; `conv=fsync` because the host may lose power between any two lines.
    """
    return (
        Run(("dd", f"of={path}.new", "status=none", "conv=fsync"), stdin=text),
        Run(("mv", "-f", f"{path}.new", path)),
    )


def cordon(node: str, resource_version: str, by: str) -> PatchNode:
    metadata = {"annotations": {CORDONED_BY: by}, "resourceVersion": resource_version}
    return PatchNode("cordon", node, {"spec": {"unschedulable": True}, "metadata": metadata})


def uncordon(node: str, resource_version: str) -> PatchNode:
    metadata = {"annotations": {CORDONED_BY: None}, "resourceVersion": resource_version}
    return PatchNode("uncordon", node, {"spec": {"unschedulable": None}, "metadata": metadata})
