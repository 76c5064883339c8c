"""The DAG's own tasks on real hosts: scheduler, workers and triggerer of a real Airflow, and what dies on the way.

What is asserted at the end is read from the hosts by means that are not ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from harness.airflow import SCHEDULER, TRIGGERER, AirflowInstance
from harness.fleet import LabFleet
from harness.rest import wait_for
from harness.settings import IMPATIENT
from hosts import allow_list
from hosts.conftest import RealCluster
from hosts.host_container import HostContainer
from kubeadm_upgrade.rights import sudoers

DAG = "kubeadm_upgrade.real"
PACKAGES = ("kubeadm", "kubelet", "kubectl")
HELD = {*PACKAGES, "kubernetes-cni", "cri-tools"}
APPLY = "kubeadm-upgrade-v1.29.15"


@pytest.fixture
def real(cluster) -> RealCluster:
    """A control plane node and two workers with apt, and a worker with dnf; sudo allows what is on our list only."""
    real = cluster(workers=2, dnf_workers=1, max_unavailable=2)
    for name, host in real.hosts.items():
        allow_list.install(host, sudoers.text(host.user, wildcards=name == "real-w3"))
    return real


@pytest.fixture
def airflow(real, tmp_path) -> Iterator[AirflowInstance]:
    environment = {
        **IMPATIENT,
        **LabFleet(real.lab.description()).environment(),
        "KUBEADM_UPGRADE_INVENTORY": str(tmp_path / "inventory"),
    }
    with AirflowInstance(tmp_path / "airflow", environment) as instance:
        instance.api.wait_for_dag(DAG)
        instance.api.unpause(DAG)
        yield instance


def running(host: HostContainer) -> bool:
    return host.execute("systemctl", "show", APPLY, "-p", "SubState", "--value").strip() == "running"


def kill_everybody(airflow: AirflowInstance, host: HostContainer) -> None:
    """In mid apply: the SSH sessions on the host, and whatever of Airflow had started or watched it."""
    for component in (SCHEDULER, TRIGGERER):
        airflow.kill(component)
    host.execute("sh", "-c", 'pkill -9 -u "$0" || true', host.user)
    time.sleep(1)  # nothing of them may still be at work
    for component in (SCHEDULER, TRIGGERER):
        airflow.start_component(component)
    airflow.wait_healthy()


def trouble(airflow: AirflowInstance, run: str) -> str:
    """What the failed tasks have logged."""
    failed = [task for task in airflow.api.task_instances(DAG, run) if task.state == "failed"]
    logs = {str(task): airflow.api.log(DAG, run, task.task_id, task.map_index, task.try_number) for task in failed}
    return "\n".join(f"{task}: {line.text}" for task, lines in logs.items() for line in lines)


def test_a_run_upgrades_real_hosts_though_all_who_watch_apply_are_killed(real, airflow):
    """Packages, holds, repositories and units are as they should be, and systemd's journal shows one start."""
    first = real.hosts["real-cp1"]
    real.lab.clusters["real"].faults.slow("real-cp1", "kubeadm upgrade apply", 12)
    run = airflow.api.trigger(DAG)
    wait_for(lambda: running(first), "apply", 180)
    kill_everybody(airflow, first)

    assert airflow.api.wait_for_run(DAG, run, patience=400) == "success", trouble(airflow, run)
    journal = first.execute("journalctl", "-u", APPLY, "-o", "cat", "--no-pager")
    assert journal.count(f"Started {APPLY}.service") == 1
    lab = real.lab.clusters["real"]
    assert sum(record.argv[:3] == ("kubeadm", "upgrade", "apply") for record in lab.log) == 1
    assert lab.violations == []
    for name in ("real-cp1", "real-w1", "real-w2"):
        has_debian_packages(real.hosts[name])
    has_rpm_packages(real.hosts["real-w3"])
    for host in real.hosts.values():
        assert allow_list.refusals(host) == []
        assert allow_list.commands(host) > 10
        assert host.execute("systemctl", "is-active", "kubelet").strip() == "active"
        binary = host.execute("sh", "-c", "readlink /proc/$(systemctl show kubelet -p MainPID --value)/exe").strip()
        assert binary == "/usr/bin/kubelet"  # and not the one that it has replaced, which is `(deleted)`


def has_debian_packages(host: HostContainer) -> None:
    installed = host.execute("dpkg-query", "-W", "-f", r"${Package} ${Version} ${db:Status-Abbrev}\n", *PACKAGES)
    assert sorted(installed.split("\n"))[1:] == [f"{name} 1.29.15-2.1 hi " for name in sorted(PACKAGES)]
    assert set(host.execute("apt-mark", "showhold").split()) == HELD
    assert "/v1.29/deb/ /" in host.read("/etc/apt/sources.list.d/kubernetes.list")
    assert host.execute("dpkg", "--audit") == ""


def has_rpm_packages(host: HostContainer) -> None:
    installed = host.execute("rpm", "-q", "--qf", "%{name} %{version}-%{release}\n", *PACKAGES).splitlines()
    assert installed == [f"{name} 1.29.15-150500.2.1" for name in PACKAGES]
    repository = host.read("/etc/yum.repos.d/kubernetes.repo")
    assert "/v1.29/rpm/" in repository
    assert set(repository.partition("exclude=")[2].split()) == HELD
