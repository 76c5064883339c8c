"""How far is an installer? Read from the lines that it prints where there is no terminal.

A line that is not known changes nothing: what is shown may then stand still, and the work goes on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MEGABYTES = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}

_UV_LOADING = re.compile(r"Downloading (\S+) \(([\d.]+) ?(KiB|MiB|GiB)\)")
_UV_LOADED = re.compile(r"\s*Downloaded (\S+)")
_UV_PHASE = re.compile(r"(Resolved|Prepared|Installed) \d+ packages? in")
_PIP_PHASE = re.compile(r"(Collecting|Requirement already satisfied:|Installing collected packages:)")

# What a phase is called, and where in the whole it begins and ends; measured with empty caches.
PHASES = {
    "Resolving": ("finding the packages", 0.0, 0.35),
    "Resolved": ("downloading", 0.35, 0.85),
    "Collecting": ("finding and downloading the packages", 0.0, 0.6),
    "Prepared": ("unpacking", 0.85, 1.0),
    "Installing": ("unpacking", 0.6, 1.0),
    "Installed": ("unpacking", 1.0, 1.0),
}


@dataclass
class Hearing:
    """Fed line by line; `pins` is how many packages there will be."""

    pins: int
    phase: str = "Resolving"
    collected: int = 0
    megabytes: float = 0.0
    loaded: float = 0.0

    def __post_init__(self) -> None:
        self._sizes: dict[str, float] = {}

    def hear(self, line: str) -> None:
        if found := _UV_LOADING.match(line):
            self._sizes[found[1]] = float(found[2]) * _MEGABYTES[found[3]]
            self.megabytes += self._sizes[found[1]]
        elif found := _UV_LOADED.match(line):
            self.loaded += self._sizes.pop(found[1], 0.0)
        elif found := _UV_PHASE.match(line):
            self.phase = found[1]
        elif found := _PIP_PHASE.match(line):
            self.phase = "Installing" if found[1].startswith("Installing") else "Collecting"
            self.collected += found[1] == "Collecting"

    def words(self, unpacked: int) -> str:
        """`unpacked`: how many packages are in .venv already."""
        words = PHASES[self.phase][0]
        if self.phase == "Resolved" and self.megabytes:
            return f"{words}: {self.loaded:.0f} of {self.megabytes:.0f} MB"
        if self.phase == "Collecting":
            return f"{words}: {min(self.collected, self.pins)} of {self.pins}"
        if self.phase in ("Prepared", "Installing"):
            return f"{words}: {min(unpacked, self.pins)} of {self.pins} packages"
        return words

    def share(self, unpacked: int) -> float:
        """From 0 to 1, and never less than before."""
        _, begin, end = PHASES[self.phase]
        done = 0.0
        if self.phase == "Resolved" and self.megabytes:
            done = self.loaded / self.megabytes
        elif self.phase == "Collecting":
            done = self.collected / self.pins
        elif self.phase in ("Prepared", "Installing"):
            done = unpacked / self.pins
        return begin + (end - begin) * min(1.0, done)
