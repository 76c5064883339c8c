"""Packages, units and files of a host."""

from __future__ import annotations

import pytest

from lab import LabCluster
from test_lab.conftest import Ssh, eventually

NODE = "demo-a-w1"
APT = "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get install -y"
SOURCE = "/etc/apt/sources.list.d/kubernetes.list"
KEYRING = "/etc/apt/keyrings/kubernetes-apt-keyring.asc"
NEXT = f"deb [signed-by={KEYRING}] https://pkgs.k8s.io/core:/stable:/v1.29/deb/ /\n"


def switch(ssh: Ssh, node: str = NODE, text: str = NEXT) -> None:
    assert ssh(node, f"sudo -n dd of={SOURCE} status=none conv=fsync", text).returncode == 0
    assert ssh(node, "sudo -n apt-get update").returncode == 0


def test_packages_are_on_offer_only_after_an_update(ssh: Ssh) -> None:
    before = ssh(NODE, "apt-cache madison kubeadm").stdout.splitlines()
    assert before[0].split(" | ")[1] == "1.28.15-1.1"
    assert len(before) == 16
    ssh(NODE, f"sudo -n dd of={SOURCE} status=none conv=fsync", NEXT)
    assert ssh(NODE, "apt-cache madison kubeadm").stdout.splitlines() == before
    ssh(NODE, "sudo -n apt-get update")
    assert "1.29.15-1.1" in ssh(NODE, "apt-cache madison kubeadm").stdout.splitlines()[0]


def test_held_packages_are_refused(ssh: Ssh) -> None:
    """golden/apt-get-install-kubeadm-held.txt"""
    switch(ssh)
    refused = ssh(NODE, f"{APT} kubeadm=1.29.15-1.1")
    text = "E: Held packages were changed and -y was used without --allow-change-held-packages.\n"
    assert (refused.returncode, refused.stderr) == (100, text)
    assert not ssh.cluster.log[-1].mutating
    assert ssh(NODE, "sudo -n apt-mark unhold kubeadm").stdout == "Canceled hold on kubeadm.\n"
    assert ssh(NODE, f"{APT} 'kubeadm=1.29.*'").returncode == 0
    found = ssh(NODE, "dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n' kubelet kubeadm").stdout
    assert found == "kubeadm 1.29.15-1.1 ii \nkubelet 1.28.15-1.1 hi \n"


def test_missing_versions_and_downgrades(ssh: Ssh) -> None:
    missing = ssh(NODE, f"{APT} --allow-change-held-packages kubeadm=1.28.99-1.1")
    assert (missing.returncode, missing.stderr) == (
        100,
        "E: Version '1.28.99-1.1' for 'kubeadm' was not found\n",
    )
    down = ssh(NODE, f"{APT} --allow-change-held-packages kubeadm=1.28.3-1.1")
    text = "E: Packages were downgraded and -y was used without --allow-downgrades.\n"
    assert (down.returncode, down.stderr) == (100, text)


def test_download_only_keeps_everything_as_it_is(ssh: Ssh) -> None:
    switch(ssh)
    command = "sudo -n apt-get install -y --download-only --allow-change-held-packages kubelet=1.29.15-1.1"
    assert ssh(NODE, command).returncode == 0
    assert ssh(NODE, "ls /var/cache/apt/archives").stdout == "kubelet_1.29.15-1.1_amd64.deb\n"
    state = ssh.cluster.node_state(NODE)
    assert (state.kubelet_installed, state.held) == ("1.28.15", ("kubeadm", "kubectl", "kubelet"))


