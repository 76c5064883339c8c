"""Which commands may be run as root on a host? The code that runs them says so: there is no second list to forget.

Steps are rehearsed and looks are made over facts that hold stand-ins: values that no code knows. What of them turns
up in a command is what differs from host to host and from run to run; everything else is always the same.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import kubeadm_upgrade
from kubeadm_upgrade import look, units
from kubeadm_upgrade.actions import Action, Run
from kubeadm_upgrade.facts import COMPANIONS, PACKAGES, Backup, Facts, HostFacts, NodeFacts, OsRelease
from kubeadm_upgrade.hop import Hop, Repository, Source
from kubeadm_upgrade.look import Look
from kubeadm_upgrade.packages import apt, dnf
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.slots import Lane, Member
from kubeadm_upgrade.steps import Step, wanted_actions
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class StandIn:
    """A value that stands for all of its kind, and how those look: as a regular expression, and as a wildcard.

    A `*` matches blanks and slashes as well; `only` are the characters that it may stand for.
    """

    text: str
    regex: str
    wildcard: str
    only: str


@dataclass(frozen=True)
class RootCommand:
    """An argv, without sudo, in which stand-ins may stand; `wanted_by` is a step or a look."""

    wanted_by: str
    argv: tuple[str, ...]


def _version(text: str) -> StandIn:
    return StandIn(text, r"1\.[0-9]+\.[0-9]+", "1.[0-9]*", "0-9.")


def _package_version(text: str) -> StandIn:
    return StandIn(text, r"1\.[0-9][0-9A-Za-z.+~-]*", "1.[0-9]*", "0-9A-Za-z.+~-")


# kubeadm's commands differ from release to release: the steps are rehearsed to both ends of what there is
_TARGETS = (Version(1, 10, 987), Version(1, 99, 987))
_CAME_FROM = Version(1, 9, 986)
_NODE = StandIn("stand-in.node.example", "[a-z0-9][a-z0-9.-]*", "[a-z0-9]*", "a-z0-9.-")  # DNS-1123
_FILE = StandIn("stand-in_file", "[A-Za-z0-9_][A-Za-z0-9_.+-]*", "[A-Za-z0-9_]*", "A-Za-z0-9_.+-")
_REPOSITORY_ID = StandIn("stand-in_id", "[A-Za-z0-9_][A-Za-z0-9_.:-]*", "[A-Za-z0-9_]*", "A-Za-z0-9_.:-")
_URL = StandIn("https://stand-in/v1.9/deb/", "https?://[A-Za-z0-9/:._~%+=@?&-]+", "http[s:]*", "A-Za-z0-9/:._~%+=@?&-")
_URLS = {"deb": _URL, "rpm": replace(_URL, text="https://stand-in/v1.9/rpm/")}  # known by these endings
_KEY_URL = replace(_URL, text="https://stand-in.key")
_BACKUP = StandIn("v1.0.985-to-v1.0.985.7", r"v1\.[0-9][0-9A-Za-z.-]*-to-v1\.[0-9.]+", "v1.[0-9]*", "0-9A-Za-z.-")
_NUMBER = StandIn("98765", "[0-9]+", "[0-9]*", "0-9")
_REVISIONS = {"deb": "7.7", "rpm": "777777.7.7"}

STAND_INS: tuple[StandIn, ...] = (
    *(_NODE, _FILE, _REPOSITORY_ID, *_URLS.values(), _KEY_URL, _BACKUP, _NUMBER),
    *(_package_version(f"{to}-{revision}") for to in _TARGETS for revision in _REVISIONS.values()),
    *(_version(str(version)) for version in (*_TARGETS, _CAME_FROM)),
)

_DEB_LEGACY = "deb https://apt.kubernetes.io/ kubernetes-xenial main\n"
_RPM_LEGACY = "https://packages.cloud.google.com/yum/repos/kubernetes-el7-x86_64"
_EXCLUDES = ("", "exclude=" + " ".join((*PACKAGES, *COMPANIONS)))


def root_commands() -> Iterator[RootCommand]:
    """Looks first, then the steps in the order of a run. Most come many times over."""
    yield from _of_looks()
    yield from _of_steps()


def _of_steps() -> Iterator[RootCommand]:
    roles = ((True, CONTROL_PLANE_NODE), (False, CONTROL_PLANE_NODE), (False, WORKER_NODE))
    for to, (first, groups) in itertools.product(_TARGETS, roles):
        hop = _hop(to, first)
        for host in _hosts(hop):
            yield from _rehearsed([step for group in groups for step in GROUPS[group]], _facts(host), hop)


def _rehearsed(steps: Sequence[Step], facts: Facts, hop: Hop) -> Iterator[RootCommand]:
    """What each step runs on the way, and what it would put right had its unit failed."""
    for step in steps:
        for action in (*wanted_actions(step, facts, hop), *step.amends(facts, hop)):
            yield from _as_root(step.name, action)
        facts = step.promise(facts, hop)


def _as_root(wanted_by: str, action: Action) -> Iterator[RootCommand]:
    if isinstance(action, Run) and action.root:
        yield RootCommand(wanted_by, replace(action, root=False).command)


def _hop(to: Version, first: bool) -> Hop:
    sources = {
        name: Source(Repository(_URLS[name].text, _KEY_URL.text), dict.fromkeys(PACKAGES, f"{to}-{revision}"))
        for name, revision in _REVISIONS.items()
    }
    return Hop(
        cluster="",
        run="this run",
        came_from=_CAME_FROM,
        to=to,
        sources=sources,
        first=_NODE.text if first else "another",
        control_plane=(_NODE.text,),
        workers=(_NODE.text,),
        max_unavailable=1,
    )


def _facts(host: HostFacts) -> Facts:
    lane = Lane("", 1, (_NODE.text,), {_NODE.text: Member(finished=False, available=True)})
    return Facts(NodeFacts(_NODE.text, _CAME_FROM, ready=True), host, lane=lane)


def _hosts(hop: Hop) -> Iterator[HostFacts]:
    """Hosts in every state that makes a difference to a command."""
    for system, earlier, companions in itertools.product(_systems(), _earlier(hop), ((), COMPANIONS)):
        packages = dict.fromkeys((*PACKAGES, *companions), f"{_CAME_FROM}-0")
        for held in ((), packages):
            host = HostFacts(packages=packages, held=frozenset(held), **earlier, **system)
            yield host
            if host.os.package_format == dnf.FORMAT:
                yield replace(host, locked=packages)
                yield replace(host, locked=dict.fromkeys(packages, "another"))


def _earlier(hop: Hop) -> Iterator[Mapping[str, Any]]:
    """What a try before this one has left, as fields of HostFacts."""
    yield {}
    for unit in (Unit("loaded", "active", "exited"), Unit("loaded", "failed", "failed")):
        yield {"units": dict.fromkeys(_units_of(hop), unit), "backups": (Backup(_BACKUP.text, hop.run),)}


def _systems() -> Iterator[Mapping[str, Any]]:
    """Repository files and proxies, as fields of HostFacts."""
    for sources, proxies in itertools.product(_deb_sources(), ({}, {"http": "http://proxy.example"})):
        yield {"os": OsRelease("debian"), "sources": sources, "proxies": proxies}
    yield {"os": OsRelease("rhel"), "sources": {}}
    for url, excluded in itertools.product((_URLS["rpm"].text, _RPM_LEGACY), _EXCLUDES):
        text = f"[{_REPOSITORY_ID.text}]\nbaseurl={url}\n{excluded}\n"
        yield {"os": OsRelease("rhel"), "sources": {f"{dnf.SOURCES}/{_FILE.text}.repo": text}}


def _deb_sources() -> Iterator[Mapping[str, str]]:
    """No file yet; or one of either format, or the one that was there before directories were."""
    stem, repository = f"{apt.SOURCES}/{_FILE.text}", Repository(_URL.text, _KEY_URL.text)
    yield {}
    for path in (f"{stem}.list", f"{stem}.sources", apt.ONE_FILE):
        yield {path: apt.source_text(path, repository)}
    yield from ({path: _DEB_LEGACY} for path in (f"{stem}.list", apt.ONE_FILE))


def _of_looks() -> Iterator[RootCommand]:
    """Every look that any module has, as a constant or made by a function."""
    for info in pkgutil.walk_packages(kubeadm_upgrade.__path__, "kubeadm_upgrade."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            for run in _runs_of(module, value):
                yield from _as_root(f"{module.__name__.rpartition('.')[2]}.{name}", run)
    for unit in _units():  # the one look as root that the hooks put together by themselves
        yield RootCommand("units.journal", units.journal(unit, int(_NUMBER.text)))


def _runs_of(module: ModuleType, value: object) -> Iterator[Run]:
    """Of a look, of several, or of a function of this module that makes them."""
    if isinstance(value, Look):
        yield value.run
    elif isinstance(value, tuple):
        yield from (one.run for one in value if isinstance(one, Look))
    elif inspect.isfunction(value) and value.__module__ == module.__name__ != look.__name__ and _makes_looks(value):
        for arguments in _arguments(value):
            yield from _runs_of(module, value(**arguments))


def _makes_looks(function: Callable[..., Any]) -> bool:
    made = typing.get_type_hints(function).get("return")
    parts = typing.get_args(made) if typing.get_origin(made) is tuple else (made,)
    return any(typing.get_origin(part) is Look for part in parts)


def _arguments(function: Callable[..., Any]) -> Iterator[Mapping[str, Any]]:
    """Stand-ins by the names of parameters. Raises LookupError for a name that has none yet."""
    known = _values()
    names = tuple(inspect.signature(function).parameters)
    if missing := [name for name in names if name not in known]:
        where = f"{function.__module__}.{function.__name__}"
        raise LookupError(f"{where}: what stands in for {', '.join(missing)}? Say so in {__name__}._values")
    for values in itertools.product(*(known[name] for name in names)):
        yield dict(zip(names, values, strict=True))


def _values() -> Mapping[str, Sequence[Any]]:
    return {
        "to": _TARGETS,
        "url": [url.text for url in _URLS.values()],
        "name": [_BACKUP.text],
        "pid": [int(_NUMBER.text)],
        "host": [HostFacts(packages={}, **system) for system in _systems()],
    }


def _units() -> Sequence[str]:
    return [name for to in _TARGETS for name in _units_of(_hop(to, first=True))]


def _units_of(hop: Hop) -> Sequence[str]:
    return sorted({name for step in STEPS.values() if (name := step.unit(hop))})
