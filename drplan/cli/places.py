"""Where executions are that a command is about: in a state folder of this machine, or in a cluster.

With `--state` it is that folder; with `--cluster`, `--context` or `--kubeconfig` the cluster. With none of them it is
the folder `.drplan`, where there is one, and the cluster anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from drplan.cli.options import DEFAULT_NAMESPACE, DEFAULT_STATE
from drplan.cluster.place import Cluster

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Folder:
    """A namespace of a state folder.

    Attributes:
        state: the state folder.
        namespace: the namespace.
    """

    state: Path
    namespace: str


Place = Folder | Cluster


def place(*, local: Collection[str] = (), remote: Collection[str] = ()) -> Callable[[Command], Command]:
    """Options that say where executions are; they arrive together as `place`.

    Args:
        local: parameters that make sense in a state folder only.
        remote: parameters that make sense in a cluster only.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def placed(
            *, state: Path | None, cluster: bool, context: str, kubeconfig: str, namespace: str, **rest: Any
        ) -> Any:
            given = cluster or context or kubeconfig
            if state is not None and given:
                raise click.UsageError("--state is a folder of this machine: give it, or say which cluster, not both")
            found: Place
            if given or (state is None and not DEFAULT_STATE.is_dir()):
                found = Cluster(kubeconfig, context, namespace)
                _refuse(local, "for a state folder of this machine only, and this is about a cluster")
            else:
                found = Folder(state or DEFAULT_STATE, namespace or DEFAULT_NAMESPACE)
                _refuse(remote, "for a cluster only, and this is about a state folder; give --cluster if you mean one")
            return command(place=found, **rest)

        return cluster_options(_state(placed))  # type: ignore[return-value]

    return decorate


def cluster_options(command: Command) -> Command:
    """`--context`, `--kubeconfig` and `-n NAMESPACE`, and for what can be local, too, `--cluster`."""
    namespace = click.option(
        "-n",
        "--namespace",
        metavar="NAME",
        default="",
        help="Namespace of plan and execution; without it that of the context, on this machine default.",
    )
    context = click.option("--context", metavar="NAME", default="", help="Context of the kubeconfig.")
    kubeconfig = click.option(
        "--kubeconfig",
        metavar="FILE",
        default="",
        help="Kubeconfig; without it what kubectl would use, or the pod's own.",
    )
    return namespace(context(kubeconfig(command)))


def _state(command: Command) -> Command:
    state = click.option(
        "--state",
        type=click.Path(file_okay=False),
        callback=_read_state,
        metavar="DIR",
        help="Folder that keeps the executions of this machine; .drplan, if there is one and no cluster is given.",
    )
    cluster = click.option("--cluster", is_flag=True, help="Ask the cluster, although there is a folder .drplan.")
    return state(cluster(command))


def _read_state(_ctx: click.Context, _option: click.Parameter, value: str | None) -> Path | None:
    if value == "":
        raise click.BadParameter("must not be empty")
    return None if value is None else Path(value)


def _refuse(parameters: Collection[str], why: str) -> None:
    context = click.get_current_context()
    for option in context.command.params:
        if option.name in parameters and context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option.opts[-1]} is {why}")
