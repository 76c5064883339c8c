"""What a repository offers, asked by the product's own commands: the real apt and dnf answer, each in its own way."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from hosts import images
from hosts.docker import DockerError
from hosts.host_container import HostContainer
from hosts.standins.furnish import prepare_rpm
from kubeadm_upgrade.errors import CommandFailed
from kubeadm_upgrade.facts import HostFacts, OsRelease
from kubeadm_upgrade.packages import apt, dnf
from kubeadm_upgrade.packages.port import PackageManager

LOGIN = "ops:open-sesame"


def offered(manager: PackageManager, host: HostContainer, facts: HostFacts, url: str) -> dict[str, tuple[str, ...]]:
    """Raises CommandFailed with what the host said, as the product's hook does."""
    try:
        for run in manager.before_published(facts, [url]):
            if run.stdin is None:
                host.execute(*run.argv)
            else:
                host.execute("sh", "-c", 'printf %s "$0" | "$@"', run.stdin, *run.argv)
        query = manager.published(facts, [url])
        return dict(query.read(host.execute(*query.run.argv))[url])
    except DockerError as error:
        raise CommandFailed(str(error)) from error


@pytest.fixture
def apt_host(machines) -> HostContainer:
    return machines.boot("apt3")["apt3"]


def by_apt(host: HostContainer, url: str) -> dict[str, tuple[str, ...]]:
    return offered(apt, host, HostFacts(OsRelease("debian"), {}), url)


OF_29 = ("1.29.15-2.1", "1.29.15-1.1", "1.29.0-1.1")


def test_apt_answers_without_the_repository_being_its_own(machines, apt_host):
    """No key is on the host yet, and what it knows of its own repositories is as before."""
    lists = "/var/lib/apt/lists"
    before = apt_host.execute("find", lists, "-type", "f")
    assert by_apt(apt_host, machines.pkgs.of(29, "deb"))["kubeadm"] == OF_29
    assert by_apt(apt_host, machines.pkgs.of(28, "deb"))["kubeadm"] == ("1.28.15-1.1", "1.28.3-1.1")
    assert apt_host.execute("find", lists, "-type", "f") == before


def test_apt_unpacks_logs_in_and_leaves_out_the_proxy_as_it_is_told(machines, apt_host):
    url = machines.pkgs.of(29, "deb")
    machines.pkgs.pack_only(29)
    machines.pkgs.ask_for_login(29, LOGIN)
    apt_host.write("/etc/apt/apt.conf.d/80proxy", 'Acquire::http::Proxy "false";\n')
    with pytest.raises(CommandFailed, match="401  Unauthorized") as told:
        by_apt(apt_host, url)
    assert not apt.is_missing(told.value)
    user, _, password = LOGIN.partition(":")
    machine = f"machine http://{urlsplit(url).netloc} login {user} password {password}\n"
    apt_host.write("/etc/apt/auth.conf.d/site.conf", machine, "0600")
    assert by_apt(apt_host, url)["kubelet"] == OF_29


def test_apt_says_what_is_not_there(machines, apt_host):
    """The index as the signing key."""
    machines.pkgs.withdraw(29)
    url = machines.pkgs.of(29, "deb")
    with pytest.raises(CommandFailed) as told:
        by_apt(apt_host, url)
    assert apt.is_missing(told.value)
    with pytest.raises(DockerError, match="404  Not Found"):
        apt_host.execute("/usr/lib/apt/apt-helper", "download-file", f"{url}Release.key", "/root/key")


def test_apt_goes_on_with_the_others_where_one_does_not_answer(machines, apt_host):
    """And says of each why, by the URL that it was given, though all are redirected; what it has read stays there."""
    machines.pkgs.withdraw(29)
    urls = [machines.pkgs.of(minor, "deb") for minor in (28, 29, 99)]
    facts = HostFacts(OsRelease("debian"), {})
    assert by_apt(apt_host, urls[0])["kubeadm"] == ("1.28.15-1.1", "1.28.3-1.1")
    said = ""
    for run in apt.before_published(facts, urls):
        said += apt_host.execute("sh", "-c", 'printf %s "$0" | "$@" || true', run.stdin or "", *run.argv)
    unanswered = apt.unanswered(said)
    assert set(unanswered) == set(urls[1:]), said
    assert all(apt.is_missing(CommandFailed(f"{url}  {why}")) for url, why in unanswered.items())
    query = apt.published(facts, urls)
    assert set(query.read(apt_host.execute(*query.run.argv))) == {urls[0]}
    machines.pkgs.mend()
    assert by_apt(apt_host, urls[1])["kubeadm"] == OF_29
    again = apt.published(facts, urls[:1])
    assert set(again.read(apt_host.execute(*again.run.argv))) == {urls[0]}


def test_apt_says_who_does_not_answer(machines, apt_host):
    machines.pkgs.refuse_connections()
    with pytest.raises(CommandFailed, match="Connection refused") as told:
        by_apt(apt_host, machines.pkgs.of(29, "deb"))
    assert not apt.is_missing(told.value)


RPM_29 = {"1.29.0-150500.1.1", "1.29.15-150500.1.1", "1.29.15-150500.2.1"}


@pytest.mark.parametrize("configured", [False, True], ids=["no repository yet", "by the section that is there"])
def test_dnf_answers_with_the_login_of_the_section(machines, configured):
    host = machines.boot("dnf3", image=images.DNF)["dnf3"]
    prepare_rpm(host)
    host.execute("sh", "-c", "rm -f /etc/yum.repos.d/*.repo")
    facts = HostFacts(OsRelease("rocky", ("rhel",), "9.4"), {})
    url = machines.pkgs.of(29, "rpm")
    if configured:
        user, _, password = LOGIN.partition(":")
        machines.pkgs.ask_for_login(29, LOGIN)
        text = (
            f"[k8s]\nname=ours\nbaseurl={machines.pkgs.of(28, 'rpm')}\nenabled=1\ngpgcheck=1\nexclude=kube*\n"
            f"username={user}\npassword={password}\n"
        )
        host.write("/etc/yum.repos.d/k8s.repo", text)
        facts = replace(facts, sources={"/etc/yum.repos.d/k8s.repo": text})
    assert set(offered(dnf, host, facts, url)["kubeadm"]) == RPM_29
    machines.pkgs.withdraw(29)
    with pytest.raises(CommandFailed) as told:
        offered(dnf, host, facts, url)
    assert dnf.is_missing(told.value)