def test_a_repository_without_its_key_or_minor(ssh: Ssh) -> None:
    ssh(NODE, f"sudo -n dd of={SOURCE} status=none", NEXT.replace("keyring.asc", "other.asc"))
    unsigned = ssh(NODE, "sudo -n apt-get update")
    assert unsigned.returncode == 100
    assert "NO_PUBKEY" in unsigned.stderr
    ssh(NODE, f"sudo -n dd of={SOURCE} status=none", NEXT.replace("1.29", "1.99"))
    assert "does not have a Release file" in ssh(NODE, "sudo -n apt-get update").stderr
    gone = ssh(NODE, "curl -fsSL https://pkgs.k8s.io/core:/stable:/v1.99/deb/Release.key")
    assert (gone.returncode, gone.stderr) == (22, "curl: (22) The requested URL returned error: 404\n")


def test_root_is_needed(ssh: Ssh) -> None:
    refused = ssh(NODE, "apt-get install -y kubeadm")
    assert refused.returncode == 100
    assert "are you root?" in refused.stderr
    assert ssh(NODE, "systemctl restart kubelet").returncode == 4
    assert ssh("demo-a-cp1", "kubeadm upgrade plan").returncode == 1


def show(ssh: Ssh, unit: str, properties: str) -> dict[str, str]:
    text = ssh(NODE, f"sudo -n systemctl show {unit} -p {properties}").stdout
    return dict(line.partition("=")[::2] for line in text.splitlines())


def test_a_unit_that_succeeds_is_remembered_until_stopped(ssh: Ssh) -> None:
    """golden/systemd-run-named-unit.txt"""
    start = "sudo -n systemd-run --unit=probe --property=RemainAfterExit=yes --quiet -- kubeadm upgrade node"
    assert ssh(NODE, start).returncode == 0
    eventually(lambda: show(ssh, "probe", "SubState") == {"SubState": "exited"})
    properties = "ActiveState,SubState,Result,ExecMainStatus,ExecMainCode"
    assert show(ssh, "probe", properties) == {
        "Result": "success",
        "ExecMainCode": "1",
        "ExecMainStatus": "0",
        "ActiveState": "active",
        "SubState": "exited",
    }
    again = ssh(NODE, start)
    text = "Unit probe.service was already loaded or has a fragment file."
    assert (again.returncode, again.stderr) == (1, f"Failed to start transient service unit: {text}\n")
    record = next(one for one in ssh.cluster.log if one.unit)
    assert (record.unit, record.argv, record.mutating) == ("probe", ("kubeadm", "upgrade", "node"), True)
    journal = ssh(NODE, "sudo -n journalctl -u probe --no-pager -o cat").stdout.splitlines()
    assert journal[0] == "Started probe.service - /usr/bin/kubeadm upgrade node."
    assert "[upgrade] The configuration for this node was successfully updated!" in journal
    ssh(NODE, "sudo -n systemctl stop probe")
    assert show(ssh, "probe", "LoadState,ActiveState") == {
        "LoadState": "not-found",
        "ActiveState": "inactive",
    }


def test_a_unit_that_fails_is_remembered_until_reset(ssh: Ssh) -> None:
    ssh.cluster.faults.fail(NODE, "kubeadm upgrade node", 7, "boom")
    ssh(NODE, "sudo -n systemd-run --unit=probe --quiet -- kubeadm upgrade node")
    eventually(lambda: show(ssh, "probe", "ActiveState") == {"ActiveState": "failed"})
    assert show(ssh, "probe", "Result,ExecMainStatus") == {"Result": "exit-code", "ExecMainStatus": "7"}
    assert ssh(NODE, "sudo -n systemd-run --unit=probe -- true").returncode == 1
    journal = ssh(NODE, "sudo -n journalctl -u probe --no-pager -o cat").stdout
    assert "probe.service: Main process exited, code=exited, status=7/NOTRUNNING\n" in journal
    assert ssh(NODE, "sudo -n systemctl reset-failed probe").returncode == 0
    assert ssh(NODE, "sudo -n systemd-run --unit=probe -- true").returncode == 0


