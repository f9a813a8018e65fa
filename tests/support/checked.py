"""Checking objects as `drplan validate` would check them in a file, and what that says."""

from __future__ import annotations

from typing import Any

from compiler.manifests import Problem, parse, to_yaml
from compiler.rules import check


def problems(*objects: dict[str, Any]) -> list[Problem]:
    """Everything that is wrong with objects."""
    return check(parse(to_yaml(objects), file="a.yaml"))


def errors(*objects: dict[str, Any]) -> list[str]:
    """Messages of the errors."""
    return [problem.message for problem in problems(*objects) if problem.is_error]


def warnings(*objects: dict[str, Any]) -> list[str]:
    """Messages of the warnings."""
    return [problem.message for problem in problems(*objects) if not problem.is_error]


def place(text: str, fragment: str) -> str:
    """Where the (only) problem whose message holds a fragment is, as `line:column`."""
    (found,) = [found for found in check(parse(text, file="a.yaml")) if fragment in found.message]
    return f"{found.line}:{found.column}"
