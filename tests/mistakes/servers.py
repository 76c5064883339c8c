"""What may listen where a kubeconfig says that an API server does."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kubeadm_upgrade import errors

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


@dataclass(frozen=True)
class Place:
    """What servers and kubeconfigs are made of."""

    directory: Path
    authority: Issued
    other: Issued


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
