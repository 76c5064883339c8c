"""Static Pods and hosts that are sick: does it show where it would, and does it pass?"""

from __future__ import annotations

import time

import pytest

from lab import LabCluster
from lab.by_hand import NotDone, break_cluster, mend_cluster
from test_lab.conftest import Ssh, eventually
from test_lab.observed import answer
from test_lab.test_control_plane import static

CP = "demo-a-cp1"
NODE = "demo-a-w1"
FIRST, SECOND = "demo-b-cp1", "demo-b-cp2"


@pytest.mark.parametrize("component", ["etcd", "kube-apiserver", "kube-scheduler"])
def test_a_static_pod_that_is_not_ready(high: LabCluster, component: str) -> None:
    before = static(high, component, FIRST)
    with high.faults.static_pod_not_ready(FIRST, component):
        assert static(high, component, FIRST) == (*before[:2], "False")
        assert answer(high, "/readyz") == (200, "")
    assert static(high, component, FIRST) == before


def test_a_static_pod_that_is_missing(small: LabCluster) -> None:
    before = static(small, "kube-apiserver")
    with small.faults.static_pod_missing(CP, "kube-apiserver"):
        assert small.object("Pod", "kube-system", f"kube-apiserver-{CP}") is None
        assert answer(small, "/readyz") == (0, "refused")
    eventually(lambda: answer(small, "/readyz") == (200, ""))
    after = static(small, "kube-apiserver")
    assert after[0] != before[0]
    assert after[1:] == before[1:]


def test_all_static_pods_of_a_node_are_missing(high: LabCluster) -> None:
    with high.faults.static_pod_missing(FIRST):
        names = [pod["metadata"]["name"] for pod in high.objects("Pod", "kube-system")]
        assert not [name for name in names if name.endswith(FIRST)]
        assert answer(high, "/readyz") == (200, "")
    assert static(high, "etcd", FIRST)[2] == "True"


@pytest.mark.parametrize("command", ["systemctl restart kubelet", "kubeadm upgrade apply v1.28.15 --yes"])
def test_who_acts_beside_a_sick_control_plane_node_breaks_a_rule(ssh_high: Ssh, high: LabCluster, command: str) -> None:
    with high.faults.static_pod_not_ready(FIRST, "kube-scheduler"):
        assert high.violations == []
        assert ssh_high(SECOND, f"sudo -n {command}").returncode == 0
        assert high.violations == [f"control plane nodes {FIRST} and {SECOND} are disrupted at once"]


def test_who_works_at_the_sick_one_itself_or_at_a_worker_breaks_none(ssh_high: Ssh, high: LabCluster) -> None:
    high.faults.static_pod_not_ready(FIRST, "kube-scheduler")
    for node in (FIRST, "demo-b-w1"):
        assert ssh_high(node, "sudo -n systemctl restart kubelet").returncode == 0
    assert high.violations == []


INSTALL = "apt-get install -y --allow-change-held-packages kubelet=1.28.15-1.1"
GERMAN = [
    pytest.param(f"sudo -n {INSTALL}", "E: Sperre /var/lib/dpkg/lock-frontend konnte nicht erlangt werden.", id="apt"),
    pytest.param("sudo -n apt-mark unhold kubelet", "dpkg: Fehler: dpkg-Frontend-Sperre war von einem", id="dpkg"),
    pytest.param(INSTALL, "Keine Berechtigung", id="apt without root"),
    pytest.param("sudo -n nothing", "sudo: nothing: Befehl nicht gefunden", id="sudo"),
    pytest.param("sudo -n env LC_ALL=C nothing", "sudo: nothing: Befehl nicht gefunden", id="sudo reads no argument"),
    pytest.param("env LC_ALL=C.UTF-8 sudo -n nothing", "sudo: nothing: Befehl nicht gefunden", id="LANGUAGE"),
]
ENGLISH = [
    pytest.param(f"sudo -n env LC_ALL=C {INSTALL}", "E: Could not get lock /var/lib/dpkg/lock-frontend.", id="apt"),
    pytest.param("sudo -n env LC_ALL=C apt-mark unhold kubelet", "dpkg: error: dpkg frontend lock was", id="dpkg"),
    pytest.param(f"env LC_ALL=C {INSTALL}", "Permission denied", id="apt without root"),
]


