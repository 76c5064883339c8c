"""Images are staged: once, in one unit, and as help: what kubeadm can do without keeps nobody from going on."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import pytest

from in_memory.examples import NEW, on_host
from in_memory.walk import begin, persevere
from in_memory.world import FAILED, SUCCEEDED, Crash, remembered
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.errors import CommandFailed, StepNotDone, StepRefused
from kubeadm_upgrade.procedure import STAGE, STEPS
from kubeadm_upgrade.stage_images import LIST

STEP = STEPS["stage_images"]
UNIT = "stage-images-v1.29.15"
KUBE = [
    f"registry.k8s.io/{name}:v1.29.15"
    for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
]
REST = ["registry.k8s.io/coredns/coredns:v1.11.1", "registry.k8s.io/pause:3.9", "registry.k8s.io/etcd:3.5.15-0"]
PIN = "3.5.26-0"


def configured(facts, text):
    return replace(facts, control_plane=replace(facts.control_plane, configuration=text))


def stage(world, hop):
    return asyncio.run(persevere(STEP, hop, world))


def asked_for(facts, hop):
    """The list that xargs is handed."""
    writes = next(action for action in STEP.actions(facts, hop) if isinstance(action, Run) and action.stdin)
    return writes.stdin.split()


@pytest.mark.parametrize(("node", "wanted"), [("cp1", KUBE + REST), ("cp2", KUBE + REST), ("w1", [KUBE[3], *REST[:2]])])
def test_one_unit_pulls_them_and_a_second_run_acts_on_nothing(hop, node, wanted):
    world = begin(hop, node, slow=2)
    done = stage(world, hop)
    assert (done.status, done.details) == ("changed", ())
    assert world.commands == [
        f"sudo -n dd of={LIST}.new status=none conv=fsync",
        f"sudo -n mv -f {LIST}.new {LIST}",
        str(Run(("xargs", "-a", LIST, "-n", "1", "crictl", "pull"), unit=UNIT)),
    ]
    assert world.facts.host.images == set(wanted)
    assert stage(world, hop).status == "unchanged"
    assert world.started(UNIT) == 1


def test_it_comes_last_of_what_disturbs_nobody():
    assert [step.name for step in STAGE] == ["switch_package_repository", "stage_packages", "stage_images"]


def test_what_is_there_already_is_not_pulled(hop, facts_of):
    """A retry goes on; and in an air-gapped cluster somebody has loaded all of them."""
    assert asked_for(on_host(facts_of("cp1"), images=frozenset(KUBE[:3])), hop) == [KUBE[3], *REST]
    world = begin(hop, "cp1")
    world.facts = on_host(world.facts, images=frozenset(KUBE + REST))
    assert stage(world, hop).status == "unchanged"
    assert world.log == []


def test_no_crictl_is_no_reason_to_stop(hop):
    world = begin(hop, "cp1")
    world.facts = on_host(world.facts, images=None)
    done = stage(world, hop)
    assert (done.status, world.log) == ("unchanged", [])
    assert done.details == ("crictl lists no images on cp1: each is pulled when the upgrade needs it",)


@pytest.mark.parametrize("missing", [REST[:1], REST[1:2], REST[2:], REST], ids=["CoreDNS", "pause", "etcd", "all"])
def test_a_tag_that_only_our_facts_say_may_be_missing(hop, missing):
    """A mirror that has just what `kubeadm config images list` prints of a later patch release."""
    world = begin(hop, "cp1")
    world.unpublished, world.fail_late = set(missing), {UNIT}
    done = stage(world, hop)
    assert done.status == "changed"
    assert done.details == tuple(f"not fetched: {name}: it is pulled when the upgrade needs it" for name in missing)
    assert stage(world, hop).status == "unchanged", "and it is not asked for again and again"


def test_a_worker_may_lack_all_of_them(hop):
    """kubeadm pulls nothing on workers, so it would go on as well."""
    world = begin(hop, "w1")
    world.unpublished, world.fail_late = {KUBE[3], *REST}, {UNIT}
    assert len(stage(world, hop).details) == 3


def test_what_kubeadm_cannot_do_without_fails_before_the_window(hop):
    """In kubeadm's preflight it would fail as well, within the window."""
    world = begin(hop, "cp1")
    world.unpublished, world.fail_late = {KUBE[0]}, {UNIT}
    with pytest.raises(CommandFailed, match=rf"no space left \(unit {UNIT}, exit status 1\)"):
        stage(world, hop)
    world.unpublished = set()
    assert stage(world, hop).status == "changed"
    assert [action.unit for action in world.log if isinstance(action, Run) and action.unit] == [UNIT, f"{UNIT}.try-2"]
    assert (
        asked_for(replace(world.facts, host=replace(world.facts.host, images=frozenset(KUBE[1:]))), hop)[0] == KUBE[0]
    )


