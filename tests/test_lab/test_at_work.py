"""What else is at work on a host: units, processes, and a kubelet that does not stay up."""

from __future__ import annotations

import re

import pytest

from lab import LabCluster
from test_lab.conftest import Ssh, eventually
from test_lab.test_hosts import NODE, show

LIST = "systemctl list-units --all --plain --no-legend --type=service"


def listed(ssh: Ssh, *patterns: str) -> list[list[str]]:
    answer = ssh(NODE, f"{LIST} {' '.join(patterns)}")
    assert answer.returncode == 0, answer.stderr
    return [line.split(None, 4) for line in answer.stdout.splitlines()]


def test_units_are_listed_in_every_state_that_is_remembered(ssh: Ssh, small: LabCluster) -> None:
    """After golden/systemd-run-named-unit.txt; patterns are shell's, of the whole name."""
    assert listed(ssh, "'kubeadm-upgrade-*'", "'kubeadm-fleet-*'") == []
    small.faults.fail(NODE, "kubeadm upgrade node", 7, "boom")
    run = "sudo -n systemd-run --property=RemainAfterExit=yes --quiet"
    ssh(NODE, f"{run} --unit=kubeadm-upgrade-v1.29.14 -- kubeadm upgrade node")
    ssh(NODE, f"{run} --unit=kubeadm-upgrade-v1.29.15 -- sleep 30")
    ssh(NODE, f"{run} --unit=kubeadm-fleet-done -- true")
    eventually(lambda: show(ssh, "kubeadm-upgrade-v1.29.14", "ActiveState") == {"ActiveState": "failed"})
    assert listed(ssh, "'kubeadm-upgrade-*'", "'kubeadm-fleet-*'") == [
        ["kubeadm-fleet-done.service", "loaded", "active", "exited", "/usr/bin/true"],
        ["kubeadm-upgrade-v1.29.14.service", "loaded", "failed", "failed", "/usr/bin/kubeadm upgrade node"],
        ["kubeadm-upgrade-v1.29.15.service", "loaded", "active", "running", "/usr/bin/sleep 30"],
    ]
    assert listed(ssh, "kubelet") == []
    assert [row[0] for row in listed(ssh, "'kube*'")][-1] == "kubelet.service"
    assert not small.log[-1].mutating


def test_processes_are_seen_by_name(ssh: Ssh, small: LabCluster) -> None:
    assert ssh(NODE, "ps -C kubelet -o args=").stdout == "/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml\n"
    nobody = ssh(NODE, "ps -C kubeadm -o args=")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    small.faults.slow(NODE, "kubeadm upgrade node", 30)
    ssh(NODE, "sudo -n systemd-run --unit=kubeadm-upgrade-v1.29.15 --quiet -- kubeadm upgrade node")
    eventually(lambda: ssh(NODE, "ps -C kubeadm -o args=").stdout == "/usr/bin/kubeadm upgrade node\n")


def test_how_long_a_kubelet_has_run(ssh: Ssh) -> None:
    assert 3600 <= int(ssh(NODE, "ps -C kubelet -o etimes=").stdout) < 3700
    ssh(NODE, "sudo -n systemctl restart kubelet")
    assert int(ssh(NODE, "ps -C kubelet -o etimes=").stdout) < 60
    ssh(NODE, "sudo -n systemctl stop kubelet")
    assert ssh(NODE, "ps -C kubelet -o etimes=").returncode == 1


def test_a_kubelet_that_does_not_stay_up(ssh: Ssh, small: LabCluster) -> None:
    properties = "ActiveState,SubState,NRestarts"
    up = {"NRestarts": "0", "ActiveState": "active", "SubState": "running"}
    assert show(ssh, "kubelet", properties) == up
    with small.faults.kubelet_crashes(NODE):
        assert ssh(NODE, "sudo -n systemctl restart kubelet").returncode == 0
        eventually(lambda: int(show(ssh, "kubelet", "NRestarts")["NRestarts"]) > 2)
        states = {tuple(show(ssh, "kubelet", "ActiveState,SubState").values()) for _ in range(5)}
        assert ("activating", "auto-restart") in states
        assert ssh(NODE, "systemctl is-active kubelet").returncode == 3
        journal = ssh(NODE, "sudo -n journalctl -u kubelet --no-pager -o cat -n 20").stdout
        assert '"command failed"' in journal
    eventually(lambda: show(ssh, "kubelet", "SubState") == {"SubState": "running"})
    eventually(lambda: small.node_state(NODE).ready)


def test_the_journal_of_the_kubelet(ssh: Ssh) -> None:
    """golden/journal-kubelet-w2.txt"""
    lines = ssh(NODE, "sudo -n journalctl -u kubelet --no-pager -o cat -n 5").stdout.splitlines()
    assert len(lines) == 5
    assert all(re.match(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \w+\.go:\d+\] ", line) for line in lines)
    assert "PLEG is not healthy" in lines[-1]


@pytest.mark.parametrize("option", ["--setenv=LC_ALL=C", "-E LC_ALL=C"])
def test_a_unit_has_the_environment_it_was_given(ssh: Ssh, small: LabCluster, option: str) -> None:
    small.faults.german(NODE)
    small.faults.apt_lock(NODE)
    run = f"sudo -n systemd-run --unit=locked --wait --quiet {option} -- apt-get install -y kubeadm"
    assert ssh(NODE, run).returncode == 100
    assert "E: Could not get lock" in ssh(NODE, "sudo -n journalctl -u locked -o cat").stdout


def test_time_and_the_age_of_files(ssh: Ssh) -> None:
    now = int(ssh(NODE, "date +%s").stdout)
    name, size, moment = ssh(NODE, "stat -c '%n %s %Y' /etc/hostname").stdout.split()
    assert (name, size) == ("/etc/hostname", "10")
    assert 0 <= now - int(moment) < 60
