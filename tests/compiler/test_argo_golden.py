"""Golden files: whole plans and what they compile to, byte by byte.

A folder below `tests/golden/valid` holds `workflow.yaml` (or its SHA-256, where it is large) and, unless its graph is
built here, `input.yaml` with the manifests. `args.json` may give `paths` (from the root of the repository, in place of
`input.yaml`), `plan`, `mode`, `params`, `execution` (`name`, `uid`) and `template`. `DRPLAN_REGENERATE=1` writes what
the compiler makes now; read the difference before you keep it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compiler.argo import Compiled, ExecutionRef, compile_template, compile_workflow
from compiler.argo.lint import lint
from compiler.graph.forward import forward_graph
from compiler.graph.snapshot import ExecutionInput, Snapshot, by_id, used_workflows
from compiler.graph.tree import Graph, SecretRef
from compiler.manifests import load, to_yaml
from compiler.model.names import record_name
from compiler.model.parameters import Parameter
from compiler.model.phases import OperationType, WorkflowFailurePolicy
from support.golden import assert_golden
from support.graphs import ActionDraft, action, graph, stage, uniform, use

ROOT = Path(__file__).parents[2]
VALID = ROOT / "tests" / "golden" / "valid"

TARGET_UID = "2f1c4f6e-93a4-4b61-9a3e-6a0b7b1f8f10"
BIG = {"url": "http://site.example/", "method": "PUT", "body": "x" * 17_000}
SECRET = SecretRef("pager", "token", "DRPLAN_SECRET_1")


def undo(name: str, key: str, **fields: Any) -> ActionDraft:
    return action(name, undo=record_name("pay-execute-1", TARGET_UID, key), **fields)


def revert(*, large: bool) -> Graph:
    """A revert with hooks around what is undone, last action first."""
    block = BIG if large else {}
    actions = [
        action("freeze", hook=True, after=[]),
        undo("check", "s1.w1.a2", after=["a3"]),
        undo("promote", "s1.w1.a3", after=["h1"], block=block),
        action("report", hook=True, after=["a2"]),
    ]
    return graph(
        stage(use(*actions, policy=WorkflowFailurePolicy.CONTINUE)),
        operation=OperationType.REVERT,
        mode="rollback",
    )


def generic() -> Graph:
    """Shapes that are shared, one with a gap, a long workflow, and one that needs a Secret."""
    return graph(
        stage(
            use(action("load", block=BIG), "check", name="load"),
            use("first", "second", name="same"),
            use(*(f"step-{index}" for index in range(1, 21)), name="long"),
            use(action("page", secrets=[SECRET]), name="page"),
        )
    )


BUILT: dict[str, Callable[[], Graph]] = {
    "revert": lambda: revert(large=False),
    "generic-revert": lambda: revert(large=True),
    "generic-shapes": generic,
    "five-thousand": lambda: uniform(stages=50, uses=10, actions=10),
}
CASES = sorted(folder.name for folder in VALID.iterdir() if folder.is_dir())


def compile_case(folder: Path) -> Compiled:
    """Compile the manifests of a golden folder."""
    file = folder / "args.json"
    args = json.loads(file.read_text()) if file.exists() else {}
    manifests = load([ROOT / path for path in args["paths"]] if "paths" in args else [folder / "input.yaml"])
    assert [str(problem) for problem in manifests.problems] == []
    plan = next(plan for ref, plan in manifests.plans().items() if args.get("plan", ref.name) == ref.name)
    workflows = used_workflows(plan, by_id(manifests.workflows().values()))
    execution = ExecutionInput(
        **args.get("execution", {}),
        namespace=plan.metadata.namespace or "default",
        mode=args.get("mode", "").lower(),
        params=tuple(Parameter(name=name, value=value) for name, value in args.get("params", {}).items()),
    )
    made = forward_graph(Snapshot(plan, workflows, execution))
    if args.get("template"):
        return compile_template(made)
    return compile_workflow(made, execution=ExecutionRef(execution.name, execution.uid))


@pytest.mark.parametrize("name", CASES)
def test_a_plan_compiles_to_its_golden_file(name: str) -> None:
    folder = VALID / name
    compiled = compile_workflow(BUILT[name]()) if name in BUILT else compile_case(folder)
    assert lint(compiled.workflow) == []
    text = to_yaml(compiled.objects)

    if name == "five-thousand":
        assert_golden(folder / "workflow.sha256", hashlib.sha256(text.encode()).hexdigest() + "\n")
    else:
        assert_golden(folder / "workflow.yaml", text)


def test_every_graph_that_is_built_here_has_its_folder() -> None:
    assert set(BUILT) <= set(CASES)