def test_kubelet_restart_as_seen_from_outside(ssh: Ssh, small: LabCluster) -> None:
    """golden/README.md: Ready with the old version, NotReady, Ready with the new one."""
    switch(ssh)
    assert ssh(NODE, f"{APT} --allow-change-held-packages kubelet=1.29.15-1.1").returncode == 0
    assert show(ssh, "kubelet", "NeedDaemonReload") == {"NeedDaemonReload": "yes"}
    assert ssh(NODE, "kubelet --version").stdout == "Kubernetes v1.29.15\n"
    assert small.object("Node", None, NODE)["status"]["nodeInfo"]["kubeletVersion"] == "v1.28.15"
    ssh(NODE, "sudo -n systemctl daemon-reload")
    assert show(ssh, "kubelet", "NeedDaemonReload") == {"NeedDaemonReload": "no"}
    before = len(small.timeline)
    ssh(NODE, "sudo -n systemctl restart kubelet")
    eventually(lambda: len(small.timeline) >= before + 2)
    seen = [(one.ready, one.kubelet) for one in small.timeline[before:]]
    assert seen == [(False, "v1.29.15"), (True, "v1.29.15")]
    assert any("newer than the apiserver" in sentence for sentence in small.violations)
    assert any("not drained" in sentence for sentence in small.violations)


def test_snapshots(ssh: Ssh) -> None:
    etcdctl = "sudo -n kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-demo-a-cp1 --"
    saved = ssh("demo-a-cp1", f"{etcdctl} etcdctl --endpoints https://127.0.0.1:2379 snapshot save /var/lib/etcd/s.db")
    assert (saved.returncode, saved.stdout) == (0, "Snapshot saved at /var/lib/etcd/s.db\n")
    assert ssh.cluster.log[-1].mutating
    assert ssh("demo-a-cp1", "sudo -n stat -c %s /var/lib/etcd/s.db").stdout == "1626144\n"
    status = ssh("demo-a-cp1", f"{etcdctl} etcdutl snapshot status /var/lib/etcd/s.db -w json").stdout
    assert '"totalSize":1626112' in status
    assert '"version":"3.5.15"' in ssh("demo-a-cp1", f"{etcdctl} etcdctl endpoint status -w json").stdout


def test_archives_and_directories(ssh: Ssh) -> None:
    node = "demo-a-cp1"
    assert ssh(node, "sudo -n install -d -m 0700 /var/backups/lab").returncode == 0
    tar = "sudo -n tar -C / -czf /var/backups/lab/k.tgz --exclude=etc/kubernetes/tmp etc/kubernetes"
    assert ssh(node, tar).returncode == 0
    assert "etc/kubernetes/pki/ca.crt\n" in ssh(node, "sudo -n tar -tzf /var/backups/lab/k.tgz").stdout
    assert ssh(node, "sudo -n mv -f /var/backups/lab/k.tgz /var/backups/lab/l.tgz").returncode == 0
    assert ssh(node, "sudo -n test -f /var/backups/lab/l.tgz").returncode == 0
    assert ssh(node, "ls /var/backups/lab").returncode == 2
    assert ssh(node, "sudo -n rm -f /var/backups/lab/l.tgz").returncode == 0


@pytest.mark.parametrize("form", ["list", "sources"])
def test_both_forms_of_a_repository_entry_are_read(ssh: Ssh, form: str) -> None:
    text = NEXT
    if form == "sources":
        ssh(NODE, f"sudo -n rm -f {SOURCE}")
        url, key = NEXT.split()[2], NEXT.split("=")[1].split("]", maxsplit=1)[0]
        text = f"Types: deb\nURIs: {url}\nSuites: /\nSigned-By: {key}\n"
    ssh(NODE, f"sudo -n tee /etc/apt/sources.list.d/kubernetes.{form}", text)
    assert ssh(NODE, "sudo -n apt-get update").returncode == 0
    assert "Candidate: 1.29.15-1.1" in ssh(NODE, "apt-cache policy kubeadm").stdout
