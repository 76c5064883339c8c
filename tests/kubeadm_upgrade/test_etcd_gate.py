"""Passing etcd's gate: a tag is fixed for one hop, and gone after the next; somebody else's stays."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import yaml

from in_memory.examples import NEW, a_control_plane, on_host
from in_memory.walk import begin, persevere
from in_memory.world import FAILED, Crash, remembered
from kubeadm_upgrade.actions import NotePin, PatchConfigMap, Run
from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.settings import read_etcd_tag

STEP = STEPS["configure_etcd"]
PIN, THEIRS = "3.5.26-0", "3.5.99-theirs"
PLAIN = "kind: ClusterConfiguration\nimageRepository: mirror.example/k8s\netcd: {local: {dataDir: /var/lib/etcd}}\n"


def configuration(tag=None):
    told = yaml.safe_load(PLAIN)
    if tag:
        told["etcd"]["local"]["imageTag"] = tag
    return yaml.safe_dump(told)


def found(facts, tag=None, ours=None):
    """A tag in kubeadm-config, and what the ledger says of ours."""
    plane = replace(facts.control_plane, configuration=configuration(tag), configuration_version="7")
    return replace(facts, control_plane=plane, ledger=replace(facts.ledger, etcd_pin=ours))


@pytest.fixture
def gate(hop):
    """A hop that passes it: the same version, with another etcd."""
    return replace(hop, came_from=NEW, etcd_pin=PIN)


@pytest.fixture
def after(hop):
    return replace(hop, lifts_etcd_pin=True)


def begun(hop, tag=None, ours=None, slow=0):
    world = begin(hop, "cp1", slow)
    world.facts = found(world.facts, tag, ours)
    return world


def test_the_image_is_there_before_anything_says_that_it_is_used(gate):
    """Pulled, noted, patched; and nothing twice."""
    world = begun(gate, slow=2)
    assert asyncio.run(persevere(STEP, gate, world)).status == "changed"
    pull, note, patch = world.log
    assert str(pull) == str(Run(("crictl", "pull", f"mirror.example/k8s/etcd:{PIN}"), unit=f"pull-etcd-{PIN}"))
    assert note == NotePin(PIN)
    assert isinstance(patch, PatchConfigMap)
    assert patch.patch["metadata"] == {"resourceVersion": "7"}
    told = yaml.safe_load(world.facts.control_plane.configuration)
    assert told == yaml.safe_load(configuration(PIN)), "what else is configured stays"
    assert asyncio.run(persevere(STEP, gate, world)).status == "unchanged"


def test_an_image_that_cannot_be_pulled_fixes_nothing(gate):
    """The registry of the cluster may not have it."""
    world = begun(gate)
    world.fail_next.add(STEP.unit(gate))
    with pytest.raises(Exception, match=rf"no space left \(unit pull-etcd-{PIN}, exit status 1\)"):
        asyncio.run(persevere(STEP, gate, world))
    assert (world.facts.ledger.etcd_pin, read_etcd_tag(world.facts.control_plane.configuration)) == (None, None)


@pytest.mark.parametrize("crash_in", range(1, 12))
def test_a_crash_after_anything_leaves_no_pin_that_nobody_knows_of(gate, crash_in):
    """What is noted and not there is no pin; what is there and not noted would be somebody else's."""
    world = begun(gate)
    world.crash_in = crash_in
    try:
        asyncio.run(persevere(STEP, gate, world))
    except Crash:
        assert read_etcd_tag(world.facts.control_plane.configuration) in (None, world.facts.ledger.etcd_pin)
    world.crash_in = -1
    asyncio.run(persevere(STEP, gate, world))
    assert world.facts.ledger.etcd_pin == read_etcd_tag(world.facts.control_plane.configuration) == PIN
    assert world.started(STEP.unit(gate)) == 1


@pytest.mark.parametrize("tag", [THEIRS, PIN])
def test_somebody_elses_pin_is_refused(gate, tag):
    """Also where it is the very tag that we would set: the hop after this one would take it out."""
    world = begun(gate, tag)
    with pytest.raises(StepRefused, match=f"kubeadm-config fixes etcd at {tag}, which this tool did not set: take it"):
        asyncio.run(persevere(STEP, gate, world))
    assert world.log == []


def test_our_own_of_an_earlier_gate_is_replaced(gate):
    world = begun(gate, "3.5.20-0", ours="3.5.20-0")
    assert asyncio.run(persevere(STEP, gate, world)).status == "changed"
    assert read_etcd_tag(world.facts.control_plane.configuration) == PIN


@pytest.mark.parametrize(
    ("tag", "ours", "left", "told"),
    [
        pytest.param(PIN, PIN, None, ["take etcd.local.imageTag out in", "note that etcd is not fixed"], id="ours"),
        pytest.param(THEIRS, PIN, THEIRS, ["note that etcd is not fixed"], id="somebody has changed ours"),
        pytest.param(None, PIN, None, ["note that etcd is not fixed"], id="somebody has taken it out"),
        pytest.param(THEIRS, None, THEIRS, [], id="somebody else's"),
        pytest.param(None, None, None, [], id="none"),
    ],
)
def test_the_hop_after_lifts_ours_and_only_ours(after, tag, ours, left, told):
    """So that later releases bring their own etcd."""
    world = begun(after, tag, ours)
    asyncio.run(persevere(STEP, after, world))
    assert read_etcd_tag(world.facts.control_plane.configuration) == left
    assert world.facts.ledger.etcd_pin is None
    assert [str(action) for action in world.log] == [
        f"{line} configmap/kube-system/kubeadm-config" if line.startswith("take") else line for line in told
    ]


def test_a_hop_that_has_nothing_to_do_with_gates_touches_no_pin(hop):
    """Neither ours, which a later hop lifts, nor anybody else's."""
    for tag, ours in ((PIN, PIN), (THEIRS, None), (None, None)):
        assert asyncio.run(persevere(STEP, hop, begun(hop, tag, ours))).status == "unchanged"


def test_it_is_configured_before_the_apply_that_brings_it():
    names = [step.name for step in STEPS.values()]
    assert names.index("configure_etcd") + 1 == names.index("kubeadm_upgrade")


def test_a_pull_that_failed_before_is_tried_again_under_another_name(gate, facts_of):
    facts = on_host(found(replace(facts_of("cp1"), control_plane=a_control_plane(gate, NEW))))
    facts = replace(facts, units=remembered(STEP.unit(gate), FAILED))
    assert [action.unit for action in STEP.actions(facts, gate) if isinstance(action, Run)] == [STEP.unit(gate)]
