"""The command `drplan` (and `kubectl drplan`): a group whose commands are imported when they are called.

Each command is a module of this package with a click command named `command`. Exit codes are those of `drplan.errors`:
a usage error is wrong input (1), never 2, which means that an execution failed.
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from typing import Any

import click

from drplan.cli.printing import NobodyReads, essential, say, tolerant
from drplan.errors import DrplanError, Exit
from drplan.view.lenient import open_closed

COMMANDS = {
    "cancel": "Cancel an execution, gracefully or by force",
    "compile": "Compile a plan into an Argo Workflow or WorkflowTemplate",
    "completion": "Print the completion script of a shell",
    "diff": "Show what changed in a plan since an execution",
    "execute": "Run a plan in a cluster",
    "fold": "Fold an Argo Workflow into the DRPlanExecution that it means",
    "generate": "Make the plan of a Helm release",
    "get": "Show executions",
    "graph": "Draw what a plan, or its revert, will do",
    "history": "Show the executions of a plan, newest first",
    "install": "Print what is installed in a cluster, as manifests",
    "logs": "Print what the actions of an execution logged",
    "pause": "Keep an execution from starting further actions",
    "rbac": "Print the rights that the actions of a plan need",
    "resume": "Go on with a paused or interrupted execution",
    "retry": "Run again what did not succeed in an execution",
    "revert": "Undo an earlier execution",
    "run": "Run a plan on this machine",
    "syncer": "Run the controller that carries out executions in the cluster",
    "uninstall": "Remove the installation from a cluster, finalizers included",
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

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line; what it asks to be shown may not find a reader."""
        with essential():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it prints may not find a reader."""
        with essential():
            return super().invoke(ctx)

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
    open_closed()
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
        with tolerant():
            click.echo(shown.format_message())
        return Exit.OK
    except click.ClickException as problem:
        text = io.StringIO()
        problem.show(text)
        say(text.getvalue().rstrip("\n"))
        return Exit.INPUT
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return Exit.CANCELLED
    except DrplanError as problem:
        say(str(problem))
        return problem.code
    except NobodyReads:
        return Exit.OK
