"""Checks of the machines under the nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from posixpath import basename
from statistics import median

from kubeadm_upgrade.checks.scene import LookedAtHost, Scene
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.flags import Flags, read_flags
from kubeadm_upgrade.machine import Machine
from kubeadm_upgrade.objects import CRI_SOCKET
from kubeadm_upgrade.planning.needs import unmet
from kubeadm_upgrade.planning.state import NodeState
from kubeadm_upgrade.settings import cloud_in_tree
from kubeadm_upgrade.wording import agreeing, shortened

MOST_CLOCK_SKEW = 30  # seconds
_LAST_IN_TREE = 30  # minor release; with a cloud provider within it, a kubelet took its name from there
_MIB = 2**20
# least room, in bytes: packages unpacked and fetched
_ROOM = {"/usr": 512 * _MIB, "/var/cache": 256 * _MIB}
# and what the kubelet needs to pull images without evicting Pods, once for each file system
_ROOM_FOR_IMAGES = 1024 * _MIB
_WITH_IMAGES = ("/var/lib/kubelet", "/var/lib/containerd")
# sockets whose names say of which runtime they are, by the runtime's name in a Node; and where kubeadm expects those
_DOCKERSHIM = "dockershim.sock"
_SOCKETS = {
    _DOCKERSHIM: "docker",
    "cri-dockerd.sock": "docker",
    "containerd.sock": "containerd",
    "crio.sock": "cri-o",
}
_AT = {
    "containerd": "unix:///var/run/containerd/containerd.sock",
    "cri-o": "unix:///var/run/crio/crio.sock",
    "docker": "unix:///var/run/cri-dockerd.sock",
}
# where copies of etcd's database lie for a while, beside our snapshot in its own directory: its backup, kubeadm's copy
_COPIES_OF_ETCD = ("/var", "/etc/kubernetes")


def hosts_answer(scene: Scene) -> Iterator[str]:
    """Every host of this run can be logged in to over SSH, and sudo asks for no password."""
    for node in scene.concerned:
        looked_at = scene.hosts.get(node.name, LookedAtHost())
        if looked_at.facts is None:
            yield looked_at.error or f"{node.name} was not looked at"


def answers_read(scene: Scene) -> Iterator[str]:
    """Whatever a host of this run was asked, its answer could be read."""
    for node in scene.concerned:
        for sentence in scene.hosts.get(node.name, LookedAtHost()).unread:
            yield f"{sentence}: see what it answers there"


def host_is_the_nodes(scene: Scene) -> Iterator[str]:
    """The machine that answers over SSH is the one that the node's kubelet runs on."""
    for node, machine in scene.machines:
        if not node.machine_id or not machine.id or node.machine_id == machine.id:
            continue
        if node.boot_id and node.boot_id == machine.boot_id:  # the same start of the same machine
            yield (
                f"{node.name}: its machine-id is {machine.id} and was {node.machine_id} when its kubelet started: run "
                "systemctl restart kubelet, which registers the new one"
            )
        else:
            yield (
                f"{node.name}: the host that answers is another machine (machine-id {machine.id}, the node's is "
                f"{node.machine_id}): correct nodes.{node.name}.address in the inventory"
            )


def hostname_unchanged(scene: Scene) -> Iterator[str]:
    """No kubelet would come back under another name: without an override it takes the host's."""
    for node, machine in scene.machines:
        told = _is_named_otherwise(read_flags(machine.kubelet_args), node.kubelet.minor)
        if machine.hostname and machine.hostname.lower() != node.name and not told:
            yield (
                f"{node.name}: its host is named {machine.hostname} now, and its kubelet would come back under that "
                f"name: run hostnamectl set-hostname {node.name}"
            )


def _is_named_otherwise(flags: Flags, minor: int) -> bool:
    """Whether a kubelet does not take the host's name; an external cloud provider has no say in it."""
    return "hostname-override" in flags or (minor <= _LAST_IN_TREE and bool(cloud_in_tree(flags)))


def off_by(ahead: Mapping[str, float]) -> Mapping[str, int]:
    """Of hosts by the seconds that they are ahead of us, those that are far from the others, and by how much."""
    # our clock counts as one, and as two where that makes the number odd: the one in the middle is right
    usual = median([*ahead.values(), *[0.0] * (1 + len(ahead) % 2)])
    off = {name: round(seconds - usual) for name, seconds in ahead.items()}
    return {name: seconds for name, seconds in off.items() if abs(seconds) > MOST_CLOCK_SKEW}


def clocks_agree(scene: Scene) -> Iterator[str]:
    """No host's clock is far from the others': certificates that were just made are not valid yet, leases are lost."""
    for name, seconds in off_by({node.name: machine.ahead.total_seconds() for node, machine in scene.machines}).items():
        where = "ahead of" if seconds > 0 else "behind"
        yield f"{name}: its clock is {abs(seconds)} s {where} the others': see to its time synchronisation"


def file_systems_writable(scene: Scene) -> Iterator[str]:
    """No file system that an upgrade writes to is mounted read-only, as after an error of its disk."""
    for node, machine in scene.machines:
        if machine.image_based:
            way = "" if node.control_plane else "; leave the node out with the parameter give_up"
            yield (
                f"{node.name}: its operating system is an image (ostree, bootc) in which no package can be upgraded: "
                f"such hosts are not supported{way}"
            )
        elif machine.read_only:
            paths, are = ", ".join(machine.read_only), agreeing(machine.read_only, "is", "are")
            it = agreeing(machine.read_only, "it", "them")
            yield f"{node.name}: {paths} {are} mounted read-only: see dmesg, and remount {it}"


