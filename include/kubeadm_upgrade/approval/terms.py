"""The terms of a path: what somebody has agreed to, and nothing that changes from one look to the next by itself.

An approval keeps them in the ledger. They are plain enough to be read there, and short: of 500 nodes some 30 KB.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kubeadm_upgrade.approval.figures import is_no_worse, masked
from kubeadm_upgrade.rollout.care import RolloutCare
from kubeadm_upgrade.version import Version

Packages = Mapping[str, Mapping[str, str]]  # package format -> package -> version with its revision


@dataclass(frozen=True)
class Block:
    """A finding of preflight that blocks, by its check, in its own words."""

    check: str
    sentence: str

    @property
    def essence(self) -> tuple[str, str]:
        """What two looks at the same thing have in common."""
        return self.check, masked(self.sentence)

    def covers(self, now: Block) -> bool:
        """Whether whoever has been shown this has been shown that as well."""
        return self.essence == now.essence and is_no_worse(self.check, self.sentence, now.sentence)


@dataclass(frozen=True)
class HopTerms:
    """One hop. Workers by name: that is their order, but for those that an earlier run has begun with."""

    came_from: Version
    to: Version
    control_plane: tuple[str, ...]  # in their order
    workers: tuple[str, ...] = ()  # that are drained
    packages: Packages = field(default_factory=dict)
    etcd: tuple[str, ...] = ()  # what is done to etcd's tag before

    def to_json(self) -> dict[str, Any]:
        plain = {
            "from": str(self.came_from),
            "to": str(self.to),
            "control_plane": list(self.control_plane),
            "workers": list(self.workers),
            "packages": {form: dict(sorted(one.items())) for form, one in sorted(self.packages.items())},
            "etcd": list(self.etcd),
        }
        return {name: value for name, value in plain.items() if value}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> HopTerms:
        return cls(
            Version.parse(plain["from"]),
            Version.parse(plain["to"]),
            tuple(plain["control_plane"]),
            tuple(plain.get("workers") or ()),
            plain.get("packages") or {},
            tuple(plain.get("etcd") or ()),
        )


@dataclass(frozen=True)
class Care:
    """How carefully nodes are taken out of service, and what may be lost."""

    max_unavailable: int | str = 1
    allows: tuple[str, ...] = ()  # of a drain: delete_emptydir_data, force, and what its rules let pass
    drop_flags: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()  # preflight errors of kubeadm's
    quarantines: int = 0  # workers that a run may leave behind, and go on
    rollout: RolloutCare = field(default_factory=dict)


@dataclass(frozen=True)
class Terms:
    """The whole path, from here to its target."""

    hops: tuple[HopTerms, ...]
    repository: str = ""  # template of its address
    key: str = ""  # where its signing key is from, if the cluster's file says so
    care: Care = Care()
    warnings: tuple[str, ...] = ()  # checks that warn: of which nodes they warn, changes as a run goes on
    blocks: tuple[Block, ...] = ()
    ignores_windows: bool = False

    @property
    def hash(self) -> str:
        """The name of what was agreed to."""
        plain = self.to_json() | {"blocks": [list(block.essence) for block in self.blocks]}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def is_disruptive(self) -> bool:
        return any(
            hop.workers or hop.came_from.release != hop.to.release or len(hop.control_plane) < 2 for hop in self.hops
        )

    def with_care(self, care: Care) -> Terms:
        """As the cluster's file has it now; what kubeadm is told to ignore is the plan's."""
        return replace(self, care=replace(care, ignores=self.care.ignores))

    def to_json(self) -> dict[str, Any]:
        plain = {
            "repository": self.repository,
            "key": self.key,
            "max_unavailable": self.care.max_unavailable,
            "quarantines": self.care.quarantines,
            **{name: list(getattr(self.care, name)) for name in ("allows", "drop_flags", "ignores")},
            "rollout": dict(sorted(self.care.rollout.items())),
            "ignores_windows": "yes" if self.ignores_windows else "",
            "warnings": list(self.warnings),
            "blocks": [[block.check, block.sentence] for block in self.blocks],
            "hops": [hop.to_json() for hop in self.hops],
        }
        return {name: value for name, value in plain.items() if value}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Terms:
        """What `to_json` has made, also once YAML has made text of its numbers."""
        most = plain.get("max_unavailable", 1)
        lists = {name: tuple(plain.get(name) or ()) for name in ("allows", "drop_flags", "ignores")}
        return cls(
            hops=tuple(map(HopTerms.from_json, plain["hops"])),
            repository=plain.get("repository", ""),
            key=plain.get("key", ""),
            care=Care(
                int(most) if str(most).isdigit() else most,
                quarantines=int(plain.get("quarantines") or 0),
                **lists,
                rollout=plain.get("rollout") or {},
            ),
            warnings=tuple(plain.get("warnings") or ()),
            blocks=tuple(Block(str(check), str(sentence)) for check, sentence in plain.get("blocks") or ()),
            ignores_windows=bool(plain.get("ignores_windows")),
        )
