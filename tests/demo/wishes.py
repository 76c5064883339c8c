"""What did the user ask `make demo` for?"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from demo.complaint import Complaint
from kubeadm_upgrade.version import TARGET_PATTERN, TargetVersion

CLUSTERS = ("demo-a", "demo-b")


@dataclass(frozen=True)
class Wishes:
    """`once`: do not stay when the upgrade is over. `live`: draw a table that moves."""

    cluster: str = "demo-a"
    target: str = "1.29"
    port: int | None = None
    once: bool = False
    live: bool = True

    @property
    def dag_id(self) -> str:
        return f"kubeadm_upgrade.{self.cluster}"

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ, terminal: bool | None = None) -> Wishes:
        """From the variables that make passes on; an empty one says nothing."""
        if terminal is None:
            terminal = sys.stdout.isatty() and environment.get("TERM") != "dumb"
        cluster = environment.get("CLUSTER") or cls.cluster
        if cluster not in CLUSTERS:
            raise Complaint(f"There is no cluster {cluster}. CLUSTER is one of {' and '.join(CLUSTERS)}.")
        once = environment.get("ONCE", "").lower() not in ("", "0", "no", "false") or not terminal
        return cls(cluster, _target(environment.get("TARGET") or cls.target), _port(environment), once, not once)


def _target(text: str) -> str:
    if not re.fullmatch(TARGET_PATTERN, text.strip()):
        raise Complaint(f"TARGET={text} is not a version: give a minor release such as 1.32, or one such as 1.32.13.")
    return str(TargetVersion.parse(text))


def _port(environment: Mapping[str, str]) -> int | None:
    text = environment.get("PORT", "")
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise Complaint(f"PORT={text} is not a port: give a number from 1 to 65535.")
    return int(text)
