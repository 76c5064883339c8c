"""The table of transcripts over golden files and over the lab: both are read alike, and have one shape."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kubeadm_airflow
import kubeadm_upgrade
from kubeadm_upgrade.errors import CommandFailed
from kubeadm_upgrade.query import Completed, Query, query
from transcripts.ask import Answers, ask_lab
from transcripts.row import Answer, Differs, Kind, Must, Recording, Row, Source, Transcript
from transcripts.shape import differences, of_files, skeleton
from transcripts.table import INLINE, ROWS
from transcripts.verdict import check


def named(row: Row) -> str:
    return row.name


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return ask_lab(tmp_path_factory.mktemp("transcripts"), ROWS)


@pytest.mark.parametrize("row", [row for row in ROWS if row.golden], ids=named)
def test_what_was_recorded_is_read(row):
    """Golden files, by the product's own readers."""
    row.check_golden()


@pytest.mark.parametrize("row", [row for row in ROWS if row.asked_of(Source.LAB)], ids=named)
def test_the_lab_answers_as_a_real_cluster_did(row, lab):
    """Read alike, and of one shape but for what the row allows, all of which is needed."""
    check(row, Source.LAB, lab)


def makes_queries(function: Callable[..., object]) -> bool:
    return "Query[" in str(function.__annotations__.get("return", ""))


# what a query is, how all of them are found, and the command line
NO_LOOKS = ("kubeadm_upgrade.query", "kubeadm_upgrade.rights.root_commands", "kubeadm_upgrade.__main__")


def queries_of_the_product() -> Iterator[tuple[str, object]]:
    """Queries, tuples of them, and functions that make them, of every module but the one that defines what one is."""
    for info in pkgutil.walk_packages(kubeadm_upgrade.__path__, "kubeadm_upgrade."):
        if info.name in NO_LOOKS:
            continue
        for name, value in vars(importlib.import_module(info.name)).items():
            if isinstance(value, Query):
                yield f"{info.name}.{name}", value
            elif isinstance(value, tuple):
                yield from ((f"{info.name}.{name}: {one.run}", one) for one in value if isinstance(one, Query))
            elif inspect.isfunction(value) and value.__module__ == info.name and makes_queries(value):
                yield f"{info.name}.{name}", value


def test_every_query_of_the_product_is_in_the_table():
    """A new one needs two lines in tests/transcripts/table.py."""
    found = dict(queries_of_the_product())
    assert len(found) > 20
    covered = [row.of for row in ROWS]
    assert [name for name, one in found.items() if not any(one is of for of in covered)] == []


def test_what_the_hooks_ask_by_themselves_is_in_the_table():
    """They put queries together of an argv and a reader; the table has the same argv."""
    argvs = set()
    for path in Path(kubeadm_airflow.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("query", "Query"):
                argvs.add(ast.unparse(node.args[0]).lstrip("*").split("(")[0])
    assert argvs == INLINE.keys()
    assert set(INLINE.values()) <= {row.of for row in ROWS}


def test_every_row_has_a_source():
    """Rows that neither golden nor the lab knows are dnf's: the table says so, and tests/hosts asks real hosts."""
    names = [row.name for row in ROWS]
    assert len(names) == len(set(names))
    assert [row.name for row in ROWS if not row.asked_of(Source.LAB) + row.asked_of(Source.REAL)] == []
    only_real = [row for row in ROWS if not row.golden and not row.asked_of(Source.LAB)]
    assert {kind.value for row in only_real for kind in row.kinds} == {"dnf"}


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        pytest.param("kubeadm 1.22.17-1.1 hi ", "<package> <version> hi ", id="dpkg-query"),
        pytest.param("kubelet 1.29.15-150500.2.1", "<package> <version>", id="rpm"),
        pytest.param("kubelet     3 x v1.22.17   v1.23.17", "kubelet  <n> x v<version>  v<version>", id="columns"),
        pytest.param(
            "Get:3 http://172.31.0.1:8099/v1.23/deb  Packages [845 B]",
            "Get:<n> <host>/v<minor>/deb  Packages [<size>]",
            id="a URL and a size",
        ),
        pytest.param(
            "ExecMainStartTimestamp=Mon 2026-11-23 03:50:07 UTC", "ExecMainStartTimestamp=<time>", id="systemd's time"
        ),
        pytest.param(
            "W1123 04:48:22.516542    2401 version.go:108] x", "W<time and process> version.go:<n>] x", id="klog"
        ),
        pytest.param(
            "Static pod: etcd-cp1 hash: 3179b499475d8876691e48ba929e04a3",
            "Static pod: etcd-<node> hash: <hex>",
            id="a node and a hash",
        ),
        pytest.param('{"hash":1905735776,"revision":853}', '{"hash":<n>,"revision":<n>}', id="JSON"),
        pytest.param(
            "(Reading database ... \r(Reading database ... 5%\r(Reading database ... 9670 files\r",
            "(Reading database ... <n> files",
            id="progress",
        ),
        pytest.param(
            "kubeproxy.config.k8s.io   v1alpha1   no", "kubeproxy.config.k8s.io  v1alpha1  no", id="API versions stay"
        ),
        pytest.param("MainPID=654", "MainPID=<n>", id="a number"),
    ],
)
def test_what_varies_from_host_to_host_is_left_out(line, shape):
    assert skeleton(line, nodes=["cp1"]) == (shape,)


