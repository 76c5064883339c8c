"""Every reader there is, over what nobody has promised: it returns a value, or raises an error of ours."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kubeadm_upgrade
from kubeadm_upgrade import (
    etcd,
    flags,
    journal,
    kubelet_settings,
    leases,
    machine,
    objects,
    outsiders,
    queries,
    systemd_service,
    units,
    yaml_mapping,
)
from kubeadm_upgrade import query as of_questions
from kubeadm_upgrade import reading as of_readers
from kubeadm_upgrade import settings as told
from kubeadm_upgrade.access import sudo
from kubeadm_upgrade.drain import attachment, obstacle, pod_object
from kubeadm_upgrade.errors import UnreadableOutput, UpgradeError
from kubeadm_upgrade.ledger import wire
from kubeadm_upgrade.packages import apt, dnf, locks
from kubeadm_upgrade.query import Query, query
from kubeadm_upgrade.reading import reading
from kubeadm_upgrade.rehearsal import budget, node_terms, seen, taints, wants
from kubeadm_upgrade.releases import files as of_releases
from kubeadm_upgrade.rights.root_commands import queries as known_queries
from kubeadm_upgrade.rollout import workload
from transcripts.row import GOLDEN_FILES

# modules whose readers are only ever handed to a Query, and those that are called with an object or a text as it is
OF_QUERIES = (queries, machine, units, apt, dnf, locks, etcd)
REHEARSED = (budget, node_terms, seen, taints, wants)
OF_OBJECTS = (objects, outsiders, pod_object, attachment, leases, workload, *REHEARSED)
CALLED = (*OF_OBJECTS, told, systemd_service, journal, wire, sudo)
OF_WORDS = (flags, kubelet_settings)  # of what those have read; see the test of a kubelet's settings
# what queries are made with, and who reads files of our own, which no host and no cluster has written
OTHERS = (of_questions, of_readers, of_releases, yaml_mapping)

NOW = datetime(2026, 11, 26, 3, 14, tzinfo=UTC)
TEXTS = [path.read_text(errors="replace")[:6000] for path in sorted(GOLDEN_FILES.rglob("*")) if path.is_file()]
ADDED = ("Welcome to cp1\n", "-", "=", ":", "\0", "{", "[-]", "\ufffd", "9" * 400, "Jan 1 00:00:00 1970 CET")


def readers_in(*modules: Any) -> Iterator[Any]:
    for module in modules:
        for name, function in vars(module).items():
            if name.startswith("read") and inspect.isfunction(function) and function.__module__ == module.__name__:
                yield pytest.param(function, id=f"{module.__name__.rpartition('.')[2]}.{name}")


def every_module() -> Iterator[Any]:
    for info in pkgutil.walk_packages(kubeadm_upgrade.__path__, "kubeadm_upgrade."):
        yield importlib.import_module(info.name)


def takes_text(reader: Callable[..., Any]) -> bool:
    return next(iter(inspect.signature(reader).parameters.values())).annotation == "str"


def code_of(reader: Any) -> object:
    """What it does: queries that are made anew for each name share it, and each field's reader is around another."""
    inner = [cell.cell_contents for cell in getattr(reader, "__closure__", None) or ()]
    return getattr(reader, "__code__", reader), *(code_of(one) for one in inner if callable(one))


def every_query() -> Iterator[Any]:
    """Those of all modules, by introspection, and the readers that hooks make queries of."""
    seen: set[object] = set()
    for name, one in known_queries():
        if (key := code_of(one.read)) not in seen:
            seen.add(key)
            yield pytest.param(one, id=f"{name}: {' '.join(one.run.argv)[:50]}")
    for param in readers_in(*OF_QUERIES):
        if takes_text(param.values[0]):
            yield pytest.param(query("cat", "/x", read=param.values[0]), id=f"reader {param.id}")


@st.composite
def cut_transcripts(draw: st.DrawFn) -> str:
    """What a real tool has printed, begun late, ended early, or with something in between that is not its own."""
    text = draw(st.sampled_from(TEXTS))
    start, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    middle = draw(st.integers(start, end))
    return text[start:middle] + draw(st.sampled_from(("", *ADDED))) + text[middle:end]


@st.composite
def lines_of_words(draw: st.DrawFn) -> str:
    """Close to what tools print: rows of words, numbers, pairs and dashes."""
    word = st.one_of(
        st.sampled_from(ADDED), st.integers().map(str), st.text(max_size=8), st.sampled_from(("a=b", "/x:y"))
    )
    rows = draw(st.lists(st.lists(word, max_size=5), max_size=6))
    return "\n".join(" ".join(row) for row in rows)


