"""Each of a worker's tasks fails in each of its steps, and somebody clears it in Airflow's own page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from browser.visitor import Visitor
from harness.airflow import SCHEDULER, USER
from harness.rest import TaskInstance, wait_for
from harness.site import Clusters, Site, open_site
from kubeadm_upgrade.procedure import TASKS
from lab import LabCluster

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1500)]

CLUSTER, NODE, OTHER = "desk", "desk-w1", "desk-w2"
DAG = f"kubeadm_upgrade.{CLUSTER}"
INSTALLS = "env DEBIAN_FRONTEND=noninteractive apt-get install -y --ignore-hold"
GIVEN_UP = "was given up"


@dataclass
class Desk:
    """A run, what is broken in it now, and whoever retries."""

    site: Site
    visitor: Visitor
    cluster: LabCluster
    run_id: str = ""
    broken: list[Any] = field(default_factory=list)

    def breaks(self, fault: Any) -> None:
        self.broken.append(fault)

    @property
    def commands(self) -> str:
        return "\n".join(one.command for one in self.cluster.log)

    def mends(self) -> None:
        while self.broken:
            self.broken.pop().lift()

    def steers(self, **order: Any) -> None:
        run_id = self.site.api.trigger(f"kubeadm_steer.{CLUSTER}", order)
        assert self.site.api.wait_for_run(f"kubeadm_steer.{CLUSTER}", run_id, patience=90) == "success"

    def fails(self, task: str) -> TaskInstance:
        """In Airflow's list. A person is slower than the scheduler, which marks what comes after it."""
        failed = self.site.api.wait_for_task(DAG, self.run_id, f"workers.{task}", NODE, ["failed"], 300)
        for task_id in ("next_hop", *(["workers.uncordon_node"] if task != "uncordon_node" else [])):
            self.site.api.wait_for_task(DAG, self.run_id, task_id, states=["upstream_failed"])
        return failed

    def failed_in(self, task: TaskInstance) -> str:
        """The step, by what the task has told: the one after those that it had done."""
        told = self.site.api.xcom(DAG, self.run_id, task.task_id, task.map_index, "failure")
        steps = next(one.steps for one in TASKS["workers"] if one.name == task.step)
        return steps[len(told.get("done", ()))].name

    def clears(self, task: TaskInstance, words: str) -> None:
        """Reads the log of the failed task on its page, and has it tried again with what comes after it."""
        page = self.visitor.page
        page.goto(f"/dags/{DAG}/runs/{self.run_id}/tasks/{task.task_id}/mapped/{task.map_index}")
        page.get_by_text(words).first.wait_for()
        page.get_by_role("button", name="Press shift+c to clear").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"Clear Task Instance: {task.task_id}")
        expect(dialog.get_by_role("button", name="Affected Tasks")).to_be_visible()
        dialog.get_by_role("button", name="Confirm").click()
        expect(dialog).to_be_hidden()


