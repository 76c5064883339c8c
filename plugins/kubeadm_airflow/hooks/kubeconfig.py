"""Why a Kubernetes connection cannot be used: which field, which file, and what a person does about it.

Asked only once the provider's hook has failed, so nothing that it can read is refused here.
"""

from __future__ import annotations

import base64
import getpass
import os
import shutil
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from kubeadm_upgrade.errors import NeedsPerson, Unreachable, UpgradeError

_WHERE = "where tasks run (workers and triggerer)"
_DEFAULT = "~/.kube/config"
_PEM = b"-----BEGIN"

Problem = tuple[str, str]  # what is wrong, and what to do


def refusal(conn_id: str, extra: Mapping[str, Any], error: Exception) -> UpgradeError:
    """The error for a connection that the provider's hook cannot make a client of."""
    source = _Source(conn_id, extra)
    if str(error).startswith("exec: process returned"):  # it may ask a service that is away for a moment
        words = " ".join(str(error).split())
        return Unreachable(
            f"{source}: the program that makes its credentials has failed: {words}",
            do="run it as the user of workers and triggerer does",
        )
    for what, do in source.problems():
        return NeedsPerson(f"{source}{what}", do=do)
    words = " ".join(str(error).split()) or "no reason given"
    return NeedsPerson(
        f"{source} cannot be used: {type(error).__name__}: {words}", do="compare it with one that kubectl can use"
    )


def expired_certificate(path: str | None) -> str:
    """Since when a client certificate is not valid any more; empty where it is, or cannot be read."""
    try:
        certificate = x509.load_pem_x509_certificate(Path(path or "").read_bytes())
    except (OSError, ValueError):
        return ""
    ended = certificate.not_valid_after_utc
    return f"{ended:%Y-%m-%d}" if ended < datetime.now(UTC) else ""


