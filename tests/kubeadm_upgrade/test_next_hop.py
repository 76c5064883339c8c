"""The first hop of a path, as a run makes it: exact packages, and the nodes in their order."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.states import control_plane_node, releases, version, worker
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.errors import BadParameters, UpgradeRefused
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.next_hop import Wish, next_hop, path_for, successor_of
from kubeadm_upgrade.outsiders import Outsider
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.version import TargetVersion

CLUSTER = Cluster("prod", "k", "s", TargetVersion.parse("1.29"), max_unavailable="50%")
NODES = (control_plane_node("cp1", "1.28.15"), worker("w1", "1.28.15"), worker("w2", "1.28.15"))
OFFERED = ("1.28.15-1.1", "1.29.9-1.1", "1.29.15-1.1")


def state(*nodes, runs="1.28.15", offered=OFFERED):
    return State(version(runs), nodes, {"deb": dict.fromkeys(("kubeadm", "kubelet", "kubectl"), tuple(offered))})


def hop_of(found, target="1.29", cluster=CLUSTER, **wishes):
    wish = Wish(TargetVersion.parse(target), **wishes)
    return next_hop(cluster, found, wish, path_for(cluster, found, wish, releases()))


@pytest.mark.parametrize("left", [{"holds_slot": True}, {"cordoned_by_us": True, "schedulable": False}], ids=str)
def test_whoever_an_earlier_run_left_out_of_service_comes_first(left):
    """Its slot is taken: all others would wait for it, and it for them. Also when the target has moved on."""
    nodes = (control_plane_node(name, "1.28.15") for name in ("cp1", "cp2", "cp3"))
    found = state(*(replace(node, **left) if node.name == "cp2" else node for node in nodes), worker("w1", "1.28.15"))
    assert hop_of(found).control_plane == ("cp2", "cp1", "cp3")


def test_a_control_plane_kubelet_that_is_ahead_needs_no_hop_of_its_own():
    """Somebody has upgraded the packages of cp1 by hand; the way is still one hop."""
    ahead = replace(control_plane_node("cp1", "1.28.15"), kubelet=version("1.29.15"))
    assert (hop_of(state(ahead, *NODES[1:])).came_from, hop_of(state(ahead, *NODES[1:])).to) == (
        version("1.28.15"),
        version("1.29.15"),
    )


def test_what_kubeadm_is_told_to_ignore_goes_with_the_hop():
    """Also over XCom: what a run does is fixed by its plan."""
    ignored = {"SystemVerification": "cgroup v1 until spring"}
    hop = hop_of(state(*NODES), cluster=replace(CLUSTER, policy=Policy(ignore_preflight_errors=ignored)))
    assert hop.ignore_preflight_errors == ignored
    assert Hop.from_json(json.loads(json.dumps(hop.to_json()))) == hop


@pytest.mark.parametrize(
    ("target", "offered", "package"),
    [
        pytest.param("1.29", ["1.29.9-1.1", "1.29.15-1.1"], "1.29.15-1.1", id="newest by version, not by text"),
        pytest.param("1.29.9", ["1.29.9-1.1", "1.29.15-1.1"], "1.29.9-1.1", id="exactly"),
        pytest.param("1.29", ["1.29.15-2.1", "1.29.15-10.1"], "1.29.15-10.1", id="newest revision, as a number"),
        pytest.param("1.29", ["1.29.15-00", "1.29.15-01"], "1.29.15-01", id="revisions of the old repositories"),
        pytest.param("1.29", ["1.29.15-150500.1.1"], "1.29.15-150500.1.1", id="rpm"),
        pytest.param("1.29", ["1.29.15"], "1.29.15", id="no revision at all"),
        pytest.param("1.29", ["1.29.15-1.1", "1.30.2-1.1"], "1.29.15-1.1", id="other minors in one repository"),
        pytest.param("1.29", ["1.29.15-1.1", "1.29.16~rc.1-1.1"], "1.29.15-1.1", id="no pre-release"),
        pytest.param("1.29", ["1.29.15-1.1", "2:1.29.16-1.1", "ours"], "1.29.15-1.1", id="what is no version"),
    ],
)
def test_the_exact_package_version_is_chosen(target, offered, package):
    """From what the repository offers."""
    assert hop_of(state(*NODES, offered=offered), target).sources["deb"].packages["kubelet"] == package


def test_the_signing_key_is_the_newest_releases():
    """Where nothing newer has a repository, the target's own."""
    keys = [
        hop_of(replace(state(*NODES), newest=newest)).sources["deb"].repository.key_url
        for newest in ({"deb": "1.37", "rpm": "1.36"}, {})
    ]
    assert keys == [f"https://pkgs.k8s.io/core:/stable:/v1.{minor}/deb/Release.key" for minor in (37, 29)]


