"""Who is asking the API? Client certificates, bearer tokens, and the kubeconfigs that carry them."""

from __future__ import annotations

import base64
import json
import secrets
import ssl
from pathlib import Path
from typing import Any

import yaml

from lab.certificates import Authority, Pair
from lab.rbac import User
from lab.statuses import unauthorized

ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


class Identity:
    """The certificate authority and the tokens of one cluster. Its files live in the lab's directory."""

    def __init__(self, cluster: str, directory: Path) -> None:
        self.cluster = cluster
        self.directory = directory
        self.authority = Authority("kubernetes")
        self.tokens: dict[str, User] = {}
        self.ca_pem = self._write("ca.pem", self.authority.pem.decode())

    def server_context(self, host: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self._write_pair("apiserver", self.authority.server(host))
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(cadata=self.authority.pem.decode())
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def user(self, authorization: str | None, peer: dict[str, Any] | None) -> User:
        if authorization and authorization.lower().startswith("bearer "):
            user = self.tokens.get(authorization[7:].strip())
            if user is None:
                raise unauthorized()
            return user
        if not peer:
            return ANONYMOUS
        parts = [part for group in peer.get("subject", ()) for part in group]
        name = next((value for key, value in parts if key == "commonName"), "")
        groups = tuple(value for key, value in parts if key == "organizationName")
        return User(name, (*groups, "system:authenticated"))

    def token(self, namespace: str, name: str) -> str:
        """A new token of a service account, in the shape of a JWT."""
        user = f"system:serviceaccount:{namespace}:{name}"
        token = ".".join((_segment({"alg": "RS256"}), _segment({"sub": user}), secrets.token_urlsafe(48)))
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        self.tokens[token] = User(user, groups)
        return token

    def admin_kubeconfig(self, server: str) -> Path:
        pair = self.authority.client("kubernetes-admin", "system:masters")
        user = {"client-certificate-data": _b64(pair.certificate), "client-key-data": _b64(pair.key)}
        return self._kubeconfig("admin.kubeconfig", server, "kubernetes-admin", user)

    def service_account_kubeconfig(self, server: str, namespace: str, name: str) -> Path:
        user = {"token": self.token(namespace, name)}
        return self._kubeconfig(f"{namespace}-{name}.kubeconfig", server, name, user)

    def _kubeconfig(self, filename: str, server: str, user: str, credentials: dict[str, str]) -> Path:
        cluster = {"server": server, "certificate-authority-data": _b64(self.authority.pem)}
        context = f"{user}@{self.cluster}"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": self.cluster, "cluster": cluster}],
            "contexts": [{"name": context, "context": {"cluster": self.cluster, "user": user}}],
            "current-context": context,
            "preferences": {},
            "users": [{"name": user, "user": credentials}],
        }
        return self._write(filename, yaml.safe_dump(content))

    def _write_pair(self, name: str, pair: Pair) -> tuple[Path, Path]:
        return self._write(f"{name}.crt", pair.certificate.decode()), self._write(f"{name}.key", pair.key.decode())

    def _write(self, name: str, content: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(content)
        return path


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _segment(content: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
