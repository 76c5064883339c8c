"""Planning the path: which stops, which workers at each, and the pages that people read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from in_memory.golden import assert_golden
from in_memory.states import cluster, control_plane_node, releases, version, worker
from kubeadm_upgrade.outsiders import Outsider
from kubeadm_upgrade.planning import plan_page
from kubeadm_upgrade.planning.path import Policy, WorkerMoves
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.releases.known import releases as known_releases
from kubeadm_upgrade.settings import Settings
from kubeadm_upgrade.version import TargetVersion

SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "plan.schema.json"
EAGER = Policy(latest_patch_first=False)
GATES = Policy(pass_etcd_gates=True)


def stops(state, target, policy=Policy(), facts=None):
    """`1.29.9: w1 w2` for every hop."""
    path = plan(state, TargetVersion.parse(target), policy, facts or releases())
    return [f"{hop.to}: {' '.join(sorted(hop.workers))}".rstrip() for hop in path.hops]


@pytest.mark.parametrize(
    ("state", "target", "policy", "expected"),
    [
        pytest.param(
            cluster("1.28.9", "1.28.9"), "1.32", Policy(),
            ["1.29.9:", "1.30.9:", "1.31.9: w1", "1.32.9: w1"],
            id="four minors, two drains",
        ),
        pytest.param(
            cluster("1.29.9", "1.29.9"), "1.36", Policy(),
            ["1.30.9:", "1.31.9:", "1.32.9: w1", "1.33.9:", "1.34.9:", "1.35.9: w1", "1.36.9: w1"],
            id="seven minors, three drains",
        ),
        pytest.param(
            cluster("1.29.9", "1.29.9"), "1.36", Policy(WorkerMoves.EVEN),
            ["1.30.9:", "1.31.9:", "1.32.9: w1", "1.33.9:", "1.34.9: w1", "1.35.9:", "1.36.9: w1"],
            id="seven minors evenly: 3, 2 and 2",
        ),
        pytest.param(
            cluster("1.30.9", "1.30.9"), "1.32", Policy(WorkerMoves.EVERY_HOP),
            ["1.31.9: w1", "1.32.9: w1"],
            id="every hop",
        ),
        pytest.param(
            cluster("1.30.9", "1.30.9"), "1.34", Policy(max_kubelet_skew=2),
            ["1.31.9:", "1.32.9: w1", "1.33.9:", "1.34.9: w1"],
            id="never more than two behind",
        ),
        pytest.param(
            cluster("1.28.3", "1.28.3"), "1.29", Policy(),
            ["1.28.9:", "1.29.9: w1"],
            id="the latest patch first",
        ),
        pytest.param(cluster("1.28.3", "1.28.3"), "1.29", EAGER, ["1.29.9: w1"], id="straight to the next minor"),
        pytest.param(
            cluster("1.25.9", "1.25.9"), "1.29", Policy(),
            ["1.26.9: w1", "1.27.9: w1", "1.28.9:", "1.29.9: w1"],
            id="kubeadm below 1.29 lets kubelets be one behind",
        ),
        pytest.param(
            cluster("1.30.9", "1.27.9", "1.29.9"), "1.32", Policy(),
            ["1.30.9: w1", "1.31.9:", "1.32.9: w1 w2"],
            id="a worker at the edge moves before the control plane",
        ),
        pytest.param(
            cluster("1.29.9", "1.27.9", "1.29.9"), "1.29", Policy(), ["1.29.9: w1"], id="workers left behind"
        ),
        pytest.param(cluster("1.29.9", "1.29.9"), "1.29", Policy(), ["1.29.9:"], id="nothing left to do"),
        pytest.param(cluster("1.29.3", "1.29.3"), "1.29", Policy(), ["1.29.9: w1"], id="only a patch"),
        pytest.param(cluster("1.29.3", "1.29.3"), "1.29.5", Policy(), ["1.29.5: w1"], id="exactly this patch"),
        pytest.param(
            State(
                version("1.28.9"),
                (
                    control_plane_node("cp1", "1.29.9", "1.28.9"),
                    control_plane_node("cp2", "1.28.9"),
                    worker("w1", "1.28.9"),
                ),
            ),
            "1.30",
            Policy(),
            ["1.29.9:", "1.30.9: w1"],
            id="an interrupted hop is finished first",
        ),
        pytest.param(
            State(version("1.29.9"), (control_plane_node("cp1", "1.29.9", "1.28.9"), worker("w1", "1.28.9"))),
            "1.30",
            EAGER,
            ["1.29.9:", "1.30.9: w1"],
            id="so are its kubelets",
        ),
        pytest.param(
            State(
                version("1.29.9"),
                (
                    control_plane_node("cp1", "1.29.9"),
                    worker("w1", "1.28.9", cordoned_by_us=True, schedulable=False),
                    worker("w2", "1.28.9"),
                ),
            ),
            "1.30",
            Policy(),
            ["1.30.9: w1 w2"],
            id="a worker that we had drained moves with the first hop",
        ),
    ],
)  # fmt: skip
def test_where_a_path_stops(state, target, policy, expected):
    """With as few drains as the policy allows."""
    assert stops(state, target, policy) == expected


PAUSE = Settings(kubeadm_flags=("container-runtime-endpoint", "pod-infra-container-image"))
FLAGS_FILE = "/var/lib/kubelet/kubeadm-flags.env"


@pytest.mark.parametrize(
    ("runs", "kubelet", "target", "policy", "expected"),
    [
        ("1.33", "1.33", "1.36", Policy(), ["1.34:", "1.35: w1", "1.36: w1"]),
        ("1.34", "1.34", "1.36", Policy(), ["1.35: w1", "1.36: w1"]),
        ("1.34", "1.34", "1.36", Policy(WorkerMoves.EVEN), ["1.35: w1", "1.36: w1"]),
        ("1.31", "1.31", "1.36", Policy(), ["1.32:", "1.33:", "1.34: w1", "1.35: w1", "1.36: w1"]),
        ("1.35", "1.33", "1.36", Policy(), ["1.35: w1", "1.36: w1"]),
        ("1.33", "1.33", "1.35", Policy(), ["1.34:", "1.35: w1"]),
    ],
)
def test_a_worker_stops_where_kubeadm_takes_out_its_own_flags(runs, kubelet, target, policy, expected):
    """By the facts of 1.35: later kubeadms leave --pod-infra-container-image there, and no kubelet starts with it."""
    last = {minor: str(known_releases().of(minor).last_patch) for minor in range(31, 38)}
    state = cluster(last[version(runs).minor], last[version(kubelet).minor])
    nodes = [
        replace(node, components={**node.components, "etcd": version("3.6.99")})
        if node.control_plane
        else replace(node, settings=PAUSE)
        for node in state.nodes
    ]
    path = plan(replace(state, nodes=tuple(nodes)), TargetVersion.parse(target), policy, known_releases())
    assert [f"{hop.to.release}: {' '.join(hop.workers)}".rstrip() for hop in path.hops] == expected
    assert [finding for hop in path.hops for finding in hop.findings] == []


def with_pause_flag(state, *names):
    nodes = (replace(node, settings=PAUSE) if node.name in names else node for node in state.nodes)
    return replace(state, nodes=tuple(nodes))


def test_why_a_worker_stops_there():
    """Where neither the skew policy nor the policy of the cluster asks for it; those of one version move together."""
    state = with_pause_flag(cluster("1.34.9", "1.34.9", "1.34.9"), "w1")
    path = plan(state, TargetVersion.parse("1.36"), EAGER, known_releases())
    (group,) = path.hops[0].moving
    assert group.nodes == ("w1", "w2")
    assert group.reason == (
        f"kubeadm 1.35 takes --pod-infra-container-image out of {FLAGS_FILE}, and the one after it does not"
    )


def test_a_flag_of_kubeadms_that_nobody_takes_out_any_more():
    """The control plane is past that release: a person does, and is told where."""
    state = with_pause_flag(cluster("1.36.3", "1.34.9"), "w1")
    path = plan(state, TargetVersion.parse("1.36"), EAGER, known_releases())
    (finding,) = path.hops[-1].findings
    assert finding == (
        "the kubelet on w1 is started with the flag --pod-infra-container-image, which 1.35 no longer knows: remove it "
        f"from {FLAGS_FILE} first"
    )


def test_a_worker_that_an_earlier_run_has_drained_does_not_wait_for_its_turn():
    """Nor is it counted as waiting."""
    nodes = (control_plane_node("cp1", "1.28.9"), worker("w1", "1.28.9", cordoned_by_us=True), worker("w2", "1.28.9"))
    path = plan(State(version("1.28.9"), nodes), TargetVersion.parse("1.30"), Policy(), releases())
    first = path.hops[0]
    assert [(group.nodes, group.reason) for group in first.moving] == [(("w1",), "drained by an earlier run")]
    assert [group.nodes for group in first.waiting] == [("w2",)]


def test_workers_that_are_left_out_stay():
    """And the page says so."""
    path = plan(
        cluster("1.28.9", "1.28.9", "1.28.9"), TargetVersion.parse("1.29"), Policy(), releases(), frozenset({"w2"})
    )
    (hop,) = path.hops
    assert hop.workers == ("w2",)
    assert [(group.nodes, group.reason) for group in hop.waiting] == [(("w1",), "not among the nodes of this run")]


def test_only_published_versions_are_planned():
    """The newest good one of each minor release; other packages of a mirror are nobody's business."""
    packages = ("1.28.9-1.1", "1.29.3-1.1", "1.29.4-1.1", "1.29.5~rc.1-1.1", "1.30.2-150500.1.1", "2:1.30.3-1", "ours")
    assert stops(cluster("1.28.9", published={"deb": {"kubeadm": packages}}), "1.30") == ["1.29.4:", "1.30.2:"]


