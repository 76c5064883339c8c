"""apt hosts: the argv of the official page, and how apt's answers are read.

https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/change-package-repository/
https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any

from kubeadm_upgrade.actions import Run, install_file
from kubeadm_upgrade.errors import CommandFailed
from kubeadm_upgrade.facts import COMPANIONS, PACKAGES, HostFacts
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.packages import sources_list
from kubeadm_upgrade.packages.repository_urls import without_password
from kubeadm_upgrade.packages.sources_list import KEYRING, Entry
from kubeadm_upgrade.query import FILES_WITH_TEXT, Query, field, query, read_files_with_text, read_names, with_shipped

FORMAT = sources_list.FORMAT
SOURCES = sources_list.DIRECTORY
ONE_FILE = sources_list.ONE_FILE
ARCHIVES = "/var/cache/apt/archives"
DEFAULT_SOURCE = f"{SOURCES}/kubernetes.list"
# of kubelet and kubeadm; the drop-in was one until 1.27, see kubernetes/release, cmd/krel/templates
CONFFILES: tuple[str, ...] = ("/etc/default/kubelet", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf")
SHIPPED = ".dpkg-dist"
SAVED = ".save"  # an ending that apt passes over in silence
_HELPER = "/usr/lib/apt/apt-helper"
# What apt itself finds at a URL is kept apart from what it knows of this host's repositories, until the host restarts.
ASKED = "/run/kubeadm-fleet/apt"
AT_ONCE = 100  # more than there are minor releases
_NO_CACHE = ("Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=")  # of the host's own repositories
# pkgs.k8s.io answers with 403 for what it does not have
_MISSING = re.compile(r"  (403|404|410) ")
# of a repository that is redirected, the error on stderr has another URL
_UNANSWERED = re.compile(r"^Err:\d+ (\S+).*\n  (.+)$", re.MULTILINE)

# unattended-upgrades may hold dpkg's lock for minutes; apt itself waits better than we could, and says for whom
_NEVER_ASK = ("env", "DEBIAN_FRONTEND=noninteractive")
_LOCK = ("-o", "DPkg::Lock::Timeout=300")
_KEEP_CONFFILES = ("-o", "Dpkg::Options::=--force-confold")
# The official page lifts the hold first, and whoever dies after that leaves a package that anybody may upgrade. So a
# hold is passed over for one command instead: apt drops it only of what it has really changed. And nothing is removed
# to make an upgrade fit, which `-y` would say yes to.
_DESPITE_HOLDS = ("--ignore-hold", "--allow-change-held-packages", "--no-remove")

_MOVE_URI = "move it to an entry of its own, in another file"

_DIVERSION = re.compile(r"(local )?diversion (by \S+ )?(from|to): ")

REBOOT: Query[bool] | None = None


def update(path: str) -> Run:
    """Of the one repository, so that no other of this host, broken or slow, is in the way; their lists stay.

    A signature that is not good is an error, and not a warning that leaves the old index in place.
    """
    only = (f"Dir::Etc::SourceList={path}", "Dir::Etc::SourceParts=-", "APT::Get::List-Cleanup=0")
    return Run(("apt-get", "update", *_options(*only, "APT::Update::Error-Mode=any")))


def is_held(host: HostFacts, versions: Mapping[str, str]) -> bool:
    return host.held.issuperset(versions)


def hold(host: HostFacts, versions: Mapping[str, str]) -> Iterator[Run]:
    yield Run(("apt-mark", "hold", *versions))


def install(host: HostFacts, versions: Mapping[str, str], unit: str) -> Run:
    """Without --allow-downgrades: apt refuses what would go backwards."""
    wanted = (f"{name}={version}" for name, version in versions.items())
    return Run(
        (*_NEVER_ASK, "apt-get", "install", "-y", *_DESPITE_HOLDS, *_KEEP_CONFFILES, *_LOCK, *wanted),
        unit=unit,
        timeout=timedelta(minutes=15),
    )


def download(host: HostFacts, versions: Mapping[str, str], unit: str) -> Run:
    wanted = (f"{name}={version}" for name, version in versions.items())
    argv = (*_NEVER_ASK, "apt-get", "install", "-y", "--download-only", *_DESPITE_HOLDS, *_LOCK, *wanted)
    return Run(argv, unit=unit)


def key_url(url: str) -> str:
    return f"{url}Release.key"


def before_published(host: HostFacts, urls: Sequence[str]) -> Iterator[Run]:
    """apt goes the way that it goes for packages: its own proxies, logins and certificates, and whatever is packed.

    Its answer is not installed from, so no key is asked for: that of the repository may not be on the host yet.
    """
    yield Run(("install", "-d", "-m", "0755", ASKED, f"{ASKED}/lists", f"{ASKED}/lists/partial"))
    # several tasks may ask at once: who asks the same writes the same, and nobody finds the file empty
    text = "".join(f"deb [trusted=yes] {url} /\n" for url in urls)
    yield Run(("dd", f"of={asked(urls)}", "status=none", "conv=notrunc,fsync"), stdin=text)
    # and apt does not wait for the lock of its lists
    one_at_a_time = ("flock", "--verbose", "--wait", "120", f"{ASKED}/lock")
    others_stay = ("APT::Get::List-Cleanup=0", "APT::Update::Error-Mode=any")
    yield Run((*one_at_a_time, "apt-get", "update", *_options(*_only(urls), *others_stay)))


def asked(urls: Sequence[str]) -> str:
    """The file of sources that names these repositories, and that no other question has."""
    return f"{ASKED}/asked.{sha256(' '.join(urls).encode()).hexdigest()[:16]}.list"


def _only(urls: Sequence[str]) -> tuple[str, ...]:
    return (f"Dir::Etc::SourceList={asked(urls)}", "Dir::Etc::SourceParts=-", f"Dir::State::Lists={ASKED}/lists")


def unanswered(output: str) -> Mapping[str, str]:
    """`apt-get update`: of the repositories that it got nothing from, why; it goes on with the others."""
    return {f"{url.rstrip('/')}/": why for url, why in _UNANSWERED.findall(output)}


def owners(path: str) -> Query[tuple[str, ...]]:
    """A package may name a file by the directory that is a link to /usr's today."""
    names = (path, path.removeprefix("/usr")) if path.startswith("/usr/bin/") else (path,)
    patterns = (re.sub(r"([*?\[\]\\])", r"\\\1", name) for name in names)
    return query("dpkg-query", "-S", *patterns, read=read_owners, answers=(0, 1))


