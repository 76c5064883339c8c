"""kubelet --version, and the little kubectl a host is asked for."""

from __future__ import annotations

import json

from lab.commands import etcd
from lab.process import Process
from lab.releases import client_version


async def kubelet(process: Process) -> int:
    process.print(f"Kubernetes {process.host.installed('kubelet').v}")
    return 0


async def kubectl(process: Process) -> int:
    arguments = process.arguments
    if arguments[:1] == ("version",):
        version = client_version(process.host.installed("kubectl"))
        if "json" in arguments or "-ojson" in arguments or "--output=json" in arguments:
            process.print(json.dumps({"clientVersion": version}, indent=2))
        else:
            process.print(f"Client Version: {version['gitVersion']}")
        return 0
    if "exec" in arguments and "--" in arguments:
        return await etcd.kubectl_exec(process)
    return process.refuse("error: this host's kubectl knows `version --client` and `exec etcd-NODE -- …` only", 1)
