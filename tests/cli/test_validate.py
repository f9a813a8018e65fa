"""`drplan validate`: output, exit codes, and that it is quick to start and does nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from compiler.manifests import to_yaml
from support.command import drplan
from support.golden import GOLDEN, assert_golden
from support.plans import execution, http, plan, stage, workflow

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "examples" / "bcs-drplan"
INVALID = sorted(path for path in (GOLDEN / "invalid").iterdir() if path.suffix in (".yaml", ".json"))
HEAVY = ("hera", "kubernetes", "aiohttp", "rich", "msgspec", "jinja2", "runner", "syncer")

GOOD = workflow("mysql", http("promote"))
DOUBTFUL = plan(stage("db", "redis"))
BROKEN = plan(stage("db"))


def write(folder: Path, *objects: object, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(to_yaml(objects))  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.name)
def test_what_is_wrong_with_each_broken_manifest_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)

    called = drplan("validate", "-f", path.name)

    assert_golden(path.with_suffix(".txt"), called.err + called.out)
    assert called.code == 1


@pytest.mark.parametrize("name", ["install", "switchover", "."])
def test_manifests_of_the_older_controller_are_valid(name: str) -> None:
    called = drplan("validate", "-f", FIXTURES / name)

    assert called.code == 0
    assert "error" not in called.out


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.yaml")), ids=lambda path: path.name)
def test_each_of_them_is_valid_by_itself(path: Path) -> None:
    assert drplan("validate", "-f", path).code == 0


def test_valid_manifests_are_counted_on_stdout_and_nothing_is_on_stderr(tmp_path: Path) -> None:
    called = drplan("validate", "-f", write(tmp_path, GOOD, plan(stage("db", "mysql")), execution()))

    assert (called.code, called.out, called.err) == (0, "3 objects valid\n", "")


def test_warnings_are_shown_and_do_not_fail(tmp_path: Path) -> None:
    path = write(tmp_path, DOUBTFUL)

    called = drplan("validate", "-f", path)

    assert called.code == 0
    assert called.out == "1 object valid, 1 warning\n"
    assert called.err == f"{path}:11:9: warning: stage[0] 'db' workflow[0]: workflow dr/redis not found\n"


def test_strict_lets_warnings_fail(tmp_path: Path) -> None:
    assert drplan("validate", "--strict", "-f", write(tmp_path, DOUBTFUL)).code == 1
    assert drplan("validate", "--strict", "-f", write(tmp_path, workflow("w", http("x")), name="best.yaml")).code == 0


def test_errors_of_all_files_are_shown_at_once_and_sorted(tmp_path: Path) -> None:
    second = write(tmp_path, BROKEN, plan(name="sell"), name="b.yaml")
    first = write(
        tmp_path,
        plan(stage("db", "redis"), name="lend"),
        {**execution(), "spec": {"operationType": "Execute"}},
        name="a.yaml",
    )

    called = drplan("validate", "-f", second, "-f", first)

    assert called.code == 1
    assert called.out == "3 errors, 1 warning in 4 objects\n"
    assert [line.split(": ")[0] for line in called.err.splitlines()] == [
        f"{first}:11:9",
        f"{first}:18:1",
        f"{second}:9:5",
        f"{second}:17:3",
    ]


def test_paths_can_follow_each_other_as_a_shell_expands_them(tmp_path: Path) -> None:
    paths = [write(tmp_path, GOOD, name="a.yaml"), write(tmp_path, execution(), name="b.yaml")]

    assert drplan("validate", "-f", *paths).out == "2 objects valid\n"


def test_standard_input_is_a_dash() -> None:
    text = to_yaml([BROKEN])

    done = subprocess.run(
        [sys.executable, "-m", "drplan", "validate", "-f", "-"],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == "-:9:5: stage[0] 'db': at least one workflow is required\n"


def test_json_is_a_list_of_problems_on_stdout_alone(tmp_path: Path) -> None:
    path = write(tmp_path, BROKEN, DOUBTFUL | {"metadata": {"name": "other"}})

    called = drplan("validate", "-f", path, "-o", "json")

    assert (called.code, called.err) == (1, "")
    assert json.loads(called.out) == [
        {
            "file": str(path),
            "line": 9,
            "column": 5,
            "kind": "DRPlan",
            "name": "pay",
            "severity": "error",
            "message": "stage[0] 'db': at least one workflow is required",
        },
        {
            "file": str(path),
            "line": 20,
            "column": 9,
            "kind": "DRPlan",
            "name": "other",
            "severity": "warning",
            "message": "stage[0] 'db' workflow[0]: workflow default/redis not found",
        },
    ]


def test_json_of_valid_manifests_is_an_empty_list(tmp_path: Path) -> None:
    assert drplan("validate", "-f", write(tmp_path, GOOD), "-o", "json").out == "[]\n"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"])
def test_input_without_our_objects_is_an_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)

    called = drplan("validate", "-f", path)

    assert called.code == 1
    assert called.err == f"{path}:1:1: no DRPlan, DRWorkflow or DRPlanExecution was found\n"


def test_objects_of_other_kinds_beside_ours_are_left_alone(tmp_path: Path) -> None:
    other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}

    assert drplan("validate", "-f", write(tmp_path, GOOD, other)).out == "1 object valid\n"


def test_a_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    called = drplan("validate", "-f", tmp_path / "nowhere.yaml", "-f", write(tmp_path, GOOD))

    assert called.code == 1
    assert called.err == f"{tmp_path}/nowhere.yaml:1:1: cannot read: no such file or directory\n"


@pytest.mark.parametrize("arguments", [[], ["-f"], ["a.yaml"], ["-f", "a.yaml", "-o", "xml"], ["--what"]])
def test_a_call_that_is_wrong_is_wrong_input(arguments: list[str]) -> None:
    called = drplan("validate", *arguments)

    assert called.code == 1
    assert "Error" in called.err


def test_broken_files_end_the_process_without_a_traceback(tmp_path: Path) -> None:
    for name, content in {
        "a": b"\0\1\2",
        "b": b"[" * 100_000,
        "c": b"a: \xff",
        "d": b"a: *a",
        "e": os.urandom(99),
    }.items():
        (tmp_path / f"{name}.yaml").write_bytes(content)

    done = subprocess.run(
        [sys.executable, "-m", "drplan", "validate", "-f", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) >= 5
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.yaml" for name in "abcde"]


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, plan(stage("db", "mysql")), execution())
    program = (
        "import sys; from drplan.cli import run; code = run(['validate', '-f', sys.argv[1]]); "
        f"print([name for name in {HEAVY!r} if name in sys.modules]); sys.exit(code)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "3 objects valid\n[]\n"
