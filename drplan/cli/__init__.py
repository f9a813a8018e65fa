"""The command `drplan` (and `kubectl drplan`): a group whose commands are imported when they are called.

Each command is a module of this package with a click command named `command`. Exit codes are those of `drplan.errors`:
a usage error is wrong input (1), never 2, which means that an execution failed.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from drplan.errors import DrplanError, Exit

COMMANDS = {
    "cancel": "Cancel an execution, gracefully or by force",
    "compile": "Compile a plan into an Argo Workflow or WorkflowTemplate",
    "completion": "Print the completion script of a shell",
    "diff": "Show what changed in a plan since an execution",
    "fold": "Fold an Argo Workflow into the DRPlanExecution that it means",
    "get": "Show executions",
    "graph": "Draw what a plan, or its revert, will do",
    "history": "Show the executions of a plan, newest first",
    "logs": "Print what the actions of an execution logged",
    "pause": "Keep an execution from starting further actions",
    "resume": "Go on with a paused or interrupted execution",
    "retry": "Run again what did not succeed in an execution",
    "revert": "Undo an earlier execution",
    "run": "Run a plan on this machine",
    "validate": "Check manifests, all rules, offline",
    "watch": "Follow an execution until it ends",
}


class Lazy(click.Group):
    """A group that knows its commands' names and imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names of the commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"drplan.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        command.short_help = COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands from their one-line texts, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in sorted(COMMANDS)])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="drplan", message="%(prog)s %(version)s")
def group() -> None:
    """Run Kubernetes disaster-recovery plans, and undo them.

    Exit codes: 0 ok, 1 the input is wrong, 2 the execution Failed or is Unknown, 3 it was Cancelled,
    4 something that is needed cannot be reached.
    """


def main() -> None:
    """Run the command line and end the process with its exit code."""
    name = os.path.basename(sys.argv[0]).removesuffix(".py")
    shown = "kubectl drplan" if name.startswith("kubectl") else "drplan"
    sys.exit(run(sys.argv[1:], prog_name=shown))


def run(arguments: list[str], *, prog_name: str = "drplan") -> int:
    """Run the command line.

    Returns:
        The exit code.
    """
    try:
        result = group.main(args=arguments, prog_name=prog_name, standalone_mode=False)
        return int(result) if isinstance(result, int) else Exit.OK
    except click.exceptions.NoArgsIsHelpError as shown:
        click.echo(shown.format_message())
        return Exit.OK
    except click.ClickException as problem:
        problem.show()
        return Exit.INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return Exit.CANCELLED
    except DrplanError as problem:
        click.echo(str(problem), err=True)
        return problem.code
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter flushes it when it ends
        return Exit.OK
