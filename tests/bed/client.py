"""A bed from the outside: ask its keeper, wait for its programs, run commands in its network."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

from bed import kernel
from bed.certificates import Authority
from bed.keeper import Message
from bed.kube import Kube
from bed.network import NODE_ADDRESS
from bed.places import Places
from bed.problems import BedProblem
from bed.requirements import command
from bed.state import State, load

ANSWER_SECONDS = 30.0
POLL_SECONDS = 0.05
STOP_SECONDS = 30.0
WAIT_SECONDS = 180.0
LOG_TAIL = 15


@dataclass(frozen=True)
class Bed:
    """A bed whose keeper runs.

    Attributes:
        places: its files.
        state: what is known about it.
    """

    places: Places
    state: State

    @staticmethod
    def find(name: str) -> Bed:
        """The bed of this name.

        Raises:
            BedProblem: it is not up.
        """
        places = Places.of(name)
        state = load(places)
        if state is None or not state.alive():
            raise BedProblem(f"bed {name} is not up: run `python -m bed up --name {name}`")
        return Bed(places, state)

    @cached_property
    def authority(self) -> Authority:
        """Its certificates."""
        return Authority(self.places.certificates)

    @cached_property
    def kube(self) -> Kube:
        """Its API server, as administrator."""
        return Kube(self.state.port, self.authority)

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> bool:
        """Start a program.

        Args:
            name: what it and its log are called.
            arguments: its path and arguments.
            environment: what it gets beside the bed's own environment.

        Returns:
            False when it runs already.
        """
        request = {"do": "start", "name": name, "command": list(arguments), "environment": dict(environment or {})}
        return bool(self._ask(request)["started"])

    def start_again(self, name: str) -> bool:
        """Start a program that was stopped, as it was started before; False when it runs."""
        return bool(self._ask({"do": "start", "name": name})["started"])

    def send(self, name: str, number: int) -> bool:
        """Send a signal to a program; False when it does not run."""
        return bool(self._ask({"do": "signal", "name": name, "signal": number})["sent"])

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a program and wait until it is gone; one that takes too long is killed.

        Raises:
            BedProblem: the bed has no such program, or it cannot be ended.
        """
        known = self.programs()
        if name not in known:
            raise BedProblem(f"bed {self.places.name} has no program {name}, it has {', '.join(sorted(known))}")
        deadline = time.monotonic() + STOP_SECONDS
        self.send(name, number)
        while self.programs()[name]["exit"] is None:
            if time.monotonic() > deadline + STOP_SECONDS:
                raise BedProblem(f"{name} of bed {self.places.name} does not end, even killed")
            if time.monotonic() > deadline:
                self.send(name, signal.SIGKILL)
            time.sleep(POLL_SECONDS)

    def programs(self) -> dict[str, Message]:
        """What was started, by name; `exit` is None for what runs."""
        programs: dict[str, Message] = self._ask({"do": "list"})["programs"]
        return programs

    def wait(
        self, what: str, check: Callable[[], bool], *, seconds: float = WAIT_SECONDS, needs: Sequence[str] = ()
    ) -> None:
        """Wait until a check holds.

        Args:
            what: the check in words.
            check: returns whether it holds.
            seconds: how long to wait at most.
            needs: programs without which it will not come to hold.

        Raises:
            BedProblem: it did not come to hold; the text has the end of a log.
        """
        deadline = time.monotonic() + seconds
        while not check():
            programs = self.programs()
            for name in needs:
                if programs[name]["exit"] is not None:
                    raise BedProblem(
                        f"{name} ended with {programs[name]['exit']} before {what}:\n{self.log_tail(name)}"
                    )
            if time.monotonic() > deadline:
                tails = "\n".join(self.log_tail(name) for name in needs)
                raise BedProblem(f"waited {seconds:.0f} s in vain until {what}:\n{tails}")
            time.sleep(POLL_SECONDS)

    def log_tail(self, name: str) -> str:
        """The last lines of a program's log, under its path."""
        path = self.places.logs / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join([f"{path}:", *lines[-LOG_TAIL:]])

    def inside(self, arguments: Sequence[str]) -> list[str]:
        """The command that runs a command in the bed's network, with the machine's files and process ids."""
        keeper = self.state.keeper
        assert keeper is not None, "a bed that was found has a keeper"
        return [command("nsenter"), f"--net=/proc/{keeper.pid}/ns/net", "--", *arguments]

    def listen(self, address: str = NODE_ADDRESS) -> socket.socket:
        """Listen at an address of the bed's network, on a port that is free; the process itself stays outside."""
        keeper = self.state.keeper
        assert keeper is not None, "a bed that was found has a keeper"
        with open(f"/proc/{keeper.pid}/ns/net") as network, ThreadPoolExecutor(1) as inside:
            # A socket stays in the network that it was made in, and the thread ends with the pool.
            inside.submit(kernel.enter, network.fileno()).result()
            return inside.submit(socket.create_server, (address, 0)).result()

    def _ask(self, request: Message) -> Message:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            try:
                connection.connect(str(self.places.keeper_socket))
                with connection.makefile("rw") as lines:
                    lines.write(json.dumps(request) + "\n")
                    lines.flush()
                    answer: Message = json.loads(lines.readline())
            except (OSError, ValueError) as error:
                raise BedProblem(
                    f"the keeper of bed {self.places.name} does not answer ({error}):"
                    f" run `python -m bed down --name {self.places.name}` and bring it up anew"
                ) from None
        if "error" in answer:
            raise BedProblem(f"the keeper of bed {self.places.name} refused {request['do']}: {answer['error']}")
        return answer
