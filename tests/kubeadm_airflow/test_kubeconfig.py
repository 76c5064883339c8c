"""Kubernetes connections as people make them in their first hour: real files, real TLS servers, two exact lines."""

from __future__ import annotations

import asyncio
import base64
import getpass
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_upgrade import errors

Json = dict[str, Any]
WHERE = "where tasks run (workers and triggerer)"
ANEW = "write the kubeconfig anew: docs/rbac.yaml says how"
FLAT = "write a kubeconfig that holds everything itself: kubectl config view --raw --flatten --minify"
USER = getpass.getuser()
NODES = {"kind": "NodeList", "metadata": {}, "items": []}


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, as PEM and as files."""

    certificate: Path
    key: Path
    name: x509.Name
    private: ec.EllipticCurvePrivateKey

    @property
    def data(self) -> str:
        return base64.b64encode(self.certificate.read_bytes()).decode()


def issue(directory: Path, name: str, by: Issued | None = None, address: str = "127.0.0.1", days: int = 10) -> Issued:
    """Signed by itself, or by an authority; of the past where `days` is negative."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string(f"CN={name}")
    start = datetime.now(UTC) - timedelta(days=20)
    builder = (
        x509.CertificateBuilder(by.name if by else subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(datetime.now(UTC) + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
    )
    certificate = builder.sign(by.private if by else key, hashes.SHA256())
    paths = directory / f"{name}.crt", directory / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Issued(*paths, subject, key)


def kubeconfig(cluster: Json | None = None, user: Json | None = None, **other: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "prod", "cluster": {"server": "https://127.0.0.1:1", **(cluster or {})}}],
        "users": [{"name": "fleet", "user": {"token": "t0ken-of-fleet"} if user is None else user}],
        "contexts": [{"name": "fleet@prod", "context": {"cluster": "prod", "user": "fleet"}}],
        "current-context": "fleet@prod",
        **other,
    }


def without_current_context() -> Json:
    config = kubeconfig()
    del config["current-context"]
    return config


def a_directory(path: Path) -> None:
    path.mkdir()


def unreadable(path: Path) -> None:
    path.write_text("")
    path.chmod(0)


def write(config: Any) -> Callable[[Path], None]:
    return lambda path: path.write_text(config if isinstance(config, str) else yaml.safe_dump(config)) and None


PATH = "connection prod: its kube_config_path {path}"
CUT = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB").decode()

# what makes the file, and the two lines
FILES: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "no such file": (
        lambda path: None,
        f"{PATH}: there is no such file {WHERE}",
        "put the kubeconfig there, or correct the path in its extra",
    ),
    "a directory": (
        a_directory,
        f"{PATH} is a directory",
        (
            "put the kubeconfig there, or correct the path in its extra: a container's mount of a file that is missing "
            "becomes a directory"
        ),
    ),
    "empty": (write(""), f"{PATH} is empty", ANEW),
    "no YAML": (write("clusters:\n - {\n"), f"{PATH} is no YAML, see its line 3", ANEW),
    "something else": (write("hello"), f"{PATH} is no kubeconfig: it has no list of clusters", ANEW),
    "no current-context": (
        write(without_current_context()),
        f"{PATH} has no current-context, and these contexts: fleet@prod",
        "choose one: kubectl config use-context NAME, or cluster_context in the connection's extra",
    ),
    "a context that does not exist": (
        write(kubeconfig(**{"current-context": "old"})),
        f"{PATH} has no context old, and these: fleet@prod",
        "correct its current-context",
    ),
    "a user that does not exist": (
        write(kubeconfig(user={"client-certificate": "x"}, users=[{"name": "other", "user": {}}], clusters=[])),
        f"{PATH} has no cluster prod, which its context fleet@prod names",
        ANEW,
    ),
    "a client certificate that is not there": (
        write(kubeconfig(user={"client-certificate": "fleet.crt", "client-key": "fleet.key"})),
        f"{PATH} names {{directory}}/fleet.crt as client-certificate, and there is no such file {WHERE}",
        FLAT,
    ),
    "an authority that is not there": (
        write(kubeconfig({"certificate-authority": "/nowhere/ca.crt"})),
        f"{PATH} names /nowhere/ca.crt as certificate-authority, and there is no such file {WHERE}",
        FLAT,
    ),
    "an authority that is cut short": (
        write(kubeconfig({"certificate-authority-data": CUT})),
        f"{PATH} has a certificate-authority-data for cluster prod that is cut short or no certificate or key",
        FLAT,
    ),
    "a client certificate that is no base64": (
        write(kubeconfig(user={"client-certificate-data": "%", "client-key-data": "%"})),
        f"{PATH} has a client-certificate-data for user fleet that is cut short or no certificate or key",
        FLAT,
    ),
    "a plugin that is not there": (
        write(
            kubeconfig(user={"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-plugin"}})
        ),
        f"{PATH} has its credentials made by the program no-such-plugin, which is not there {WHERE}",
        "install it there, or use the service account of docs/rbac.yaml, whose token needs no program",
    ),
}


