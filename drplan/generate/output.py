"""What was generated → text: one stream or several files, with a head that says what the plan does not carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from compiler.manifests import Problem, parse, to_yaml
from compiler.rules import check
from drplan.errors import InputProblem
from drplan.generate.parts import Generated, Object

PLAN_FILE = "drplan.yaml"
WORKFLOW_FILE = "workflow-{}.yaml"
EXECUTIONS_FOLDER = "executions"
"""Apart from the plan: who applies the folder of the plan must not start it."""

EXECUTION_FILE = f"{EXECUTIONS_FOLDER}/drplanexecution-{{}}.yaml"


def stream(generated: Generated) -> str:
    """Write plan and workflows as one stream."""
    return head(generated.warnings) + to_yaml([generated.plan, *generated.workflows.values()])


def files(generated: Generated) -> dict[str, str]:
    """Write everything as files, by their names."""
    made: dict[str, Iterable[Object]] = {PLAN_FILE: [generated.plan]}
    made |= {WORKFLOW_FILE.format(stage): [workflow] for stage, workflow in generated.workflows.items()}
    made |= {EXECUTION_FILE.format(what): [execution] for what, execution in generated.executions.items()}
    texts = {name: to_yaml(objects) for name, objects in made.items()}
    return {**texts, PLAN_FILE: head(generated.warnings) + texts[PLAN_FILE]}


def head(warnings: Iterable[Problem]) -> str:
    """Say as a comment what the plan does not carry, and what has to be known about it."""
    told = list(dict.fromkeys(warning.message for warning in warnings))
    if not told:
        return ""
    lines = ["Made by `drplan generate`. Read this before you use it:", *(f"* {message}" for message in told)]
    return "".join(f"# {line}\n" for text in lines for line in text.splitlines())


def refuse_invalid(texts: Mapping[str, str]) -> None:
    """Make sure that what was written is valid, whatever names the release had.

    Raises:
        InputProblem: `drplan validate` would refuse it.
    """
    problems = check(parse("---\n".join(texts.values()), file="generated"))
    errors = [problem for problem in problems if problem.is_error]
    if errors:
        raise InputProblem(f"{problem.kind} {problem.name}: {problem.message}" for problem in errors)