def test_a_package_that_is_missing_is_named():
    """kubeadm alone is no upgrade."""
    found = state(*NODES)
    found = replace(found, published={"deb": {**found.published["deb"], "kubectl": ("1.28.15-1.1",)}})
    with pytest.raises(UpgradeRefused, match=r"offers kubeadm 1\.29\.15 but no kubectl 1\.29\.15"):
        hop_of(found)


def test_the_cluster_is_named_in_a_refusal():
    """Who reads a log may look after many."""
    with pytest.raises(UpgradeRefused, match=r"^prod: the package repository offers no usable version of 1\.30"):
        hop_of(replace(state(*NODES), asked=("1.28", "1.29", "1.30")), "1.30")


def test_order_and_numbers():
    """Ours that are cordoned first, then by name; who was there and is left out is known as well."""
    workers = [
        worker("w3", "1.28.15"),
        worker("w1", "1.28.15"),
        worker("w2", "1.28.15", schedulable=False, cordoned_by_us=True),
        worker("w4", "1.28.15", schedulable=False),
    ]
    found = state(control_plane_node("cp2", "1.28.15"), control_plane_node("cp1", "1.28.15"), *workers)
    hop = hop_of(found)
    assert hop.control_plane == ("cp1", "cp2")
    assert hop.workers == ("w2", "w1", "w3", "w4")
    assert hop.others == ()
    limited = hop_of(found, nodes=("w3",))
    assert (limited.workers, limited.others) == (("w3",), ("w1", "w2", "w4"))
    assert limited.known == {"cp1", "cp2", "w1", "w2", "w3", "w4"}


def test_a_hop_on_the_way_moves_only_the_workers_that_must():
    """One minor of two: the workers wait. Those that we have drained do not."""
    offered = (*OFFERED, "1.30.4-1.1")
    found = state(*NODES, offered=offered)
    assert hop_of(found, "1.30").workers == ()
    drained = worker("w3", "1.28.15", cordoned_by_us=True, schedulable=False)
    assert hop_of(state(*NODES, drained, offered=offered), "1.30").workers == ("w3",)


@pytest.mark.parametrize(
    ("left", "looked_at"),
    [
        pytest.param({}, False, id="nothing: it gets no task"),
        pytest.param({"ready": False}, True, id="it is not Ready"),
        pytest.param({"schedulable": False, "cordoned_by_us": True}, True, id="it is cordoned, by us"),
        pytest.param({"schedulable": False}, False, id="it is cordoned, by somebody else"),
        pytest.param({"holds_slot": True}, True, id="it holds a slot"),
    ],
)
def test_a_worker_that_is_there_is_looked_at_again_where_something_is_left_to_do(left, looked_at):
    hop = hop_of(state(*NODES, worker("w9", "1.29.15", **left)))
    assert ("w9" in hop.workers) is looked_at
    assert hop.known == {"cp1", "w1", "w2", "w9"}


def test_a_run_takes_no_more_workers_than_its_clusters_file_says():
    """Those first that an earlier run has begun with; the others are for the runs after it, and are no strangers."""
    many = [worker(f"w{number}", "1.28.15") for number in range(1, 6)]
    found = state(NODES[0], *many, worker("w9", "1.28.15", holds_slot=True))
    hop = hop_of(found, cluster=replace(CLUSTER, workers_per_run=3))
    assert (hop.workers, hop.later) == (("w9", "w1", "w2"), ("w3", "w4", "w5"))
    assert hop.known >= set(hop.later)
    assert hop_of(found).later == ()


