"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from compiler.model.names import PARAMETER_NAME
from compiler.model.phases import Mode

Command = TypeVar("Command", bound=Callable[..., Any])

RESERVED_MODE = "mode"
"""Name that no parameter can have: it is what `--mode` sets."""

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
        if name == RESERVED_MODE:
            raise click.BadParameter(f'parameter name "{name}" is reserved; use --mode')
        if not _is_text(value):
            raise click.BadParameter(f'value of "{name}" is no UTF-8 text')
        if name in read:
            raise click.BadParameter(f'"{name}" is given twice')
        read[name] = value
    return read


def _is_text(value: str) -> bool:
    """Whether an argument can be written down: what was no UTF-8 came in as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def name(help_text: str) -> Callable[[Command], Command]:
    """`--name NAME`."""
    return click.option("--name", callback=_read_name, metavar="NAME", help=help_text)


def _read_name(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str:
    if value is None:
        return ""
    if not value:
        raise click.BadParameter("must not be empty")
    if not _is_text(value):
        raise click.BadParameter("is no UTF-8 text")
    return value


def reason(help_text: str) -> Callable[[Command], Command]:
    """`--reason TEXT`."""
    return click.option("--reason", callback=_read_reason, default="", metavar="TEXT", help=help_text)


def _read_reason(_ctx: click.Context, _option: click.Parameter, value: str) -> str:
    if not _is_text(value):
        raise click.BadParameter("is no UTF-8 text")
    return value


def _read_state(_ctx: click.Context, _option: click.Parameter, value: str) -> Path:
    if not value:
        raise click.BadParameter("must not be empty")
    return Path(value)


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
        type=click.Path(file_okay=False),
        callback=_read_state,
        default=str(DEFAULT_STATE),
        show_default=True,
        metavar="DIR",
        help="Folder that keeps the executions of this machine.",
    )(command)


def force_revert(command: Command) -> Command:
    """`--force`, beside `--revert`."""
    return click.option(
        "--force",
        is_flag=True,
        help="With --revert: as `drplan revert --force` would, although it is not known what it or its undo did.",
    )(command)


def output(*choices: str, default: str) -> Callable[[Command], Command]:
    """`-o FORMAT`."""
    return click.option(
        "-o", "--output", type=click.Choice(choices), default=default, show_default=True, help="Form of the output."
    )


def no_validation_noise(command: Command) -> Command:
    """`-q`: keep warnings of the manifests to yourself."""
    return click.option("-q", "--quiet", is_flag=True, help="Do not show warnings about the manifests.")(command)
