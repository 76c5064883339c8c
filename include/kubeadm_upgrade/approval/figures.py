"""The figures in a finding: what another look says otherwise, and where a worse one is another finding."""

from __future__ import annotations

import re
from collections.abc import Mapping

# A figure with its unit, a share, a time of day, a date: what another look would say otherwise. Names of nodes and
# versions hold digits too, and are no figures.
_UNITS = r"(?:bytes?|[KMGT]i?B|ms|seconds?|minutes?|hours?|days?|times|s|m|h|d)"
_FIGURE = re.compile(
    r"(?<![\w.:/-])(?:"
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"
    r"|\d\d:\d\d(?::\d\d)?"
    rf"|\d+(?:\.\d+)?(?: ?%| {_UNITS}\b(?![.-]))"
    r"|(?:\d+(?:\.\d+)?(?:ms|[smhd]))+(?![\w.-])"
    r")"
)


def masked(sentence: str) -> str:
    """A sentence without the figures that change from look to look."""
    return _FIGURE.sub("#", sentence)


_MORE, _LESS = 1, -1
# Of checks whose figures say how bad it is, which way each of them is worse.
_WORSE: Mapping[str, tuple[int, ...]] = {
    "clocks_agree": (_MORE,),
    "room_on_disks": (_LESS, _MORE),  # free, needed
}
_NEARLY = 0.1  # as much worse as nobody would decide otherwise for
_PARTS = re.compile(r"(\d+(?:\.\d+)?) ?(\D*)")


def is_no_worse(check: str, shown: str, now: str) -> bool:
    """Of two sentences that are alike but for their figures. Where they cannot be compared, they must be the same."""
    worse = _WORSE.get(check)
    if worse is None or shown == now:
        return True
    pairs = list(zip(_figures(shown), _figures(now), strict=False))
    if len(pairs) != len(worse):
        return False
    return all(
        unit == same and (after - before) * way <= before * _NEARLY
        for (before, unit), (after, same), way in zip(*zip(*pairs, strict=True), worse, strict=True)
    )


def _figures(sentence: str) -> list[tuple[float, str]]:
    found = (_PARTS.fullmatch(figure) for figure in _FIGURE.findall(sentence))
    return [(float(parts[1]), parts[2]) for parts in found if parts]
