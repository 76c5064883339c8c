"""kubeadm's check SystemVerification; output as golden/kubeadm-upgrade-apply-1.34-to-1.35-cgroup-v1.txt."""

from __future__ import annotations

from lab.options import Options
from lab.process import Process

# The release of kubeadm from which on it is an error, also where the kubelet is told to start.
_REFUSES_CGROUP_V1 = 35
_TEXT = (
    "[preflight] The system verification failed. Printing the output from the verification:\n"
    "\x1b[0;37mKERNEL_VERSION\x1b[0m: \x1b[0;32m6.1.0-28-amd64\x1b[0m\n"
    "\x1b[0;37mCGROUPS_BLKIO\x1b[0m: \x1b[0;32menabled\x1b[0m"
)
_CGROUP_V1 = (
    "cgroups v1 support is deprecated and will be removed in a future release. Please migrate to cgroups v2. To "
    "explicitly enable cgroups v1 support for kubelet v1.35 or newer, you must set the kubelet configuration option "
    "'FailCgroupV1' to 'false'. You must also explicitly skip this validation."
)
_FATAL = (
    "[preflight] Some fatal errors occurred:\n\t[ERROR SystemVerification]: " + _CGROUP_V1 + "\n[preflight] If you "
    "know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`\n"
    "error: error execution phase preflight: preflight checks failed"
)


def verify_system(process: Process, options: Options) -> int | None:
    """None where kubeadm goes on."""
    refuses = process.host.installed("kubeadm").minor >= _REFUSES_CGROUP_V1
    if not refuses or not process.host.has_cgroup_v1:
        return None
    process.print(_TEXT)
    ignored = {name.lower() for value in options.all("--ignore-preflight-errors") for name in value.split(",")}
    if ignored & {"systemverification", "all"}:
        process.complain(f"\t[WARNING SystemVerification]: {_CGROUP_V1}")
        return None
    return process.refuse(_FATAL, 1)
