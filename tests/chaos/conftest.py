"""One lab, one real Airflow, a cluster for each story; stories that go together are played side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from chaos.components import COMPONENTS, Component
from chaos.points import points_of
from chaos.scene import Shared
from chaos.story import Told, play
from harness.site import Clusters, open_site
from lab import Latency

SEED = os.environ.get("CHAOS_SEED", "1")
#: For whoever has not the time for all of it: every so many-th point of each story, and no other.
EVERY = int(os.environ.get("CHAOS_EVERY", "1"))

#: Who goes side by side: few enough for two cores, and of Airflow's own parts two.
BATCHES: tuple[tuple[str, ...], ...] = (
    ("SSH", "cluster's API", "worker's machine", "ledger"),
    ("task process", "control plane node", "etcd member"),
    ("scheduler", "triggerer"),
    ("Airflow's API server", "all of Airflow"),
)
BY_NAME = {one.name: one for one in COMPONENTS}


def cluster_of(component: Component) -> str:
    return component.name.lower().replace("'s", "").replace(" ", "-")


CLUSTERS: Clusters = {cluster_of(one): (*one.shape, {}) for one in COMPONENTS}
#: Nothing lasts but what moves a static Pod, so that there is a half way through kubeadm upgrade.
LATENCY = Latency(static_pod_swap=0.25)


@dataclass
class Stories:
    """Begun with the first of a batch that is asked for, together with the others of it that are to be played."""

    shared: Shared
    wanted: frozenset[str]
    begun: dict[str, Future[Told]] = field(default_factory=dict)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(len(COMPONENTS)))

    def of(self, name: str) -> Told:
        if name not in self.begun:
            batch = next(batch for batch in BATCHES if name in batch)
            self.begun |= {one: self.threads.submit(self._play, BY_NAME[one]) for one in batch if one in self.wanted}
        return self.begun[name].result()

    def end(self) -> None:
        """Where somebody has had enough, before their own ends."""
        self.shared.over.set()
        self.threads.shutdown(wait=False, cancel_futures=True)

    def _play(self, component: Component) -> Told:
        name = cluster_of(component)
        points = points_of(component, self.shared.site.cluster(name).spec, SEED)
        return play(self.shared, component, name, points[::EVERY], SEED)


@pytest.fixture(scope="session")
def stories(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stories]:
    wanted = {item.callspec.params["name"] for item in request.session.items if "stories" in item.fixturenames}
    clusters = {cluster_of(BY_NAME[name]): CLUSTERS[cluster_of(BY_NAME[name])] for name in wanted}
    with open_site(tmp_path_factory.mktemp("chaos"), clusters, {}, latency=LATENCY) as site:
        all_of_them = Stories(Shared(site), frozenset(wanted))
        yield all_of_them
        all_of_them.end()
