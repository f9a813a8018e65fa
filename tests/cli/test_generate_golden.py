"""Golden files of `drplan generate`: what it writes for a release, and what it says about it.

A folder below `tests/golden/generated` holds `args.json`, the command line, in which `INPUT` is its `input.yaml`;
`plan.yaml` is what is printed, `warnings.txt` what is said, `executions.yaml` what comes beside it in files.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compiler.model.phases import Mode
from support.command import ROOT, drplan
from support.golden import GOLDEN, assert_golden

FOLDER = GOLDEN / "generated"
CASES = sorted(folder.name for folder in FOLDER.iterdir())
FORWARD = [Mode.INSTALL, Mode.UPGRADE, Mode.DELETE]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def arguments(case: str) -> list[str]:
    """The command line of a case, from the root of the repository."""
    given = json.loads((FOLDER / case / "args.json").read_text())
    return [str((FOLDER / case / "input.yaml").relative_to(ROOT)) if word == "INPUT" else word for word in given]


@pytest.mark.parametrize("case", CASES)
def test_a_release_becomes_its_golden_plan(case: str) -> None:
    called = drplan("generate", *arguments(case))
    assert called.code == 0, called.err
    assert_golden(FOLDER / case / "plan.yaml", called.out)
    assert_golden(FOLDER / case / "warnings.txt", called.err)


@pytest.mark.parametrize("case", CASES)
def test_its_files_hold_the_same_as_the_stream_and_the_golden_executions(case: str, tmp_path: Path) -> None:
    assert drplan("generate", *arguments(case), "--output-dir", tmp_path).code == 0
    workflows = sorted(tmp_path.glob("workflow-*.yaml"))
    stream = (FOLDER / case / "plan.yaml").read_text()
    written = [(tmp_path / "drplan.yaml").read_text(), *(path.read_text() for path in workflows)]
    assert sorted("---\n".join(written).split("---\n")) == sorted(stream.split("---\n"))
    executions = sorted((tmp_path / "executions").iterdir())
    assert_golden(FOLDER / case / "executions.yaml", "---\n".join(path.read_text() for path in executions))


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_valid(case: str, tmp_path: Path) -> None:
    drplan("generate", *arguments(case), "--output-dir", tmp_path)
    checked = drplan("validate", "-f", tmp_path, "-o", "json")
    assert checked.code == 0, checked.out
    assert {problem["message"].partition(":")[2] for problem in checked.json} <= {
        " no custom rollback defined, will use automatic rollback (delete resource)"
    }


@pytest.mark.parametrize("mode", FORWARD)
@pytest.mark.parametrize("case", CASES)
def test_what_is_written_compiles_in_every_mode(case: str, mode: Mode) -> None:
    compiled = drplan("compile", "-q", "-f", FOLDER / case / "plan.yaml", "--mode", mode)
    assert compiled.code == 0, compiled.err
    assert compiled.documents[-1]["kind"] == "Workflow"


@pytest.mark.parametrize("case", CASES)
def test_the_rights_that_it_needs_can_be_told(case: str) -> None:
    assert drplan("rbac", "-q", "-f", FOLDER / case / "plan.yaml").code == 0
