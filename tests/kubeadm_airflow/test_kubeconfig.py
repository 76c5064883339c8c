"""Kubernetes connections as people make them in their first hour: real files, real TLS servers, two exact lines."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from aiohttp import web

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_upgrade import errors
from mistakes.kubeconfigs import CONNECTIONS, FILES, PATH, kubeconfig, kubernetes, write
from mistakes.servers import SERVERS, Place, https, issue

Json = dict[str, Any]
USER = getpass.getuser()


async def look(conn_id: str = "prod") -> None:
    async with ClusterApi.open(conn_id) as api:
        await api.nodes()


def refused(monkeypatch: pytest.MonkeyPatch, connection: Json | None) -> errors.UpgradeError:
    if connection is not None:
        monkeypatch.setenv("AIRFLOW_CONN_PROD", json.dumps(connection))
    with pytest.raises(errors.UpgradeError) as caught:
        asyncio.run(look())
    return caught.value


@pytest.mark.parametrize("name", FILES)
def test_a_kubeconfig_that_cannot_be_used(monkeypatch, tmp_path, name):
    """Only a person can mend it, who is told which file, which field and how."""
    make, what, do = FILES[name]
    path = tmp_path / "fleet.kubeconfig"
    make(path)
    error = refused(monkeypatch, kubernetes(kube_config_path=str(path)))
    assert (error.what, error.do) == (what.format(directory=tmp_path), do)
    assert isinstance(error, errors.NeedsPerson)
    assert "t0ken" not in str(error)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_kubeconfig_that_may_not_be_read(monkeypatch, tmp_path):
    path = tmp_path / "fleet.kubeconfig"
    path.write_text("")
    path.chmod(0)
    error = refused(monkeypatch, kubernetes(kube_config_path=str(path)))
    assert error.what == f"{PATH.format(directory=tmp_path)}: {USER}, who runs tasks, may not read it"


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


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    directory = tmp_path_factory.mktemp("tls")
    return Place(directory, issue(directory, "authority"), issue(directory, "other"))


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
