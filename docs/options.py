"""Sections about the commands of `drplan`, from what click knows: usage, help text, options."""

from __future__ import annotations

import inspect
from importlib import import_module

import click

from docs.markdown import code, table
from drplan.cli import COMMANDS

_NOT_WRAPPED = "\b\n"
"""What a paragraph of a help text starts with when its lines are to stay as they are."""


def command_list() -> str:
    """Return the table of all commands."""
    rows = [(f"[`{name}`](#{name})", text) for name, text in sorted(COMMANDS.items())]
    return table(("Command", "Does"), rows)


def command_help(name: str) -> str:
    """Return usage, text and options of a command."""
    command: click.Command = import_module(f"drplan.cli.{name}").command
    context = click.Context(command, info_name=f"drplan {name}")
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [code(usage), _paragraphs(command.help or "")]
    rows = [_row(option, context) for option in command.params if isinstance(option, click.Option)]
    if rows:
        parts.append(table(("Option", "Default", "Meaning"), rows))
    return "\n\n".join(part for part in parts if part)


def _paragraphs(text: str) -> str:
    return "\n\n".join(_paragraph(paragraph) for paragraph in inspect.cleandoc(text).split("\n\n"))


def _paragraph(text: str) -> str:
    """Join the lines of a paragraph; one that click must not wrap is a list of lines."""
    if text.startswith(_NOT_WRAPPED):
        lines = text.removeprefix(_NOT_WRAPPED).strip().splitlines()
        return "\n".join(f"* {code(line.strip())}" for line in lines)
    return " ".join(text.split())


def _row(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    names = ", ".join(code(name) for name in option.opts)
    if not option.is_flag:
        names += " " + code(option.make_metavar(context))
    shown = code(str(option.get_default(context))) if option.show_default else ""
    return names, "required" if option.required else shown, option.help or ""
