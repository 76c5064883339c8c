"""The maintenance windows of clusters, for pages: of their files, where the API server can read them."""

from __future__ import annotations

import logging
import time

from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar

log = logging.getLogger(__name__)

_KEPT_SECONDS = 60.0
_kept: dict[str, tuple[float, Calendar]] = {}


def calendar_of(cluster: str) -> Calendar:
    """A page shows no windows where the file is not there, or broken: it says that elsewhere."""
    known = _kept.get(cluster)
    if known is None or time.monotonic() - known[0] > _KEPT_SECONDS:
        known = _kept[cluster] = (time.monotonic(), _read(cluster))
    return known[1]


def _read(cluster: str) -> Calendar:
    try:
        return load_cluster_named(cluster).calendar
    except Exception as error:
        log.debug("the windows of %s are not known: %s", cluster, type(error).__name__)
        return ALWAYS