async def look(conn_id: str = "prod") -> None:
    async with ClusterApi.open(conn_id) as api:
        await api.nodes()


def refused(monkeypatch: pytest.MonkeyPatch, connection: Json | None) -> errors.UpgradeError:
    if connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_PROD", json.dumps(connection))
    with pytest.raises(errors.UpgradeError) as caught:
        asyncio.run(look())
    return caught.value


def kubernetes(**extra: Any) -> Json:
    return {"conn_type": "kubernetes", "extra": extra}


@pytest.mark.parametrize("name", FILES)
def test_a_kubeconfig_that_cannot_be_used(monkeypatch, tmp_path, name):
    """Only a person can mend it, who is told which file, which field and how."""
    make, what, do = FILES[name]
    path = tmp_path / "fleet.kubeconfig"
    make(path)
    error = refused(monkeypatch, kubernetes(kube_config_path=str(path)))
    assert (error.what, error.do) == (what.format(path=path, directory=tmp_path), do)
    assert isinstance(error, errors.NeedsPerson)
    assert "t0ken" not in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_kubeconfig_that_may_not_be_read(monkeypatch, tmp_path):
    path = tmp_path / "fleet.kubeconfig"
    unreadable(path)
    error = refused(monkeypatch, kubernetes(kube_config_path=str(path)))
    assert error.what == f"{PATH.format(path=path)}: {USER}, who runs tasks, may not read it"


CONNECTIONS: dict[str, tuple[Json | None, str, str]] = {
    "none": (None, "Airflow has no connection prod", "make it in Airflow, or name another in the cluster's file"),
    "of another type": (
        {"conn_type": "ssh", "login": "root"},
        "the connection prod is of type ssh, and must be of type kubernetes",
        "name one of type kubernetes as kubernetes_conn_id in the cluster's file, or change this one's type",
    ),
    "YAML as its extra": (
        {"conn_type": "kubernetes", "extra": yaml.safe_dump(kubeconfig())},
        "the extra of connection prod is no JSON, but a kubeconfig in YAML",
        "put it into the extra's field kube_config, as a string: jq -Rs '{kube_config: .}' KUBECONFIG prints that",
    ),
    "no JSON as its extra": (
        {"conn_type": "kubernetes", "extra": "in_cluster"},
        "the extra of connection prod is no JSON: Expecting value: line 1 column 1 (char 0)",
        'write it as JSON, such as {"kube_config_path": "/the/path"}',
    ),
    "a list as its extra": (
        {"conn_type": "kubernetes", "extra": "[]"},
        "the extra of connection prod is no JSON object",
        'write it as JSON, such as {"kube_config_path": "/the/path"}',
    ),
    "two kubeconfigs": (
        kubernetes(kube_config_path="/a", kube_config="{}"),
        "connection prod sets kube_config and kube_config_path",
        "leave one of them in its extra",
    ),
    "in no cluster": (
        kubernetes(in_cluster=True),
        "connection prod sets in_cluster, and Airflow does not run in a cluster, or without a service account",
        "give it a kubeconfig: kube_config_path or kube_config in its extra",
    ),
    "a context of the connection that does not exist": (
        kubernetes(kube_config=json.dumps(kubeconfig()), cluster_context="old"),
        "connection prod: its kube_config has no context old, and these: fleet@prod",
        "correct cluster_context in its extra",
    ),
    "an empty kubeconfig": (kubernetes(kube_config=" "), "connection prod: its kube_config is empty", ANEW),
}


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_connection_that_cannot_be_used(monkeypatch, tmp_path, name):
    monkeypatch.setenv("HOME", str(tmp_path))
    connection, what, do = CONNECTIONS[name]
    error = refused(monkeypatch, connection)
    assert (error.what, error.do, isinstance(error, errors.NeedsPerson)) == (what, do, True)
    assert "t0ken" not in str(error)


