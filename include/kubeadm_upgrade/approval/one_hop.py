"""Whether one hop, as a run has it in its hands, is among what was approved.

A run is asked for its whole path; whoever takes a node out has the hop, and what the cluster's file says now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kubeadm_upgrade.approval.difference import index_of, of_care, of_etcd, of_versions, of_windows
from kubeadm_upgrade.approval.terms import HopTerms, Terms
from kubeadm_upgrade.hop import Hop, Source, filled
from kubeadm_upgrade.policy import RolloutPolicy


def is_wanted(hop: Hop, policy: RolloutPolicy) -> bool:
    """Whether the file wants an approval of a path with this hop."""
    drained = hop.workers if hop.drains else ()
    return policy.approval.wants(Terms((HopTerms(hop.came_from, hop.to, hop.control_plane, drained),)))


def difference_of(approved: Terms, hop: Hop, policy: RolloutPolicy, node: str, *, begun: bool) -> tuple[str, ...]:
    """What is otherwise than what was approved, in sentences; nothing: it covers the hop, and this node in it.

    `begun`: somebody has begun with the node before, or it is there and only looked at; it is not drained anew.
    """
    now = HopTerms(hop.came_from, hop.to, hop.control_plane, packages=_packages(hop), etcd=hop.etcd_work)
    index = index_of(now, approved.hops, 0)
    if index is None:
        return (f"the hop ({hop.way}) is not in what was approved",)
    there = approved.hops[index]
    known = node in (there.control_plane if node in hop.control_plane else there.workers)
    care = replace(policy.care, ignores=tuple(sorted(hop.ignore_preflight_errors)))
    return (
        *of_versions(there, now, is_first=True),
        *of_etcd(there, now),
        *(() if known or begun else (f"{node} is not in the hop to {hop.to} that was approved",)),
        *_of_sources(approved, hop),
        *of_care(approved.care, care),
        *of_windows(approved, ignores=bool(hop.ignore_window)),
    )


def _packages(hop: Hop) -> dict[str, dict[str, str]]:
    return {form: dict(source.packages) for form, source in hop.sources.items()}


def _of_sources(approved: Terms, hop: Hop) -> Iterator[str]:
    """Where packages come from. An address was approved as the cluster's file has it, with its blanks to fill."""
    for form, source in hop.sources.items():
        address = filled(approved.repository, hop.to.release, form)
        if approved.repository and source.repository.url != address:
            yield f"the package repository: {address} → {source.repository.url}"
        if approved.repository and not _has_the_key(approved, hop, form, source):
            yield f"the repository's signing key is from {source.repository.key_url}"


def _has_the_key(approved: Terms, hop: Hop, form: str, source: Source) -> bool:
    if approved.key:
        return source.repository.key_url == filled(approved.key, hop.to.release, form)
    # the repository's own, of whichever of its minor releases
    head = approved.repository.replace("{format}", form).partition("{minor}")[0]
    return source.repository.key_url.startswith(head)