@pytest.mark.parametrize(("command", "text"), GERMAN + ENGLISH)
def test_a_host_that_speaks_german(ssh: Ssh, small: LabCluster, command: str, text: str) -> None:
    """apt's and dpkg's own German catalogues; LC_ALL=C is all that brings English back."""
    small.faults.german(NODE)
    small.faults.apt_lock(NODE)
    assert text in ssh(NODE, command).stderr


def test_sudo_refuses(ssh: Ssh, small: LabCluster) -> None:
    with small.faults.sudo_refuses(NODE):
        refused = ssh(NODE, "sudo -n test -e /etc/hostname")
        assert (refused.returncode, refused.stderr) == (1, "sudo: a password is required\n")
        small.faults.german(NODE)
        assert ssh(NODE, "sudo -n hostname").stderr == "sudo: Ein Passwort ist notwendig\n"
    assert ssh(NODE, "sudo -n hostname").returncode == 0


def test_sudo_tells_what_it_would_allow(ssh: Ssh, small: LabCluster) -> None:
    """golden/sudo-list.txt; whatever is asked about is not run."""

    def said(command: str) -> tuple[int, str, str]:
        done = ssh(NODE, command)
        return done.returncode, done.stdout, done.stderr

    everything = f"User ops may run the following commands on {NODE}:\n    (ALL) NOPASSWD: ALL"
    assert said("sudo -n -l") == (0, f"{everything}\n", "")
    assert said("env LC_ALL=C sudo -n -l -- true") == (0, "/usr/bin/true\n", "")
    assert said("sudo -n -l -- dnf repoquery") == (1, "", "sudo: dnf: command not found\n")
    with small.faults.sudo_denies(NODE, "systemctl stop"):
        assert said("sudo -n -l") == (0, f"{everything}, !/usr/bin/systemctl stop *\n", "")
        assert said("sudo -n -l -- systemctl stop x") == (1, "", "")
        assert said("sudo -nl systemctl daemon-reload") == (0, "/usr/bin/systemctl daemon-reload\n", "")
        refusal = f"Sorry, user ops is not allowed to execute '/usr/bin/systemctl stop kubelet' as root on {NODE}.\n"
        assert said("sudo -n systemctl stop kubelet") == (1, "", refusal)
    assert small.node_state(NODE).ready
    with small.faults.sudo_refuses(NODE):
        assert said("sudo -n -l") == said("sudo -n -l -- true") == (1, "", "sudo: a password is required\n")
    assert not any(record.mutating for record in small.log)


def test_a_clock_that_is_off(ssh: Ssh, small: LabCluster) -> None:
    with small.faults.clock_off(NODE, 90):
        assert float(ssh(NODE, "date +%s.%N").stdout) - time.time() == pytest.approx(90, abs=5)
    assert float(ssh(NODE, "date +%s.%N").stdout) == pytest.approx(time.time(), abs=5)


def test_a_chatty_shell_prints_before_every_command(ssh: Ssh, small: LabCluster) -> None:
    with small.faults.chatty_shell(NODE, "hello"):
        assert ssh(NODE, "true").stdout == "hello\n"
        assert ssh(NODE, "sudo -n hostname").stdout == f"hello\n{NODE}\n"
    assert ssh(NODE, "true").stdout == ""


def test_beside_a_lab_that_runs(ssh: Ssh, small: LabCluster) -> None:
    directory = ssh.lab.directory
    settings = [f"node={CP}", "component=kube-scheduler"]
    break_cluster(directory, "demo-a", "static_pod_missing", settings)
    assert small.object("Pod", "kube-system", f"kube-scheduler-{CP}") is None
    mend_cluster(directory, "demo-a")
    assert small.object("Pod", "kube-system", f"kube-scheduler-{CP}") is not None
    with pytest.raises(NotDone, match="there is no component scheduler; there are etcd,"):
        break_cluster(directory, "demo-a", "static_pod_missing", [f"node={CP}", "component=scheduler"])
