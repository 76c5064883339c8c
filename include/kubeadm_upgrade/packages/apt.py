"""apt hosts: the argv of the official page, and how apt's answers are read.

https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/change-package-repository/
https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from kubeadm_upgrade.actions import Run, install_file
from kubeadm_upgrade.errors import CommandFailed
from kubeadm_upgrade.facts import COMPANIONS, PACKAGES, HostFacts
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.query import Query, field, query, read_files_with_text, read_names, with_shipped

FORMAT = "deb"

ARCHIVES = "/var/cache/apt/archives"
KEYRING = "/etc/apt/keyrings/kubernetes-apt-keyring.asc"  # as it is published, armored: apt reads .asc as such
SOURCES = "/etc/apt/sources.list.d"
ONE_FILE = "/etc/apt/sources.list"
DEFAULT_SOURCE = f"{SOURCES}/kubernetes.list"
# of kubelet and kubeadm; the drop-in was one until 1.27, see kubernetes/release, cmd/krel/templates
CONFFILES: tuple[str, ...] = ("/etc/default/kubelet", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf")
SHIPPED = ".dpkg-dist"
_CURL_HTTP_ERROR = 22  # curl --fail: the server answered with 400 or more
SAVED = ".save"  # an ending that apt passes over in silence

# unattended-upgrades may hold dpkg's lock for minutes; apt itself waits better than we could, and says for whom
_NEVER_ASK = ("env", "DEBIAN_FRONTEND=noninteractive")
_LOCK = ("-o", "DPkg::Lock::Timeout=300")
_KEEP_CONFFILES = ("-o", "Dpkg::Options::=--force-confold")
# The official page lifts the hold first, and whoever dies after that leaves a package that anybody may upgrade. So a
# hold is passed over for one command instead: apt drops it only of what it has really changed. And nothing is removed
# to make an upgrade fit, which `-y` would say yes to.
_DESPITE_HOLDS = ("--ignore-hold", "--allow-change-held-packages", "--no-remove")

# A repository of Kubernetes packages by its layout, whatever mirror serves it, and those that were shut down in 2024.
_LEGACY_URL = re.compile(r"https?://(apt\.kubernetes\.io|packages\.cloud\.google\.com/apt)\S*(?=\s+kubernetes-)")
_KUBERNETES_URL = re.compile(rf"https?://\S+/v1\.\d+/deb/?|{_LEGACY_URL.pattern}")

_DIVERSION = re.compile(r"(local )?diversion (by \S+ )?(from|to): ")

REBOOT: Query[bool] | None = None


def update(path: str) -> Run:
    """Of the one repository, so that no other of this host, broken or slow, is in the way; their lists stay.

    A signature that is not good is an error, and not a warning that leaves the old index in place.
    """
    only = (f"Dir::Etc::SourceList={path}", "Dir::Etc::SourceParts=-", "APT::Get::List-Cleanup=0")
    options = (*only, "APT::Update::Error-Mode=any")
    return Run(("apt-get", "update", *(word for option in options for word in ("-o", option))))


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


def owners(path: str) -> Query[tuple[str, ...]]:
    """A package may name a file by the directory that is a link to /usr's today."""
    names = (path, path.removeprefix("/usr")) if path.startswith("/usr/bin/") else (path,)
    patterns = (re.sub(r"([*?\[\]\\])", r"\\\1", name) for name in names)
    return query("dpkg-query", "-S", *patterns, read=read_owners, answers=(0, 1))


def published(host: HostFacts, url: str) -> Query[Mapping[str, tuple[str, ...]]]:
    return Query(_curl(host, f"{url}Packages", root=False), read_packages_index)


def is_missing(error: CommandFailed) -> bool:
    return error.exit_status == _CURL_HTTP_ERROR


def source_text(path: str, repository: Repository) -> str:
    """The repository entry for `path`: one-line format for .list, deb822 for .sources."""
    if path.endswith(".sources"):
        return f"Types: deb\nURIs: {repository.url}\nSuites: /\nSigned-By: {KEYRING}\n"
    return f"deb [signed-by={KEYRING}] {repository.url} /\n"


def kubernetes_sources(sources: Mapping[str, str]) -> tuple[str, ...]:
    """apt reads no other endings."""
    return tuple(
        path
        for path, text in sorted(sources.items())
        if path.endswith((".list", ".sources")) and any(map(_KUBERNETES_URL.search, _active_lines(text)))
    )


def source_path(sources: Mapping[str, str]) -> str:
    """The file that holds the repository entry now, in whatever format; else the page's own name."""
    return next(iter(kubernetes_sources(sources)), DEFAULT_SOURCE)


