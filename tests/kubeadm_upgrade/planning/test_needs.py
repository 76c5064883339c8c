"""What releases need of hosts is known when the path is planned, for every hop of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.states import cluster, control_plane_node, release, releases, version, worker
from kubeadm_upgrade.errors import UpgradeRefused
from kubeadm_upgrade.planning.needs import unmet
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.releases.release import Feature, Minimum, Needs
from kubeadm_upgrade.settings import Settings
from kubeadm_upgrade.version import TargetVersion

IGNORED = "SystemVerification"
V2 = Feature("made up", "https://example.org", IGNORED)
FACTS = releases(
    release(24, needs=Needs(cri_endpoint=Feature("no dockershim", "https://example.org"))),
    release(26, needs=Needs(containerd=Minimum("1.6.0", "made up", "https://example.org"))),
    release(33, needs=Needs(kernel=Minimum("4.19", "made up", "https://example.org", IGNORED))),
    release(35, needs=Needs(cgroup_v2=V2)),
    release(36, needs=Needs(cgroup_v2=V2)),
)
TOLD = Settings(runs_on_cgroup_v1=True)
CRI_DOCKERD = Settings(kubeadm_flags=("container-runtime", "container-runtime-endpoint"))


def refused(state: State, target: str, only: frozenset[str] = frozenset(), **ignored: str) -> tuple[str, ...]:
    policy = Policy(ignore_preflight_errors=ignored)
    try:
        plan(state, TargetVersion.parse(target), policy, FACTS, only)
    except UpgradeRefused as error:
        return error.reasons
    return ()


def with_host(runs: str, **changes: object) -> State:
    """A worker like this, in a cluster that is well."""
    return State(version(runs), (control_plane_node("cp1", runs), worker("w1", runs, **changes)))


@pytest.mark.parametrize(
    ("state", "target", "words"),
    [
        pytest.param(
            with_host("1.33.9", cgroup="v1"),
            "1.36",
            "the cgroup version on w1 is v1, and 1.36 needs v2 (made up; https://example.org): boot into cgroup v2 "
            "(systemd.unified_cgroup_hierarchy=1, or a newer operating system), or set failCgroupV1: false in the "
            "ConfigMap kubelet-config and in /var/lib/kubelet/config.yaml and name SystemVerification with your reason "
            "under ignore_preflight_errors in the inventory, or choose a target below 1.35",
            id="cgroup v1, three hops away",
        ),
        pytest.param(
            with_host("1.22.9", runtime="docker://20.10.21", cgroup="v1", settings=Settings(flags=("network-plugin",))),
            "1.25",
            "the kubelet's runtime on w1 is docker://20.10.21 by its dockershim, and 1.24 needs one behind a CRI "
            "socket (no dockershim; https://example.org): move it to containerd, CRI-O or cri-dockerd, and name its "
            "socket with --container-runtime-endpoint, or choose a target below 1.24",
            id="dockershim, jumped over",
        ),
        pytest.param(
            with_host("1.33.9", cgroup="v1", settings=TOLD),
            "1.35",
            "or a newer operating system), or name SystemVerification with your reason under ignore_preflight_errors",
            id="also where the kubelet would start: kubeadm does not",
        ),
        pytest.param(
            with_host("1.35.1", cgroup="v1", settings=TOLD),
            "1.35",
            "and 1.35 needs v2",
            id="a patch of the same release: its kubeadm checks again",
        ),
        pytest.param(
            with_host("1.35.9", cgroup="v1"),
            "1.36",
            "or a newer operating system), or name SystemVerification with your reason under ignore_preflight_errors",
            id="a kubelet that has started there needs no telling",
        ),
        pytest.param(
            with_host("1.30.9", kernel="4.18.0-553.el8_10.x86_64"),
            "1.34",
            "the kernel on w1 is 4.18.0-553.el8_10.x86_64, and 1.33 needs at least 4.19",
            id="a worker that moves in the middle of the path",
        ),
        pytest.param(
            with_host("1.31.9", kernel="4.18.0-553.el8_10.x86_64"),
            "1.33",
            "the kernel on w1 is 4.18.0-553.el8_10.x86_64, and 1.33 needs at least 4.19 (made up; "
            "https://example.org): boot a newer one, or name SystemVerification",
            id="a kernel",
        ),
        pytest.param(
            with_host("1.25.9", runtime="containerd://1.5.9-0ubuntu1~20.04.4"),
            "1.26",
            "the containerd on w1 is 1.5.9-0ubuntu1~20.04.4, and 1.26 needs at least 1.6.0 (made up; "
            "https://example.org): upgrade it, or choose a target below 1.26",
            id="containerd, which nobody may pass over",
        ),
        pytest.param(
            with_host("1.25.9", runtime="containerd://Unknown"),
            "1.26",
            "the containerd on w1 is Unknown",
            id="a version that is none is not known to do",
        ),
        pytest.param(
            replace(with_host("1.34.9"), nodes=(replace(control_plane_node("cp1", "1.34.9"), cgroup="v1"),)),
            "1.35",
            "the cgroup version on cp1 is v1",
            id="a control plane node",
        ),
    ],
)
def test_what_a_host_lacks_is_said_before_anything_moves(state, target, words):
    """With the ways out."""
    (reason,) = refused(state, target)
    assert words in reason


@pytest.mark.parametrize(
    ("state", "target"),
    [
        pytest.param(with_host("1.33.9", cgroup="v1"), "1.34", id="the need is beyond the target"),
        pytest.param(with_host("1.33.9", cgroup="v2"), "1.35", id="cgroup v2"),
        pytest.param(with_host("1.33.9"), "1.35", id="a host that could not be asked: preflight says so"),
        pytest.param(with_host("1.31.9", kernel="4.19"), "1.33", id="just new enough"),
        pytest.param(with_host("1.31.9", kernel="6.18.44-fc-v857"), "1.33", id="a kernel of somebody's own"),
        pytest.param(
            with_host("1.25.9", runtime="containerd://v1.7.0-beta.0-123-gabcdef"), "1.26", id="built from git"
        ),
        pytest.param(with_host("1.25.9", runtime="cri-o://1.5.2"), "1.26", id="another runtime"),
        pytest.param(with_host("1.29.9", runtime="containerd://1.5.9"), "1.30", id="its kubelet has met it already"),
        pytest.param(with_host("1.31.9", kernel="4.18.0"), "1.34", id="only kubeadm 1.33 asks, which never runs there"),
        pytest.param(with_host("1.33.9", kernel="4.18.0"), "1.34", id="later ones ask no more"),
        pytest.param(with_host("1.35.9", cgroup="v1"), "1.35", id="nothing is left to do there"),
        pytest.param(
            with_host("1.23.9", runtime="docker://20.10.21", cgroup="v1", settings=CRI_DOCKERD),
            "1.24",
            id="cri-dockerd",
        ),
        pytest.param(with_host("1.24.9", runtime="docker://20.10.21", cgroup="v1"), "1.25", id="it has moved before"),
        pytest.param(with_host("1.23.9", runtime="docker://20.10.21"), "1.24", id="dockershim? nobody could ask"),
        pytest.param(with_host("1.22.9", runtime="docker://20.10.21", cgroup="v1"), "1.23", id="dockershim until 1.23"),
    ],
)
def test_a_host_that_has_it_is_in_nobodys_way(state, target):
    """Nor one of which it is not known."""
    assert refused(state, target) == ()


def test_what_kubeadm_is_told_to_ignore_is_no_refusal_where_the_kubelet_starts():
    """Without failCgroupV1: false its kubelet does not, whatever kubeadm passes over."""
    told, untold = with_host("1.33.9", cgroup="v1", settings=TOLD), with_host("1.33.9", cgroup="v1")
    assert refused(told, "1.35", SystemVerification="until spring") == ()
    (reason,) = refused(untold, "1.35", SystemVerification="until spring")
    assert "or set failCgroupV1: false in" in reason
    assert "ignore_preflight_errors" not in reason
    assert refused(told, "1.35", CreateJob="another one") != ()
    assert refused(with_host("1.31.9", kernel="4.18.0"), "1.33", SystemVerification="RHEL 8") == ()


def test_workers_that_do_not_move_are_not_judged():
    """Those that the run leaves out stay where they are."""
    state = cluster("1.34.9", "1.34.9", "1.34.9")
    nodes = tuple(replace(node, cgroup="v1") if node.name == "w2" else node for node in state.nodes)
    assert refused(replace(state, nodes=nodes), "1.35", frozenset({"w1"})) == ()
    assert refused(replace(state, nodes=nodes), "1.35") != ()


def test_hosts_that_lack_the_same_share_a_sentence():
    """And each lack is told once, by the release that is met first."""
    nodes = [worker(f"w{number}", "1.34.9", cgroup="v1", settings=TOLD) for number in (1, 2)]
    (sentence,) = unmet([(node, (35, 36)) for node in nodes], FACTS, 34, ())
    assert sentence.startswith("the cgroup version on w1, w2 is v1, and 1.35 needs v2")


NUMBERS = st.tuples(st.integers(1, 7), st.integers(0, 30), st.integers(0, 300))
SUFFIXES = st.sampled_from(["", "-553.el8_10.x86_64", "-1034-aws", "-rc.1", "+unknown", "~ds1", "-0ubuntu1~20.04.4"])


@given(NUMBERS, SUFFIXES, st.booleans())
def test_versions_of_kernels_and_runtimes_are_read_as_they_are_written(numbers, suffix, patched):
    """Compared as numbers, whatever a distribution has written behind them; the third may be missing."""
    numbers = numbers if patched else (*numbers[:2], 0)
    text = ".".join(map(str, numbers if patched else numbers[:2])) + suffix
    (expected_kernel, expected_containerd) = numbers < (4, 19, 0), numbers < (1, 6, 0)
    node = worker("w1", "1.25.9", kernel=text, runtime=f"containerd://{text}")
    said = list(unmet([(node, (26, 33))], FACTS, 25, ()))
    assert [f"is {text}, and 1.33 needs" in sentence for sentence in said if "kernel" in sentence] == (
        [True] if expected_kernel else []
    )
    assert [f"is {text}, and 1.26 needs" in sentence for sentence in said if "containerd" in sentence] == (
        [True] if expected_containerd else []
    )
