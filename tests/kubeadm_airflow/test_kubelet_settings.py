"""What a kubelet is started with, looked at over SSH: every way of setting a flag leads to the same finding."""

from __future__ import annotations

import asyncio

import pytest
import yaml

from lab import ClusterSpec

PAUSE = "--pod-infra-container-image=registry.example/pause:3.9"
DEFAULTS = "/etc/default/kubelet"
DROP_IN = "/etc/systemd/system/kubelet.service.d/20-extra-args.conf"
SWAPS = "Filename\tType\tSize\tUsed\tPriority\n/swapfile file 1048572 0 -2\n"
GONE = "the kubelet on flags-w1 is started with the flag --pod-infra-container-image, which 1.35 no longer knows"


@pytest.fixture
def walker(walk):
    """A cluster on the way to 1.35, whose facts are the product's own."""
    return walk(ClusterSpec("flags", workers=2, version="1.34.11"), target="1.35")


def findings(walker):
    async def look():
        hop, path = await walker.plan_path()
        return path, [finding.message for finding in await walker.preflight(hop)]

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(DEFAULTS, f'KUBELET_EXTRA_ARGS="--node-ip=192.0.2.7 {PAUSE}"\n', id="in quotes"),
        pytest.param(DEFAULTS, f"KUBELET_EXTRA_ARGS=--node-ip=192.0.2.7 {PAUSE}\n", id="without quotes"),
        pytest.param(DEFAULTS, f"; ours\nKUBELET_EXTRA_ARGS=-v 3 \\\n {PAUSE}\n", id="on two lines"),
        pytest.param(
            DROP_IN,
            f'[Service]\nEnvironment="KUBELET_EXTRA_ARGS=--node-ip=192.0.2.7 {PAUSE}"\n',
            id="in a drop-in",
        ),
        pytest.param(DROP_IN, f"[Service]\nExecStart=\nExecStart=/usr/bin/kubelet {PAUSE}\n", id="in a unit itself"),
    ],
)
def test_a_flag_that_is_gone_is_found_wherever_it_is_set(walker, path, text):
    """In plan and in preflight, by the name of the node."""
    walker.lab.put_file("flags-w1", path, text)
    planned, found = findings(walker)
    assert [message for message in found if message.startswith(GONE)]
    assert [reason for hop in planned.hops for reason in hop.findings if reason.startswith(GONE)]


@pytest.mark.parametrize("flags", ["--fail-swap-on=false -v 3", "-v 3 --fail-swap-on=false"])
def test_a_kubelet_that_is_told_not_to_mind_swap(walker, flags):
    """A flag with a blank in it does not hide the others; the other node has swap and no such flag."""
    for node in ("flags-w1", "flags-w2"):
        walker.lab.put_file(node, "/proc/swaps", SWAPS)
    walker.lab.put_file("flags-w1", DEFAULTS, f"KUBELET_EXTRA_ARGS={flags}\n")
    _, found = findings(walker)
    assert [message.split(":")[0] for message in found] == ["flags-w2"]


@pytest.mark.parametrize("everywhere", [False, True], ids=["on the host", "in the ConfigMap too"])
def test_what_only_the_host_says_is_gone_after_kubeadm(walker, everywhere):
    """kubeadm replaces the file from the ConfigMap kubelet-config before the kubelet starts again."""
    item = walker.lab.object("ConfigMap", "kube-system", "kubelet-config")
    text = yaml.safe_dump(yaml.safe_load(item["data"]["kubelet"]) | {"failSwapOn": False})
    walker.lab.put_file("flags-w1", "/proc/swaps", SWAPS)
    walker.lab.put_file("flags-w1", "/var/lib/kubelet/config.yaml", text)
    if everywhere:
        walker.lab.apply([{**item, "data": {"kubelet": text}}])
    _, found = findings(walker)
    if everywhere:
        assert found == []
    else:
        swap, lost = found
        assert "set failSwapOn: false, which only its own config.yaml says, in the ConfigMap kubelet-config" in swap
        assert lost.startswith("/var/lib/kubelet/config.yaml on flags-w1 sets failSwapOn otherwise than the ConfigMap")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("/etc/kubelet.d/10-swap.conf", [], id="in a directory that the command line names"),
        pytest.param("/etc/elsewhere.d/10-swap.conf", ["swap is on", "could not read"], id="which is not there"),
    ],
)
def test_a_configuration_in_a_directory_of_its_own(walker, path, found):
    """It is looked at, or it is said that nobody could."""
    walker.lab.put_file("flags-w1", "/proc/swaps", SWAPS)
    walker.lab.put_file("flags-w1", DEFAULTS, "KUBELET_EXTRA_ARGS=--config-dir=/etc/kubelet.d\n")
    walker.lab.put_file("flags-w1", path, "failSwapOn: false\n")
    _, said = findings(walker)
    assert len(said) == len(found)
    assert all(words in sentence for words, sentence in zip(found, said, strict=True))


def test_a_feature_gate_of_kubeadm_itself(walker):
    """The kubeadm of the next release refuses a configuration that sets one that it does not know."""
    item = walker.lab.object("ConfigMap", "kube-system", "kubeadm-config")
    gates = {"featureGates": {"WaitForAllControlPlaneComponents": True}}
    configuration = yaml.safe_load(item["data"]["ClusterConfiguration"]) | gates
    walker.lab.apply([{**item, "data": {"ClusterConfiguration": yaml.safe_dump(configuration)}}])
    expected = (
        "kubeadm-config sets the feature gate WaitForAllControlPlaneComponents for kubeadm, which 1.35 no longer knows"
    )
    planned, found = findings(walker)
    assert [message for message in found if message.startswith(expected)]
    assert [reason for reason in planned.hops[0].findings if reason.startswith(expected)]


def test_a_configuration_that_cannot_be_read(walker):
    """The node and the file are said, and what other hosts have to say is not lost."""
    walker.lab.put_file("flags-w1", "/var/lib/kubelet/config.yaml", "failSwapOn: [\n")
    walker.lab.put_file("flags-w2", DEFAULTS, f"KUBELET_EXTRA_ARGS=-v 2 {PAUSE}\n")
    _, found = findings(walker)
    told = "its kubelet would not start with what it is told: /var/lib/kubelet/config.yaml cannot be read"
    assert any(message.startswith("flags-w1") and told in message for message in found)
    assert any(message.startswith(GONE.replace("w1", "w2")) for message in found)
