"""Asking `helm` and `helmfile`, as processes: they alone know how a chart is rendered."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from drplan.errors import InputProblem, OutOfReach

HELM = "helm"
HELMFILE = "helmfile"


class Answer(NamedTuple):
    """What a program printed.

    Attributes:
        command: what was run, as it can be typed.
        output: its standard output.
        notes: its standard error.
    """

    command: str
    output: bytes
    notes: str


def render_chart(chart: str, *, name: str, namespace: str, arguments: Sequence[str]) -> Answer:
    """Let `helm template` render a chart.

    Raises:
        InputProblem: it refused.
        OutOfReach: there is no helm.
    """
    command = [HELM, "template", name, chart, "--namespace", namespace, "--include-crds", *arguments]
    return _run(command, instead="render the chart elsewhere, and give what `helm template` printed with -f")


def build_helmfile(file: str, arguments: Sequence[str]) -> Answer:
    """Let `helmfile build` resolve a helmfile.

    Raises:
        InputProblem: it refused.
        OutOfReach: there is no helmfile.
    """
    command = [HELMFILE, "--file", file, *arguments, "build", "--embed-values"]
    return _run(command, instead="run `helmfile build --embed-values` elsewhere, and give what it printed with --built")


def _run(command: Sequence[str], *, instead: str) -> Answer:
    shown = shlex.join(command)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as problem:
        reason = "it is not on PATH" if isinstance(problem, FileNotFoundError) else str(problem.strerror)
        raise OutOfReach(f"cannot run {command[0]}: {reason}; install it, or {instead}") from None
    notes = done.stderr.decode(errors="replace").strip()
    if done.returncode:
        raise InputProblem(f"`{shown}` ended with exit code {done.returncode}:\n{notes}".rstrip())
    return Answer(shown, done.stdout, notes)
