"""What is left to do after `init`, as commands that can be copied: unwrapped, quoted, and without a secret."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from kubeadm_upgrade import inventory
from kubeadm_upgrade.access.known_hosts import HostKey, Known
from kubeadm_upgrade.access.permissions import ACCOUNT, MANIFEST
from kubeadm_upgrade.commands.cluster_text import conn_ids
from kubeadm_upgrade.commands.credentials import Credentials
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.wording import count

LOOK_AT_KUBECONFIG = "see whether kubectl --kubeconfig FILE get nodes works from here, with --context if you gave one"

_ROOT = Path(__file__).resolve().parents[3]


def say_file(console: Console, path: Path, nodes: Sequence[NodeFacts]) -> None:
    planes = sum(node.control_plane for node in nodes)
    workers = len(nodes) - planes
    of = (
        f"{count(planes, 'control plane node')} and {count(workers, 'worker')} at {min(node.kubelet for node in nodes)}"
    )
    _say(console, f"\n[bold]1. The cluster's file[/] is written: {escape(str(path))} ({of})")
    if path.parent != inventory.directory().absolute():
        _say(console, f"export {inventory.DIRECTORY_VARIABLE}={_quoted(path.parent)}")


def say_host_keys(console: Console, path: Path, keys: Sequence[HostKey]) -> None:
    """Every new one with the fingerprint that the host's own console shows."""
    _say(console, "\n[bold]2. Host keys[/]")
    known = sum(key.known is Known.KNOWN for key in keys)
    if known:
        _say(console, f"{escape(str(path))} knows {known} of {count(len(keys), 'host')}.")
    for key in (one for one in keys if one.known is Known.SILENT):
        _say(console, f"{escape(key.node)}: no key seen at {escape(key.entry)}: {escape(key.said)}")
    for key in (one for one in keys if one.known is Known.ANOTHER):
        _say(
            console,
            f"[bold red]{escape(key.node)}[/]: {escape(key.entry)} shows {key.fingerprint}, and {escape(str(path))} "
            f"has another: it was installed anew, or another machine answers. Nothing is written for it. After "
            f"comparing: ssh-keygen -f {_quoted(path)} -R {shlex.quote(key.entry)}, and init again with --force",
        )
    if new := [key for key in keys if key.known is Known.NEW]:
        _say(console, "Compare each with what the host itself says: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
        for key in new:
            _say(console, f"  {escape(key.node)}  {escape(key.entry)}  {key.fingerprint} ({_kind(key)})")


def say_how_to_accept(console: Console, path: Path, keys: Sequence[HostKey]) -> None:
    _say(
        console,
        f"Nothing is written. When they are right: --accept-host-keys, or these lines into {escape(str(path))}:",
    )
    for key in keys:
        _say(console, f"  {escape(key.line)}")


def say_connections(console: Console, name: str, given: Credentials) -> None:
    _say(console, "\n[bold]3. Airflow connections[/]: where Airflow is installed, with its settings (AIRFLOW_HOME)")
    for command in connection_commands(name, given):
        _say(console, escape(command))
    files = ", ".join(escape(str(path)) for path in (given.kubeconfig, given.key, given.known_hosts) if path)
    _say(console, f"[dim]{files} must be there and readable wherever workers and the triggerer run.[/]")
    if given.known_hosts is None:
        _say(
            console,
            "[dim]Host keys are read from ~/.ssh/known_hosts of whoever runs them; --known-hosts names another.[/]",
        )


def connection_commands(name: str, given: Credentials) -> tuple[str, str]:
    """Both name files, and hold nothing of what is in them."""
    kubernetes, ssh = conn_ids(name)
    return _adding(kubernetes, given.kubernetes()), _adding(ssh, given.ssh())


def _adding(conn_id: str, connection: Mapping[str, Any]) -> str:
    login = ["--conn-login", connection["login"]] if "login" in connection else []
    extra = ["--conn-extra", json.dumps(connection["extra"])] if connection["extra"] else []
    return shlex.join(
        ["airflow", "connections", "add", conn_id, "--conn-type", connection["conn_type"], *login, *extra]
    )


def say_rights(console: Console) -> None:
    """An administrator's kubeconfig works, and is more than should lie about for years."""
    _say(console, "\n[bold]4. Rights[/]: with an administrator's kubeconfig, once")
    _say(console, f"kubectl apply -f {_quoted(manifest())}")
    _say(console, f"umask 077; kubectl -n kube-system create token {ACCOUNT} --duration=24h > token")
    _say(
        console,
        "[dim]docs/rbac.yaml says how the token becomes a kubeconfig of its own: then init --force with that.[/]",
    )


def say_next(console: Console, name: str, given: Credentials, *, passes: bool) -> None:
    if passes:
        dag = shlex.quote(f"kubeadm_upgrade.{name}")
        _say(console, "\n[bold]Next[/], once the connections are made: a dry run, which changes nothing")
        _say(console, f"airflow dags unpause {dag}")
        _say(console, f"airflow dags trigger {dag} --conf '{json.dumps({'dry_run': True})}'")
    else:
        again = shlex.join(["python", "-m", "kubeadm_upgrade", "check", name, *given.flags()])
        _say(console, f"\nMend this, then: {escape(again)}")


def manifest() -> Path:
    """In a checkout the page that explains itself, else the same file of this package."""
    page = _ROOT / "docs" / "rbac.yaml"
    return page if page.is_file() else MANIFEST


def _kind(key: HostKey) -> str:
    return key.kind.removeprefix("ssh-").removeprefix("ecdsa-sha2-").upper()


def _quoted(path: Path) -> str:
    return escape(shlex.quote(str(path)))


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
