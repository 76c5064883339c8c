"""What is looked at on a host."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from kubeadm_airflow.hooks.sights import look_at_host
from kubeadm_upgrade.facts import HostFacts


@dataclass
class StrangeHost:
    """Knows nothing but its /etc/os-release."""

    asked: list[str] = field(default_factory=list)

    async def ask(self, query):
        self.asked.append(str(query.run))
        return query.read('ID="opensuse-leap"\nPRETTY_NAME="openSUSE Leap 15.6"\n')


def test_a_host_of_an_unknown_system_is_asked_no_more():
    """Preflight can say what it is, rather than that dpkg-query was not found."""
    host = StrangeHost()
    facts = HostFacts(**asyncio.run(look_at_host(host)))
    assert (facts.os.name, facts.os.package_format, facts.packages) == ("openSUSE Leap 15.6", None, {})
    assert host.asked == ["cat /etc/os-release"]
