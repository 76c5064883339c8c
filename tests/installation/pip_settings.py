"""What is pip configured with on this machine, and how is uv told the same?

Whoever sits behind a mirror, a proxy or a company's certificate has told pip, not uv. Addresses may hold a password, so
they go by the environment and never by the command line.
"""

from __future__ import annotations

import ast
import math
import platform
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

# As pip itself reads them: what a later one says goes over what an earlier one says.
_SECTIONS = ("global", "install", ":env:")

# They change what pip says or where it keeps things, not what is installed.
_WITHOUT_EFFECT = frozenset(
    {
        *("quiet", "verbose", "debug", "no-color", "progress-bar", "no-input", "log", "log-file", "report"),
        *("disable-pip-version-check", "no-python-version-warning", "no-warn-script-location", "no-warn-conflicts"),
        *("cache-dir", "compile", "no-compile", "exists-action", "upgrade", "upgrade-strategy", "prefer-binary"),
        *("require-virtualenv", "break-system-packages", "root-user-action", "user"),
        *("config-file", "use-feature", "use-deprecated"),
    }
)


@dataclass(frozen=True)
class ForUv:
    """`unknown`: options that change what is installed and that uv has nothing like; pip must do the work then."""

    environment: Mapping[str, str]
    constraints: tuple[str, ...]
    arguments: tuple[str, ...]
    unknown: tuple[str, ...]


def read(listing: str) -> dict[str, str]:
    """What holds for `pip install`, by the long names of its options, from what `pip config list` prints."""
    found: dict[str, str] = {}
    lines = [line.partition("=") for line in listing.splitlines()]
    for section in _SECTIONS:
        for key, _, value in lines:
            where, _, option = key.rpartition(".")
            if where == section and ast.literal_eval(value):  # pip ignores an empty one
                found[option.replace("_", "-").lower()] = str(ast.literal_eval(value))
    return found


def translate(settings: Mapping[str, str], environment: Mapping[str, str]) -> ForUv:
    """`environment` is the user's: what it says to uv itself stands."""
    told: dict[str, str] = {}
    arguments: list[str] = []
    constraints: list[str] = []
    unknown: list[str] = []
    for option, value in settings.items():
        if option in _VARIABLES:
            told.update(_VARIABLES[option](value))
        elif option in ("only-binary", "no-binary"):
            arguments += [f"--{option}={name}" for name in value.replace(",", " ").split()]
        elif option == "no-index":
            arguments += ["--no-index"] if _is_yes(value) else []
        elif option == "constraint":
            constraints += value.split()
        elif option not in _WITHOUT_EFFECT:
            unknown.append(option)
    if "--no-index" in arguments:
        # pip forgets the indexes then, and uv refuses to be told both
        told = {name: text for name, text in told.items() if name not in ("UV_DEFAULT_INDEX", "UV_INDEX")}
    told = {**_trust(environment), **told}
    mine = {name: text for name, text in told.items() if name not in environment or name in _NOT_ONLY_OF_UV}
    return ForUv(mine, tuple(constraints), tuple(arguments), tuple(unknown))


def _extra_indexes(value: str) -> dict[str, str]:
    """pip takes the best version of all indexes, where uv would stop at the first index that has the package."""
    return {"UV_INDEX": " ".join(value.split()), "UV_INDEX_STRATEGY": "unsafe-best-match"}


def _proxy(value: str) -> dict[str, str]:
    address = value if "://" in value else f"http://{value}"
    return dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)


def _keyring(value: str) -> dict[str, str]:
    return {"UV_KEYRING_PROVIDER": "subprocess"} if value in ("subprocess", "import") else {}


def _certificates(value: str) -> dict[str, str]:
    return {"SSL_CERT_DIR" if Path(value).is_dir() else "SSL_CERT_FILE": value}


_VARIABLES: Mapping[str, Callable[[str], dict[str, str]]] = {
    "index-url": lambda value: {"UV_DEFAULT_INDEX": value},
    "pypi-url": lambda value: {"UV_DEFAULT_INDEX": value},
    "extra-index-url": _extra_indexes,
    "find-links": lambda value: {"UV_FIND_LINKS": ",".join(value.split())},
    "trusted-host": lambda value: {"UV_INSECURE_HOST": " ".join(value.split())},
    "cert": _certificates,
    "client-cert": lambda value: {"SSL_CLIENT_CERT": value},
    "proxy": _proxy,
    "timeout": lambda value: {"UV_HTTP_TIMEOUT": str(math.ceil(float(value)))},
    "default-timeout": lambda value: {"UV_HTTP_TIMEOUT": str(math.ceil(float(value)))},
    "retries": lambda value: {"UV_HTTP_RETRIES": value},
    "keyring-provider": _keyring,
    "no-cache-dir": lambda value: {"UV_NO_CACHE": "1"} if _is_yes(value) else {},
}
# pip's own setting goes over these, for pip as well.
_NOT_ONLY_OF_UV = frozenset({"SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"})


def _trust(environment: Mapping[str, str]) -> dict[str, str]:
    """Whose certificates are believed where pip's settings do not say: as pip, the variables of its HTTP library, then
    the system's. uv's own list would not know a company's."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if environment.get(name):
            return _certificates(environment[name])
    paths = ssl.get_default_verify_paths()
    there = platform.system() == "Darwin" or any((paths.cafile, paths.capath))
    return {"UV_SYSTEM_CERTS": "1"} if there and "SSL_CERT_FILE" not in environment else {}


def _is_yes(value: str) -> bool:
    return value.strip().lower() in ("1", "true", "yes", "on", "y", "t")
