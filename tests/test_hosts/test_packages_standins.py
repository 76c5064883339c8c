"""Does the lab answer what the stand-ins ask, and does its kubelet follow theirs?

The stand-ins run in this process, and run nothing here that would write a file of Kubernetes.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pytest

from hosts.standins import client, command, kubelet
from hosts.standins.bridge import SILENCE, Bridge
from lab import ClusterSpec, Lab, Latency


@dataclass
class Scene:
    lab: Lab
    bridge: Bridge

    @property
    def node(self):
        return self.lab.clusters["one"].node_state("one-cp1")

    def until(self, condition, seconds: float = 5.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.node
            time.sleep(0.02)


@pytest.fixture
def scene(tmp_path, monkeypatch):
    with Lab(tmp_path / "lab", [ClusterSpec("one", workers=0)], Latency(image_pull=0.7)) as lab:
        bridge = Bridge(lab.clusters, "127.0.0.1")
        lab.run(bridge.open())
        (tmp_path / "settings").write_text(bridge.settings("one-cp1"))
        monkeypatch.setattr(client, "SETTINGS", str(tmp_path / "settings"))
        admin = tmp_path / "admin.conf"
        admin.write_text("kind: Config\n")
        monkeypatch.setattr(client, "READ", (str(admin),))
        yield Scene(lab, bridge)
        lab.run(bridge.close())


def test_a_program_answers_for_the_version_that_it_was_packaged_as(scene, capfd):
    assert command.main("kubeadm", "1.29.15-2.1", ["version", "-o", "short"]) == 0
    assert capfd.readouterr().out == "v1.29.15\n"
    assert scene.node.kubeadm_installed == "1.29.15"


def test_of_an_rpm_as_well(scene, capfd):
    assert command.main("kubectl", "1.29.15-150500.1.1", ["version", "--client"]) == 0
    assert capfd.readouterr().out == "Client Version: v1.29.15\n"


def test_the_lab_runs_the_command_and_records_it(scene, capfd):
    assert command.main("kubeadm", "1.29.15-1.1", ["upgrade", "plan", "v1.29.15"]) == 0
    assert "kubeadm upgrade apply v1.29.15" in capfd.readouterr().out
    record = scene.lab.clusters["one"].log[-1]
    assert (record.node, record.argv[:3], record.exit_code) == ("one-cp1", ("kubeadm", "upgrade", "plan"), 0)


def test_a_command_fails_where_the_lab_was_told_so(scene, capfd):
    scene.lab.clusters["one"].faults.fail("one-cp1", "kubeadm upgrade plan", 3, "it is broken")
    assert command.main("kubeadm", "1.29.15-1.1", ["upgrade", "plan"]) == 3
    assert capfd.readouterr().err == "it is broken\n"


def test_output_comes_when_it_is_printed_and_not_at_the_end(scene, monkeypatch):
    moments = []
    monkeypatch.setitem(command._HANDLERS, b"out", lambda text: moments.append(time.monotonic()))
    command.main("kubeadm", "1.28.15-1.1", ["config", "images", "pull"])
    assert len(moments) == 7
    assert moments[-1] - moments[0] > 0.5


def test_without_the_lab_a_program_says_so(scene, capfd):
    scene.lab.run(scene.bridge.close())
    assert command.main("kubeadm", "1.29.15-1.1", ["version"]) == command.LAB_IS_AWAY
    assert "kubeadm: stand-in: dial tcp 127.0.0.1" in capfd.readouterr().err


def start_kubelet(version: str) -> threading.Thread:
    """Connected once, until the lab hangs up or the process ends."""
    thread = threading.Thread(target=kubelet._live, args=(version,), daemon=True)
    thread.start()
    return thread


def test_the_node_shows_the_version_of_the_kubelet_that_runs(scene):
    start_kubelet("1.29.15-1.1")
    scene.until(lambda: scene.node.kubelet == "v1.29.15" and scene.node.ready)


def test_the_first_kubelet_of_the_same_version_disturbs_nothing(scene):
    start_kubelet("1.28.15-1.1")
    simulated = scene.lab.clusters["one"].simulated.kubelets["one-cp1"]
    scene.until(lambda: time.time() - simulated.started < 60)
    assert all(sample.ready for sample in scene.lab.clusters["one"].timeline)


def test_a_kubelet_that_ends_is_a_kubelet_that_stops(scene, monkeypatch):
    """Its connection is all that there is of it."""
    monkeypatch.setattr(kubelet, "BEAT_SECONDS", 0.0)
    connections = []
    original = client.connect
    monkeypatch.setattr(client, "connect", lambda: connections.append(original()) or connections[-1])
    start_kubelet("1.29.15-1.1")
    simulated = scene.lab.clusters["one"].simulated.kubelets["one-cp1"]
    scene.until(lambda: simulated.running.v == "v1.29.15")
    connections[0][0].shutdown(2)
    scene.until(lambda: not simulated.active)


def test_a_kubelet_without_beats_is_dead_though_it_is_connected(scene, monkeypatch):
    monkeypatch.setattr(kubelet, "BEAT_SECONDS", 60.0)
    start_kubelet("1.29.15-1.1")
    simulated = scene.lab.clusters["one"].simulated.kubelets["one-cp1"]
    scene.until(lambda: simulated.running.v == "v1.29.15")
    scene.until(lambda: not simulated.active, SILENCE + 5)


@pytest.mark.parametrize(
    ("version", "flag"),
    [("v1.27.16", "--container-runtime=remote"), ("v1.35.0", "--pod-infra-container-image=pause")],
)
def test_a_kubelet_does_not_start_with_a_flag_that_is_gone(version, flag):
    assert "unknown flag" in kubelet._why_not_start(version, [flag])
    assert kubelet._why_not_start("v1.26.0", [flag]) == ""


def test_a_kubelet_does_not_start_before_its_configuration_is_there(tmp_path):
    assert "no such file" in kubelet._why_not_start("v1.29.0", [f"--config={tmp_path}/config.yaml"])
