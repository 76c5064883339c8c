"""python -m lab and the control endpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from lab import Lab
from lab.by_hand import NotDone, break_cluster, mend_cluster
from lab.faults import IN_WORDS, KINDS
from test_lab.conftest import eventually

TESTS = Path(__file__).parents[1]


def ask(url: str, method: str = "GET", body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def test_control_endpoint(lab: Lab) -> None:
    base = lab.control_url
    assert sorted(ask(f"{base}/clusters")) == ["demo-a"]
    fault = {"fault": "fail", "node": "demo-a-w1", "argv": ["true"], "exit_code": 3}
    ask(f"{base}/clusters/demo-a/faults", "POST", fault)
    assert [one["kind"] for one in ask(f"{base}/clusters/demo-a/faults")] == ["fail"]
    assert ask(f"{base}/clusters/demo-a/faults", "DELETE", fault) == {"lifted": 1}
    assert ask(f"{base}/clusters/demo-a/faults") == []
    assert len(ask(f"{base}/clusters/demo-a/timeline")) == 4
    assert ask(f"{base}/clusters/demo-a/log") == []
    with pytest.raises(urllib.error.HTTPError) as wrong:
        ask(f"{base}/clusters/demo-a/faults", "POST", {"fault": "earthquake"})
    assert wrong.value.code == 400


def test_broken_and_mended_beside_it(lab: Lab) -> None:
    settings = ["node=demo-a-w1", "argv_prefix=kubeadm upgrade node", "stderr=no space left", "times=null"]
    assert "demo-a-w1" in break_cluster(lab.directory, "demo-a", "fail", settings)
    (fault,) = ask(f"{lab.control_url}/clusters/demo-a/faults")
    assert (fault["argv"], fault["stderr"], fault["times"]) == (["kubeadm", "upgrade", "node"], "no space left", None)
    mend_cluster(lab.directory, "demo-a")
    assert ask(f"{lab.control_url}/clusters/demo-a/faults") == []


def test_every_fault_is_told_in_words() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "faults"], cwd=TESTS, capture_output=True, text=True, check=True
    )
    assert list(IN_WORDS) == list(KINDS)
    for name, settings in KINDS.items():
        told = done.stdout.partition(f"  {name} ")[2].splitlines()
        assert told[0].strip() == IN_WORDS[name]
        assert [one.removesuffix("=…") for one in told[1].split()] == list(settings)


@pytest.mark.parametrize(
    ("cluster", "fault", "settings", "words"),
    [
        pytest.param("demo-z", "node_down", [], "there is no cluster demo-z; there are demo-a", id="cluster"),
        pytest.param(
            "demo-a", "earthquake", [], "there is no fault 'earthquake'; there are api_busy, api_down,", id="fault"
        ),
        pytest.param("demo-a", "node_down", ["nodes=demo-a-w1"], "node_down does not know nodes", id="unknown setting"),
        pytest.param("demo-a", "node_down", ["demo-a-w1"], "'demo-a-w1' is not like name=value", id="no setting"),
        pytest.param("demo-a", "node_down", ["node=demo-a-w9"], "there is no node demo-a-w9", id="node"),
    ],
)
def test_what_cannot_be_broken_is_said(lab: Lab, cluster: str, fault: str, settings: list[str], words: str) -> None:
    with pytest.raises(NotDone, match=words):
        break_cluster(lab.directory, cluster, fault, settings)


def test_no_lab_to_break(tmp_path: Path) -> None:
    with pytest.raises(NotDone, match="no lab runs in"):
        mend_cluster(tmp_path, "demo-a")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_starts_prints_and_stops(tmp_path: Path, number: signal.Signals) -> None:
    manifest = tmp_path / "extra.yaml"
    manifest.write_text("kind: ServiceAccount\napiVersion: v1\nmetadata: {name: extra}\n")
    command = [sys.executable, "-m", "lab", "--directory", str(tmp_path / "lab"), "--latency", "none"]
    command += ["--cluster", "one:1+1@1.30.14", "--apply", str(manifest)]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        eventually((tmp_path / "lab" / "lab.json").exists)
        lines = [process.stdout.readline() for _ in range(7)]
        told = json.loads((tmp_path / "lab" / "lab.json").read_text())
        assert any("export KUBECONFIG=" in line for line in lines)
        ssh = next(line for line in lines if line.startswith("ssh ")).partition("  #")[0].split()
        done = subprocess.run([*ssh, "-o", "BatchMode=yes", "hostname"], capture_output=True, text=True, check=True)
        assert done.stdout == "one-cp1\n"
        assert sorted(told["clusters"]["one"]["nodes"]) == ["one-cp1", "one-w1"]
        assert any("# service account default/extra" in line for line in lines)
    finally:
        process.send_signal(number)
        assert process.wait(10) == 0