def published(host: HostFacts, urls: Sequence[str]) -> Query[Mapping[str, Mapping[str, tuple[str, ...]]]]:
    argv = ("apt-cache", "madison", *_options(*_only(urls), *_NO_CACHE), *PACKAGES)
    return query(*argv, read=read_madison_by_url, answers=(0, 100))


def is_missing(error: CommandFailed) -> bool:
    return _MISSING.search(str(error)) is not None


def source_text(path: str, repository: Repository, kept: Mapping[str, str] | None = None) -> str:
    """The repository entry for `path`: one-line format for .list, deb822 for .sources; with options that are kept."""
    if path.endswith(".sources"):
        fields = {"Types": "deb", "URIs": repository.url, "Suites": "/", "Signed-By": KEYRING, **(kept or {})}
        return "".join(f"{name}: {value}\n" for name, value in fields.items())
    options = {"signed-by": KEYRING, **(kept or {})}
    return f"deb [{' '.join(f'{name}={value}' for name, value in options.items())}] {repository.url} /\n"


def kubernetes_sources(sources: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(path for path in sorted(filter(sources_list.is_read, sources)) if _in_use(path, sources))


def source_path(sources: Mapping[str, str]) -> str:
    """The file that holds the repository entry now, in whatever format; else the page's own name."""
    return next(iter(kubernetes_sources(sources)), DEFAULT_SOURCE)


def would_be_lost(sources: Mapping[str, str]) -> Iterator[str]:
    path = source_path(sources)
    for entry in sources_list.entries(path, sources.get(path, "")):
        if not entry.of_kubernetes:
            yield f"{path} also holds {entry}, which would be lost: move it to a file of its own"
        elif len(entry.uris) > 1:
            second = next((uri for uri in entry.uris if uri not in entry.kubernetes), entry.uris[1])
            yield f"{path} also holds the URI {without_password(second)}, which would be lost: {_MOVE_URI}"


def why_not_installed(host: HostFacts) -> Iterator[str]:
    """apt says it itself when packages are staged."""
    yield from ()


def switched(host: HostFacts, repository: Repository) -> bool:
    path = source_path(host.sources)
    return host.sources.get(path) == _text(host.sources, repository) and KEYRING in host.keyrings


def switch(host: HostFacts, repository: Repository) -> Iterator[Run]:
    path = source_path(host.sources)
    yield Run(("install", "-d", "-m", "0755", "/etc/apt/keyrings"))
    yield Run((_HELPER, "download-file", repository.key_url, f"{KEYRING}.new"))
    yield Run(("mv", "-f", f"{KEYRING}.new", KEYRING))
    if _is_worth_a_copy(path, host.sources.get(path, "")):
        yield Run(("cp", "-p", path, f"{path}{SAVED}"))
    yield from install_file(path, _text(host.sources, repository))
    yield update(path)


def as_switched(host: HostFacts, repository: Repository) -> Mapping[str, Any]:
    path = source_path(host.sources)
    return {
        "sources": {**host.sources, path: _text(host.sources, repository)},
        "keyrings": host.keyrings | {KEYRING},
    }


def _options(*options: str) -> tuple[str, ...]:
    return tuple(word for option in options for word in ("-o", option))


def _in_use(path: str, sources: Mapping[str, str]) -> tuple[Entry, ...]:
    """Entries of Kubernetes' own packages that are switched on."""
    entries = sources_list.entries(path, sources.get(path, ""))
    return tuple(entry for entry in entries if entry.kubernetes and entry.enabled)


def _text(sources: Mapping[str, str], repository: Repository) -> str:
    """What its file is to hold; other options of the entry, as its architectures, are kept."""
    path = source_path(sources)
    return source_text(path, repository, next((entry.options for entry in _in_use(path, sources)), {}))


def _is_worth_a_copy(path: str, text: str) -> bool:
    """Whether the file holds more than an entry of ours does: comments, what is switched off, what was shut down."""
    entries = sources_list.entries(path, text)
    return "#" in text or len(entries) > 1 or any(entry.shut_down for entry in entries)


def read_madison(output: str) -> Mapping[str, tuple[str, ...]]:
    """`apt-cache madison`: package -> versions offered, newest first (`golden/apt-cache-madison.txt`)."""
    return _versions(_columns(output))


def read_madison_by_url(output: str) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """The same, by the URL of the repository."""
    by_url: dict[str, list[list[str]]] = {}
    for columns in _columns(output):
        by_url.setdefault(f"{columns[2].split()[0].rstrip('/')}/", []).append(columns)
    return {url: _versions(lines) for url, lines in by_url.items()}


def _columns(output: str) -> Iterator[list[str]]:
    """Package, version and repository, of each line."""
    lines = ([column.strip() for column in line.split("|")] for line in output.splitlines())
    return (columns for columns in lines if len(columns) == 3)


def _versions(lines: Iterable[Sequence[str]]) -> Mapping[str, tuple[str, ...]]:
    offered: dict[str, list[str]] = {}
    for name, version, *_ in lines:
        offered.setdefault(name, []).append(version)
    return {name: tuple(dict.fromkeys(versions)) for name, versions in offered.items()}


def read_installed(output: str) -> Mapping[str, str]:
    """`dpkg-query -W`: installed package -> version. One that dpkg is at work on right now is not among them."""
    lines = (line.split() for line in output.splitlines())  # a package that is only known of has no version
    return {name: version[0] for name, *version, status in lines if status[1] == "i"}


def read_half_installed(output: str) -> frozenset[str]:
    """`dpkg-query -W`: what is neither installed nor not, nor only configuration: dpkg is at work, or was cut off."""
    return frozenset(name for name, *_, status in map(str.split, output.splitlines()) if status[1] not in "inc")


def read_owners(output: str) -> tuple[str, ...]:
    """`dpkg-query -S`: PACKAGE[:ARCHITECTURE], …: PATH; and lines on diversions, which own nothing."""
    lines = [line.partition(": /")[0] for line in output.splitlines() if not _DIVERSION.match(line)]
    return tuple(sorted({name.partition(":")[0] for line in lines for name in line.split(", ")}))


def archive_name(package: str, version: str) -> str:
    """The start of the file name that the package has in apt's cache; the architecture follows."""
    return f"{package}_{version.replace(':', '%3a')}_"


def read_files(output: str) -> Mapping[str, Any]:
    """Repository files and configuration files, as fields of HostFacts."""
    texts = read_files_with_text(output)
    conffiles = {path: text for path, text in texts.items() if path.startswith(CONFFILES)}
    return {"sources": {path: text for path, text in texts.items() if path not in conffiles}, "conffiles": conffiles}


QUERIES: tuple[Query[Mapping[str, Any]], ...] = (
    query(
        *("dpkg-query", "-W", "-f", r"${Package} ${Version} ${db:Status-Abbrev}\n", *PACKAGES, *COMPANIONS),
        read=lambda text: {"packages": read_installed(text), "half_installed": read_half_installed(text)},
        answers=(0, 1),  # 1: one of them is not known at all
    ),
    field("held", "apt-mark", "showhold", read=lambda text: frozenset(text.split())),
    field("offered", "apt-cache", "madison", *PACKAGES, read=read_madison, answers=(0, 100)),
    query(
        *(*FILES_WITH_TEXT, SOURCES, ONE_FILE, *with_shipped(CONFFILES, SHIPPED)),
        read=read_files,
        answers=(0, 1, 2),
    ),
    field(
        *("keyrings", "find", "/etc/apt/keyrings", "-mindepth", "1", "-maxdepth", "1", "-printf", r"%f\n"),
        read=read_names("/etc/apt/keyrings"),
        answers=(0, 1),
    ),
    field(
        *("staged", "find", ARCHIVES, "-maxdepth", "1", "-name", "kube*.deb", "-printf", r"%f\n"),
        read=lambda text: frozenset(text.split()),
        answers=(0, 1),
    ),
)