def test_etcd_follows_what_kubeadm_deploys_unless_it_is_pinned():
    """Never back."""
    target = TargetVersion.parse("1.30")
    state = cluster("1.28.9")
    changes = [change for hop in plan(state, target, Policy(), releases()).hops for change in hop.changes]
    assert [(c.before, c.after) for c in changes if c.component == "etcd"] == [
        ("3.5.9", "3.5.29"),
        ("3.5.29", "3.5.30"),
    ]
    for pinned, deployed in (("3.5.9-0", []), ("3.5.40-0", [("3.5.9", "3.5.40")]), ("ours", []), ("3.5.1-0", [])):
        hops = plan(replace(state, etcd_pinned=pinned), target, Policy(), releases()).hops
        assert [(c.before, c.after) for hop in hops for c in hop.changes if c.component == "etcd"] == deployed


def a_fleet_member() -> State:
    """Three control plane nodes, workers of three ages, a kubelet with flags of its own."""
    nodes = [control_plane_node(f"cp{number}", "1.31.14", etcd="3.5.24") for number in (1, 2, 3)]
    nodes += [worker(f"web-{number:02}", "1.31.14", "1.31.14") for number in range(1, 13)]
    nodes += [worker("db-1", "1.30.8", "1.31.14"), worker("db-2", "1.28.15", "1.31.14")]
    told = Settings(flags=("cloud-config",), kubeadm_flags=("container-runtime-endpoint", "pod-infra-container-image"))
    nodes[3] = replace(nodes[3], settings=told)
    return State(version("1.31.14"), tuple(nodes), etcd_pinned="3.5.26-0")


