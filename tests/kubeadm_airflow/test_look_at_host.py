"""What is looked at on a host."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from kubeadm_airflow.hooks.node_port import look_at_host
from kubeadm_upgrade.facts import HostFacts


@dataclass
class RockyHost:
    """Knows nothing but its /etc/os-release."""

    asked: list[str] = field(default_factory=list)

    async def look(self, look):
        self.asked.append(str(look.run))
        return look.read('ID="rocky"\nPRETTY_NAME="Rocky Linux 9.4"\n')


def test_a_host_without_apt_is_asked_no_more():
    """Preflight can say what it is, rather than that dpkg-query was not found."""
    host = RockyHost()
    facts = HostFacts(**asyncio.run(look_at_host(host)))
    assert (facts.os.name, facts.os.uses_apt, facts.packages) == ("Rocky Linux 9.4", False, {})
    assert host.asked == ["cat /etc/os-release"]
