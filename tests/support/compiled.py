"""Readers of compiled Workflows."""

from __future__ import annotations

import json
from typing import Any

from compiler.argo import Compiled


def templates(compiled: Compiled) -> dict[str, dict[str, Any]]:
    """Templates by name."""
    return {template["name"]: template for template in compiled.workflow["spec"]["templates"]}


def containers(compiled: Compiled, template: str) -> dict[str, dict[str, Any]]:
    """Containers of a lane by name."""
    return {container["name"]: container for container in templates(compiled)[template]["containerSet"]["containers"]}


def spec_of(container: dict[str, Any]) -> dict[str, Any]:
    """The spec that a container of a named lane gets."""
    (text,) = (argument for argument in container["args"] if argument.startswith("--spec="))
    found: dict[str, Any] = json.loads(text.removeprefix("--spec="))
    return found


def run_of(compiled: Compiled) -> dict[str, Any]:
    """The parameter that tells every runner about the run."""
    (parameter,) = compiled.workflow["spec"]["arguments"]["parameters"]
    found: dict[str, Any] = json.loads(parameter["value"])
    return found