@pytest.fixture(scope="module")
def desk(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """An Airflow of its own. The first worker is given up before it is its turn."""
    clusters: Clusters = {CLUSTER: (1, 2, {"timeouts": {"ready": 15, "drain": 8}})}
    with (
        open_site(tmp_path_factory.mktemp("desk"), clusters, {}) as site,
        Visitor.logged_in(browser, site.airflow, USER) as visitor,
    ):
        here = Desk(site, visitor, site.cluster(CLUSTER))
        here.cluster.faults.slow(f"{CLUSTER}-cp1", "kubeadm upgrade apply", 8)
        _, here.run_id = site.start(CLUSTER)
        wait_for(lambda: "kubeadm upgrade apply" in here.commands, "kubeadm upgrade apply to begin", 240)
        here.steers(action="give_up", node=NODE, reason="its disk")
        yield here


def test_waiting_for_its_turn(desk):
    failed = desk.fails("drain_node")
    assert desk.failed_in(failed) == "next_in_line"
    desk.steers(action="take_back", node=NODE, reason="a new disk")
    desk.breaks(desk.cluster.faults.fail(NODE, INSTALLS, 100, "E: mirror sync in progress", None))
    desk.clears(failed, GIVEN_UP)


def test_installing_kubeadm(desk):
    failed = desk.fails("drain_node")
    assert desk.failed_in(failed) == "upgrade_kubeadm"
    desk.mends()
    desk.breaks(desk.cluster.faults.fail(NODE, "kubeadm upgrade node", 1, "no space left on device", None))
    desk.clears(failed, "mirror sync in progress")


def test_upgrading_its_configuration(desk):
    failed = desk.fails("drain_node")
    assert desk.failed_in(failed) == "kubeadm_upgrade_node"
    desk.mends()
    desk.breaks(desk.cluster.faults.slow(NODE, "kubeadm upgrade node", 20))
    desk.clears(failed, "no space left on device")


def test_being_admitted(desk):
    desk.site.api.wait_for_step(DAG, desk.run_id, "workers.drain_node", NODE, "kubeadm_upgrade_node")
    desk.steers(action="give_up", node=NODE, reason="its disk")
    failed = desk.fails("drain_node")
    assert desk.failed_in(failed) == "admit"
    desk.mends()
    desk.steers(action="take_back", node=NODE, reason="a new disk")
    desk.breaks(desk.cluster.faults.budget_never_allows("shop", "api"))
    desk.clears(failed, GIVEN_UP)


def test_being_drained(desk):
    failed = desk.fails("drain_node")
    assert desk.failed_in(failed) == "drain_node"
    assert desk.cluster.node_state(NODE).schedulable is False
    desk.mends()
    desk.breaks(desk.cluster.faults.fail(NODE, INSTALLS, 100, "E: mirror sync in progress", None))
    desk.clears(failed, "budget api")


def test_installing_the_kubelet(desk):
    failed = desk.fails("upgrade_kubelet_and_kubectl")
    assert desk.failed_in(failed) == "upgrade_kubelet_and_kubectl"
    desk.mends()
    desk.breaks(desk.cluster.faults.fail(NODE, "systemctl restart kubelet", 1, "Job for kubelet.service failed", None))
    desk.clears(failed, "mirror sync in progress")


def test_restarting_the_kubelet(desk):
    failed = desk.fails("upgrade_kubelet_and_kubectl")
    assert desk.failed_in(failed) == "restart_kubelet"
    desk.mends()
    desk.breaks(desk.cluster.faults.never_ready(NODE))
    desk.clears(failed, "Job for kubelet.service failed")


def test_getting_ready(desk):
    failed = desk.fails("node_ready")
    assert desk.failed_in(failed) == "node_ready"
    desk.clears(failed, "is not Ready")


def test_being_uncordoned(desk):
    """It is Ready when that is looked at, and not a moment later: nobody is there who could begin in between."""
    desk.site.api.wait_for_task(DAG, desk.run_id, "workers.node_ready", NODE, ["deferred"], 120)
    desk.site.airflow.kill(SCHEDULER)
    desk.mends()
    desk.site.api.wait_for_task(DAG, desk.run_id, "workers.node_ready", NODE, ["success"], 120)
    desk.breaks(desk.cluster.faults.never_ready(NODE))
    wait_for(lambda: not desk.cluster.node_state(NODE).ready, f"{NODE} not to be Ready any more", 60)
    desk.site.airflow.start_component(SCHEDULER)
    desk.site.airflow.wait_healthy()
    failed = desk.fails("uncordon_node")
    assert desk.failed_in(failed) == "uncordon_node"
    assert desk.cluster.node_state(NODE).schedulable is False
    desk.mends()
    wait_for(lambda: desk.cluster.node_state(NODE).ready, f"{NODE} to be Ready", 60)
    desk.clears(failed, "it is not Ready")


def test_and_in_the_end_everything_is_done_once(desk):
    site, cluster = desk.site, desk.cluster
    assert site.api.wait_for_run(DAG, desk.run_id, patience=300) == "success", site.trouble(DAG, desk.run_id)
    assert site.report(DAG, desk.run_id)["result"] == "Done and verified"
    assert {cluster.node_state(name).schedulable for name in (NODE, OTHER)} == {True}
    assert cluster.violations == []
