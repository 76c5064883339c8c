"""`python -m kubeadm_upgrade`, as it is typed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from in_memory.golden import FOLDER
from in_memory.states import cluster
from kubeadm_upgrade.__main__ import main
from kubeadm_upgrade.access.sudo import EXAMPLES
from kubeadm_upgrade.releases.known import releases

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def state_file(tmp_path, monkeypatch):
    """What the task look returned, of a cluster at 1.28."""
    monkeypatch.setenv("COLUMNS", "160")
    path = tmp_path / "prod.json"
    path.write_text(json.dumps(cluster("1.28.15", "1.28.15", "1.28.15").to_json()))
    return path


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def test_a_plan_as_a_table(capsys, state_file):
    """Hops, who is drained, and why."""
    code, out, _ = run(capsys, "plan", "--from-state", state_file, "--target", "1.32")
    assert code == 0
    assert "4 hops, at most 2 drains per worker, 4 in all (worker_moves: fewest)" in out
    assert "1.30.14 → 1.31.14" in out
    assert "kubelet 1.28.15 would be 4 minor releases behind 1.32" in out


def test_a_state_of_before_says_what_it_does_not_hold(capsys, state_file):
    """It was taken by a run to 1.29 that asked for no more, and wrote down nothing of what it had asked."""
    offered = ["1.28.15-1.1", "1.29.15-1.1"]
    old = json.loads(state_file.read_text()) | {"published": {"deb": dict.fromkeys(("kubeadm", "kubelet"), offered)}}
    del old["asked"]
    state_file.write_text(json.dumps(old))
    assert run(capsys, "plan", "--from-state", state_file, "--target", "1.29")[0] == 0
    code, _, err = run(capsys, "plan", "--from-state", state_file, "--target", "1.31")
    assert code == 1
    assert err == (
        "refused: the package repositories were not asked for 1.30, 1.31 when the cluster was looked at: look again, "
        "by a dry run to 1.31 or by clearing the task look, and take what it returns then\n"
    )


@pytest.mark.parametrize("target", ["2.0", "2.31", "v0.30.1"])
def test_there_is_no_other_major_release(capsys, state_file, target):
    with pytest.raises(SystemExit):
        main(["plan", "--from-state", str(state_file), "--target", target])
    assert f"{target!r} is no release of Kubernetes: say one such as 1.33" in capsys.readouterr().err


def test_a_target_beyond_all_that_is_known_is_one_refusal(capsys, state_file):
    """Not one for each release on the way to it."""
    code, _, err = run(capsys, "plan", "--from-state", state_file, "--target", "1.99")
    newest = max(one.minor for one in releases())
    assert code == 1
    assert err == (
        f"refused: Kubernetes 1.99 is not known; the newest known is 1.{newest}: choose one up to that, or put the "
        "facts of those between into the directory that KUBEADM_UPGRADE_RELEASES names (docs/releases.md says how)\n"
    )


def test_a_plan_as_markdown_is_the_page_of_the_run(capsys, state_file):
    """The same words."""
    _, out, _ = run(capsys, "plan", "--from-state", state_file, "--target", "1.29", "--format", "markdown")
    assert out.startswith("# prod: 1.28.15 → 1.29.15\n")
    assert out.partition("\n")[2] == (FOLDER / "plans" / "one-hop.md").read_text().partition("\n")[2]


def test_the_policy_can_be_tried(capsys, state_file):
    """Before it is written into a cluster's file."""
    policy = ("--worker-moves", "every-hop", "--max-kubelet-skew", 1, "--no-latest-patch-first", "--format", "json")
    _, out, _ = run(capsys, "plan", "--from-state", state_file, "--target", "1.30", *policy)
    plan = json.loads(out)
    assert plan["policy"] == {
        "worker_moves": "every-hop",
        "max_kubelet_skew": 1,
        "latest_patch_first": False,
        "pass_etcd_gates": False,
        "ignore_preflight_errors": {},
    }
    assert [sum(len(group["nodes"]) for group in hop["moving"]) for hop in plan["hops"]] == [2, 2]


