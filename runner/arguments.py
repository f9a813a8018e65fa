"""The command line. Read by hand: a parser library would cost every waiting container a megabyte.

drplan-runner KEY (--spec=JSON | --spec-ref=NAME) [--direction=forward|revert] [--undo=RECORD]
drplan-runner USE --close --members=a1,a2 --limit=BYTES
both: [--lane=DIR] [--about=DIR] [--specs=DIR] [--state=DIR] [--termination-log=FILE]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from runner import naming
from runner import vocabulary as words

USAGE = """\
Performs one action of a disaster-recovery plan, or closes a lane. Started by the compiled Workflow.

  drplan-runner KEY (--spec=JSON | --spec-ref=NAME) [--direction=forward|revert] [--undo=RECORD]
  drplan-runner USE --close --members=a1,a2,... --limit=BYTES

  --spec=JSON             what to do
  --spec-ref=NAME         the same, from the file NAME in the folder of specs
  --direction=DIRECTION   forward (default) or revert
  --undo=RECORD           name of the record of the action that is undone
  --close                 wait for the members of the lane, merge their results into result.json
  --members=KEYS          last segments of the keys of the lane's actions
  --limit=BYTES           greatest size of result.json
  --lane=DIR              folder that the lane shares (/lane)
  --about=DIR             folder with the files run and workflow (/run/drplan)
  --specs=DIR             folder of specs (/spec)
  --state=DIR             keep records and fence in this folder instead of the API server
  --termination-log=FILE  where the last message goes (/dev/termination-log)

Exit codes: 0 succeeded, 2 failed, 3 timed out, 4 wrong or forbidden, 5 outcome unknown,
75 nothing done and to be tried again, 77 not run, 143 stopped."""

_DEFAULT_LIMIT = 16 * 1024


class UsageError(Exception):
    """The command line is wrong."""


class Arguments(NamedTuple):
    """What the command line says.

    Attributes:
        key: key of the action, or of the workflow use when closing.
        close: whether to close the lane.
        members: last segments of the keys of the lane's actions, when closing.
        limit: greatest size of the lane's result in bytes, when closing.
        spec: the spec as JSON text, or None when it is in a file.
        spec_ref: name of the spec's file.
        revert: whether the direction is revert.
        undo: name of the forward record that is undone, or empty.
        lane: folder that the containers of the lane share.
        about: folder that says which run and Workflow this is.
        specs: folder of specs.
        state: folder of the file store, or empty for the API server.
        termination_log: file for the last message.
    """

    key: str
    close: bool = False
    members: tuple[str, ...] = ()
    limit: int = _DEFAULT_LIMIT
    spec: str | None = None
    spec_ref: str = ""
    revert: bool = False
    undo: str = ""
    lane: str = words.LANE_MOUNT
    about: str = words.ABOUT_MOUNT
    specs: str = words.SPEC_MOUNT
    state: str = ""
    termination_log: str = words.TERMINATION_LOG


_WITH_VALUE = (
    "--spec",
    "--spec-ref",
    "--direction",
    "--undo",
    "--members",
    "--limit",
    "--lane",
    "--about",
    "--specs",
    "--state",
    "--termination-log",
)
_DIRECTIONS = {"forward": False, "revert": True}


def parse(arguments: Sequence[str]) -> Arguments:
    """Read a command line (without the program's name).

    Raises:
        UsageError: it is wrong; the message says what and how it should be.
    """
    keys, flags, close = _split(arguments)
    if len(keys) != 1:
        raise UsageError(f"expected one key, got {len(keys)}; see {words.RUNNER_COMMAND} --help")
    common = Arguments(
        key=keys[0],
        lane=flags.get("--lane", words.LANE_MOUNT),
        about=flags.get("--about", words.ABOUT_MOUNT),
        specs=flags.get("--specs", words.SPEC_MOUNT),
        state=flags.get("--state", ""),
        termination_log=flags.get("--termination-log", words.TERMINATION_LOG),
    )
    return _closing(common, flags) if close else _acting(common, flags)


def _split(arguments: Sequence[str]) -> tuple[list[str], dict[str, str], bool]:
    keys: list[str] = []
    flags: dict[str, str] = {}
    close = False
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument == "--close":
            close = True
        elif name in _WITH_VALUE:
            if not equals:
                following = next(rest, None)
                if following is None:
                    raise UsageError(f"{name} needs a value: {name}=...")
                value = following
            flags[name] = value
        elif argument.startswith("-"):
            raise UsageError(f"unknown flag {name}; see {words.RUNNER_COMMAND} --help")
        else:
            keys.append(argument)
    return keys, flags, close


def _acting(common: Arguments, flags: dict[str, str]) -> Arguments:
    if not naming.is_action_key(common.key):
        raise UsageError(f"{common.key!r} is no key of an action; it should look like s1.w2.a3")
    if ("--spec" in flags) == ("--spec-ref" in flags):
        raise UsageError("exactly one of --spec and --spec-ref says what to do")
    direction = flags.get("--direction", "forward")
    if direction not in _DIRECTIONS:
        raise UsageError(f"--direction is {direction!r}; it should be forward or revert")
    return common._replace(
        spec=flags.get("--spec"),
        spec_ref=flags.get("--spec-ref", ""),
        revert=_DIRECTIONS[direction],
        undo=flags.get("--undo", ""),
    )


def _closing(common: Arguments, flags: dict[str, str]) -> Arguments:
    if not naming.is_use_key(common.key):
        raise UsageError(f"{common.key!r} is no key of a workflow use; it should look like s1.w2")
    members = tuple(member for member in flags.get("--members", "").split(",") if member)
    wrong = [member for member in members if not naming.is_local_key(member)]
    if wrong or not members:
        raise UsageError(f"--members is {flags.get('--members', '')!r}; it should look like a1,a2,a3")
    limit = flags.get("--limit", str(_DEFAULT_LIMIT))
    if not limit.isdecimal():
        raise UsageError(f"--limit is {limit!r}; it should be a number of bytes")
    return common._replace(close=True, members=members, limit=int(limit))
