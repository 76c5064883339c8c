"""What was last seen of a cluster: counted, kept in one file, and read by whoever shows a fleet."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from in_memory.examples import EARLIER, NOW, RUN
from kubeadm_upgrade import report
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.board.last_look import LastLook
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.ledger.ledger import Holder, Ledger
from kubeadm_upgrade.version import Version

BY = ("kubeadm_look.a", "run-1")
NOBODYS = Ledger()


def node(name, kubelet, ready=True):
    return NodeFacts(name, Version.parse(kubelet), ready)


def look(*nodes, ledger=NOBODYS):
    return LastLook.of("a", Version.parse("1.29.15"), nodes, ledger, NOW, BY)


def test_kubelets_are_counted_oldest_first():
    """By version, and not as text: 1.9 comes before 1.10."""
    seen = look(node("w1", "1.10.1"), node("w2", "1.9.15"), node("w3", "1.10.1", ready=False))
    assert list(seen.kubelets.items()) == [("1.9.15", 1), ("1.10.1", 2)]
    assert (seen.worst_kubelet, seen.not_ready) == ("1.9.15", ("w3",))


@pytest.mark.parametrize(
    ("holder", "told"),
    [
        pytest.param(None, None, id="nobody"),
        pytest.param(Holder(EARLIER, NOW), str(EARLIER), id="a run"),
        pytest.param(Holder(EARLIER, NOW, released=NOW), None, id="a run that has ended"),
        pytest.param(Holder(RUN, NOW), None, id="the run that looks, which may be about to end"),
    ],
)
def test_who_has_the_cluster(holder, told):
    assert look(ledger=Ledger(holder=holder)).holder == told


@pytest.fixture
def reports(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBEADM_UPGRADE_REPORTS", str(tmp_path))
    return tmp_path


def test_what_is_kept_is_what_is_read(reports):
    """Marks and all, also where a name holds what a path must not."""
    ledger = Ledger(Holder(RunId("r", "https://a"), NOW), given_up={"w1": "its disk"}, paused="incident 7", aborted="x")
    seen = replace(look(node("w1", "1.28.15"), ledger=ledger), cluster="../a")
    report.keep_last_look(seen)
    assert report.last_look("../a") == replace(seen, looked_at=NOW.replace(microsecond=0))
    assert [str(path.relative_to(reports)) for path in reports.rglob("*.json")] == ["last-looks/%2E.%2Fa.json"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="nothing"),
        pytest.param('{"schema": 1, "cl', id="half a file"),
        pytest.param("[]", id="another shape"),
        pytest.param(json.dumps({"schema": 99}), id="another release's"),
        pytest.param(json.dumps({"schema": 1, "looked_at": "2026-01-01", "not_ready": []}), id="without its fields"),
    ],
)
def test_what_cannot_be_read_was_never_seen(reports, text):
    """The next look writes it anew."""
    if text is not None:
        report.write(report.last_look_path("a"), text)
    assert report.last_look("a") is None
