"""What a page and a command are answered, over real HTTP."""

from __future__ import annotations

import time

import pytest

from kubeadm_airflow.pages.kept_boards import LONGEST_REST
from written.database import write_dag, write_xcoms
from written.run import AT_WORK

BOARD = "/kubeadm-upgrade/board/kubeadm_upgrade.prod"
DATA = f"{BOARD}/to-1.29/data"


def test_the_board_is_as_its_schema_says(visitors, shown):
    board = visitors.viewer.get(DATA).json()
    assert (board["schema"], board["cluster"], board["run_id"]) == (1, "prod", "to-1.29")
    assert [node["name"] for node in board["nodes"]] == [*shown.hop.control_plane, *shown.hop.workers]


def test_the_newest_run_need_not_be_named(visitors, shown):
    assert visitors.viewer.get(f"{BOARD}/latest/data").json()["run_id"] == "to-1.29"


@pytest.mark.parametrize(
    ("address", "detail"),
    [
        pytest.param(f"{BOARD}/other/data", "there is no run other of kubeadm_upgrade.prod", id="no such run"),
        pytest.param("kubeadm_upgrade.open/latest", "kubeadm_upgrade.open has had no run yet", id="no run at all"),
        pytest.param("stranger/latest", "stranger upgrades no cluster: boards are of kubeadm_upgrade.…", id="not ours"),
    ],
)
def test_where_there_is_nothing_it_is_said(visitors, shown, address, detail):
    address = address if address.startswith("/") else f"/kubeadm-upgrade/board/{address}/data"
    answer = visitors.viewer.get(address)
    assert (answer.status_code, answer.json()) == (404, {"detail": detail})


def test_what_a_page_knows_is_not_told_again(server, visitors, shown):
    """Nothing, while nothing is new; then only that, soon after it was written."""
    known = visitors.viewer.get(DATA)
    again = {"since": known.json()["version"]}
    assert visitors.viewer.get(DATA, params=again).status_code == 304

    waiting = {"reason": "pods to go: shop/web-1", "since": shown.began.isoformat(), "kind": "pods"}
    task = {"task_id": f"workers.{AT_WORK}", "map_index": 3, "key": "waiting", "value": waiting}
    with server.database.begin() as database:
        write_xcoms(database, shown.dag_id, "to-1.29", [task])
    deadline = time.monotonic() + LONGEST_REST + 1
    while (news := visitors.viewer.get(DATA, params=again)).status_code == 304:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [node["name"] for node in news.json()["nodes"]] == ["prod-w4"]
    assert "shop/web-1" in news.json()["nodes"][0]["sentence"]
    assert len(news.content) < len(known.content) / 2


def test_an_etag_is_of_the_whole(visitors, shown):
    whole = visitors.viewer.get(DATA)
    assert visitors.viewer.get(DATA, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    other = visitors.viewer.get(DATA, headers={"If-None-Match": '"another"'})
    assert (other.status_code, len(other.json()["nodes"])) == (200, len(whole.json()["nodes"]))


def test_the_fleet_is_of_those_that_one_may_read(visitors, shown):
    """Each cluster is one that somebody has given a file."""
    names = {
        user: {cluster["name"] for cluster in client.get("/kubeadm-upgrade/fleet/data").json()["clusters"]}
        for user, client in (("viewer", visitors.viewer), ("stranger", visitors.stranger))
    }
    assert {"prod", "open"} <= names["viewer"]
    assert names["stranger"] == {"open"}


def test_a_dag_that_is_gone_is_no_cluster_any_more(server, visitors, shown):
    with server.database.begin() as database:
        write_dag(database, "kubeadm_upgrade.gone", is_stale=True)
        write_dag(database, "kubeadm_upgrade_not_ours.x")
    names = {cluster["name"] for cluster in visitors.viewer.get("/kubeadm-upgrade/fleet/data").json()["clusters"]}
    assert names.isdisjoint({"gone", "x"})


def test_a_fleet_that_is_as_it_was_is_not_told_again(visitors, shown):
    known = {"If-None-Match": visitors.viewer.get("/kubeadm-upgrade/fleet/data").headers["etag"]}
    assert visitors.viewer.get("/kubeadm-upgrade/fleet/data", headers=known).status_code == 304
    assert visitors.stranger.get("/kubeadm-upgrade/fleet/data", headers=known).status_code == 200