def test_what_kubeadm_is_told_to_ignore_is_in_the_table(capsys, state_file):
    """By name, with the reason; a name without one is refused."""
    plan = ("plan", "--from-state", state_file, "--target", "1.29", "--ignore-preflight-errors")
    code, out, _ = run(capsys, *plan, "CreateJob=no node takes it")
    assert (code, "kubeadm is told to ignore preflight errors: `CreateJob` (no node takes it)." in out) == (0, True)
    code, _, err = run(capsys, *plan, "CreateJob")
    assert (code, err) == (
        1,
        "--ignore-preflight-errors: CreateJob needs its reason in words, which plan and report show\n",
    )


def test_a_gate_of_etcd_as_a_table(capsys, tmp_path, monkeypatch):
    """With leave, a hop of its own; without, the first way out is that."""
    monkeypatch.setenv("COLUMNS", "300")
    path = tmp_path / "prod.json"
    path.write_text(json.dumps(cluster("1.33.13").to_json()))
    code, _, err = run(capsys, "plan", "--from-state", path, "--target", "1.34")
    assert (code, "set path.pass_etcd_gates: true in the inventory" in err) == (1, True)
    code, out, _ = run(capsys, "plan", "--from-state", path, "--target", "1.34", "--pass-etcd-gates")
    assert code == 0
    assert "stays at 1.33.13, etcd 3.5.9 → 3.5.26" in out
    assert "first  etcd.local.imageTag in kubeadm-config is set to 3.5.26-0, and 1.33.13 is applied once more" in out
    assert "first  etcd.local.imageTag, which this tool has set to pass etcd's gate, is taken out" in out


def test_what_is_to_be_known_before_is_in_the_table_too(capsys, tmp_path):
    """A tag of somebody else's is named in every plan, in every form."""
    path = tmp_path / "prod.json"
    path.write_text(json.dumps(cluster("1.33.13", etcd_pinned="3.5.30-0").to_json()))
    for form in ("table", "markdown", "json"):
        _, out, _ = run(capsys, "plan", "--from-state", path, "--target", "1.33", "--format", form)
        assert "kubeadm-config fixes etcd at 3.5.30-0" in out


def test_a_refusal_is_a_line_for_each_reason(capsys, state_file):
    """On standard error, with an exit code."""
    code, out, err = run(capsys, "plan", "--from-state", state_file, "--target", "1.27")
    assert (code, out) == (1, "")
    assert err == "refused: the control plane is at 1.28.15, newer than 1.27: kubeadm does not go back\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "not what the task look returns", id="no JSON"),
        pytest.param("{}", "'cluster_version' is missing", id="empty"),
        pytest.param(
            '{"cluster_version": "latest", "nodes": []}', "'latest' is not a Kubernetes version", id="no version"
        ),
        pytest.param("[]", "not what the task look returns", id="a list"),
    ],
)
def test_a_bad_state_file_is_one_sentence(capsys, tmp_path, text, words):
    """No traceback."""
    path = tmp_path / "state.json"
    path.write_text(text)
    code, _, err = run(capsys, "plan", "--from-state", path, "--target", "1.29")
    assert code == 1
    assert err.startswith(f"{path}: ")
    assert words in err


LOOK = "What to do: take what this prints: python -m kubeadm_upgrade look CLUSTER\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no JSON"),
        ("[1]", "it is the JSON of something else"),
        ("{}", "'cluster_version' is missing"),
        ('{"cluster_version": "x"}', "'x' is not a Kubernetes version such as v1.29.4"),
        (
            '{"cluster_version": "1.29.0", "nodes": [{"kubelet": "1.29.0", "boots": 3}]}',
            "it is the JSON of something else",
        ),
    ],
)
def test_a_file_that_holds_no_state(capsys, tmp_path, text, why):
    """Where one is to be had; and nothing in the words of Python."""
    path = tmp_path / "prod.json"
    path.write_text(text)
    code, _, err = run(capsys, "plan", "--from-state", path, "--target", "1.29")
    assert code == 1
    assert err == f"{path}: not what the task look returns (its XCom return_value): {why}\n{LOOK}"


