"""The picture of a run: everybody in it, nothing but text and shapes, and readable however many nodes there are."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.times.folds import ROWS_READ, rows_of
from kubeadm_upgrade.times.picture import as_svg
from kubeadm_upgrade.times.scale import Scale
from kubeadm_upgrade.times.spans import Kind, spans_of

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
STEP = 30.0  # seconds


def moment(minutes):
    return (NOON + timedelta(minutes=minutes)).isoformat()


def outcome(node, step, began, minutes, *waited, status="changed"):
    told = {"began": moment(began), "ended": moment(began + minutes), "waited": [list(one) for one in waited]}
    return {"node": node, "step": step, "group": "workers", "status": status, "actions": [], "details": [], **told}


def a_report(workers=3, begin=lambda number: number * 4, names="w{}".format, **changes):
    """Worker after worker, each step half a minute."""
    nodes = [names(number + 1) for number in range(workers)]
    outcomes = [
        outcome(node, step.name, begin(number) + index / 2, 0.5)
        for number, node in enumerate(nodes)
        for index, step in enumerate(GROUPS["workers"])
    ]
    return {"hop": {"control_plane": [], "workers": nodes}, "outcomes": outcomes, "unfinished": [], **changes}


class Shapes(HTMLParser):
    """Every element, its attributes, and all text, as a browser takes a page apart."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text, self.titles = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        (self.titles if self.elements[-1][0] == "title" else self.text).append(data)


def test_a_row_a_node_and_a_bar_a_step():
    shapes = Shapes(as_svg(a_report(2)))
    assert {"w1", "w2"} < set(shapes.text)
    bars = [one["class"] for tag, one in shapes.elements if tag == "rect" and "height" in one and one["height"] == "11"]
    assert len(bars) == 2 * (len(GROUPS["workers"]) - 2)  # turn and slot are thin lines
    assert "w1: drain_node 12:02 to 12:02 UTC, 30 seconds" in shapes.titles


def test_what_was_waited_for_is_said_of_the_bar():
    report = a_report(1)
    report["outcomes"].append(outcome("w1", "drain_node", 10, 12, ["pods", 660.0]))
    assert (
        "w1: drain_node 12:10 to 12:22 UTC, 12 minutes; waited for Pods to go 11 minutes"
        in Shapes(as_svg(report)).titles
    )


def test_a_turn_that_is_yet_to_come_is_not_drawn_and_a_slot_is():
    """Of five hundred nodes most wait for their turn most of the time."""
    turn, slot = ("w1", "admit", 0, 60, ["turn", 3500.0]), ("w1", "admit", 60, 5, ["slot", 300.0])
    for admit, drawn in ((turn, 0), (slot, 1)):
        report = {"hop": {"workers": ["w1"]}, "outcomes": [outcome(*admit), outcome("w1", "drain_node", 65, 1)]}
        found = [one for tag, one in Shapes(as_svg(report)).elements if one.get("class") == "waiting" and "fill" in one]
        assert len(found) == drawn


def test_who_has_failed_is_marked():
    unfinished = [{"task": "workers.node_ready", "node": "w1", "state": "failed"}]
    text = Shapes(as_svg(a_report(2, unfinished=unfinished))).text
    assert "✗ node_ready" in text


@pytest.mark.parametrize(
    "report",
    [
        pytest.param({"outcomes": []}, id="nothing was done"),
        pytest.param(
            {"outcomes": [{"node": "w1", "step": "x", "status": "changed", "seconds": 3}]}, id="earlier release"
        ),
        pytest.param({"outcomes": [{"node": "w1", "step": "x", "began": "?", "ended": 4}]}, id="nonsense"),
        pytest.param({}, id="no report"),
    ],
)
def test_without_times_there_is_no_picture(report):
    assert as_svg(report) == ""


