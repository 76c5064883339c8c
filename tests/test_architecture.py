"""The rooms: imports point downwards, Airflow finds what it should, files stay small and well named."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from airflow._shared.module_loading.file_discovery import find_path_from_directory

from kubeadm_airflow.hooks import cluster_api

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = ("include", "plugins", "dags")
FILES = sorted(path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))

# room -> what nothing in it may import
FORBIDDEN = {
    "include": {
        *("airflow", "asyncssh", "paramiko", "kubernetes", "kubernetes_asyncio", "aiohttp"),
        *("kubeadm_airflow", "upgrade_dags"),
    },
    "plugins": {"upgrade_dags", "cluster_upgrades", "kubeadm_maintenance"},
    "dags": {"asyncssh", "paramiko", "kubernetes", "kubernetes_asyncio", "aiohttp"},
}
TESTS = {path.name for path in (REPOSITORY / "tests").iterdir() if path.is_dir()} - {
    "kubeadm_upgrade",
    "kubeadm_airflow",
}
UNWANTED_WORDS = ("util", "helper", "common", "manager", "process_", "master", "slave", "leader", "misc")


def ids(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def imported(path: Path) -> set[str]:
    """The top-level packages that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_imports_point_downwards(path):
    """include knows no Airflow, no SSH, no Kubernetes client; nothing imports tests."""
    room = path.relative_to(REPOSITORY).parts[0]
    assert imported(path) & (FORBIDDEN[room] | TESTS | {"tests"}) == set()


# what lower rooms of include must not know of those that stand on them
ABOVE = {
    "hop": {"assignment", "facts", "ledger", "standing", "admission", "steps", "procedure"},
    "windows": {"inventory", "windows_file", "facts", "ledger", "admission", "standing"},
    "policy": {"hop", "facts", "inventory", "steps"},
    "unseen": {"facts", "steps"},
    "etcd": {"facts", "steps", "backup", "procedure"},
    "units": {"actions", "facts", "steps"},
    "ledger": {"facts", "steps", "admission", "standing", "procedure"},
    "standing": {"facts", "steps", "admission", "procedure"},
    "facts": {"steps", "procedure", "standing", "backup"},
    "steps": {"admission", "backup", "checks", "installs", "procedure", "ready", "stage", "etcd_gate", "rights"},
    "admission": {"procedure", "backup", "installs", "ready", "stage", "rights"},
    "planning": {"steps", "procedure", "ledger", "admission", "standing"},
    "packages": {"steps", "procedure", "ledger", "admission", "standing", "installs"},
    "procedure": {"rights", "checks", "report", "preflight", "access"},
    "board": {"commands", "report"},
    "times": {"commands", "report"},
    "drain": {"procedure", "engine", "standing", "admission", "rights", "board", "report"},
    "access": {"commands", "report", "ledger", "standing", "admission"},
}
DOMAIN = REPOSITORY / "include" / "kubeadm_upgrade"


def rooms_of(path: Path) -> set[str]:
    """The rooms and files of include that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "kubeadm_upgrade":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kubeadm_upgrade."):
            found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("room", ABOVE)
def test_the_rooms_of_the_domain_import_one_way(room):
    """A rule knows no step, the ledger no facts, and no step the rules that are asked before it acts."""
    paths = [DOMAIN / f"{room}.py"] if (DOMAIN / f"{room}.py").is_file() else sorted((DOMAIN / room).glob("*.py"))
    assert paths, f"there is no {room} any more"
    # Admission is two: what facts are made of, and the step and the gates that judge by them
    found = {ids(path): rooms_of(path) & ABOVE[room] for path in paths}
    assert {path: names for path, names in found.items() if names} == {}


def test_one_file_of_include_knows_whose_hands_it_borrows():
    """A command that must look finds kubeadm_airflow by its name, when it is run.

    `python -m kubeadm_upgrade` is where the parts are put together for a terminal, as dags/ is for Airflow: so it may
    know who has hands, in one place. Nothing else of include knows that name, and no rule stands on a command.
    """
    names = {ids(path) for path in (REPOSITORY / "include").rglob("*.py") if "kubeadm_airflow" in path.read_text()}
    assert names == {"include/kubeadm_upgrade/commands/hands.py"}
    stand_on = {ids(path) for path in DOMAIN.rglob("*.py") if "commands" in rooms_of(path)}
    assert {path for path in stand_on if "/commands/" not in path} == {"include/kubeadm_upgrade/__main__.py"}


def test_no_two_files_of_the_domain_import_each_other():
    """Also not by a way round: who reads a file can read all that it stands on first."""
    names = {path: ".".join(path.relative_to(DOMAIN).with_suffix("").parts) for path in DOMAIN.rglob("*.py")}
    imports = {name: set(files_of(path)) & set(names.values()) for path, name in names.items()}
    left = dict(imports)
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    assert left == {}


def files_of(path: Path) -> set[str]:
    """Modules of the domain that a file imports at its top, by their dotted names below it."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "kubeadm_upgrade":
            below = node.module.removeprefix("kubeadm_upgrade").lstrip(".")
            found |= {below, *(f"{below}.{alias.name}".lstrip(".") for alias in node.names)}
    return found


def test_only_the_engine_asks_the_standing_rules():
    """No step asks one for itself, so none can forget one."""
    asks = {ids(path) for path in (REPOSITORY / "include").rglob("*.py") if "standing" in rooms_of(path)}
    assert asks == {"include/kubeadm_upgrade/engine.py"}


def test_the_lab_knows_nothing_of_the_product():
    """It must behave like real clusters, not like our convenience."""
    ours = {"kubeadm_upgrade", "kubeadm_airflow", "upgrade_dags", "airflow", "harness"}
    found = {str(path): imported(path) & ours for path in (REPOSITORY / "tests" / "lab").rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        pytest.param("plugins", {"kubeadm_upgrade_plugin.py"}, id="the plugin loader loads one module"),
        pytest.param(
            "dags", {"cluster_upgrades.py", "kubeadm_maintenance.py"}, id="every DAG file is found, and only those"
        ),
    ],
)
def test_airflow_finds_what_it_should(room, expected):
    """By Airflow's own search, with the .airflowignore that stands there."""
    found = find_path_from_directory(REPOSITORY / room, ".airflowignore", "glob")
    assert {Path(path).name for path in found if path.endswith(".py")} == expected


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_a_file_answers_one_question(path):
    """Under three hundred lines, with a sentence at its top, and a name that says what it is."""
    text = path.read_text()
    assert len(text.splitlines()) <= (320 if path.name == "procedure.py" else 300)
    assert ast.get_docstring(ast.parse(text)), "the module says nothing about itself"
    assert not [word for word in UNWANTED_WORDS if word in path.stem]


def test_nothing_sleeps_in_a_worker():
    """Waiting happens in triggers; but for the seconds, few and bounded, until the API's hook believes a refusal.

    And beside triggers, in their own event loop, between two words that they have to say, or two tries. Whoever
    watches from a terminal is in nobody's way.
    """
    sleepers = {ids(path).removeprefix("plugins/kubeadm_airflow/") for path in FILES if "sleep(" in path.read_text()}
    terminals = {"include/kubeadm_upgrade/commands/watching.py"}
    assert sleepers - terminals == {"triggers.py", "run_triggers.py", "waiting.py", "late.py", "hooks/cluster_api.py"}
    assert cluster_api.FORBIDDEN_SECONDS <= cluster_api.REQUEST_SECONDS
