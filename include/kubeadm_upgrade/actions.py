"""Actions are values: what a step wants done, printable before it is done.

The text of a `Run` is the very line that goes over SSH, behind one prefix that is always the same (`env LC_ALL=…`, see
`Host.run`), so a dry run, an approval text, a report and the commands that a host logs are the same lines.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kubeadm_upgrade import units
from kubeadm_upgrade.drain.to_come import EFFECT, TAINT
from kubeadm_upgrade.wording import shortened

# Who cordoned a node: only a node that carries this annotation is uncordoned by us (invariant I7).
CORDONED_BY = "kubeadm-fleet.io/cordoned-by"

_MOST_LINES = 15
# of dnf's options, which an entry keeps; and in URLs
_SECRET_OPTION = re.compile(r"^(\s*\S*(?:password|username|(?<!kube-)proxy)\S*?\s*[=:]).*", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"//[^/\s]*@")


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

    @property
    def written(self) -> tuple[str, ...]:
        """The lines that the command is handed, for whoever reviews it: of a short text, and no passwords (I9)."""
        lines = (self.stdin or "").strip().splitlines()
        return tuple(_without_secrets(line) for line in lines) if len(lines) <= _MOST_LINES else ()


@dataclass(frozen=True)
class PatchNode:
    """A JSON merge patch of a Node. A resourceVersion in it makes the API refuse if the Node changed since."""

    verb: str
    node: str
    patch: Mapping[str, Any]

    def __str__(self) -> str:
        shown = {key: value for key, value in self.patch.items() if key != "metadata"}
        meta = self.patch.get("metadata", {})
        shown |= {name: meta[name] for name in ("annotations", "labels") if meta.get(name)}
        return f"{self.verb} node/{self.node}: patch {json.dumps(shown)}"


@dataclass(frozen=True)
class Evict:
    """Ask the API to evict a Pod; budgets are respected, nothing is deleted around them."""

    namespace: str
    pod: str
    uid: str
    grace: int | None = None  # seconds; None: the Pod's own

    def __str__(self) -> str:
        grace = "" if self.grace is None else f", grace period {self.grace} s"
        return f"evict pod/{self.namespace}/{self.pod}{grace}"


@dataclass(frozen=True)
class EvictOrDelete:
    """Ask for an eviction; where a budget refuses it, delete the Pod, which a person has agreed to.

    One at a time: each is judged anew by what the others before it have left.
    """

    namespace: str
    pod: str
    uid: str
    grace: int | None
    approval: str  # whose, for people

    def __str__(self) -> str:
        grace = "" if self.grace is None else f", grace period {self.grace} s"
        either = f"evict pod/{self.namespace}/{self.pod}{grace}"
        return f"{either}, or delete it where no budget lets it go ({self.approval})"


@dataclass(frozen=True)
class MarkToCome:
    """Put a soft taint on nodes that are still to come, each as it is at that moment."""

    nodes: tuple[str, ...]

    def __str__(self) -> str:
        return f"taint {shortened([f'node/{name}' for name in self.nodes])} with {TAINT}:{EFFECT}"


@dataclass(frozen=True)
class PatchConfigMap:
    """A JSON merge patch of a ConfigMap in kube-system, made only if it is still as it was looked at."""

    verb: str
    name: str
    patch: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.verb} in configmap/kube-system/{self.name}"


@dataclass(frozen=True)
class TakeSlot:
    """Write into the ledger that a node may be taken out of service, if it is still as it was looked at."""

    lane: str
    node: str

    def __str__(self) -> str:
        return f"take a {self.lane} slot for {self.node}"


@dataclass(frozen=True)
class GiveSlotBack:
    node: str

    def __str__(self) -> str:
        return f"give back the slot of {self.node}"


@dataclass(frozen=True)
class NoteBegun:
    """Before a kubeadm upgrade begins: a host that loses power forgets its units, and this is what tells of it."""

    node: str
    unit: str

    def __str__(self) -> str:
        return f"note in the ledger that {self.unit} begins on {self.node}"


@dataclass(frozen=True)
class NoteEnded:
    node: str

    def __str__(self) -> str:
        return f"note in the ledger that it has ended well on {self.node}"


@dataclass(frozen=True)
class NoteFailed:
    """Before a person is told: a try after this one is that person's wish."""

    node: str
    unit: str
    why: str = field(repr=False)

    def __str__(self) -> str:
        return f"note in the ledger that {self.unit} has failed on {self.node}"


@dataclass(frozen=True)
class NoteSoak:
    """That a group of workers is done at a version, from now on; or that it is not, after all."""

    group: str
    to: str
    done: bool

    def __str__(self) -> str:
        return f"note in the ledger that {self.group} {'soaks' if self.done else 'does not soak'} at {self.to}"


@dataclass(frozen=True)
class NotePin:
    """The etcd image tag that we are about to fix in kubeadm-config; None: that it is ours no longer."""

    tag: str | None

    def __str__(self) -> str:
        return f"note in the ledger that etcd is fixed at {self.tag}" if self.tag else "note that etcd is not fixed"


@dataclass(frozen=True)
class Quarantine:
    """Give a worker up whose drain stays blocked: it is in nobody's way any more."""

    node: str
    why: str = field(repr=False)

    def __str__(self) -> str:
        return f"note in the ledger that {self.node} is quarantined"


@dataclass(frozen=True)
class TakeClusterAgain:
    """A run that had ended goes on, since one of its tasks was cleared and nobody else has come."""

    def __str__(self) -> str:
        return "take the cluster again"


@dataclass(frozen=True)
class RepeatPreflight:
    """Judge again what is still to be done, because the last judgement is too old."""

    def __str__(self) -> str:
        return "repeat preflight: its last judgement is too old"


LedgerAction = (
    TakeSlot | GiveSlotBack | NoteBegun | NoteEnded | NoteFailed | NotePin | NoteSoak | Quarantine | TakeClusterAgain
)
Action = Run | PatchNode | MarkToCome | PatchConfigMap | Evict | EvictOrDelete | RepeatPreflight | LedgerAction


def acts_of(actions: Iterable[Action]) -> Iterator[tuple[Action, ...]]:
    """In their order; the evictions of one drain are one act, made side by side: they wait for each other's budgets."""
    for is_eviction, group in itertools.groupby(actions, lambda action: isinstance(action, Evict)):
        some = tuple(group)
        yield from (some,) if is_eviction else ((action,) for action in some)


def _without_secrets(line: str) -> str:
    return _SECRET_IN_URL.sub("//...@", _SECRET_OPTION.sub(r"\1 ...", line))


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