ANYTHING = st.one_of(st.text(), lines_of_words(), cut_transcripts())


def test_no_reader_is_left_out():
    """A new one is found by its name or by its Query, and so is a new module that has some."""
    modules = {param.values[0].__module__ for param in readers_in(*every_module())}
    assert modules <= {module.__name__ for module in (*OF_QUERIES, *CALLED, *OF_WORDS, *OTHERS)}
    names = {param.id for param in every_query()}
    for module in OF_QUERIES:
        stem = module.__name__.rpartition(".")[2]
        assert [name for name in names if name.removeprefix("reader ").startswith(f"{stem}.")], stem
    assert [param.id for param in readers_in(objects, told, wire)]


@pytest.mark.parametrize("one", list(every_query()))
@settings(max_examples=40, deadline=None)
@given(text=ANYTHING)
def test_a_query_understands_or_says_what_it_could_not_read(one, text):
    """With the command in the sentence, and the reader's own error as the cause."""
    error = error_of_ours(one.answer, text)
    if error is not None:
        assert str(error).startswith(str(one.run))
        assert error.__cause__ is not None


@pytest.mark.parametrize("reader", [param for param in readers_in(*CALLED) if takes_text(param.values[0])])
@settings(max_examples=50, deadline=None)
@given(text=ANYTHING)
def test_a_text_of_the_cluster_is_read_or_refused(reader, text):
    """kubeadm-config is edited by hand, and a load balancer may answer for the API."""
    said_or_read(reader, text)


@settings(max_examples=200, deadline=None)
@given(
    unit=st.one_of(
        ANYTHING, ANYTHING.map("ExecStart={{ path=/usr/bin/kubelet ; argv[]={} ; ignore_errors=no }}".format)
    ),
    files=st.dictionaries(
        st.sampled_from(kubelet_settings.KUBELET_FILES),
        st.one_of(ANYTHING, st.sampled_from(("? [a]\n: b", "[" * 1100, "featureGates: [1]", "failCgroupV1: {}"))),
    ),
    running=ANYTHING,
)
def test_the_settings_of_a_kubelet_are_read_or_refused(unit, files, running):
    """Unit, environment files and command line are whatever somebody has made of them."""
    service = systemd_service.read_service(unit)
    said_or_read(kubelet_settings.read_kubelet, service, files, running.split())


def error_of_ours(reader: Callable[..., Any], *arguments: Any) -> UpgradeError | None:
    """None where it could be read; whatever else is raised fails the test."""
    try:
        reader(*arguments)
    except UpgradeError as error:
        return error
    return None


def said_or_read(reader: Callable[..., Any], *arguments: Any) -> None:
    error = error_of_ours(reader, *arguments)
    assert error is None or str(error)


def real_objects(name: str) -> list[dict[str, Any]]:
    return json.loads((GOLDEN_FILES / name).read_text())["items"]


KUBEADM_CONFIG = {**yaml.safe_load((GOLDEN_FILES / "kubeadm-config-cm.yaml").read_text())}
OBJECTS = (*real_objects("nodes-1.22.json"), *real_objects("pods-1.22.json"), KUBEADM_CONFIG)
ODD = st.sampled_from([None, "", "x", 0, [], [None], {}, {"x": "y"}, "v1.2", True])