def foreign_entries(text: str) -> tuple[str, ...]:
    deb822 = re.search(r"^URIs:", text, re.MULTILINE)
    entries = re.split(r"\n\s*\n", text.strip()) if deb822 else _active_lines(text)
    return tuple(repr(one) for one in entries if any(_active_lines(one)) and not _KUBERNETES_URL.search(one))


def switched(host: HostFacts, repository: Repository) -> bool:
    path = source_path(host.sources)
    return host.sources.get(path) == source_text(path, repository) and KEYRING in host.keyrings


def switch(host: HostFacts, repository: Repository) -> Iterator[Run]:
    path = source_path(host.sources)
    yield Run(("install", "-d", "-m", "0755", "/etc/apt/keyrings"))
    yield _curl(host, repository.key_url, "-o", f"{KEYRING}.new")
    yield Run(("mv", "-f", f"{KEYRING}.new", KEYRING))
    if _LEGACY_URL.search(host.sources.get(path, "")):
        yield Run(("cp", "-p", path, f"{path}{SAVED}"))
    yield from install_file(path, source_text(path, repository))
    yield update(path)


def as_switched(host: HostFacts, repository: Repository) -> Mapping[str, Any]:
    path = source_path(host.sources)
    return {
        "sources": {**host.sources, path: source_text(path, repository)},
        "keyrings": host.keyrings | {KEYRING},
    }


def read_madison(output: str) -> Mapping[str, tuple[str, ...]]:
    """`apt-cache madison`: package -> versions offered, newest first (`golden/apt-cache-madison.txt`)."""
    offered: dict[str, list[str]] = {}
    for line in output.splitlines():
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 3:
            offered.setdefault(columns[0], []).append(columns[1])
    return {name: tuple(dict.fromkeys(versions)) for name, versions in offered.items()}


def read_packages_index(output: str) -> Mapping[str, tuple[str, ...]]:
    """A repository's `Packages` file: package -> versions, in the file's order."""
    offered: dict[str, list[str]] = {}
    for stanza in re.split(r"\n\s*\n", output):
        fields = dict(re.findall(r"^(Package|Version): *(\S+)", stanza, re.MULTILINE))
        if len(fields) == 2:
            offered.setdefault(fields["Package"], []).append(fields["Version"])
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


def read_proxies(output: str) -> Mapping[str, str]:
    """`apt-config dump Acquire`: `http`, or `http::HOST` where a host has a proxy of its own -> proxy or DIRECT."""
    options = re.findall(r'^Acquire::(https?)::Proxy((?:::\S+)?) "(.+)";$', output, re.MULTILINE)
    return {f"{scheme}{host}": proxy for scheme, host, proxy in options}


def _curl(host: HostFacts, url: str, *more: str, root: bool = True) -> Run:
    """Through the proxy that apt is told to use; without one the environment decides, for apt as for curl.

    A proxy may come with a password, so curl reads it from standard input, which is in no log and no process list.
    """
    scheme, name = urlsplit(url).scheme, urlsplit(url).hostname
    # https takes the settings of http where it has none of its own, see apt.conf(5)
    options = [f"{one}{of}" for one in (scheme, "http") for of in (f"::{name}", "")]
    proxy = next((host.proxies[option] for option in options if option in host.proxies), None)
    argv = ("curl", "-fsSL", "--max-time", "60", *(("-K", "-") if proxy else ()), *more, url)
    return Run(argv, root=root, stdin=proxy and ('noproxy = "*"\n' if proxy == "DIRECT" else f'proxy = "{proxy}"\n'))


def read_files(output: str) -> Mapping[str, Any]:
    """Repository files and configuration files, as fields of HostFacts."""
    texts = read_files_with_text(output)
    conffiles = {path: text for path, text in texts.items() if path.startswith(CONFFILES)}
    return {"sources": {path: text for path, text in texts.items() if path not in conffiles}, "conffiles": conffiles}


def _active_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


QUERIES: tuple[Query[Mapping[str, Any]], ...] = (
    query(
        *("dpkg-query", "-W", "-f", r"${Package} ${Version} ${db:Status-Abbrev}\n", *PACKAGES, *COMPANIONS),
        read=lambda text: {"packages": read_installed(text), "half_installed": read_half_installed(text)},
        answers=(0, 1),  # 1: one of them is not known at all
    ),
    field("proxies", "apt-config", "dump", "Acquire", read=read_proxies),
    field("held", "apt-mark", "showhold", read=lambda text: frozenset(text.split())),
    field("offered", "apt-cache", "madison", *PACKAGES, read=read_madison, answers=(0, 100)),
    query(
        *("grep", "-rsH", "", SOURCES, ONE_FILE, *with_shipped(CONFFILES, SHIPPED)),
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
