"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from compiler.model.names import PARAMETER_NAME
from compiler.model.phases import Mode

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_STATE = Path(".drplan")
DEFAULT_NAMESPACE = "default"


def files(command: Command) -> Command:
    """`-f PATH…`: manifests."""
    return click.option(
        "-f",
        "--filename",
        "paths",
        multiple=True,
        required=True,
        type=click.Path(allow_dash=True),
        metavar="PATH",
        help="Manifest, or folder of manifests (*.yaml, *.yml, *.json, recursively); - reads stdin. Repeatable.",
    )(command)


def plan(command: Command) -> Command:
    """`--plan P`: which plan, when there are several."""
    return click.option("--plan", metavar="NAME", help="The plan, when the manifests hold several.")(command)


def mode(command: Command) -> Command:
    """`--mode M`."""
    return click.option(
        "--mode",
        type=click.Choice([str(member) for member in Mode], case_sensitive=False),
        help="Mode of the run; a plan whose actions depend on the mode needs one.",
    )(command)


def params(command: Command) -> Command:
    """`-p name=value`, repeatable; arrives as a dict."""
    return click.option(
        "-p",
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_read_params,
        help="Parameter of the execution; overrides all others. Repeatable.",
    )(command)


def _read_params(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    read: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not PARAMETER_NAME.match(name):
            raise click.BadParameter(f'"{text}" is not NAME=VALUE, with a name of [a-zA-Z][a-zA-Z0-9_-]*')
        if name in read:
            raise click.BadParameter(f'"{name}" is given twice')
        read[name] = value
    return read


def state(command: Command) -> Command:
    """`--state DIR` and `-n NAMESPACE`: which execution of this machine."""
    command = click.option(
        "-n",
        "--namespace",
        metavar="NAME",
        default=DEFAULT_NAMESPACE,
        show_default=True,
        help="Namespace of plan and execution.",
    )(command)
    return state_folder(command)


def state_folder(command: Command) -> Command:
    """`--state DIR`: where executions of this machine are kept."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        default=DEFAULT_STATE,
        show_default=True,
        metavar="DIR",
        help="Folder that keeps the executions of this machine.",
    )(command)


def output(*choices: str, default: str) -> Callable[[Command], Command]:
    """`-o FORMAT`."""
    return click.option(
        "-o", "--output", type=click.Choice(choices), default=default, show_default=True, help="Form of the output."
    )


def no_validation_noise(command: Command) -> Command:
    """`-q`: keep warnings of the manifests to yourself."""
    return click.option("-q", "--quiet", is_flag=True, help="Do not show warnings about the manifests.")(command)
