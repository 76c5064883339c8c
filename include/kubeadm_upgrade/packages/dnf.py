"""dnf hosts: the argv of the official pages for Red Hat-like systems, and how dnf's and rpm's answers are read.

https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/ (Red Hat-based distributions)
https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/change-package-repository/

A package is held where the repository file excludes it, as those pages have it, or where versionlock has an entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from kubeadm_upgrade.actions import Run, install_file
from kubeadm_upgrade.errors import CommandFailed
from kubeadm_upgrade.facts import PACKAGES, HostFacts
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.packages import dnf_repository, repo_files
from kubeadm_upgrade.packages.dnf_repository import EXCLUDED, id_of, in_use, is_worth_a_copy, section, text_for
from kubeadm_upgrade.packages.repo_files import MAIN, VARIABLES, Section
from kubeadm_upgrade.query import FILES_WITH_TEXT, Query, field, query, read_files_with_text, with_shipped

FORMAT = repo_files.FORMAT
SOURCES = repo_files.DIRECTORY
DEFAULT_SOURCE = dnf_repository.DEFAULT_SOURCE
VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"
CACHE = "/var/cache/dnf"
AT_ONCE = 1  # proxy, login and certificates are those of one section
SAVED = ".save"  # dnf reads *.repo only
# of kubelet and kubeadm; see kubernetes/release, cmd/krel/templates
CONFFILES: tuple[str, ...] = ("/etc/sysconfig/kubelet", "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf")
SHIPPED = ".rpmnew"

_MISSING = re.compile(r"Status code: (403|404|410)\b")
_FIELDS = r"%{name} %{version}-%{release}\n"

# without the plugin dnf says so and ends with 1, too: then it is not known
REBOOT: Query[bool] | None = query(
    "dnf", "needs-restarting", "-r", read=lambda text: "Reboot is required" in text, answers=(0, 1)
)


def key_url(url: str) -> str:
    return f"{url}repodata/repomd.xml.key"


kubernetes_sources = dnf_repository.kubernetes_sources
would_be_lost = dnf_repository.would_be_lost
source_path = dnf_repository.source_path
source_text = dnf_repository.source_text


def before_published(host: HostFacts, urls: Sequence[str]) -> Iterator[Run]:
    yield from ()


def unanswered(output: str) -> Mapping[str, str]:
    return {}


def owners(path: str) -> Query[tuple[str, ...]]:
    return query("rpm", "-qf", "--qf", r"%{name}\n", path, read=read_owners, answers=(0, 1))


def published(host: HostFacts, urls: Sequence[str]) -> Query[Mapping[str, Mapping[str, tuple[str, ...]]]]:
    """dnf reads the index itself, as that of the host's own repository: with its proxy, login and certificates."""
    (url,) = urls
    name = "kubeadm-fleet"  # one that only this command knows: no file of the host has it
    # nothing is installed, so no key is asked for; a missing repository is an error
    settings = {"gpgcheck": "0", "repo_gpgcheck": "0", "skip_if_unavailable": "0"}
    which: tuple[str, ...] = ("--disablerepo=*", f"--repofrompath={name},{url}")
    if section(host.sources):
        name, which = "*", (f"--repo={repository_id(host)}",)  # no other one is looked at
        settings |= {"baseurl": url, "mirrorlist": "", "metalink": ""}
    options = tuple(f"--setopt={name}.{option}={value}" for option, value in settings.items())
    return query(*_query(*which, *options, "--refresh"), read=lambda text: {url: read_query(text)}, root=True)


def is_missing(error: CommandFailed) -> bool:
    """dnf's exit status says nothing; its last words do."""
    return _MISSING.search(str(error)) is not None


def is_held(host: HostFacts, versions: Mapping[str, str]) -> bool:
    """A lock on another version holds as well, until somebody lifts the exclude: it would bring the old one back."""
    return host.held.issuperset(versions) and not _locked_elsewhere(host, versions)


def hold(host: HostFacts, versions: Mapping[str, str]) -> Iterator[Run]:
    """By the repository file; where it does not exclude them, and where versionlock is used, by a lock."""
    outdated = _locked_elsewhere(host, versions)
    if outdated:
        yield Run(("dnf", "-q", "versionlock", "delete", *outdated))
    kept = excluded(host) | host.locked.keys()
    if wanted := sorted({*outdated, *(name for name in versions if name not in kept)}):
        yield Run(("dnf", "-q", "versionlock", "add", *wanted))


def _locked_elsewhere(host: HostFacts, versions: Mapping[str, str]) -> list[str]:
    return sorted(name for name, version in versions.items() if host.locked.get(name, version) != version)


def install(host: HostFacts, versions: Mapping[str, str], unit: str) -> Run:
    """dnf waits for its lock by itself; rpm never replaces a configuration file that was edited (.rpmnew).

    Excludes and locks are lifted for this one command, so that they are not lost with us.

    dnf would go back to an older version without a word: StagePackages refuses that before.
    """
    # what was staged is kept: dnf empties its cache after a transaction otherwise, with the packages of later steps
    flags = ("-y", "--setopt=keepcache=1", *_lifted(host))
    return Run(("dnf", "install", *flags, *_wanted(versions)), unit=unit, timeout=timedelta(minutes=15))


def download(host: HostFacts, versions: Mapping[str, str], unit: str) -> Run:
    flags = ("-y", "--downloadonly", *_lifted(host))
    return Run(("dnf", "install", *flags, *_wanted(versions)), unit=unit, timeout=timedelta(minutes=15))


