"""What docs/rbac.yaml tells an administrator to type, with a kubectl from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.fleet import RIGHTS
from lab import LabCluster

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on this machine")


def kubectl(kubeconfig: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = ["kubectl", "--kubeconfig", str(kubeconfig), *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_rights_are_granted_and_a_kubeconfig_is_made_as_documented(small: LabCluster, tmp_path: Path) -> None:
    """Every line that the head of docs/rbac.yaml shows, typed into a shell."""
    shown = re.findall(r"^#   (kubectl .*?)(?: {4}#.*)?$", RIGHTS.read_text(), re.MULTILINE)
    assert len(shown) == 6
    typed = "\n".join(shown).replace("docs/rbac.yaml", str(RIGHTS))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(small.admin_kubeconfig)}
    done = subprocess.run(
        ["sh", "-euc", typed], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = tmp_path / "fleet.kubeconfig"
    assert kubectl(made, "get", "nodes").returncode == 0
    refused = kubectl(made, "get", "secrets")
    assert refused.returncode != 0
    assert "forbidden" in refused.stderr