@pytest.mark.parametrize(
    ("workers", "max_unavailable", "taken"),
    [
        pytest.param(50, 1, 50, id="a few dozen at once"),
        pytest.param(300, 1, 50, id="no more than that where they go one by one"),
        pytest.param(300, "10%", 120, id="four rounds of those that may be out of service"),
    ],
)
def test_by_itself_a_run_takes_four_rounds_and_a_few_dozen_at_least(workers, max_unavailable, taken):
    many = [worker(f"w{number}", "1.28.15") for number in range(workers)]
    hop = hop_of(state(NODES[0], *many), cluster=replace(CLUSTER, max_unavailable=max_unavailable))
    assert (len(hop.workers), len(hop.later)) == (taken, workers - taken)


def test_the_cluster_file_decides_about_the_path():
    """Every worker in every hop, where it says so."""
    cluster = replace(CLUSTER, policy=Policy("every-hop"))
    found = state(*NODES, offered=(*OFFERED, "1.30.4-1.1"))
    assert hop_of(found, "1.30", cluster).workers == ("w1", "w2")


def test_the_node_that_has_applied_stays_the_first():
    """Its apiserver has moved already."""
    found = state(control_plane_node("cp1", "1.28.15"), control_plane_node("cp2", "1.29.15", "1.28.15"))
    assert hop_of(found).control_plane[0] == "cp2"


def test_unknown_workers_are_named():
    """With those that there are."""
    with pytest.raises(BadParameters, match=r"w9 is not a worker of this cluster: name some of its workers"):
        hop_of(state(*NODES), nodes=("w1", "w9"))
    with pytest.raises(
        BadParameters, match=r"w8, w9 are no workers of this cluster: name some of its workers .w1, w2."
    ):
        hop_of(state(*NODES), nodes=("w9", "w8"))


@pytest.mark.parametrize(
    ("wishes", "workers"),
    [
        pytest.param({"give_up": ("w9",)}, ("w1", "w2"), id="given up"),
        pytest.param({"give_up": ("w1", "w2")}, (), id="all that are left are given up"),
        pytest.param({"nodes": ("w1", "w9")}, ("w1",), id="one of two"),
        pytest.param({"nodes": ("w9",)}, (), id="the only one"),
        pytest.param({"nodes": ("w1", "w9"), "give_up": ("w1",)}, (), id="the last that would move"),
    ],
)
def test_a_worker_that_has_left_since_it_was_planned_may_be_named(wishes, workers):
    """Nobody moves in its place, and a name that never was is a mistake all the same."""
    assert hop_of(state(*NODES), gone=frozenset({"w9"}), **wishes).workers == workers
    with pytest.raises(BadParameters, match=r"w8 is not a worker of this cluster: name some of its workers .w1, w2."):
        hop_of(state(*NODES), gone=frozenset({"w9"}), nodes=("w8",))


def test_a_node_that_is_left_out_by_itself_is_not_named_for_nothing():
    """Whoever names it learns why it is none of the workers."""
    found = replace(state(*NODES), outsiders=(Outsider("win1", "runs Windows", version("1.28.15")),))
    with pytest.raises(
        BadParameters, match=r"win1 is not a worker of this cluster; win1 runs Windows, and is left out:"
    ):
        hop_of(found, nodes=("w1", "win1"))


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        pytest.param([], (), id="nothing"),
        pytest.param(None, (), id="a field that somebody has emptied"),
        pytest.param([""], (), id="an empty line"),
        pytest.param(["w1", "w2", ""], ("w1", "w2"), id="a line that ends the list"),
        pytest.param([" w1", "w2 "], ("w1", "w2"), id="blanks"),
        pytest.param(["w1, w2; w3 w4"], ("w1", "w2", "w3", "w4"), id="several in a line"),
        pytest.param(["w1", "w2", "w1"], ("w1", "w2"), id="one twice"),
    ],
)
def test_names_are_read_as_a_form_gives_them(listed, names):
    """No name of a node has a blank or a comma in it."""
    wish = Wish.read({"target_version": " v1.29", "nodes": listed, "give_up": listed})
    assert (str(wish.target), wish.nodes, wish.give_up) == ("1.29", names, names)


def test_a_target_that_came_past_the_form_is_refused_in_words():
    """A schema lets it pass that an older version of the DAG had, or another client's."""
    with pytest.raises(BadParameters, match=r"target_version: 'latest' is neither a version .*: write one of the two"):
        Wish.read({"target_version": "latest", "nodes": [], "give_up": []})


