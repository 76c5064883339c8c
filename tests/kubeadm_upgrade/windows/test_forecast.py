"""Which node moves in which window, told beforehand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.states import cluster, releases
from kubeadm_upgrade.planning import plan_page
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.version import TargetVersion
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar, Exclusion, Once, OnDays, Scope
from kubeadm_upgrade.windows.forecast import forecast

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "plan.schema.json").read_text())
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)  # a Thursday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# 20 minutes for a control plane node, 10 for its kubelet, 30 for a worker
PACE = {
    **dict.fromkeys(("back_up", "upgrade_kubeadm", "kubeadm_upgrade_plan", "configure_etcd"), (60.0,)),
    "kubeadm_upgrade": (600.0,),
    "control_plane_ready": (360.0,),
    "kubeadm_upgrade_node": (1140.0,),
    **dict.fromkeys(("upgrade_kubelet_and_kubectl", "restart_kubelet", "node_ready", "static_pods_ready"), (60.0,)),
    "drain_node": (360.0,),
    "uncordon_node": (60.0,),
}
PACE["static_pods_ready"] = (0.0,)


def path(workers: int, target: str = "1.31", control_plane: int = 1):
    state = cluster("1.30.9", *["1.30.9"] * workers, control_plane=control_plane)
    return plan(state, TargetVersion.parse(target), Policy(), releases())


def nightly(hours: float, **changes) -> Calendar:
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return Calendar(recurring=(OnDays(days, time(22), hours * HOUR),), **changes)


def told(found):
    return [[(part.group, part.nodes) for part in one.parts] for one in found.windows]


def test_nights_are_filled_in_the_order_of_the_run():
    """Two hours a night: the control plane and its kubelet are half an hour, and a pair of workers as long."""
    found = forecast(path(8), nightly(2), NOW, PACE, 2)
    assert told(found) == [
        [
            ("control_plane", ("cp1",)),
            ("control_plane_kubelets", ("cp1",)),
            ("workers", ("w1", "w2", "w3", "w4", "w5", "w6")),
        ],
        [("workers", ("w7", "w8"))],
    ]
    assert found.lasts == 2.5 * HOUR
    assert found.told == (
        "2 windows (UTC), about 2 h 30 min of work: Thu 26 Nov 22:00 to Fri 00:00: control plane to 1.31.9, kubelets "
        "of cp1, w1, w2, w3, w4, w5 and 1 more; Fri 27 Nov 22:00 to Sat 00:00: w7, w8"
    )


def test_the_control_plane_begins_only_where_all_of_it_fits():
    """Three nodes are an hour: the window of half an hour before it is left out; their kubelets come the next night."""
    calendar = Calendar(
        once=(
            Once(NOW + HOUR, HOUR / 2),
            Once(NOW + 2 * HOUR, HOUR),
            Once(NOW + 5 * HOUR, 10 * MINUTE),
            Once(NOW + 6 * HOUR, 3 * HOUR),
        )
    )
    found = forecast(path(1, control_plane=3), calendar, NOW, PACE, 1)
    assert told(found) == [
        [("control_plane", ("cp1", "cp2", "cp3"))],
        [("control_plane_kubelets", ("cp1",))],
        [("control_plane_kubelets", ("cp2", "cp3")), ("workers", ("w1",))],
    ]


def test_a_path_goes_on_in_the_same_night_where_it_fits():
    found = forecast(path(1, "1.32"), nightly(4), NOW, PACE, 1)
    (only,) = found.windows
    assert [(part.to, part.group) for part in only.parts] == [
        ("1.31.9", "control_plane"),
        ("1.31.9", "control_plane_kubelets"),
        ("1.32.9", "control_plane"),
        ("1.32.9", "control_plane_kubelets"),
        ("1.32.9", "workers"),
    ]


def test_a_freeze_of_drains_lets_the_control_plane_go():
    frozen = nightly(4, exclusions=(Exclusion(NOW, NOW + 3 * DAY, Scope.NODES),))
    assert told(forecast(path(1), frozen, NOW, PACE, 1)) == [
        [("control_plane", ("cp1",))],
        [("control_plane_kubelets", ("cp1",)), ("workers", ("w1",))],
    ]


def test_without_windows_it_is_only_told_how_long_it_takes():
    found = forecast(path(4), ALWAYS, NOW, PACE, 2)
    assert found.told == "about 1 h 30 min of work"
    assert "## When\n\nAbout 1 h 30 min of work.\n" in plan_page.as_markdown("prod", path(4), found)


def test_a_run_that_ignores_windows_is_told_as_one_without():
    assert forecast(path(4), nightly(0.1), NOW, PACE, 2, ignores=True).told == "about 1 h 30 min of work"


def test_what_fits_into_no_window_is_said():
    found = forecast(path(4), nightly(0.4), NOW, PACE, 2)
    assert found.never == (
        "hop to 1.31.9 fits into no maintenance window: none is ever long enough, since w1 takes about 30 minutes: "
        "lengthen one in the cluster's file, or start the run with ignore_window"
    )
    assert told(found) == [[("control_plane", ("cp1",))], [("control_plane_kubelets", ("cp1",))]]
    assert found.lasts is None


def test_the_plans_page_has_a_row_for_each_window():
    page = plan_page.as_markdown("prod", path(8), forecast(path(8), nightly(2), NOW, PACE, 2))
    assert (
        "## When\n\n2 windows (UTC), about 2 h 30 min of work, if nothing else is waited for:\n\n- Thu 26 Nov 22:00"
        in page
    )
    assert "\n- Fri 27 Nov 22:00 to Sat 00:00: w7, w8\n" in page


@pytest.mark.parametrize(
    "calendar", [ALWAYS, nightly(2), nightly(0.4), Calendar(exclusions=(Exclusion(NOW, NOW + DAY),))]
)
def test_its_json_is_what_the_schema_says(calendar):
    found = forecast(path(3), calendar, NOW, PACE, 2)
    jsonschema.validate(path(3).to_json() | {"forecast": found.to_json()}, SCHEMA)


@given(st.integers(1, 12), st.integers(1, 3), st.integers(1, 4), st.floats(0.5, 6))
def test_every_node_once_in_order_and_within_a_window(workers, planes, at_once, hours):
    whole = path(workers, control_plane=planes)
    found = forecast(whole, nightly(hours), NOW, PACE, at_once)
    moved = [name for one in found.windows for part in one.parts if part.group == "workers" for name in part.nodes]
    if found.never:
        assert hours * HOUR < planes * 20 * MINUTE
        assert moved == []
    else:
        assert moved == list(whole.hops[0].workers)
        starts = [one.opening.start for one in found.windows]
        assert starts == sorted(set(starts))
        assert len(starts) >= (workers / at_once * 30 * MINUTE) / (hours * HOUR) - 1
