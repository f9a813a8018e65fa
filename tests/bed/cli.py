"""The commands: `python -m bed COMMAND --name NAME`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bed import build, images, lifecycle, requirements, shell
from bed.client import Bed
from bed.places import Places
from bed.problems import BedProblem
from bed.processes import below
from bed.state import State, Tier, load, names

DEFAULT_NAME = "bed"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says.

    Returns:
        The exit code: 0 for done, 1 for a problem that was told, 2 for a command line that makes no sense.
    """
    given = _parser().parse_args(arguments)
    try:
        code: int = given.act(given)
    except BedProblem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bed", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, act: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(act=act)
        return added

    def command_of_bed(name: str, act: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = command(name, act, text)
        added.add_argument("--name", default=DEFAULT_NAME, help="the bed's name (%(default)s)")
        return added

    command("check", _check, "Say what this machine lacks to run a bed, and fail when it lacks something")
    packages = command("packages", _packages, "Print the Debian packages that a bed and its image need")
    packages.add_argument("--missing", action="store_true", help="only those that are not installed")
    command("build", _build, "Build the programs that are not in the cache")
    command("path", _path, "Print the folders of the programs, as PATH wants them")
    bring = command_of_bed("up", _up, "Bring a bed up, building what it needs")
    bring.add_argument("--tier", type=Tier, choices=list(Tier), default=Tier.FULL, help="how much of it (%(default)s)")
    bring.add_argument("--owner", type=int, metavar="PID", help="a process that the bed is to end with")
    take = command_of_bed("down", _down, "End a bed and remove what belongs to it")
    take.add_argument("--all", action="store_true", help="all beds that there are")
    take.add_argument("--forget", action="store_true", help="remove the logs too")
    command("status", _status, "Show the beds that there are, and what runs in them")
    command_of_bed("shell", _shell, "Open a shell in a bed's network, with kubectl, argo and drplan at hand")
    run = command_of_bed("run", _run, "Run a command there")
    run.add_argument("command", nargs="+", help="the command; put -- before it")
    command_of_bed("env", _env, "Print what `shell` sets, for `eval`")
    load_image = command_of_bed("load", _load, "Bring the images of archives onto the node")
    load_image.add_argument("archive", nargs="+", type=Path, help="as `docker save` writes it, or an OCI layout as tar")
    stop = command_of_bed("stop", _stop, "End one program of a bed")
    stop.add_argument("program", help="as `status` names it")
    stop.add_argument("--kill", action="store_true", help="with SIGKILL, at once")
    start = command_of_bed("start", _start, "Start a program again that was stopped")
    start.add_argument("program", help="as `status` names it")
    return parser


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _check(given: argparse.Namespace) -> int:
    requirements.check()
    return 0


def _packages(given: argparse.Namespace) -> int:
    print(" ".join(requirements.missing_packages() if given.missing else requirements.PACKAGES))
    return 0


def _build(given: argparse.Namespace) -> int:
    build.build(_report)
    return 0


def _path(given: argparse.Namespace) -> int:
    print(build.search_path())
    return 0


def _up(given: argparse.Namespace) -> int:
    began = time.monotonic()
    bed = lifecycle.up(given.name, given.tier, owner=given.owner, report=_report)
    print(f"bed {given.name} is up, tier {bed.state.tier}, after {time.monotonic() - began:.1f} s")
    print(f"export KUBECONFIG={bed.places.kubeconfig}")
    return 0


def _down(given: argparse.Namespace) -> int:
    for name in names() if given.all else [given.name]:
        was_up = lifecycle.down(name, keep_logs=not given.forget)
        print(f"bed {name} is down" if was_up else f"there is no bed {name}")
    return 0


def _status(given: argparse.Namespace) -> int:
    for tool in build.missing():
        print(f"not built: {tool.name} {tool.version}")
    known = names()
    for name in known:
        places = Places.of(name)
        state = load(places)
        if state is not None:
            _print_bed(places, state)
    if not known:
        print("no bed is up")
    return 0


def _print_bed(places: Places, state: State) -> None:
    if state.keeper is None or not state.alive():
        print(f"{places.name}: dead; `python -m bed down --name {places.name}` removes what it left")
        return
    processes = below(state.keeper)
    ready = f"tier {state.tier} is ready" if state.tier else "is being made, or could not be"
    print(f"{places.name}: {ready}; port {state.port}, keeper {state.keeper.pid}, {len(processes)} processes")
    for name, program in Bed(places, state).programs().items():
        how = "runs" if program["exit"] is None else f"ended with {program['exit']}"
        again = f", started {program['starts']} times" if program["starts"] > 1 else ""
        print(f"  {name:<24} {how}{again}")


def _shell(given: argparse.Namespace) -> int:
    bed = Bed.find(given.name)
    _report(f"bed {given.name}: kubectl, argo and drplan work here; leave with exit")
    shell.become(bed, [os.environ.get("SHELL", "/bin/sh")])
    return 0


def _run(given: argparse.Namespace) -> int:
    shell.become(Bed.find(given.name), given.command)
    return 0


def _env(given: argparse.Namespace) -> int:
    print(shell.exports(shell.variables(Bed.find(given.name))), end="")
    return 0


def _load(given: argparse.Namespace) -> int:
    bed = Bed.find(given.name)
    for archive in given.archive:
        print("\n".join(images.load(bed.places, archive)))
    return 0


def _stop(given: argparse.Namespace) -> int:
    Bed.find(given.name).stop(given.program, signal.SIGKILL if given.kill else signal.SIGTERM)
    return 0


def _start(given: argparse.Namespace) -> int:
    Bed.find(given.name).start_again(given.program)
    return 0
