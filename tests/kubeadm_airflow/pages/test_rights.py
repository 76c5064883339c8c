"""Nothing without a login, and nothing of a DAG without the right to see it: every route, over real HTTP."""

from __future__ import annotations

import pytest

from kubeadm_airflow.pages.app import POLICY, app
from written.rights import OPEN, WITHOUT

PREFIX = "/kubeadm-upgrade"
OF_NO_DAG = {"/static/{name}", "/fleet", "/fleet/data"}
ROUTES = [route.path for route in app().routes]


def address(route: str) -> str:
    values = {"dag_id": "kubeadm_upgrade.prod", "run_id": "to-1.29", "kind": "md", "name": "page.css"}
    return PREFIX + route.format(**values)


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_sees_anything_without_a_login(visitors, shown, route):
    answer = visitors.nobody.get(address(route))
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in OF_NO_DAG])
def test_who_may_not_see_the_dag_sees_nothing_of_it(visitors, shown, route):
    answer = visitors.stranger.get(address(route))
    assert (answer.status_code, answer.json()) == (403, {"detail": "Forbidden"})


@pytest.mark.parametrize("user", WITHOUT)
def test_who_may_not_see_all_that_a_board_shows_sees_no_board_and_no_cluster(server, shown, user):
    """Of that DAG: what may be seen of another, or of any, is another matter, also where the address names it."""
    with server.client(user) as visitor:
        assert visitor.get(address("/board/{dag_id}/{run_id}/data")).status_code == 403
        for asked in ({}, {"dag_id": OPEN}, {"dag_id": shown.dag_id}):
            fleet = visitor.get(address("/fleet/data"), params=asked)
            assert [cluster["name"] for cluster in fleet.json()["clusters"]] == ["open"]


@pytest.mark.parametrize("route", ROUTES)
def test_who_may_only_read_sees_everything(visitors, shown, route):
    """The report is not there yet, but that is told."""
    expected = 404 if route.endswith("{run_id}/{kind}") else 200
    assert visitors.viewer.get(address(route)).status_code == expected


def test_a_token_is_asked_for_at_every_request(visitors, shown):
    """What somebody was told before is nothing that anybody is told who knows its version."""
    told = visitors.viewer.get(address("/board/{dag_id}/{run_id}/data"))
    again = visitors.nobody.get(
        address("/board/{dag_id}/{run_id}/data"), headers={"If-None-Match": told.headers["etag"]}
    )
    assert again.status_code == 401


def test_a_person_comes_to_the_login_and_then_to_the_page(visitors, shown):
    answer = visitors.nobody.get(address("/board/{dag_id}/{run_id}"), headers={"Accept": "text/html"})
    assert answer.status_code == 307
    assert answer.headers["location"].startswith("/auth/login?next=http")
    assert answer.headers["location"].endswith("%2Fkubeadm-upgrade%2Fboard%2Fkubeadm_upgrade.prod%2Fto-1.29")


@pytest.mark.parametrize("route", ROUTES)
def test_no_answer_may_hold_script_or_style_of_its_own(visitors, shown, route):
    """Also where nobody may see it, and where there is nothing."""
    for visitor in (visitors.viewer, visitors.nobody, visitors.stranger):
        headers = visitor.get(address(route)).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY


@pytest.mark.parametrize("name", ["../app.py", "..%2Fapp.py", "%2Fetc%2Fpasswd", "none.js"])
def test_no_file_but_those_of_pages_is_served(visitors, name):
    assert visitors.viewer.get(f"{PREFIX}/static/{name}").status_code == 404