def test_a_plugin_that_fails_may_do_better_later(monkeypatch, tmp_path):
    """It asks a service, mostly."""
    command = {"apiVersion": "v1", "command": "sh", "args": ["-c", "echo no route >&2; exit 3"]}
    path = tmp_path / "fleet.kubeconfig"
    write(kubeconfig(user={"exec": command}))(path)
    error = refused(monkeypatch, kubernetes(kube_config_path=str(path)))
    assert isinstance(error, errors.Unreachable)
    assert error.what.endswith("its credentials has failed: exec: process returned 3. no route")


# --- servers


@dataclass(frozen=True)
class Place:
    """What servers and kubeconfigs are made of."""

    directory: Path
    authority: Issued
    other: Issued


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    directory = tmp_path_factory.mktemp("tls")
    return Place(directory, issue(directory, "authority"), issue(directory, "other"))


async def nodes(request: web.Request) -> web.Response:
    return web.json_response(NODES)


async def login_page(request: web.Request) -> web.Response:
    return web.Response(text="<html><body>Please log in", content_type="text/html")


@asynccontextmanager
async def https(certificate: Issued, answer: Any = nodes) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    async with http(answer, context) as port:
        yield port


@asynccontextmanager
async def http(answer: Any = nodes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def ssh_banner() -> AsyncIterator[int]:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def nobody() -> AsyncIterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield probe.getsockname()[1]


SILENT = "the Kubernetes API does not answer at {server}: "
PORT = "correct server in the kubeconfig of connection prod: an API server's port is mostly 6443"
REACH = "see whether an API server runs there, and whether server in the kubeconfig of connection prod is right"

# the server, how it is named in the kubeconfig, the error, and the two lines
SERVERS: dict[str, tuple[Callable[[Place], Any], str, type[errors.UpgradeError], str, str]] = {
    "signed by another authority": (
        lambda at: https(issue(at.directory, "stranger", at.other)),
        "https://127.0.0.1:{port}",
        errors.Misdirected,
        SILENT + "its certificate is not signed by the kubeconfig's certificate-authority",
        "take certificate-authority-data from that cluster's own kubeconfig, for connection prod",
    ),
    "a certificate that has expired": (
        lambda at: https(issue(at.directory, "old", at.authority, days=-1)),
        "https://127.0.0.1:{port}",
        errors.Misdirected,
        SILENT + "its certificate has expired",
        "renew it on its host: kubeadm certs renew apiserver; or set the clock where tasks run",
    ),
    "a certificate of another address": (
        lambda at: https(issue(at.directory, "elsewhere", at.authority, "127.0.0.9")),
        "https://127.0.0.1:{port}",
        errors.Misdirected,
        SILENT + "its certificate is of another name or address",
        "write one that it holds as server into the kubeconfig of connection prod, or as tls-server-name",
    ),
    "a server without TLS": (
        lambda at: http(),
        "https://127.0.0.1:{port}",
        errors.Misdirected,
        SILENT + "what listens there speaks no TLS",
        PORT,
    ),
    "no HTTP at all": (
        lambda at: ssh_banner(),
        "http://127.0.0.1:{port}",
        errors.Misdirected,
        SILENT + "what listens there speaks no HTTP",
        PORT,
    ),
    "nobody listens": (
        lambda at: nobody(),
        "https://127.0.0.1:{port}",
        errors.Unreachable,
        SILENT + "Connection refused",
        REACH,
    ),
    "a web page": (
        lambda at: https(issue(at.directory, "page", at.authority), login_page),
        "https://127.0.0.1:{port}",
        errors.Misdirected,
        "GET /api/v1/nodes: something else than the Kubernetes API answers at {server}, a web page",
        "correct server in the kubeconfig of connection prod; is a proxy in between, name the server in NO_PROXY",
    ),
}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_not_the_api(monkeypatch, tmp_path, place, name):
    """A first look fails at once where only a person can help, and waits where time can."""
    serve, url, kind, what, do = SERVERS[name]

    async def main() -> tuple[str, errors.UpgradeError]:
        async with serve(place) as port:
            server = url.format(port=port)
            config = kubeconfig({"server": server, "certificate-authority-data": place.authority.data})
            monkeypatch.setenv("AIRFLOW_CONN_PROD", json.dumps(kubernetes(kube_config=json.dumps(config))))
            with pytest.raises(errors.UpgradeError) as caught:
                await look()
            return server, caught.value

    server, error = asyncio.run(main())
    assert (error.what, error.do) == (what.format(server=server), do)
    assert type(error) is kind


def test_a_name_that_nobody_knows(monkeypatch):
    """Whether a name server has answered at all decides the family."""
    config = kubeconfig({"server": "https://no-such-name.invalid:6443"})
    error = refused(monkeypatch, kubernetes(kube_config=config))
    start = (
        "the Kubernetes API does not answer at https://no-such-name.invalid:6443: the name is not known where tasks run"
    )
    assert error.what.startswith(start)
    assert error.do == "correct server in the kubeconfig of connection prod"


def test_a_client_certificate_that_has_expired_is_told_from_a_wrong_one(monkeypatch, place):
    """An API server says Unauthorized to both."""
    client = issue(place.directory, "client", place.authority, days=-3)
    credentials = {"client-certificate": str(client.certificate), "client-key": str(client.key)}

    async def unauthorized(request: web.Request) -> web.Response:
        return web.json_response({"kind": "Status", "message": "Unauthorized"}, status=401)

    async def main() -> errors.UpgradeError:
        async with https(issue(place.directory, "api", place.authority), unauthorized) as port:
            server = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": place.authority.data}
            monkeypatch.setenv("AIRFLOW_CONN_PROD", json.dumps(kubernetes(kube_config=kubeconfig(server, credentials))))
            with pytest.raises(errors.UpgradeError) as caught:
                await look()
            return caught.value

    error = asyncio.run(main())
    ended = f"{datetime.now(UTC) - timedelta(days=3):%Y-%m-%d}"
    assert error.what == (
        "GET /api/v1/nodes: Unauthorized: the credentials of connection prod are not accepted: its client certificate "
        f"has ended on {ended}"
    )


@pytest.mark.parametrize("form", [yaml.safe_dump, json.dumps, dict], ids=["YAML", "JSON", "an object"])
def test_a_kubeconfig_in_the_connection_may_be_yaml(monkeypatch, place, form):
    """Airflow's form asks for JSON; a string of YAML in it does as well."""

    async def main() -> None:
        async with https(issue(place.directory, "api", place.authority)) as port:
            server = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": place.authority.data}
            monkeypatch.setenv("AIRFLOW_CONN_PROD", json.dumps(kubernetes(kube_config=form(kubeconfig(server)))))
            await look()

    asyncio.run(main())