@given(st.lists(st.sampled_from(["a", "b 1", "  c", ""]), max_size=12), st.integers(1, 4))
def test_how_often_a_line_is_repeated_is_no_matter_of_shape(lines, times):
    repeated = [line for line in lines for _ in range(times)]
    assert skeleton("".join(f"{line}\n" for line in repeated)) == skeleton("".join(f"{line}\n" for line in lines))


def test_what_repeats_is_there_once():
    """Lines, and blocks of lines; how often is no matter of shape."""
    assert skeleton("a 1\na 2\na 3\nb\n") == ("a <n>", "b")
    assert skeleton("one\n  n: 1\ntwo\n") != skeleton("one\n  n: 1\n  m: 1\ntwo\n")
    block = "{\n  n: 1\n}\n"
    assert skeleton(block * 3) == skeleton(block) == ("{", "  n: <n>", "}")
    assert skeleton("") == ()


def test_of_files_the_paths_count():
    assert of_files("/a:1\n/a:2\n/b/c:\n") == ("<path>:<text>",)
    assert of_files("grep: /a: Permission denied\n") == ("grep: /a: Permission denied",)


def test_a_difference_says_who_lacks_what():
    """And the page shows it between what is shared."""
    told, page = differences("golden", ("a", "b", "c"), "lab", ("a", "c", "d"))
    assert [str(one) for one in told] == ["lab lacks 'b'", "golden lacks 'd'"]
    assert page == "- golden only\n+ lab only\n\n  a\n- b\n  c\n+ d"


def row_of(*differs: Differs, holds: bool = True) -> Row:
    """Of a golden file that says that kubeadm, of some version, is held."""
    must = Must("something was read", lambda read: bool(read) is holds)
    golden = Recording("dpkg-query-1.22.txt")
    return Row("a row", LOOK, must, (Kind.APT,), golden=golden, differs=differs)


def answers_of(text: str, exit_status: int = 0) -> Answers:
    return {("a row", Kind.APT): Answer(LOOK, Completed(exit_status, text), Transcript(Source.LAB, text, ()))}


LOOK = query("dpkg-query", read=str.split)
EXTRA = Differs(Source.LAB, "<package> <version> ii ", "it has one that is not held")
HELD, NOT_HELD = "kubeadm 1.29.15-1.1 hi \n", "kubelet 1.29.15-1.1 ii \n"


@pytest.mark.parametrize(
    ("row", "answers", "words"),
    [
        pytest.param(row_of(), answers_of(HELD + NOT_HELD), "golden lacks '<package> <version> ii '", id="a line more"),
        pytest.param(row_of(), answers_of("E: no database\n"), "lab lacks '<package> <version> hi '", id="a line less"),
        pytest.param(row_of(EXTRA), answers_of(HELD), "nothing differs any more", id="an allowance that is not needed"),
        pytest.param(row_of(holds=False), answers_of(HELD), "not so: something was read", id="what must hold does not"),
        pytest.param(row_of(), answers_of(HELD, 2), "exit_status=2", id="an exit status that is no answer"),
    ],
)
def test_a_row_fails_with_its_reason(row, answers, words):
    with pytest.raises(AssertionError, match=re.escape(words)):
        check(row, Source.LAB, answers)


def test_a_host_that_could_not_be_asked_fails_its_row_only():
    with pytest.raises(CommandFailed, match="no such unit"):
        check(row_of(), Source.LAB, {("a row", Kind.APT): CommandFailed("no such unit")})


def test_an_allowed_difference_passes():
    check(row_of(EXTRA), Source.LAB, answers_of(HELD + NOT_HELD))
