"""Lines as Kubernetes' programs log them: golden/journal-kubelet-w2.txt."""

from __future__ import annotations

import os
import sys
import time


def log(level: str, place: str, text: str) -> None:
    """``I1123 03:56:47.143335    3817 kubelet_node_status.go:109] "…"``; the journal takes it from stderr."""
    moment = time.time()
    stamp = time.strftime("%m%d %H:%M:%S", time.gmtime(moment))
    micro = int(moment % 1 * 1e6)
    print(f"{level}{stamp}.{micro:06d} {os.getpid():7d} {place}] {text}", file=sys.stderr, flush=True)
