"""What is left of a transcript without what changes from host to host: enough to compare two sources of one command."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST_BLOCK = 8  # lines that may repeat together, as one restart in the output of kubeadm upgrade apply

_PACKAGE = r"(?:kubeadm|kubelet|kubectl|cri-tools|kubernetes-cni)"
_PACKAGE_VERSION = r"\d+\.\d+\.\d+-\d[\w.]*"
_MOMENT = (
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?\d{4}-\d\d-\d\d[ T-]\d\d[:-]\d\d[:-]\d\d(?:\.\d+)?(?: ?(?:UTC|GMT|Z)\b)?"
)

# The order counts: what is more particular comes first, and a bare number last.
_PLACEHOLDERS = tuple(
    (re.compile(pattern), placeholder)
    for pattern, placeholder in (
        (r"https?://[^/\s\"]+", "<host>"),
        (r"\b[\w.@-]+\.service\b", "<unit>"),
        (r"^Started <unit> - .*", "Started <unit> - <command>."),
        (r"(?<=status=)\d+/[A-Z]+", "<status>"),
        (r"(?<=/var/lib/etcd/)[\w.-]+", "<file>"),
        (_MOMENT, "<time>"),
        (r"(?<=\b[IWEF])\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+(?= \S+:\d+])", "<time and process>"),
        (r"\b\d+\.\d+\.\d+\.\d+\b", "<address>"),
        (r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{12,}\b", "<hex>"),
        (rf"^\s*{_PACKAGE}(?:[ ]{_PACKAGE})*$", "<packages>"),
        (rf"\b{_PACKAGE}(?=[ |(_=-]+{_PACKAGE_VERSION})", "<package>"),
        (rf"\b{_PACKAGE}(?= (?:was already )?set on hold)|(?<=hold on ){_PACKAGE}", "<package>"),
        (r"\b\d+(?:\.\d+)? ?[kMG]?B\b", "<size>"),
        (_PACKAGE_VERSION, "<version>"),
        (r"\b(v?)\d+\.\d+\.\d+\b", r"\1<version>"),
        (r"(?<=\bv)\d+\.\d+\b|(?<=-)\d+\.\d+\b", "<minor>"),
        (r"\b\d+(?:\.\d+)?(?=[ms]?\b)", "<n>"),
        (r"\d{5,}", "<n>"),
        (r"(?<=\S)[ ]{2,}", "  "),
    )
)


def skeleton(text: str, nodes: Sequence[str] = ()) -> tuple[str, ...]:
    """The lines with placeholders for what varies; what repeats, lines or blocks of them, is there once.

    `nodes` are the names of the cluster's own.
    """
    known = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in nodes) or "(?!)")
    return _collapsed([_reduced(known.sub("<node>", line)) for line in _lines(text)])


def lines_of(form: str, placeholder: str) -> Callable[[str, Sequence[str]], tuple[str, ...]]:
    """Where what is in a line belongs to each host, as the text of its files, only its form is compared."""

    def shape(text: str, nodes: Sequence[str] = ()) -> tuple[str, ...]:
        return _collapsed([re.sub(form, placeholder, line) for line in _lines(text)])

    return shape


of_files = lines_of(r"^/[^:\0]+[:\0].*", "<path>:<text>")  # grep -H '', with -Z or without
of_names = lines_of(r"^[\w.+-]+$", "<name>")
of_numbers = lines_of(r"^ *\d+$", "<number>")  # right-aligned: the blanks before one depend on its digits
of_assignments = lines_of(r"^[A-Z_]+=.*", "<name>=<value>")
of_unit_files = lines_of(r" ; start_time=.*", " ; <how it ran> }")  # systemctl show -p ExecStart


def of_anything(text: str, nodes: Sequence[str] = ()) -> tuple[str, ...]:
    """Of a command whose lines have no form of their own, as a command line."""
    return ("<text>",) if text.strip() else ()


@dataclass(frozen=True)
class Difference:
    """One line of a skeleton that the other one lacks."""

    lacks: str  # the source that does not have the line
    line: str

    def __str__(self) -> str:
        return f"{self.lacks} lacks {self.line!r}"


def differences(
    judge: str, expected: Sequence[str], source: str, found: Sequence[str]
) -> tuple[tuple[Difference, ...], str]:
    """What the skeletons of two sources do not share, and the two side by side, for whoever must read it."""
    lines = list(difflib.ndiff(list(expected), list(found)))
    marked = {"- ": source, "+ ": judge}
    told = tuple(Difference(marked[line[:2]], line[2:]) for line in lines if line[:2] in marked)
    page = "\n".join(line for line in lines if not line.startswith("? "))
    return told, f"- {judge} only\n+ {source} only\n\n{page}"


def _lines(text: str) -> list[str]:
    """Not `splitlines`: a carriage return ends no line."""
    return text.removesuffix("\n").split("\n") if text else []


def _reduced(line: str) -> str:
    line = line.rstrip("\r").rsplit("\r", 1)[-1]  # what a terminal would show in the end
    for pattern, placeholder in _PLACEHOLDERS:
        line = pattern.sub(placeholder, line)
    return line


def _collapsed(lines: Sequence[str]) -> tuple[str, ...]:
    """Blocks are dropped where they repeat what is right before them; long ones last."""
    kept = list(lines)
    for length in range(1, LONGEST_BLOCK + 1):
        shorter: list[str] = []
        for line in kept:
            shorter.append(line)
            if len(shorter) >= 2 * length and shorter[-length:] == shorter[-2 * length : -length]:
                del shorter[-length:]
        kept = shorter
    return tuple(kept)


def of_json(text: str, nodes: Sequence[str] = ()) -> tuple[str, ...]:
    """The order of names is nobody's promise."""
    return skeleton(json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")), nodes)