def test_five_hundred_nodes_fit_a_page():
    """A thin line each, but for those that were slow or have failed; the whole is smaller than a photograph."""
    report = a_report(500, begin=lambda number: number // 5 * 4, names="prod-eu-west-1-worker-{:04}".format)
    slow = "prod-eu-west-1-worker-0250"
    report["outcomes"].append(outcome(slow, "drain_node", 1000, 40, ["pods", 2300.0]))
    page = as_svg(report)
    height = float(re.search(r'viewBox="0 0 960 ([0-9.]+)"', page)[1])
    assert height < 2500
    assert len(page) < 300_000
    shapes = Shapes(page)
    assert slow in shapes.text
    folded = [text for text in (*shapes.text, *shapes.titles) if text.endswith(" nodes")]
    assert (
        sum(int(re.search(r", ([\d,]+) nodes", text)[1].replace(",", "")) for text in set(folded) if "0" in text) <= 500
    )


def test_few_nodes_are_never_folded():
    nodes = [f"w{n}" for n in range(ROWS_READ)]
    assert [row.nodes for row in rows_of(nodes, {}, set())] == [(node,) for node in nodes]


def test_whoever_is_notable_stands_alone():
    nodes = [f"w{n}" for n in range(200)]
    spans = {node: spans_of([outcome(node, "drain_node", 0, 10 if node < "w12" else 1)]) for node in nodes}
    rows = rows_of(nodes, spans, {"w77"})
    assert ("w77",) in [row.nodes for row in rows]
    assert [node for row in rows for node in row.nodes] == nodes
    assert len(rows) < ROWS_READ


def test_a_night_in_which_nobody_was_at_work_is_cut_short():
    """Else what happened before and after it would be too small to be seen."""
    report = a_report(1)
    report["outcomes"].append(outcome("w1", "drain_node", 8 * 60, 1))
    shapes = Shapes(as_svg(report))
    assert "nobody was at work for 7 h 56 min" in shapes.titles
    bars = [
        float(one["width"]) for tag, one in shapes.elements if one.get("class") == "kubelet" and one["height"] == "11"
    ]
    assert min(bars) > 20


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e3)), min_size=1, max_size=20))
def test_later_is_further_right_and_never_off_the_line(stretches):
    spans = [(NOON + timedelta(minutes=a), NOON + timedelta(minutes=a + b)) for a, b in stretches]
    scale = Scale(spans, 100, 800)
    moments = sorted(moment for span in spans for moment in span)
    places = [scale.x(moment) for moment in moments]
    assert places == sorted(places)
    assert places[0] == 100
    assert places[-1] <= 800.001
    ticks = [x for _, x in scale.ticks()]
    assert ticks == sorted(ticks)
    assert all(100 <= x <= 800.001 for x in ticks)


def test_every_kind_is_explained():
    text = " ".join(Shapes(as_svg(a_report(1))).text)
    assert len(Kind) == 6
    assert "packages kubeadm drain kubelet settling waiting for others" in text


HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</title></svg><script>",
        "\x00\u2028\ud800",
        "&amp;'",
    ]
) | st.text(max_size=20)


@settings(deadline=None)
@given(names=st.lists(HOSTILE, min_size=1, max_size=4, unique=True), step=HOSTILE, kind=HOSTILE)
def test_whatever_nodes_are_called_it_stays_text(names, step, kind):
    """No element, no attribute and no script beyond those of the picture itself, and always valid UTF-8."""
    report = {
        "hop": {"workers": names},
        "outcomes": [outcome(name, step, number, 1, [kind, 30.0]) for number, name in enumerate(names)],
        "unfinished": [{"task": f"workers.{step}", "node": names[0], "state": "failed"}],
    }
    page = as_svg(report)
    page.encode()
    shapes = Shapes(page)
    assert {tag for tag, _ in shapes.elements} <= {"svg", "text", "title", "rect", "path"}
    allowed = {"class", "viewbox", "width", "role", "aria-label", "font-size", "fill", "x", "y", "height", "d"}
    allowed |= {"text-anchor", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray"}
    assert {name for _, attributes in shapes.elements for name in attributes} <= allowed
