"""Which Airflow is asked, and as whom: flags, else the environment, else a question for a password."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from kubeadm_upgrade.commands.airflow_server import AirflowServer
from kubeadm_upgrade.errors import NeedsPerson

SERVER_VARIABLE = "KUBEADM_UPGRADE_SERVER"
TOKEN_VARIABLE = "KUBEADM_UPGRADE_TOKEN"  # noqa: S105
PASSWORD_VARIABLE = "KUBEADM_UPGRADE_PASSWORD"  # noqa: S105
_AIRFLOWS_OWN = "AIRFLOW__API__BASE_URL"
_USUAL = "http://localhost:8080"

HOW = (
    f"The server is --server, else {SERVER_VARIABLE}, else {_AIRFLOWS_OWN}, else {_USUAL}. The token is "
    f"{TOKEN_VARIABLE}; or --user asks for a password, which {PASSWORD_VARIABLE} may hold."
)


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help="where Airflow's API server answers")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--user", metavar="NAME", help="log in with a password, which is asked for")
    who.add_argument("--token-file", type=Path, metavar="FILE", help="a file with a token of Airflow's; - reads stdin")
    who.add_argument("--token", metavar="TOKEN", help="the token itself, which then stands in your shell's history")


def server_of(options: argparse.Namespace) -> AirflowServer:
    """Raises NeedsPerson where nothing says who asks."""
    url = options.server or os.environ.get(SERVER_VARIABLE) or os.environ.get(_AIRFLOWS_OWN) or _USUAL
    return AirflowServer(url, _token(options, url))


def _token(options: argparse.Namespace, url: str) -> str:
    if options.user:
        return AirflowServer.token_for(url, options.user, _password(options.user))
    if options.token_file:
        return _read(options.token_file)
    token: str = options.token or os.environ.get(TOKEN_VARIABLE, "")
    if not token.strip():
        raise NeedsPerson("no token is given", do=f"set {TOKEN_VARIABLE}, or say --user NAME to log in with a password")
    return token.strip()


def _password(user: str) -> str:
    if password := os.environ.get(PASSWORD_VARIABLE):
        return password
    if not sys.stdin.isatty():
        raise NeedsPerson(f"no password of {user} is given, and there is no terminal to ask at", do=_SET_PASSWORD)
    return getpass.getpass(f"Password of {user}: ")


_SET_PASSWORD = f"set {PASSWORD_VARIABLE}"


def _read(path: Path) -> str:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise NeedsPerson(f"{path}: not readable: {error}", do="name a file that holds a token") from error
    if not text.strip():
        raise NeedsPerson(f"{path} holds no token", do="write it there, or say --user NAME")
    return text.strip()
