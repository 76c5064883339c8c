"""What the control endpoint is told to do with machines, and what each operation wants to know.

Content that is no text comes as ``base64``::

    reboot  {"node": "demo-a-w1"}
    delete  {"node": "demo-a-w1"}
    join    {"node": "demo-a-w9", "version": "1.28.15", "control_plane": false}
    register {"node": "vk-1", "info": {"kubeletVersion": "v1.28.2"}, "labels": {"type": "virtual-kubelet"}}
    label   {"node": "demo-a-cp1", "label": "node-role.kubernetes.io/control-plane", "value": null}
    file    {"node": "demo-a-w1", "path": "/etc/apt/sources.list.d/a.list", "base64": "I/w="}
    journal {"node": "demo-a-w1", "unit": "kubelet.service", "text": "…"}
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lab.machines import Machines

_WANTED: dict[str, tuple[set[str], set[str]]] = {
    "reboot": ({"node"}, set()),
    "delete": ({"node"}, set()),
    "join": ({"node", "version"}, {"control_plane"}),
    "register": ({"node", "info"}, {"labels", "taint"}),
    "label": ({"node", "label"}, {"value"}),
    "file": ({"node", "path"}, {"text", "base64", "mode"}),
    "journal": ({"node", "unit"}, {"text", "base64"}),
}


async def operate(machines: Machines, operation: str, told: Mapping[str, Any]) -> dict[str, Any]:
    """Raises ValueError with a sentence."""
    must, may = _WANTED[operation]
    if not must <= set(told) <= must | may:
        raise ValueError(f"{operation} wants {', '.join(sorted(must))} and knows {', '.join(sorted(may)) or 'no more'}")
    node = told["node"]
    match operation:
        case "reboot":
            await machines.reboot(node)
        case "delete":
            await machines.delete(node)
        case "join":
            return asdict(await machines.join(node, told["version"], bool(told.get("control_plane"))))
        case "register":
            await machines.register(node, told["info"], told.get("labels", {}), told.get("taint"))
        case "label":
            await machines.label(node, told["label"], told.get("value"))
        case "file":
            await machines.put_file(node, told["path"], _content(told), int(told.get("mode", 0o644)))
        case "journal":
            await machines.write_journal(node, told["unit"], _content(told))
    return {"node": node}


def _content(told: Mapping[str, Any]) -> str | bytes:
    return base64.b64decode(told["base64"]) if "base64" in told else str(told.get("text", ""))
