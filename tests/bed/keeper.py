"""The keeper: the first process of a bed, which starts its programs, tells which of them run, and collects the ended.

It listens on a socket in the bed's folder. A connection carries one request and one answer, each a JSON object on a
line:

| request | answer |
| --- | --- |
| `{"do": "start", "name", "command", "environment"}` | `{"started": false}` when it runs already |
| `{"do": "start", "name"}` | the same, with the command of its last start |
| `{"do": "signal", "name", "signal"}` | `{"sent": false}` when it does not run |
| `{"do": "list"}` | `{"programs": {name: {"pid", "exit", "starts"}}}`, `exit` null while it runs |

As parent of what it starts the keeper knows a program by more than its number: an id is not used again before the
keeper has collected the ended process. Programs lead sessions of their own; what they leave behind becomes the
keeper's. When the keeper ends, for whatever reason, the kernel ends everything in the bed.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bed.places import Places

FORWARDER = "forwarder"
REQUEST_SECONDS = 5.0

Message = dict[str, Any]


@dataclass(slots=True)
class Program:
    """A program that was started at least once.

    Attributes:
        command: its path and arguments.
        environment: what it has beside the keeper's environment.
        pid: its process, as the bed numbers them.
        exit: how it ended, as `subprocess` counts; None while it runs.
        starts: how often it was started.
    """

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    exit: int | None = 0
    starts: int = 0


class Keeper:
    """Keeps the programs of one bed."""

    def __init__(self, places: Places, outside: socket.socket, *, owner: int | None) -> None:
        """Start to listen, and forward what reaches the machine's port into the bed.

        Args:
            places: the bed's.
            outside: the listening socket in the machine's network.
            owner: a descriptor of the process that the bed ends with; None when it ends with none.
        """
        self._owner = owner
        self._places = places
        self._programs: dict[str, Program] = {}
        self._doors = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(places.keeper_socket))
        self._listener.listen(16)
        self._forward(outside)

    def serve(self) -> None:
        """Answer requests, for as long as there is an owner."""
        woken, wakes = socket.socketpair()
        woken.setblocking(False)
        wakes.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno())
        self._doors.register(woken, selectors.EVENT_READ)
        self._doors.register(self._listener, selectors.EVENT_READ)
        if self._owner is not None:
            self._doors.register(self._owner, selectors.EVENT_READ)
        while True:
            self._collect()
            for key, _ in self._doors.select():
                if key.fileobj == self._owner:
                    return
                if key.fileobj is woken:
                    woken.recv(4096)
                else:
                    self._answer()

    def _answer(self) -> None:
        connection, _ = self._listener.accept()
        with connection, suppress(OSError, ValueError):
            connection.settimeout(REQUEST_SECONDS)
            with connection.makefile("rw") as lines:
                request = json.loads(lines.readline())
                # An answer tells what has happened by now, not by the last time that the keeper looked.
                self._collect()
                try:
                    answer = self._do(request)
                except (OSError, KeyError) as error:
                    answer = {"error": f"{type(error).__name__}: {error}"}
                lines.write(json.dumps(answer) + "\n")

    def _do(self, request: Message) -> Message:
        match request["do"]:
            case "start":
                return {"started": self._start(request)}
            case "signal":
                return {"sent": self._signal(request["name"], request["signal"])}
            case "list":
                return {
                    "programs": {
                        name: {"pid": program.pid, "exit": program.exit, "starts": program.starts}
                        for name, program in self._programs.items()
                    }
                }
            case other:
                return {"error": f"unknown request {other!r}"}

    def _start(self, request: Message) -> bool:
        name = request["name"]
        program = self._programs.get(name)
        if program is not None and program.exit is None:
            return False
        if "command" in request:
            starts = program.starts if program else 0
            program = Program(request["command"], request.get("environment", {}), starts=starts)
        elif program is None:
            raise KeyError(f"{name} was never started, so its command is not known")
        self._spawn(name, program)
        self._programs[name] = program
        return True

    def _spawn(self, name: str, program: Program) -> None:
        log = os.open(self._places.logs / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            program.pid = os.posix_spawn(
                program.command[0],
                program.command,
                {**os.environ, **program.environment},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
            )
        finally:
            os.close(log)
        program.exit = None
        program.starts += 1

    def _signal(self, name: str, number: int) -> bool:
        program = self._programs[name]
        if program.exit is not None:
            return False
        os.kill(program.pid, number)
        return True

    def _collect(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                for program in self._programs.values():
                    if program.pid == pid and program.exit is None:
                        program.exit = os.waitstatus_to_exitcode(status)

    def _forward(self, outside: socket.socket) -> None:
        port = outside.getsockname()[1]
        os.set_inheritable(outside.fileno(), True)
        command = [sys.executable, "-m", "bed.forwarder", str(outside.fileno()), str(port)]
        forwarder = Program(command)
        self._spawn(FORWARDER, forwarder)
        self._programs[FORWARDER] = forwarder
        outside.close()