def test_a_worker_that_is_given_up_is_left_as_it_is():
    """It is no part of the hop, also where the run is limited to some; and known, so it has not joined."""
    hop = hop_of(state(*NODES), give_up=("w1",))
    assert (hop.workers, hop.others) == (("w2",), ("w1",))
    assert hop_of(state(*NODES, worker("w3", "1.28.15")), nodes=("w1", "w2"), give_up=("w1",)).workers == ("w2",)
    with pytest.raises(
        BadParameters, match=r"give_up: w9 is not a worker of this cluster: name some of its workers .w1, w2."
    ):
        hop_of(state(*NODES), give_up=("w9",))
    with pytest.raises(BadParameters, match="nodes and give_up leave no worker: name fewer in give_up"):
        hop_of(state(*NODES), nodes=("w1",), give_up=("w1",))


@pytest.mark.parametrize(
    ("run", "following"),
    [
        pytest.param("to-1.32", "to-1.32~2", id="the first"),
        pytest.param("to-1.32~2", "to-1.32~3", id="the second"),
        pytest.param("to-1.32~9", "to-1.32~10", id="as a number"),
        pytest.param("to~1.32", "to~1.32~2", id="somebody's own ~"),
        pytest.param("to~1.32~2", "to~1.32~3", id="the second of those"),
        pytest.param("~2", "~2~2", id="nothing before it"),
        pytest.param("x~", "x~~2", id="nothing behind it"),
        pytest.param("to-1.32~1.30.14", "to-1.32~1.30.14~2", id="one from before runs were numbered"),
        pytest.param("manual__2026-11-23T10:00:00+00:00", "manual__2026-11-23T10:00:00+00:00~2", id="Airflow's own"),
    ],
)
def test_the_runs_of_a_path_are_numbered(run, following):
    """By nothing that a new patch release, or an older kubelet, can change; a second try of it finds it."""
    assert successor_of(run) == following


@given(st.text("a~21.", min_size=1, max_size=12))
def test_no_run_is_its_own_successor(run):
    """Nor an earlier one's of its path."""
    seen = [run]
    for _ in range(5):
        seen.append(successor_of(seen[-1]))
    assert len(set(seen)) == len(seen)
    assert [one.rpartition("~")[0] for one in seen[1:]] == [seen[1].rpartition("~")[0]] * 5


@given(st.permutations([*NODES, worker("w3", "1.28.15", schedulable=False)]))
def test_a_hop_survives_the_border_and_the_order_of_its_input(nodes):
    """JSON and back; the API may list nodes in any order."""
    found = state(*nodes)
    hop = hop_of(found)
    assert Hop.from_json(json.loads(json.dumps(hop.to_json()))) == hop
    assert hop == hop_of(state(*sorted(nodes, key=lambda node: node.name)))
    left_out = (
        Outsider("win1", "runs Windows", version("1.28.15")),
        Outsider("x1", "reports no kubelet version", None),
    )
    for one in (found, replace(found, outsiders=left_out)):
        assert State.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_an_assignment_survives_the_border():
    """What operator, trigger and connection hand to each other; a run's identity is all of it."""
    work = Assignment(
        "prod", RunId("run-1", "https://airflow", "2026"), hop_of(state(*NODES)), "workers", "admit", "w1"
    )
    assert Assignment.from_json(json.loads(json.dumps(work.to_json()))) == work
    assert str(work) == "w1: admit"
    assert (str(work.run), str(RunId("run-1"))) == ("run run-1 of https://airflow", "run run-1")


@pytest.mark.parametrize("blank", ["", "  ", "\n", 7, ["an exploit"]], ids=repr)
def test_whoever_ignores_windows_says_why(blank):
    """Also past the form and the API."""
    with pytest.raises(BadParameters, match="ignore_window: is blank, and must say why windows are ignored"):
        Wish.read({"target_version": "1.29", "nodes": [], "give_up": [], "ignore_window": blank})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({}, "", id="a run of before there were windows"),
        pytest.param({"ignore_window": None}, "", id="it waits"),
        pytest.param({"ignore_window": " an exploit\nis about "}, "an exploit is about", id="in one line"),
    ],
)
def test_why_windows_are_ignored_goes_with_the_hop(given, reason):
    assert Wish.read({"target_version": "1.29", "nodes": [], "give_up": [], **given}).ignore_window == reason
