"""What docs/rbac.yaml tells an administrator to type, with a kubectl from elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from harness.fleet import RIGHTS
from lab import LabCluster

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on this machine")


def kubectl(kubeconfig: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = ["kubectl", "--kubeconfig", str(kubeconfig), *argv]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("administrator", ["kubernetes-admin", "alice"])
def test_the_rights_are_granted_and_a_kubeconfig_is_made_as_documented(
    small: LabCluster, tmp_path: Path, administrator: str
) -> None:
    """Every line that the head of docs/rbac.yaml shows, typed into a shell. No key of the administrator's is left."""
    shown = re.findall(r"^#   ((?:kubectl|umask|rm) .*?)(?: {4}#.*)?$", RIGHTS.read_text(), re.MULTILINE)
    assert len(shown) == 8
    config = yaml.safe_load(small.admin_kubeconfig.read_text())
    config["users"][0]["name"] = config["contexts"][0]["context"]["user"] = administrator
    admin = tmp_path / "admins"
    admin.write_text(yaml.safe_dump(config))
    typed = "\n".join(shown).replace("docs/rbac.yaml", str(RIGHTS))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KUBECONFIG": str(admin)}
    done = subprocess.run(
        ["sh", "-euc", typed], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = tmp_path / "fleet.kubeconfig"
    assert [user["name"] for user in yaml.safe_load(made.read_text())["users"]] == ["kubeadm-fleet"]
    assert made.stat().st_mode & 0o777 == 0o600
    assert not {"token", "admin.kubeconfig"} & {path.name for path in tmp_path.iterdir()}
    assert kubectl(made, "get", "nodes").returncode == 0
    refused = kubectl(made, "get", "secrets")
    assert refused.returncode != 0
    assert "forbidden" in refused.stderr
