"""What the commands have in common when they are about a cluster: reach it, follow an execution, say how it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from drplan.cli.printing import say
from drplan.cli.watch import INTERRUPTED, NAME, TREE, exit_code, print_execution
from drplan.errors import InputProblem, OutOfReach

if TYPE_CHECKING:
    from drplan.cluster.place import Cluster
    from drplan.cluster.server import Server
    from drplan.cluster.stages import Wait
    from drplan.cluster.wishes import Annotations

Command = TypeVar("Command", bound=Callable[..., Any])
Object = dict[str, Any]
T = TypeVar("T")

FOLLOWING = ("wait", "watch", "timeout")
"""Parameters of `following`."""


@dataclass(frozen=True, slots=True)
class Following:
    """How long to stay with an execution after something was asked of the syncer.

    Attributes:
        wait: until it has ended.
        watch: the same, and show it meanwhile.
        seconds: at most for so long; None for as long as it takes.
    """

    wait: bool = False
    watch: bool = False
    seconds: float | None = None

    @classmethod
    def of(cls, *, wait: bool, watch: bool, timeout: str) -> Following:
        """Read what the options of `following` say.

        Raises:
            InputProblem: the time is no duration, or nothing is waited for.
        """
        from compiler.graph.durations import parse_duration

        if not timeout:
            return cls(wait, watch)
        if not (wait or watch):
            raise InputProblem("option --timeout: says how long to wait; give --wait or --watch as well")
        try:
            return cls(wait, watch, parse_duration(timeout))
        except ValueError as problem:
            raise InputProblem(f"option --timeout: {problem}") from None


def following(command: Command) -> Command:
    """`--wait`, `--watch` and `--timeout`."""
    wait = click.option("--wait", is_flag=True, help="In a cluster: wait until it has ended, and exit as it ended.")
    watch = click.option("--watch", is_flag=True, help="In a cluster: as --wait, and show what happens meanwhile.")
    timeout = click.option(
        "--timeout",
        metavar="DURATION",
        default="",
        help="Wait no longer than this, such as 30m; the execution goes on, and the exit code is 4.",
    )
    return wait(watch(timeout(command)))


def ask(cluster: Cluster, work: Callable[[Server], Awaitable[T]]) -> T:
    """Do something with a cluster."""

    async def run() -> T:
        from drplan.cluster.server import reach

        async with reach(cluster) as server:
            return await work(server)

    return asyncio.run(run())


def asked(
    cluster: Cluster,
    work: Callable[[Server], Awaitable[tuple[Object, Wait]]],
    *,
    output: str,
    stay: Following,
    told: Callable[[Object], str],
) -> int:
    """Ask something of the syncer, and stay with the execution for as long as that is wanted.

    Args:
        cluster: the cluster.
        work: asks, and gives the execution and what is to be waited for.
        output: form of the output.
        stay: how long to stay.
        told: says what was asked.

    Returns:
        The exit code: as the execution ended, 0 when that was not waited for.
    """

    async def run(server: Server) -> int:
        execution, wait = await work(server)
        # Standard output is for what somebody reads on: with a form of its own nothing else goes there.
        click.echo(told(execution), err=output != TREE)
        if stay.wait or stay.watch:
            return await follow(server, execution, wait, cluster=cluster, output=output, stay=stay)
        print_execution(execution, output)
        return 0

    return _interruptible(cluster, run)


def watched(cluster: Cluster, name: str, *, output: str) -> int:
    """Follow an execution to its end."""
    from drplan.cluster.stages import Wait

    async def run(server: Server) -> int:
        execution = await server.execution(name)
        return await follow(server, execution, Wait(), cluster=cluster, output=output, stay=Following(watch=True))

    return _interruptible(cluster, run)


async def follow(
    server: Server, execution: Object, wait: Wait, *, cluster: Cluster, output: str, stay: Following
) -> int:
    """Follow an execution to its end.

    Returns:
        The exit code, as it ended.
    """
    from drplan.cli.hints import cluster_hints
    from drplan.cluster.following import states
    from drplan.cluster.wishes import name_of
    from drplan.view.live import follower
    from drplan.view.outline import phase_of
    from drplan.view.terminal import Screen

    screen = Screen.of() if output == TREE else Screen.of(sys.stderr)
    final = execution
    try:
        async with asyncio.timeout(stay.seconds):
            with follower(screen, hints=cluster_hints(cluster)) if stay.watch else nullcontext() as view:
                async with aclosing(states(server, execution, wait)) as found:
                    async for final, remark in found:
                        if view is not None:
                            view.update(final, remark=remark)
    except TimeoutError:
        phase = phase_of(final.get("status") or {})
        raise OutOfReach(f"{name_of(final)} has not ended in time and is {phase}; it goes on") from None
    phase = phase_of(final.get("status") or {})
    if not stay.watch and output == TREE:
        click.echo(f"{name_of(final)} is {phase}: {(final.get('status') or {}).get('message') or ''}".rstrip(": "))
    print_execution(final if output == NAME else await server.in_full(final), output)
    return exit_code(phase)


def _interruptible(cluster: Cluster, run: Callable[[Server], Awaitable[int]]) -> int:
    """What is interrupted here goes on in the cluster."""
    try:
        return ask(cluster, run)
    except KeyboardInterrupt:
        say("stopped; what was asked of the cluster goes on there")
        return INTERRUPTED


def created(execution: Object, cluster: Cluster, *, dry_run: bool = False) -> str:
    """What to say about an execution that was made."""
    from drplan.cli.hints import Typed
    from drplan.cluster.wishes import name_of

    if dry_run:
        return f"{name_of(execution)} would be created; nothing was started"
    advice = Typed.at(cluster)("watch", execution["metadata"]["name"])
    return f"{name_of(execution)} created; see how it goes with: {advice}"


def change(
    cluster: Cluster,
    name: str,
    wish: Callable[[Object], Annotations],
    *,
    told: str,
    unchanged: str,
    output: str = TREE,
    stay: Following | None = None,
) -> int:
    """Ask something of the syncer by annotations of an execution.

    Args:
        cluster: the cluster.
        name: name of the execution.
        wish: the annotations, decided from the execution as it is.
        told: what the syncer is told.
        unchanged: what to say where the execution has these annotations already.
        output: form of the output.
        stay: how long to stay with it.

    Returns:
        The exit code.
    """
    from drplan.cluster.wishes import name_of

    said = told

    async def work(server: Server) -> tuple[Object, Wait]:
        from drplan.cluster.stages import Wait

        nonlocal said
        execution = await server.execution(name)
        annotations = wish(execution)
        if not annotations:
            said = unchanged
            return execution, Wait()
        return await server.annotate(execution, annotations), Wait()

    return asked(
        cluster, work, output=output, stay=stay or Following(), told=lambda execution: f"{name_of(execution)} {said}"
    )
