"""`drplan validate`: the rules of admission, offline, with file, line and column of everything that is wrong."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from drplan.cli import options
from drplan.errors import Exit

if TYPE_CHECKING:
    from compiler.manifests import Problem


@click.command("validate")
@options.files
@click.argument("more", nargs=-1, metavar="[PATH]...")
@click.option("--strict", is_flag=True, help="Let warnings fail the command, too.")
@options.output("text", "json", default="text")
@click.pass_context
def command(ctx: click.Context, paths: tuple[str, ...], more: tuple[str, ...], *, strict: bool, output: str) -> None:
    """Check manifests of plans, workflows and executions: their shape and all rules, offline.

    Errors and warnings go to stderr as file:line:column: message, all at once; with -o json they are a list on stdout.
    Warnings alone do not fail the command, unless --strict is given.
    """
    with _uncollected():
        problems, objects = _check((*paths, *more))
    if output == "json":
        from compiler.manifests import to_json

        click.echo(to_json([problem.to_dict() for problem in problems]), nl=False)
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        click.echo(_summary(problems, objects))
    failed = any(strict or problem.is_error for problem in problems)
    ctx.exit(Exit.INPUT if failed else Exit.OK)


def _check(named: Sequence[str]) -> tuple[list[Problem], int]:
    """All problems of what is named, and how many objects of ours there are."""
    from compiler.manifests import Problem, load
    from compiler.rules import check

    manifests = load(named)
    problems = check(manifests)
    objects = sum(document.ours for document in manifests.documents)
    if not objects and not any(problem.is_error for problem in problems):
        problems.append(Problem.of_file(named[0], "no DRPlan, DRWorkflow or DRPlanExecution was found"))
    return problems, objects


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection: importing and reading make objects that stay, and looking for others takes time."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def _summary(problems: Sequence[Problem], objects: int) -> str:
    errors = sum(problem.is_error for problem in problems)
    warnings = len(problems) - errors
    noted = f", {_counted(warnings, 'warning')}" if warnings else ""
    if errors:
        return f"{_counted(errors, 'error')}{noted} in {_counted(objects, 'object')}"
    return f"{_counted(objects, 'object')} valid{noted}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