def places(item: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in an object, its own root but not what managedFields says of it."""
    yield path
    children = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    for key, child in children:
        if key != "managedFields":
            yield from places(child, (*path, key))


def without(item: Any, path: tuple[Any, ...], instead: Any) -> Any:
    """A copy in which something else stands at that place; nothing where there is nothing to put there."""
    if not path:
        return instead
    copy = dict(item) if isinstance(item, dict) else list(item)
    if instead is ... and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = without(item[path[0]], path[1:], instead)
    return copy


@st.composite
def broken_objects(draw: st.DrawFn) -> Any:
    """A real object with a field lost, or with another kind of value in its place."""
    item, paths = draw(st.sampled_from(list(zip(OBJECTS, PLACES, strict=True))))
    path = draw(st.sampled_from(paths))
    return without(item, path, draw(st.one_of(st.just(...), ODD)))


PLACES = [[place for place in places(item) if place] for item in OBJECTS]
#: A Pod that no scheduler has placed: the property finds it in one of a dozen of runs.
NOWHERE = {"kind": "Pod", "metadata": {"namespace": "shop", "name": "web", "uid": "1"}, "spec": {"containers": []}}


def as_a_part(read: Callable[[Any], Any], part: Any) -> Any:
    """Of an object, by whose reader it is called."""
    with reading("an object"):
        return read(part)


OBJECT_READERS = {
    "objects.read_node": objects.read_node,
    "objects.read_nodes": lambda item: objects.read_nodes([item]),
    "outsiders.read_outsiders": lambda item: outsiders.read_outsiders([item]),
    "pod_object.read_pod": pod_object.read_pod,
    "attachment.read_attachments": lambda item: (
        attachment.read_attachments([item], "w1"),
        obstacle.over({"app": "web"}, [item]),
    ),
    "leases.read_lease": lambda item: leases.read_lease(item, NOW),
    "workload.read_workload": lambda item: [workload.read_workload(item, kind) for kind in ("DaemonSet", "Deployment")],
    "objects.read_kube_proxies": lambda item: objects.read_kube_proxies([item]),
    "objects.read_control_plane": lambda item: (
        objects.read_control_plane([item], KUBEADM_CONFIG, ()),
        objects.read_control_plane([], item, ()),
    ),
    "budget.read_budgets": lambda item: budget.read_budgets([item]),
    "node_terms.read_terms": lambda item: as_a_part(node_terms.read_terms, item),
    "seen.read_node": seen.read_node,
    "seen.read_pods": lambda item: seen.read_pods([item], [pod_object.read_pod(item)]),
    "seen.read_volumes": lambda item: seen.read_volumes([item]),
    "taints.read_taints": lambda item: as_a_part(taints.read_taints, [item]),
    "taints.read_tolerations": lambda item: as_a_part(taints.read_tolerations, [item]),
    "wants.read_wants": wants.read_wants,
}


def test_every_reader_of_objects_is_known_here():
    """Whoever adds one adds how it is called."""
    of_objects = {param.id for param in readers_in(*OF_OBJECTS) if not takes_text(param.values[0])}
    assert set(OBJECT_READERS) == of_objects


@pytest.mark.parametrize("reader", OBJECT_READERS.values(), ids=OBJECT_READERS)
@settings(max_examples=100, deadline=None)
@given(item=broken_objects())
@example(item=NOWHERE)
def test_an_object_is_read_or_refused(reader, item):
    """The API server checks its objects; what stands in their status, and what a proxy makes of them, nobody does."""
    said_or_read(reader, item)


LEDGER_KEYS = st.sampled_from(
    (wire.HOLDER, wire.PAUSED, wire.ABORTED, wire.ETCD_PIN, wire.DURATIONS, f"{wire.SLOT}w1", f"{wire.GIVEN_UP}w1", "x")
)


@pytest.mark.parametrize("reader", [wire.read, wire.read_slots])
@settings(max_examples=50, deadline=None)
@given(
    data=st.dictionaries(
        LEDGER_KEYS, st.one_of(ANYTHING, st.sampled_from(("? [a]\n: b", "[" * 1100, "{run: [], since: {}}")))
    )
)
def test_a_ledger_is_read_or_refused(reader, data):
    """People write it, with kubectl patch."""
    said_or_read(reader, data)


@settings(max_examples=50, deadline=None)
@given(answers=st.tuples(*[st.one_of(st.none(), ODD, st.sampled_from([{"members": [{}]}, [{"Status": 1}]]))] * 4))
def test_what_etcdctl_prints_is_put_together_or_refused(answers):
    """As the hook does it."""
    said_or_read(reading("what etcdctl prints")(etcd.read), *answers)


@pytest.mark.parametrize(
    ("one", "text", "said"),
    [
        pytest.param(
            machine.CLOCK,
            "Welcome to w1\n1795406400.5\n",
            "date +%s.%N printed 'Welcome to w1', which cannot be read",
            id="a line before a number",
        ),
        pytest.param(
            query("sha256sum", "/x", read=queries.read_sums),
            "ab12  /x/etcd.db\ncd34\nef56  /y\n",
            "sha256sum /x printed 'cd34', which cannot be read",
            id="one of many lines",
        ),
        pytest.param(
            queries.QUIET,
            "Last login: never\n",
            "true: the SSH user's shell prints 'Last login: never' before every command's own output",
            id="a shell that speaks",
        ),
        pytest.param(machine.CLOCK, "", "date +%s.%N printed nothing, which cannot be read", id="nothing"),
    ],
)
def test_the_line_that_could_not_be_read_is_quoted(one, text, said):
    """What, and of which command; whose host it is, Host.ask adds."""
    with pytest.raises(UnreadableOutput) as caught:
        one.answer(text)
    assert str(caught.value).startswith(said)


def test_a_mistake_of_ours_is_not_taken_for_an_answer_that_cannot_be_read():
    """Nor is its place lost: it comes through as it is."""

    def mistaken(text: str) -> str:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        Query(machine.CLOCK.run, mistaken).answer("x")
