"""Why a Kubernetes API does not answer, and what a person does about it: what time cures apart from the rest."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any

import aiohttp

from kubeadm_upgrade.errors import Misdirected, Unreachable, UpgradeError

_SERVER = "correct server in the kubeconfig of connection {conn_id}"
_PORT = f"{_SERVER}: an API server's port is mostly 6443"
_REACH = "see whether an API server runs there, and whether server in the kubeconfig of connection {conn_id} is right"
_CERTIFICATES = {
    "certificate has expired": (
        "its certificate has expired",
        "renew it on its host: kubeadm certs renew apiserver; or set the clock where tasks run",
    ),
    "certificate is not yet valid": ("its certificate is not valid yet", "set the clocks there and where tasks run"),
    "is not valid for": (
        "its certificate is of another name or address",
        "write one that it holds as server into the kubeconfig of connection {conn_id}, or as tls-server-name",
    ),
}
_OTHER_AUTHORITY = (
    "its certificate is not signed by the kubeconfig's certificate-authority",
    "take certificate-authority-data from that cluster's own kubeconfig, for connection {conn_id}",
)


def no_answer(error: Exception, server: str, conn_id: str) -> UpgradeError:
    """The error of ours for one of the HTTP client's."""
    what, do, cured_by_time = _told(error)
    if "://" not in server:
        what, do, cured_by_time = "this has no https:// before it", f"{_SERVER}, as https://{server}", False
    kind = Unreachable if cured_by_time else Misdirected
    return kind(f"the Kubernetes API does not answer at {server}: {what}", do=do.format(conn_id=conn_id))


def not_the_api(request: str, server: str, conn_id: str, text: str) -> UpgradeError:
    """A proxy in front of the API may answer with a page of its own, and status 200."""
    page = "a web page" if "<html" in text[:500].lower() else f"and no JSON object: {text.strip()[:100]}"
    return Misdirected(
        f"{request}: something else than the Kubernetes API answers at {server}, {page}",
        do=f"{_SERVER.format(conn_id=conn_id)}; is a proxy in between, name the server in NO_PROXY",
    )


def _told(error: Exception) -> tuple[str, str, bool]:
    """What is wrong, what to do, and whether it may be over soon."""
    why = str(error) or type(error).__name__
    match error:
        case aiohttp.ClientSSLError():
            return (*_told_of_tls(error, why), False)
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return (
                f"the proxy on the way: {why}",
                "name the server in NO_PROXY where tasks run, or mend the proxy",
                True,
            )
        case aiohttp.ClientConnectorDNSError():
            return f"the name is not known where tasks run: {error.os_error.strerror}", _SERVER, _is_temporary(error)
        case aiohttp.InvalidURL():
            return "this is no URL", _SERVER, False
        case aiohttp.ClientResponseError():
            return "what listens there speaks no HTTP", _PORT, False
        case aiohttp.ClientConnectorError():
            return _words(error.os_error) or why, _REACH, True
        case TimeoutError():
            return "nothing within half a minute", _REACH, True
        case _:
            return why, _REACH, True


def _told_of_tls(error: aiohttp.ClientSSLError, why: str) -> tuple[str, str]:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        said = str(error.certificate_error)
        return next((words for part, words in _CERTIFICATES.items() if part in said), _OTHER_AUTHORITY)
    if "alert" in why.lower():
        return f"it does not take our client certificate: {_ssl(error)}", _SERVER.replace("server", "the user")
    return "what listens there speaks no TLS", _PORT


def _is_temporary(error: aiohttp.ClientConnectorDNSError) -> bool:
    """A name server that does not answer, which is not the answer that there is no such name."""
    return error.os_error.errno == socket.EAI_AGAIN


def _words(error: OSError) -> str:
    """The system's: asyncio writes a call and its arguments in their place."""
    return os.strerror(error.errno) if error.errno else ""


def _ssl(error: Any) -> str:
    inner = error.os_error
    return str(inner.reason if isinstance(inner, ssl.SSLError) else inner)