def test_unless_kubeadm_is_told_not_to_mind(hop):
    ignoring = replace(hop, ignore_preflight_errors={"ImagePull": "a registry that only answers at night"})
    world = begin(ignoring, "cp1")
    world.unpublished, world.fail_late = {KUBE[0]}, {UNIT}
    assert stage(world, ignoring).details == (f"not fetched: {KUBE[0]}: it is pulled when the upgrade needs it",)


def test_a_pull_that_succeeds_without_effect_is_told(hop):
    world = begin(hop, "cp1")
    world.unpublished = {KUBE[0]}
    with pytest.raises(StepNotDone, match=f"unit {UNIT} has succeeded and changed nothing"):
        stage(world, hop)


@pytest.mark.parametrize("crash_in", range(1, 10))
def test_a_crash_anywhere_pulls_nothing_twice(hop, crash_in):
    world = begin(hop, "cp1", slow=1)
    world.crash_in = crash_in
    with contextlib.suppress(Crash):
        stage(world, hop)
    world.crash_in = -1
    stage(world, hop)
    assert world.started(UNIT) == 1
    assert world.facts.host.images == set(KUBE + REST)


def test_a_name_that_is_none_is_refused(hop):
    """No blank and no dash of it ever comes to xargs or crictl (I9)."""
    for repository in ("mirror.example/k8s --all", "-v", "", "a\nb"):
        world = begin(hop, "w1")
        world.facts = configured(world.facts, f"imageRepository: {repository!r}".replace("\n", "\\n"))
        if not repository:
            assert stage(world, hop).status == "changed", "nothing said: Kubernetes' own"
            continue
        with pytest.raises(StepRefused, match="no name of an image: mend imageRepository in kubeadm-config"):
            stage(world, hop)
        assert world.log == []


@pytest.mark.parametrize(
    ("changes", "ours", "tag", "expected"),
    [
        pytest.param({}, None, None, "3.5.15-0", id="the release's"),
        pytest.param({}, None, "3.5.99-theirs", "3.5.99-theirs", id="somebody has fixed one"),
        pytest.param({"came_from": NEW, "etcd_pin": PIN}, None, None, PIN, id="this hop fixes one"),
        pytest.param({}, PIN, PIN, PIN, id="ours of an earlier hop stays"),
        pytest.param({"lifts_etcd_pin": True}, PIN, PIN, "3.5.15-0", id="ours is lifted"),
        pytest.param({"lifts_etcd_pin": True}, PIN, "3.5.99-theirs", "3.5.99-theirs", id="theirs is not"),
    ],
)
def test_the_etcd_that_kubeadm_will_find_fixed(hop, facts_of, changes, ours, tag, expected):
    facts = facts_of("cp1")
    facts = replace(facts, ledger=replace(facts.ledger, etcd_pin=ours))
    facts = configured(facts, f"etcd: {{local: {{imageTag: {tag}}}}}" if tag else "etcd: {local: {}}")
    assert asked_for(facts, replace(hop, **changes))[-1] == f"registry.k8s.io/etcd:{expected}"


@pytest.mark.parametrize("unit", [FAILED, SUCCEEDED], ids=["failed", "succeeded"])
def test_what_an_earlier_run_has_left_is_no_excuse_for_what_kubeadm_needs(hop, facts_of, unit):
    """Its registry was away; or the kubelet has removed what nobody used, as a disk was full."""
    facts = on_host(replace(facts_of("cp1"), units=remembered(UNIT, unit)), images=frozenset(KUBE[1:] + REST))
    assert not STEP.done(facts, hop)
    assert STEP.done(on_host(facts, images=frozenset(KUBE)), hop)
