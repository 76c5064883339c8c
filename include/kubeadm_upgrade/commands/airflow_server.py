"""Airflow's API server as the commands `status` and `fleet` ask it: the JSON of our own pages, and a sentence for
everything that may keep one from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from kubeadm_upgrade.errors import NeedsPerson, Unreachable

LATEST = "latest"
_PLUGIN = "/kubeadm-upgrade"
_OF_THE_WIRE = ("version", "since")  # what pages need to ask for news only
_SECONDS = 30.0
_OTHERWISE = "start it, or name another: --server URL, or KUBEADM_UPGRADE_SERVER"

Json = dict[str, Any]


class NotThere(NeedsPerson):
    """What was asked for does not exist, or not for whoever asks."""


class AirflowServer:
    """One server, asked as one user; the token goes to it alone, so no redirect is followed."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._http = _client(self.url, {"Authorization": f"Bearer {token}"})
        self._etags: dict[str, tuple[str, Json]] = {}

    @classmethod
    def token_for(cls, url: str, user: str, password: str) -> str:
        """Raises NeedsPerson where Airflow takes no passwords, or not this one."""
        body = {"username": user, "password": password}
        with _client(url, {}) as client:
            answer = _asked(url, lambda: client.post(f"{url.rstrip('/')}/auth/token", json=body))
        found = _json(answer)
        if answer.status_code == 401:
            raise NeedsPerson(f"Airflow at {url} does not know {user} with this password", do="see its list of users")
        if not isinstance(found, dict) or "access_token" not in found:
            raise NeedsPerson(
                f"{url} gives no tokens for passwords (POST /auth/token: status {answer.status_code})",
                do="set KUBEADM_UPGRADE_TOKEN to one that your login gives",
            )
        return str(found["access_token"])

    def close(self) -> None:
        self._http.close()

    def fleet(self) -> Json:
        """Every cluster that the user may see."""
        return self._get("/fleet/data", "the fleet", "any DAG")

    def board(self, cluster: str, run: str = LATEST) -> Json:
        """A run's board. Raises NotThere for a cluster or a run that does not exist."""
        dag_id = f"kubeadm_upgrade.{cluster}"
        path = f"/board/{quote(dag_id, safe='')}/{quote(run, safe='')}/data"
        try:
            return self._get(path, cluster, f"the DAG {dag_id}, its runs, task instances and XComs")
        except NotThere:
            self._refuse_unknown(cluster)
            raise

    def page(self, dag_id: str, run: str) -> str:
        """Where a browser sees a run's board, in Airflow's own frame."""
        return f"{self.url}/dags/{quote(dag_id, safe='')}/runs/{quote(run, safe='')}/plugin/run_board"

    def _refuse_unknown(self, cluster: str) -> None:
        """What keeps a board from us may be that there is no such cluster: that is said first."""
        names = sorted(one["name"] for one in self.fleet()["clusters"])
        if cluster not in names:
            do = f"name one of {', '.join(names)}" if names else "ask for the right to read its DAG"
            raise NotThere(f"there is no cluster {cluster} that this user may see", do=do)

    def _get(self, path: str, what: str, right: str) -> Json:
        known = self._etags.get(path)
        headers = {"If-None-Match": known[0]} if known else {}
        answer = _asked(self.url, lambda: self._http.get(f"{self.url}{_PLUGIN}{path}", headers=headers))
        if known and answer.status_code == 304:
            return known[1]
        found = self._read(answer, what, right)
        if etag := answer.headers.get("etag"):
            self._etags[path] = etag, found
        return found

    def _read(self, answer: httpx.Response, what: str, right: str) -> Json:
        found = _json(answer)
        match answer.status_code:
            case 200 if isinstance(found, dict) and "schema" in found:
                return {name: value for name, value in found.items() if name not in _OF_THE_WIRE}
            case 401:
                raise NeedsPerson(
                    f"Airflow at {self.url} does not take this token: it is wrong, or has expired",
                    do="get a new one; --user NAME asks for a password instead",
                )
            case 403:
                raise NeedsPerson(f"this user may not see {what}", do=f"ask for the right to read {right}")
            case 404 if isinstance(found, dict) and found.get("detail") not in (None, "Not Found"):
                raise NotThere(str(found["detail"]))
            case status if status >= 500:
                raise Unreachable(f"Airflow at {self.url} answers with status {status}", do="see its API server's log")
            case status if answer.is_redirect:
                raise NeedsPerson(
                    f"{self.url} sends us to {answer.headers.get('location', 'another address')}",
                    do="name that as --server, up to where Airflow begins",
                )
        raise self._no_pages()

    def _no_pages(self) -> NeedsPerson:
        """Whatever answered is none of our pages: Airflow itself answers every address, with its own."""
        answer = _asked(self.url, lambda: self._http.get(f"{self.url}/api/v2/version"))
        found = _json(answer)
        if isinstance(found, Mapping) and "version" in found:
            return NeedsPerson(
                f"Airflow {found['version']} at {self.url} does not have the pages of kubeadm-fleet",
                do="give its API server our plugins folder, and PYTHONPATH with include",
            )
        return NeedsPerson(f"what answers at {self.url} is no Airflow", do=_OTHERWISE)


def _client(url: str, headers: Mapping[str, str]) -> httpx.Client:
    """What runs on this machine is never looked for beyond a proxy."""
    here = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    return httpx.Client(headers=headers, timeout=_SECONDS, trust_env=not here)


def _asked(url: str, ask: Any) -> httpx.Response:
    try:
        answer: httpx.Response = ask()
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise NeedsPerson(f"{url} is no address of a server", do="write one as https://airflow.example.org") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"no Airflow answers at {url}: {error or type(error).__name__}", do=_OTHERWISE) from error
    return answer


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
