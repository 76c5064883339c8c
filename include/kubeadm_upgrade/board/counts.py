"""How far a run is, counted: the part of its sentence that says who is done."""

from __future__ import annotations

from kubeadm_upgrade.board.sight import Sight, done_of
from kubeadm_upgrade.wording import count


def how_far(sight: Sight) -> str:
    """`4 of 12 workers are done`: of whatever is at work just now."""
    if not (sight.control_plane or sight.workers):
        return "nothing is touched yet"
    if sight.phase is None:
        return _at_the_ends(sight)
    return _IN[sight.phase](sight)


def everybody(sight: Sight) -> str:
    """`3 control plane nodes and 12 workers`: those of this run."""
    workers = [count(len(sight.workers), "worker")] if sight.workers else []
    return " and ".join([count(len(sight.control_plane), "control plane node"), *workers])


def target(sight: Sight) -> str:
    return str((sight.record.hop or {}).get("to", "the target"))


def _at_the_ends(sight: Sight) -> str:
    done = sight.in_state("done")
    if not done:
        return "nothing is touched yet"
    every = len(sight.control_plane) + len(sight.workers)
    return f"all {count(every, 'node')} are done" if len(done) == every else f"{len(done)} of {every} nodes are done"


def _fetching(sight: Sight) -> str:
    every = (*sight.control_plane, *sight.workers)
    return f"packages are on {_of(done_of(every, 'stage'), len(every), 'node')}"


def _control_plane(sight: Sight) -> str:
    if not any("control_plane" in one.begun for one in sight.control_plane):
        return f"everything is prepared for {target(sight)} and no node is touched yet"
    if len(sight.control_plane) == 1:
        return f"the control plane is on its way to {target(sight)}"
    done, every = done_of(sight.control_plane, "control_plane"), len(sight.control_plane)
    if not done:
        return f"none of {every} control plane nodes is at {target(sight)} yet"
    return f"{done} of {every} control plane nodes {_are(done)} at {target(sight)}"


def _kubelets(sight: Sight) -> str:
    done, every = done_of(sight.control_plane, "control_plane_kubelets"), len(sight.control_plane)
    if every == 1:
        return f"the control plane is at {target(sight)} and its kubelet is on its way"
    return f"the control plane is at {target(sight)} and the kubelets of {_of(done, every, 'node')} are done"


def _workers(sight: Sight) -> str:
    every, given_up = sight.workers, [row.name for row in sight.in_state("given_up")]
    done = sum(one.is_done for one in every)
    left = f" ({', '.join(given_up[:3])} given up)" if given_up else ""
    if len(every) == 1:
        return f"the only worker is not done yet{left}"
    if not done:
        return f"none of {len(every):,} workers is done yet{left}"
    return f"{done:,} of {len(every):,} workers {_are(done)} done{left}"


_IN = {
    "stage": _fetching,
    "control_plane": _control_plane,
    "control_plane_kubelets": _kubelets,
    "workers": _workers,
}


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _of(done: int, every: int, thing: str) -> str:
    return f"{done:,} of {count(every, thing)}"
