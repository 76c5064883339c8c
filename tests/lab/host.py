"""One machine: its files, packages, units and clock."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from lab import host_files, images, kubelet_journal
from lab.file_tree import FileTree
from lab.packages import Packages, offer, sources
from lab.releases import Release
from lab.units import Units

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster
    from lab.kubelet import Kubelet
    from lab.process import Process

#: Runs an argv for a unit of a host, as root and in an environment, its output into the journal.
UnitRunner = Callable[["Host", str, Sequence[str], Mapping[str, str]], Awaitable[int]]


class Host:
    """What commands work on. The cluster behind it is what they reach through the API and the kubelet."""

    def __init__(
        self,
        cluster: SimulatedCluster,
        name: str,
        release: Release,
        run: UnitRunner,
        programs: frozenset[str],
    ) -> None:
        self._run = run
        self._programs = programs
        self.cluster = cluster
        self.name = name
        self.control_plane = name in cluster.control_plane.images
        self.files = FileTree()
        self.packages = Packages.of(release)
        self.units = Units()
        self.images = images.at_first(release, self.control_plane)
        self.running: list[Process] = []
        self.needs_reload = False
        self.boot_id = str(uuid.uuid4())
        host_files.furnish(self, release)
        for line in kubelet_journal.starting(name, release.v, self.kubelet.pid):
            self.units.journal.add("kubelet.service", f"kubelet[{self.kubelet.pid}]", line)
        self.packages.offered = [one for source in sources(self.files) for one in offer(source)]

    @property
    def address(self) -> str:
        return self.cluster.addresses[self.name]

    def knows(self, argv: Sequence[str]) -> bool:
        """Is there such a program?"""
        return argv[0].rpartition("/")[2] in self._programs

    async def run_in_unit(self, unit: str, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        return await self._run(self, unit, argv, environment)

    @property
    def kubelet(self) -> Kubelet:
        return self.cluster.kubelets[self.name]

    def lose_power(self) -> None:
        """Nothing that ran comes to its end; files, packages and the journal are kept."""
        for process in list(self.running):
            process.kill()
        self.units.forget()
        self.needs_reload = False
        self.boot_id = str(uuid.uuid4())
        host_files.write_boot_id(self)

    @property
    def has_cgroup_v1(self) -> bool:
        """Where cgroup v1 is mounted there is a directory for each controller."""
        return any(path.startswith("/sys/fs/cgroup/memory") for path in self.files.entries)

    def installed(self, package: str) -> Release:
        """The release of an installed Kubernetes package; the binary on disk is the package's."""
        release = self.packages.release(package)
        assert release is not None, f"{self.name}: {package} is not installed"
        return release
