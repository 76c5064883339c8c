"""A simulated kubelet follows the one on a real host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.kubelet import Kubelet
from lab.releases import Release


class Kubelets:
    """Used on the lab's loop only. Of two connections of one node the later one counts."""

    def __init__(self) -> None:
        self._current: dict[str, object] = {}

    @contextmanager
    def attached(self, kubelet: Kubelet, release: Release) -> Iterator[None]:
        """Up inside, down afterwards; the first one of a node takes over the one that its lab began with."""
        token = object()
        if kubelet.node not in self._current and kubelet.active and kubelet.running == release:
            kubelet.started = time.time()
        else:
            kubelet.start(release)
        self._current[kubelet.node] = token
        try:
            yield
        finally:
            if self._current[kubelet.node] is token:
                kubelet.stop()
