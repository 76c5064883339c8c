"""Which commands may be run as root on a host? The code that runs them says so: there is no second list to forget.

Steps are rehearsed and queries are made over facts that hold stand-ins: values that no code knows. What of them turns
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
from datetime import timedelta
from types import ModuleType
from typing import Any

import kubeadm_upgrade
from kubeadm_upgrade import query, units
from kubeadm_upgrade.actions import Action, Run
from kubeadm_upgrade.admission.lane import Lane, Member
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS, ControlPlaneFacts
from kubeadm_upgrade.engine import wanted_actions
from kubeadm_upgrade.etcd import EtcdFacts
from kubeadm_upgrade.facts import COMPANIONS, PACKAGES, Backup, Facts, HostFacts, NodeFacts, OsRelease
from kubeadm_upgrade.hop import Hop, Repository, Source
from kubeadm_upgrade.leases import LEADERS, Lease
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.local_etcd import CERTIFICATES as DEFAULT_CERTIFICATES
from kubeadm_upgrade.packages import apt, dnf
from kubeadm_upgrade.packages.port import MANAGERS
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.query import Query
from kubeadm_upgrade.rights.stand_ins import (
    BACKUP,
    CAME_FROM,
    CERTIFICATES,
    FILE,
    KEY_URL,
    LOCAL_ETCD,
    NODE,
    NUMBER,
    PREFLIGHT_ERRORS,
    REGISTRY,
    REPOSITORY_ID,
    REVISIONS,
    TARGETS,
    URL,
    URLS,
    WISHES,
)
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.steps import Step
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class RootCommand:
    """An argv, without sudo, in which stand-ins may stand; `wanted_by` is a step or a look."""

    wanted_by: str
    argv: tuple[str, ...]


_ANOTHER = "another"
_DEB_LEGACY = "deb https://apt.kubernetes.io/ kubernetes-xenial main\n"
_RPM_LEGACY = "https://packages.cloud.google.com/yum/repos/kubernetes-el7-x86_64"
_EXCLUDES = ("", "exclude=" + " ".join((*PACKAGES, *COMPANIONS)))


def root_commands() -> Iterator[RootCommand]:
    """Queries first, then the steps in the order of a run. Most come many times over."""
    yield from _of_queries()
    yield from _of_steps()


def _of_steps() -> Iterator[RootCommand]:
    roles = ((True, CONTROL_PLANE_NODE), (False, CONTROL_PLANE_NODE), (False, WORKER_NODE))
    for to, (first, groups), wish in itertools.product(TARGETS, roles, WISHES):
        hop = replace(_hop(to, first=first), **wish)
        steps = [step for group in groups for step in GROUPS[group]]
        for host, earlier in itertools.product(_hosts(), _earlier(hop)):
            yield from _rehearsed(steps, _facts(hop, host, earlier), hop)
        for backups in _backups():
            host = replace(next(_hosts()), backups=backups)
            yield from _rehearsed(steps, _facts(hop, host, {}, CERTIFICATES.text), hop)


def _rehearsed(steps: Sequence[Step], facts: Facts, hop: Hop) -> Iterator[RootCommand]:
    """What each step runs on the way, and what it would put right had its unit failed."""
    for step in steps:
        for action in (*wanted_actions(step, facts, hop), *step.amends(facts, hop)):
            yield from _as_root(step.name, action)
        facts = step.promise(facts, hop)


def _as_root(wanted_by: str, action: Action) -> Iterator[RootCommand]:
    if isinstance(action, Run) and action.root:
        yield RootCommand(wanted_by, replace(action, root=False).command)


def _hop(to: Version, *, first: bool) -> Hop:
    sources = {
        name: Source(Repository(URLS[name].text, KEY_URL.text), dict.fromkeys(PACKAGES, f"{to}-{revision}"))
        for name, revision in REVISIONS.items()
    }
    return Hop(
        cluster="",
        came_from=CAME_FROM,
        to=to,
        sources=sources,
        control_plane=(NODE.text,) if first else (_ANOTHER, NODE.text),
        workers=(NODE.text,),
    )


def _facts(hop: Hop, host: HostFacts, earlier: Mapping[str, Unit], certificates: str = DEFAULT_CERTIFICATES) -> Facts:
    names = hop.control_plane
    pods = tuple(
        StaticPod(name, node, "3.5.0-0" if name == "etcd" else CAME_FROM.tag, ready=True, local_etcd=LOCAL_ETCD)
        for node in names
        for name in ("etcd", *CONTROL_PLANE_COMPONENTS)
    )
    configuration = f"imageRepository: {REGISTRY.text}\ncertificatesDir: {certificates}"
    return Facts(
        NodeFacts(NODE.text, CAME_FROM, ready=True),
        RunId("this run"),
        policy=RolloutPolicy(),
        ledger=Ledger(),
        units=earlier,
        host=host,
        pods=(),
        attached=(),
        to_mark=(),
        leaders=tuple(Lease(name, holder=NODE.text, age=timedelta()) for name in LEADERS),
        lease=Lease(NODE.text, age=timedelta()),
        control_plane=ControlPlaneFacts(pods, CAME_FROM, dict.fromkeys(names, True), configuration=configuration),
        etcd=EtcdFacts(),
        lane=Lane("", 1, (NODE.text,), {NODE.text: Member(finished=False)}),
    )


def _hosts() -> Iterator[HostFacts]:
    """Hosts in every state that makes a difference to a command."""
    for system, backups, companions in itertools.product(_systems(), _backups(), ((), COMPANIONS)):
        packages = dict.fromkeys((*PACKAGES, *companions), f"{CAME_FROM}-0")
        for held in ((), packages):
            looked_at = {"backups": backups, "loose_snapshot": None, "images": frozenset[str]()}
            host = HostFacts(packages=packages, held=frozenset(held), **looked_at, **system)
            yield host
            if host.os.package_format == dnf.FORMAT:
                yield replace(host, locked=packages)
                yield replace(host, locked=dict.fromkeys(packages, "another"))


def _backups() -> Iterator[tuple[Backup, ...]]:
    """None yet, or one that an earlier try has begun."""
    yield ()
    yield (Backup(BACKUP.text, RunId("this run").unmistakable),)


def _earlier(hop: Hop) -> Iterator[Mapping[str, Unit]]:
    """What tries before this one have left: nothing, or so many that the next one is counted."""
    yield {}
    yield {name: _failed(name) for name in _units_of(hop)}


def _failed(name: str) -> Unit:
    return Unit(f"{name}.try-{int(NUMBER.text) - 1}", "loaded", "failed", "failed")


def _systems() -> Iterator[Mapping[str, Any]]:
    """Repository files, as fields of HostFacts."""
    for sources in _deb_sources():
        yield {"os": OsRelease("debian"), "sources": sources}
    yield {"os": OsRelease("rhel"), "sources": {}}
    for url, excluded in itertools.product((URLS["rpm"].text, _RPM_LEGACY), _EXCLUDES):
        text = f"[{REPOSITORY_ID.text}]\nbaseurl={url}\n{excluded}\n"
        yield {"os": OsRelease("rhel"), "sources": {f"{dnf.SOURCES}/{FILE.text}.repo": text}}


def _deb_sources() -> Iterator[Mapping[str, str]]:
    """No file yet; or one of either format, or the one that was there before directories were."""
    stem, repository = f"{apt.SOURCES}/{FILE.text}", Repository(URL.text, KEY_URL.text)
    yield {}
    for path in (f"{stem}.list", f"{stem}.sources", apt.ONE_FILE):
        yield {path: apt.source_text(path, repository)}
    yield from ({path: _DEB_LEGACY} for path in (f"{stem}.list", apt.ONE_FILE))


def queries() -> Iterator[tuple[str, Query[Any]]]:
    """Every query that any module has, as a constant or made by a function, by its name."""
    for info in pkgutil.walk_packages(kubeadm_upgrade.__path__, "kubeadm_upgrade."):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            for one in _queries_in(module, value):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", one


def _of_queries() -> Iterator[RootCommand]:
    for name, one in queries():
        yield from _as_root(name, one.run)
    for manager, url in itertools.product(MANAGERS.values(), URLS.values()):
        for run in manager.before_published(HostFacts(OsRelease(""), {}), (url.text,)):
            yield from _as_root(f"{manager.FORMAT}.before_published", run)
    for unit in _units():  # the one query as root that the hooks put together by themselves
        for name in (unit, units.next_try(unit, _failed(unit))):
            yield RootCommand("units.journal", units.journal(name, int(NUMBER.text)))


def _queries_in(module: ModuleType, value: object) -> Iterator[Query[Any]]:
    """A query, several, or what a function of this module makes."""
    if isinstance(value, Query):
        yield value
    elif isinstance(value, tuple):
        yield from (one for one in value if isinstance(one, Query))
    elif inspect.isfunction(value) and value.__module__ == module.__name__ != query.__name__ and _makes_queries(value):
        for arguments in _arguments(value):
            yield from _queries_in(module, value(**arguments))


def _makes_queries(function: Callable[..., Any]) -> bool:
    made = typing.get_type_hints(function).get("return")
    parts = typing.get_args(made) if typing.get_origin(made) is tuple else (made,)
    return any(typing.get_origin(part) is Query for part in parts)


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
        "to": TARGETS,
        "ignored": [(), (PREFLIGHT_ERRORS.text,)],
        "urls": [(url.text,) for url in URLS.values()],
        "name": [BACKUP.text],
        "node": [NODE.text],
        "path": ["/usr/bin/kubelet"],
        "paths": [("/etc/kubernetes/kubelet.d",)],
        "pid": [int(NUMBER.text)],
        "local": [LOCAL_ETCD],
        "host": [HostFacts(packages={}, **system) for system in _systems()],
    }


def _units() -> Sequence[str]:
    hops = (replace(_hop(to, first=True), **wish) for to in TARGETS for wish in WISHES)
    return [name for hop in hops for name in _units_of(hop)]


def _units_of(hop: Hop) -> Sequence[str]:
    return sorted({name for step in STEPS.values() if (name := step.unit(hop))})