def switched(host: HostFacts, repository: Repository) -> bool:
    return host.sources.get(source_path(host.sources)) == text_for(host.sources, repository)


def switch(host: HostFacts, repository: Repository) -> Iterator[Run]:
    path = source_path(host.sources)
    if is_worth_a_copy(host.sources):
        yield Run(("cp", "-p", path, f"{path}{SAVED}"))
    yield from install_file(path, text_for(host.sources, repository))
    yield Run(("dnf", "-q", "-y", "makecache", "--refresh", f"--repo={repository_id(host)}"))


def as_switched(host: HostFacts, repository: Repository) -> Mapping[str, Any]:
    return {"sources": {**host.sources, source_path(host.sources): text_for(host.sources, repository)}}


def repository_id(host: HostFacts) -> str:
    """The admin's own name for the repository, where there is one."""
    return id_of(host.sources)


def excluded(host: HostFacts) -> frozenset[str]:
    """What the repository file keeps from changing."""
    return frozenset(name for one in in_use(host.sources)[:1] for name in one.excluded(EXCLUDED))


def why_not_installed(host: HostFacts) -> Iterator[str]:
    """What `[main]` excludes is the host's own rule, and stays; what the repository does, is lifted for one command."""
    for one in _main(host.sources):
        if names := one.excluded(PACKAGES):
            yield (
                f"[main] of {MAIN} excludes {', '.join(sorted(names))}, so dnf would install none of them: move the "
                f"exclude to [{repository_id(host)}] of {source_path(host.sources)}"
            )


def read_query(output: str) -> Mapping[str, tuple[str, ...]]:
    """`dnf repoquery` with our format: package -> versions, in the order that was printed."""
    offered: dict[str, list[str]] = {}
    for line in output.splitlines():
        name, _, version = line.strip().partition(" ")
        if name in EXCLUDED and version:
            offered.setdefault(name, []).append(version)
    return {name: tuple(dict.fromkeys(versions)) for name, versions in offered.items()}


def read_installed(output: str) -> Mapping[str, str]:
    """`rpm -q` with our format; a package that is not installed is a sentence."""
    lines = (line.split() for line in output.splitlines())
    return {words[0]: words[1] for words in lines if len(words) == 2}


def read_owners(output: str) -> tuple[str, ...]:
    """`rpm -qf` with our format: a name a line; that there is none is a sentence."""
    return tuple(sorted({line for line in output.splitlines() if len(line.split()) == 1}))


def read_files(output: str) -> Mapping[str, Any]:
    """Repository files, versionlock's list and configuration files, as fields of HostFacts."""
    texts = read_files_with_text(output)
    conffiles = {path: text for path, text in texts.items() if path.startswith(CONFFILES)}
    sources = {path: text for path, text in texts.items() if path != VERSIONLOCK and path not in conffiles}
    locked = read_locked(texts.get(VERSIONLOCK, ""))
    held = {*locked, *(name for one in _holding(sources) for name in one.excluded(EXCLUDED))}
    return {"sources": sources, "conffiles": conffiles, "locked": locked, "held": frozenset(held)}


def _holding(sources: Mapping[str, str]) -> Iterator[Section]:
    """Sections whose excludes keep Kubernetes' packages from changing."""
    yield from (*_main(sources), *in_use(sources)[:1])


def _main(sources: Mapping[str, str]) -> Iterator[Section]:
    """The section of dnf's own options."""
    return (one for one in repo_files.every_section(sources) if (one.path, one.id) == (MAIN, "main"))


def archive_name(package: str, version: str) -> str:
    return f"{package}-{version}."


def _query(*options: str) -> tuple[str, ...]:
    """Not with -q: dnf would keep to itself why a repository cannot be read."""
    return ("dnf", "repoquery", *options, "--disableexcludes=all", "--qf", _FIELDS, *PACKAGES)


def _lifted(host: HostFacts) -> tuple[str, ...]:
    """What holds the packages, lifted for one command."""
    return ("--disableplugin=versionlock", f"--disableexcludes={repository_id(host)}")


def _wanted(versions: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name}-{version}" for name, version in versions.items())


def read_locked(text: str) -> Mapping[str, str]:
    """versionlock's list: package -> version, of `kubelet-0:1.28.15-150500.1.1.*`; `!` excludes instead of locking."""
    found = re.findall(r"^(?![#!])(\S+?)-(?:\d+:)?(\d\S*?)(?:\.\*)?$", text, re.MULTILINE)
    return dict(found)


QUERIES: tuple[Query[Mapping[str, Any]], ...] = (
    field(
        *("packages", "rpm", "-q", "--qf", _FIELDS, *PACKAGES),
        read=read_installed,
        answers=tuple(range(len(PACKAGES) + 1)),  # how many are not installed
    ),
    query(
        *(*FILES_WITH_TEXT, SOURCES, MAIN, *VARIABLES, VERSIONLOCK, *with_shipped(CONFFILES, SHIPPED)),
        read=read_files,
        answers=(0, 1, 2),
    ),
    # as far as it was fetched: other repositories of the host may never have been
    field("offered", *_query("--cacheonly", "--setopt=*.skip_if_unavailable=1"), read=read_query, root=True),
    field(
        *("staged", "find", CACHE, "-name", "kube*.rpm", "-printf", r"%f\n"),
        read=lambda text: frozenset(text.split()),
        answers=(0, 1),
        root=True,
    ),
)