class _Source:
    """Where a connection has its kubeconfig."""

    def __init__(self, conn_id: str, extra: Mapping[str, Any]) -> None:
        self.conn_id = conn_id
        names = ("in_cluster", "kube_config_path", "kube_config", "cluster_context")
        given = {name: extra.get(name) or extra.get(f"extra__kubernetes__{name}") for name in names}
        self.context = given.pop("cluster_context")
        self.given = {name: value for name, value in given.items() if value}
        default = os.environ.get("KUBECONFIG") or _DEFAULT
        path = None if "kube_config" in self.given else str(self.given.get("kube_config_path") or default)
        self.path = Path(path).expanduser() if path else None

    def __str__(self) -> str:
        """File and directory apart: the path as a whole is hidden, for its field has kube_config in its name."""
        if len(self.given) > 1:
            return f"connection {self.conn_id}"
        if "kube_config_path" in self.given:
            return f"connection {self.conn_id}: its kube_config_path ({_apart(self.path)})"
        return f"connection {self.conn_id}" + (": its kube_config" if "kube_config" in self.given else "")

    def problems(self) -> Iterator[Problem]:
        """The first is the one to tell."""
        if len(self.given) > 1:
            yield f" sets {' and '.join(sorted(self.given))}", "leave one of them in its extra"
        elif "in_cluster" in self.given:
            yield (
                " sets in_cluster, and Airflow does not run in a cluster, or without a service account",
                "give it a kubeconfig: kube_config_path or kube_config in its extra",
            )
        elif self.path is not None and (problem := self._problem_of_file(self.path)):
            yield problem
        else:
            try:
                text = self.path.read_text(encoding="utf-8") if self.path else self.given["kube_config"]
            except UnicodeDecodeError:
                yield " is no text in UTF-8", _ANEW
            else:
                yield from self._problems_of(text)

    def _problem_of_file(self, path: Path) -> Problem | None:
        put = "put the kubeconfig there, or correct the path in its extra"
        if not self.given:
            if path.exists():
                return None
            return (
                f" names no kubeconfig, and there is no {_apart(path)} {_WHERE}",
                "set kube_config_path or kube_config in its extra",
            )
        if path.is_dir():
            return " is a directory", f"{put}: a container's mount of a file that is missing becomes a directory"
        if not os.path.lexists(path) or not path.exists():
            return f": there is no such file {_WHERE}", put
        if not os.access(path, os.R_OK):
            return f": {getpass.getuser()}, who runs tasks, may not read it", f"let {getpass.getuser()} read it"
        return None

    def _problems_of(self, text: Any) -> Iterator[Problem]:
        try:
            config = yaml.safe_load(text) if isinstance(text, str) else text
        except yaml.YAMLError as error:
            mark: Any = getattr(error, "problem_mark", None)
            place = f", see its line {mark.line + 1}" if mark else ""
            yield f" is no YAML{place}", _ANEW
            return
        if not config:
            yield " is empty", _ANEW
        elif not isinstance(config, dict) or not isinstance(config.get("clusters"), list):
            yield " is no kubeconfig: it has no list of clusters", _ANEW
        else:
            yield from self._problems_in(config)

    def _problems_in(self, config: Mapping[str, Any]) -> Iterator[Problem]:
        contexts = _named(config, "contexts", "context")
        has = ", ".join(contexts) or "none"
        name = self.context or config.get("current-context")
        if not name:
            yield (
                f" has no current-context, and these contexts: {has}",
                "choose one: kubectl config use-context NAME, or cluster_context in the connection's extra",
            )
            return
        if name not in contexts:
            whose = "cluster_context in its extra" if self.context else "its current-context"
            yield f" has no context {name}, and these: {has}", f"correct {whose}"
            return
        for kind, key in (("clusters", "cluster"), ("users", "user")):
            wanted, there = contexts[name].get(key), _named(config, kind, key)
            if wanted not in there:
                yield f" has no {key} {wanted}, which its context {name} names", _ANEW
                return
            yield from self._problems_of_part(f"{key} {wanted}", there[wanted])

    def _problems_of_part(self, where: str, part: Mapping[str, Any]) -> Iterator[Problem]:
        if where.startswith("cluster ") and not part.get("server"):
            yield f" has no server for {where}", _ANEW
        for field in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
            if data := part.get(f"{field}-data"):
                if not _is_pem(str(data)):
                    yield f" has a {field}-data for {where} that is cut short or no certificate or key", _FLAT
            elif named := part.get(field):
                path = (self.path.parent if self.path else Path()) / str(named)
                if why := _unusable(path, is_pem=field != "tokenFile"):
                    yield f" names {path} as {field}, {why}", _FLAT
        command = (part.get("exec") or {}).get("command")
        if command and shutil.which(str(command)) is None:
            yield (
                f" has its credentials made by the program {command}, which is not there {_WHERE}",
                "install it there, or use the service account of docs/rbac.yaml, whose token needs no program",
            )


_ANEW = "write the kubeconfig anew: docs/rbac.yaml says how"
_FLAT = "write a kubeconfig that holds everything itself: kubectl config view --raw --flatten --minify"


def _apart(path: Path | None) -> str:
    return f"{path.name} in {path.parent}" if path else ""


def _named(config: Mapping[str, Any], kind: str, key: str) -> dict[str, Mapping[str, Any]]:
    listed = config.get(kind) or []
    return {one["name"]: one.get(key) or {} for one in listed if isinstance(one, dict) and "name" in one}


def _unusable(path: Path, *, is_pem: bool) -> str:
    if not path.is_file():
        return f"and there is no such file {_WHERE}"
    if not os.access(path, os.R_OK):
        return f"which {getpass.getuser()} may not read"
    return "which is no certificate or key" if is_pem and _PEM not in path.read_bytes() else ""


def _is_pem(data: str) -> bool:
    try:
        text = base64.b64decode(data, validate=True)
    except ValueError:
        return False
    if b"PRIVATE KEY" in text:
        return text.strip().endswith(b"-----")
    try:
        ssl.create_default_context(cadata=text.decode())
    except (ssl.SSLError, ValueError):
        return False
    return True