def room_on_disks(scene: Scene) -> Iterator[str]:
    """There is room for packages and images, and on control plane nodes for copies of etcd's database."""
    for node, machine in scene.machines:
        wanted: Counter[str] = Counter()
        for path, size in _wanted(node, machine).items():
            if path in machine.room:
                wanted[machine.room[path].filesystem] += size
        for filesystem in {machine.room[path].filesystem for path in _WITH_IMAGES if path in machine.room}:
            wanted[filesystem] += _ROOM_FOR_IMAGES
        free = {room.filesystem: room.free for room in machine.room.values()}
        for filesystem, size in wanted.items():
            has, needs = free[filesystem], size // _MIB
            if has is None:
                yield (
                    f"{node.name}: df answers - for the room that {filesystem} has, and {needs} MiB are needed: see "
                    f"what df -B1 {filesystem} says there"
                )
            elif has < size:
                yield f"{node.name}: {filesystem} has {has // _MIB} MiB free, and {needs} MiB are needed: make room"


def swap_off(scene: Scene) -> Iterator[str]:
    """No kubelet would refuse to start because of swap that was turned on since."""
    for node, machine in scene.machines:
        if machine.swaps and not scene.hosts[node.name].settings.runs_with_swap:
            settings = scene.hosts[node.name].settings
            here = ", which only its own config.yaml says," if "failSwapOn" in settings.lost_configuration else ""
            yield (
                f"{node.name}: swap is on ({', '.join(machine.swaps)}), and its kubelet does not start with it: run "
                f"swapoff -a, or set failSwapOn: false{here} in the ConfigMap kubelet-config, with which kubeadm "
                "replaces /var/lib/kubelet/config.yaml"
            )


def kubelet_configuration_kept(scene: Scene) -> Iterator[str]:
    """No kubelet's configuration says what kubeadm would not write there again."""
    lost: dict[tuple[str, ...], list[str]] = {}
    for node, _ in scene.machines:
        if scene.is_to_move(node) and (keys := scene.hosts[node.name].settings.lost_configuration):
            lost.setdefault(keys, []).append(node.name)
    for keys, nodes in lost.items():
        yield (
            f"/var/lib/kubelet/config.yaml on {shortened(nodes)} sets {', '.join(keys)} otherwise than the ConfigMap "
            "kubelet-config, with which kubeadm replaces it: change the ConfigMap where that is meant for all nodes"
        )


def kubelet_unit_loaded(scene: Scene) -> Iterator[str]:
    """systemd has read the unit files of every kubelet: what changed in them since was not looked at."""
    for node, _ in scene.machines:
        if scene.hosts[node.name].settings.unit_outdated:
            yield (
                f"{node.name}: unit files of its kubelet have changed since systemd read them, and what they set was "
                "not looked at: run systemctl daemon-reload"
            )


def kubelet_configuration_seen(scene: Scene) -> Iterator[str]:
    """Wherever a kubelet has its configuration, it was looked at."""
    for node, _ in scene.machines:
        if unseen := scene.hosts[node.name].settings.unseen:
            yield (
                f"{node.name}: its kubelet is started with a configuration in {', '.join(unseen)}, which the SSH user "
                "could not read, so it was not looked at: let that user read it"
            )


def cri_socket_agrees(scene: Scene) -> Iterator[str]:
    """kubeadm looks for the container runtime of a control plane node where it is: there it pulls images."""
    for node, _ in scene.machines:
        if node.control_plane and scene.is_to_move(node) and _is_of_another_runtime(scene, node):
            at = _AT.get(_runtime(node), "...")
            yield (
                f"{node.name}: kubeadm would look for its container runtime at {node.cri_socket}, and its kubelet uses "
                f"{node.runtime}: kubectl annotate node {node.name} --overwrite {CRI_SOCKET}={at}"
            )


def _is_of_another_runtime(scene: Scene, node: NodeFacts) -> bool:
    """As far as the socket's name says of which it is."""
    socket = basename(node.cri_socket)
    if socket == _DOCKERSHIM and (node.kubelet.minor >= 24 or scene.hosts[node.name].settings.names_cri_endpoint):
        return True  # which nobody has any more, or not this kubelet
    return bool(node.runtime) and socket in _SOCKETS and _SOCKETS[socket] != _runtime(node)


def _runtime(node: NodeFacts) -> str:
    return node.runtime.partition("://")[0]


def needs_met(scene: Scene) -> Iterator[str]:
    """Every host of this run has what the release needs: a kernel, a container runtime, cgroup v2."""
    # the plan asked it for every hop; since then a host may have been booted otherwise, or answers for the first time
    hop = scene.hop
    hosts = (_as_planned(scene, node, machine) for node, machine in scene.machines if scene.is_to_move(node))
    moves = [(host, (hop.to.minor,)) for host in hosts]
    yield from unmet(moves, scene.releases, hop.came_from.minor, hop.ignore_preflight_errors)


def no_reboot_pending(scene: Scene) -> Iterator[str]:
    """No host waits for a restart of its own."""
    for node, machine in scene.machines:
        if machine.wants_reboot:
            yield f"{node.name}: its operating system waits for a reboot; an upgrade restarts the kubelet only"


def _as_planned(scene: Scene, node: NodeFacts, machine: Machine) -> NodeState:
    return NodeState(
        name=node.name,
        control_plane=node.control_plane,
        kubelet=node.kubelet,
        runtime=node.runtime,
        kernel=node.kernel,
        cgroup=machine.cgroup or "unknown",  # the host was asked, and unknown is not pass
        settings=scene.hosts[node.name].settings,
    )


def _wanted(node: NodeFacts, machine: Machine) -> dict[str, int]:
    """Bytes by path."""
    copies = (*_COPIES_OF_ETCD, machine.etcd_data) if node.control_plane else ()
    return _ROOM | dict.fromkeys(copies, machine.etcd_size)