def stock_1_33(*etcd: str) -> State:
    """As kubeadm 1.33.13 leaves it; `etcd` by control plane node."""
    members = etcd or ("3.5.24", "3.5.24", "3.5.24")
    nodes = [control_plane_node(f"cp{number}", "1.33.13", etcd=runs) for number, runs in enumerate(members, 1)]
    return State(version("1.33.13"), (*nodes, worker("w1", "1.33.13"), worker("w2", "1.31.14", "1.33.13")))


def within_the_gate() -> State:
    """Interrupted when cp2, which an earlier run had left out of service, was the first and only one to have moved."""
    return replace(stock_1_33("3.5.24", "3.5.26", "3.5.24"), etcd_pinned="3.5.26-0", etcd_pin_is_ours=True)


PLANS = {
    "one-hop": (cluster("1.28.15", "1.28.15", "1.28.15"), "1.29", Policy()),
    "four-hops": (cluster("1.28.15", "1.28.15", "1.28.15", control_plane=3), "1.32", Policy()),
    "even": (cluster("1.29.15", "1.29.15", "1.29.15", control_plane=3), "1.33", Policy(WorkerMoves.EVEN)),
    "large-and-mixed": (replace(a_fleet_member(), etcd_pinned="3.5.26-0"), "1.33", Policy()),
    "interrupted": (
        State(
            version("1.28.15"),
            (
                control_plane_node("cp1", "1.29.15", "1.28.15"),
                control_plane_node("cp2", "1.28.15"),
                worker("w1", "1.28.15"),
            ),
        ),
        "1.30",
        Policy(),
    ),
    "through-etcds-gate": (stock_1_33(), "1.34", GATES),
    "within-etcds-gate": (within_the_gate(), "1.34", GATES),
    "a-pin-of-somebody-elses": (replace(stock_1_33("3.5.26"), etcd_pinned="3.5.26-0"), "1.34", GATES),
    "kubeadm-is-told-to-ignore": (
        replace(
            stock_1_33("3.5.26"),
            nodes=tuple(
                replace(node, cgroup="v1", settings=Settings(runs_on_cgroup_v1=True))
                for node in stock_1_33("3.5.26").nodes
            ),
        ),
        "1.35",
        Policy(ignore_preflight_errors={"SystemVerification": "cgroup v1 until spring"}),
    ),
    "nothing-to-do": (cluster("1.29.15", "1.29.15"), "1.29", Policy()),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_reads_well(name):
    """With the facts that we ship: tests/golden/plans."""
    state, target, policy = PLANS[name]
    path = plan(state, TargetVersion.parse(target), policy, known_releases())
    assert_golden(f"plans/{name}.md", plan_page.as_markdown(name, path))


@pytest.mark.parametrize("name", PLANS)
def test_the_json_of_a_plan_is_what_its_schema_says(name):
    """And its name is that of the page."""
    state, target, policy = PLANS[name]
    path = plan(state, TargetVersion.parse(target), policy, known_releases())
    plain = json.loads(json.dumps(path.to_json()))
    jsonschema.validate(plain, json.loads(SCHEMA.read_text()))
    assert plain["plan"] == path.hash
    assert path.hash in plan_page.as_markdown(name, path)


def test_a_page_says_how_many_workers_are_for_later_runs():
    path = plan(cluster("1.28.9", "1.28.9", "1.28.9"), TargetVersion.parse("1.29"), Policy(), releases())
    assert "(workers_per_run)" not in plan_page.as_markdown("few", path)
    told = "This run takes 1 worker of its hop; 1 more are for the runs after it (workers_per_run)."
    assert told in plan_page.as_markdown("few", path, later=1)


def test_a_node_that_is_left_out_is_told_of_once():
    """Before the path begins; it is part of none of its hops."""
    state = replace(cluster("1.28.9", "1.28.9"), outsiders=(Outsider("win1", "runs Windows", version("1.28.9")),))
    first, *others = plan(state, TargetVersion.parse("1.30"), Policy(), releases()).hops
    assert first.notes[0] == "win1 runs Windows: it is left as it is, and to be upgraded by whoever keeps it"
    assert not [note for hop in others for note in hop.notes if "win1" in note]


def test_the_name_of_a_plan_is_that_of_its_work():
    """Other words or other facts are the same plan; another worker or version is not."""

    def name(state, target, facts=None):
        return plan(state, TargetVersion.parse(target), Policy(), facts or releases()).hash

    state = cluster("1.28.9", "1.28.9", "1.28.9")
    assert name(state, "1.29") == name(replace(state, etcd_pinned="3.5.9-0"), "1.29")
    assert len({name(state, "1.29"), name(state, "1.29.5"), name(cluster("1.28.9", "1.28.9"), "1.29")}) == 3


def test_what_kubeadm_is_told_to_ignore_is_part_of_the_work_and_its_reason_is_not():
    """Another name is another command on every node."""

    def name(**ignored):
        policy = Policy(ignore_preflight_errors=ignored)
        return plan(cluster("1.28.9", "1.28.9"), TargetVersion.parse("1.29"), policy, releases()).hash

    assert name(CreateJob="a", ImagePull="b") == name(ImagePull="c", CreateJob="d")
    assert len({name(), name(CreateJob="a"), name(ImagePull="a"), name(CreateJob="a", ImagePull="b")}) == 4


@pytest.mark.bench
def test_bench_a_large_cluster():
    """5,000 nodes, nine hops: well under a second."""
    import time

    state = cluster("1.28.9", *["1.28.9"] * 4997, control_plane=3)
    started = time.perf_counter()
    path = plan(state, TargetVersion.parse("1.37"), Policy(), releases())
    planned = time.perf_counter()
    page = plan_page.as_markdown("bench", path)
    done = time.perf_counter()
    print(f"\n5,000 nodes, {len(path.hops)} hops: plan {planned - started:.3f} s, page {done - planned:.3f} s")
    print(f"page {len(page) / 1024:.0f} KiB, JSON {len(json.dumps(path.to_json())) / 1024:.0f} KiB")
