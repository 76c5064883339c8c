"""`look` as it is typed, and `plan` of what it has printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from harness.fleet import ACCOUNT, RIGHTS, LabFleet, write_inventory
from kubeadm_upgrade.__main__ import main
from lab import ClusterSpec, Lab


@pytest.fixture
def looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Path]:
    """Types look, and gives the file that it was sent to."""

    def look(*argv: str, target: str = "1.29") -> Path:
        with Lab(tmp_path / "lab", [ClusterSpec("seen", workers=1)]) as lab:
            cluster = lab.clusters["seen"]
            cluster.apply(list(yaml.safe_load_all(RIGHTS.read_text())))
            flags = {
                "kubeconfig": cluster.service_account_kubeconfig(*ACCOUNT.split("/")),
                "ssh-user": lab.ssh_user,
                "ssh-key": lab.ssh_key,
                "ssh-port": cluster.nodes["seen-cp1"].port,
                "known-hosts": lab.known_hosts,
            }
            monkeypatch.setenv("KUBEADM_UPGRADE_INVENTORY", str(tmp_path / "inventory"))
            write_inventory(tmp_path / "inventory", LabFleet(lab.description()).inventory("seen", target))
            typed = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
            assert main(["look", *argv, *typed]) == 0
        written = tmp_path / "state.json"
        written.write_text(capsys.readouterr().out)
        return written

    return look


@pytest.mark.parametrize("argv", [(), ("seen",)], ids=["before there is a file", "a cluster of the inventory"])
def test_any_plan_can_be_made_of_what_look_prints(argv, looked, capsys):
    state = looked(*argv)
    assert main(["plan", "--from-state", str(state), "--target", "1.33"]) == 0
    assert "1.28.15 → 1.33.13" in capsys.readouterr().out


def test_a_target_below_is_seen_and_refused_by_the_plan(looked, capsys):
    """Nobody is stopped from looking by what the file says."""
    state = looked("seen", target="1.27")
    assert main(["plan", "--from-state", str(state), "--target", "1.27"]) == 1
    assert "refused: " in capsys.readouterr().err