def test_a_state_comes_through_a_pipe_as_well(capsys, state_file, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO(state_file.read_text()))
    code, out, _ = run(capsys, "plan", "--from-state", "-", "--target", "1.29", "--output", "markdown")
    assert (code, out.startswith("# cluster: 1.28.15 → 1.29.15\n")) == (0, True)


def test_a_state_file_that_is_not_there(capsys, tmp_path):
    """The path, and what the system says."""
    code, _, err = run(capsys, "plan", "--from-state", tmp_path / "none.json", "--target", "1.29")
    assert (code, err) == (1, f"{tmp_path / 'none.json'}: not readable: No such file or directory\n{LOOK}")


def test_a_target_that_is_no_version(capsys, state_file):
    """As argparse says it."""
    with pytest.raises(SystemExit):
        main(["plan", "--from-state", str(state_file), "--target", "latest"])
    assert "'latest' is neither a version such as 1.29.4 nor a minor release such as 1.29" in capsys.readouterr().err


def test_the_calendar(capsys, monkeypatch):
    """Every release, and where it is in its life on a day; in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(capsys, "calendar", "--on", "2026-11-23")
    rows = {line.split()[0]: " ".join(line.split()) for line in out.splitlines()[1:]}
    assert code == 0
    assert rows["1.34"].startswith("1.34 2025-08-27 2026-10-27 ended 1.34.")
    assert rows["1.35"].startswith("1.35 2025-12-17 2027-02-28 97 supported 1.35.")
    assert len(rows) == 16


def test_it_runs_without_airflow():
    """As a module, with the exit code of what it did."""
    command = [sys.executable, "-m", "kubeadm_upgrade", "plan", "--from-state", "/dev/null", "--target", "1.30"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("/dev/null: not what the task look returns")


@pytest.mark.parametrize("of", ["cluster", "release"])
def test_the_schemas(capsys, of):
    """For editors."""
    _, out, _ = run(capsys, "schema", of)
    assert json.loads(out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(("file", "options"), [("sudoers", ()), ("sudoers-wildcards", ("--wildcards",))])
def test_the_sudoers_files_are_those_of_the_code(capsys, file, options):
    """Wherever a command has changed: make sudoers, and tell whoever runs hosts."""
    code, out, _ = run(capsys, "sudoers", *options)
    assert code == 0
    assert out == (DOCS / file).read_text()


def test_the_examples_are_those_of_the_code(capsys):
    """What check asks sudo about: make sudoers writes them beside the two files."""
    _, out, _ = run(capsys, "sudoers", "--examples")
    assert out == EXAMPLES.read_text()


def test_the_page_of_rights_is_what_is_checked(capsys):
    """docs/rbac.yaml is the package's own manifest, for whoever reads the docs."""
    code, out, _ = run(capsys, "rbac")
    assert (code, out) == (0, (DOCS / "rbac.yaml").read_text())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_disk_that_is_full_is_told():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "kubeadm_upgrade", "rbac"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "the output cannot be written: No space left on device\n")


def test_a_user_of_sudoers_is_one_user(capsys):
    """A name that sudo's parser would read as more is none."""
    _, out, _ = run(capsys, "sudoers", "--user", "ops")
    assert "\nops ALL=(root) NOPASSWD: !ALL\n" in out
    with pytest.raises(SystemExit):
        main(["sudoers", "--user", "ALL"])
    assert "'ALL' is no user name" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["schema"], id="schema"),
        pytest.param(["plan", "--from-state", "prod.json", "--target", "1.32"], id="a table of rich"),
    ],
)
def test_a_reader_that_has_enough_is_no_error(state_file, arguments):
    """As of head: the pipe is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "kubeadm_upgrade", *arguments]
    try:
        ended = subprocess.run(
            command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=state_file.parent, check=False
        )
    finally:
        os.close(writing)
    assert ended.stderr == ""
    assert ended.returncode in (1, 128 + signal.SIGPIPE)  # 1 is rich's
