"""What one host has answered, or why it could not be asked, as lines of a check."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from kubeadm_upgrade.access.line import Line, State
from kubeadm_upgrade.access.sudo import Argv, SudoList
from kubeadm_upgrade.checks.hosts import MOST_CLOCK_SKEW, off_by
from kubeadm_upgrade.errors import UnreadableOutput, UpgradeError
from kubeadm_upgrade.facts import OsRelease
from kubeadm_upgrade.packages.port import UNKNOWN_SYSTEM, Versions, manager_of
from kubeadm_upgrade.version import TargetVersion, in_package
from kubeadm_upgrade.wording import shortened

ADDRESS, REACHED, HOST_KEY, LOGIN = "address", "reached", "host key", "login"
PACKAGES, SUDO, SUDO_LIST, REPOSITORY, CLOCK = "packages", "sudo", "sudo list", "repository", "clock"
QUESTIONS = (ADDRESS, REACHED, HOST_KEY, LOGIN, PACKAGES, SUDO, SUDO_LIST, REPOSITORY, CLOCK)
ON_THE_WAY = QUESTIONS[:4]

_LIST = "python -m kubeadm_upgrade sudoers --user {user} prints the list to install, docs/hosts.md says how"


def on_the_way(node: str, where: str) -> Iterator[Line]:
    """All that is behind us once a host lets us in."""
    for question in ON_THE_WAY:
        yield Line(node, question, State.OK, where if question == ADDRESS else "")


def stopped(node: str, where: str, question: str, error: UpgradeError) -> Iterator[Line]:
    """Where the way to a host ends, and what was behind us by then."""
    for line in on_the_way(node, where):
        if line.question == question:
            break
        yield line
    yield failed(node, question, error)


def failed(node: str, question: str, error: UpgradeError) -> Line:
    usual = {
        ADDRESS: f"write nodes.{node}.address in the cluster's file, or another ssh.address_type",
        REACHED: "see whether it is up and lets this machine in (nc -vz HOST PORT); another port or a jump host goes "
        f"into the cluster's file: ssh.port, ssh.jump_host, nodes.{node}.address",
        HOST_KEY: "compare its fingerprint with the host's own, and write it into known_hosts",
        LOGIN: "see to user and key of the SSH connection, and to ~/.ssh/authorized_keys of that user on the host",
        SUDO: "allow what is run with NOPASSWD: docs/hosts.md",
        PACKAGES: "see what it answers there",
        REPOSITORY: "run what it says on the host, as root: a proxy belongs into apt's or dnf's own configuration, a "
        "mirror into repository.url of the cluster's file",
    }
    if isinstance(error, UnreadableOutput) and question == LOGIN:  # what is asked first is whether the shell is silent
        usual[LOGIN] = "let that user's .bashrc end at once where the shell is not interactive: docs/hosts.md"
    return Line(node, question, State.WRONG, error.what, error.do or usual.get(question, "see what it answers there"))


def no_end(node: str, question: str, seconds: float) -> Line:
    what = f"no answer after {seconds:.0f} s"
    return Line(node, question, State.UNKNOWN, what, "see what keeps the host busy, and ask again")


def packages(node: str, os: OsRelease) -> Line:
    if (manager := manager_of(os)) is None:
        what = f"{os.name}: {UNKNOWN_SYSTEM}"
        return Line(node, PACKAGES, State.WRONG, what, "install it anew with one of these systems: docs/hosts.md")
    return Line(node, PACKAGES, State.OK, f"{manager.FORMAT}, {os.name}")


def sudo(node: str) -> Line:
    return Line(node, SUDO, State.OK, "without a password")


def sudo_list(node: str, told: SudoList, denied: Sequence[Argv], asked: int) -> Line:
    """Whether each command that a run may need is on the list."""
    do = f"{_LIST.format(user=told.user or 'USER')}; it must be the last that sudo reads"
    if told.everything:
        return Line(node, SUDO_LIST, State.OK, "any command")
    if denied:
        names = shortened([shlex.join(argv) for argv in denied], 2)
        return Line(node, SUDO_LIST, State.WRONG, f"sudo does not allow {len(denied)} of {asked} commands: {names}", do)
    if told.with_password:
        what = f"rules without NOPASSWD are there too ({shortened(told.with_password, 2)}): sudo may ask for a password"
        return Line(node, SUDO_LIST, State.UNKNOWN, what, do)
    return Line(node, SUDO_LIST, State.OK, f"each of {asked} commands")


def repository(node: str, target: TargetVersion, url: str, published: Versions) -> Line:
    """Whether it has what the cluster's file asks for."""
    versions = [version for text in published.get("kubeadm", ()) if (version := in_package(text))]
    wanted = [version for version in versions if target.accepts(version)]
    if wanted:
        return Line(node, REPOSITORY, State.OK, f"{target.release}: {max(wanted)}")
    has = f"its latest is {max(versions)}" if versions else "it has none"
    what = f"{url} publishes no kubeadm {target}: {has}"
    return Line(node, REPOSITORY, State.WRONG, what, "correct target_version or repository.url in the cluster's file")


def no_repository(node: str, target: TargetVersion, url: str, said: str) -> Line:
    """There is none for this minor release, as opposed to one that cannot be asked now."""
    do = f"see whether {target.release} is out, or correct target_version or repository.url in the cluster's file"
    return Line(node, REPOSITORY, State.WRONG, f"{url} answers: {said}", do)


def clocks(ahead: Mapping[str, float]) -> Iterator[Line]:
    """Seconds of each host before ours, judged as preflight judges them."""
    off = off_by(ahead)
    for node, seconds in ahead.items():
        if node in off:
            where = "ahead of" if off[node] > 0 else "behind"
            what = f"its clock is {abs(off[node])} s {where} the others'"
            yield Line(
                node, CLOCK, State.WRONG, what, "see to its time synchronisation (timedatectl, chronyc tracking)"
            )
        else:
            yield Line(node, CLOCK, State.OK, f"within {MOST_CLOCK_SKEW} s" if abs(seconds) > 1 else "agrees")
