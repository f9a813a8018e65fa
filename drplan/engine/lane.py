"""The processes of one attempt of a lane: a runner a container, each in a session of its own.

A runner outlives the engine: it finishes its action and leaves its result in the lane's folder whatever becomes of
the process that started it. An engine that goes on with a run therefore finds lanes that are still alive; it tells by
the runners' own locks who lives, waits for them, and starts again, in the same folder, the containers that died or
never came: the folder holds the identity under which the records know the lane, as it would in a pod.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import runner
from compiler.model.names import CONTAINER_CLOSE, SECRET_ENV_PREFIX
from drplan.engine.errors import StateDamaged, StateUnavailable
from drplan.engine.nodes import Exit
from drplan.engine.program import Container
from drplan.engine.scheduler import Start
from drplan.engine.store import ExecutionFolder, lock_is_free, read
from runner import vocabulary
from runner.result import Result, exit_code
from runner.vocabulary import ExitCode

_LONGEST_MESSAGE = 4096
_PAUSE_POLL = "200ms"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all lanes of a run have in common.

    Attributes:
        folder: the execution's folder.
        run: value of the Workflow's parameter `run`.
        workflow: `<name>/<uid>` of the Workflow.
        environment: the engine's own environment variables.
        secrets: values of the Secrets that the Workflow needs, by (name, key).
        hidden: environment variables that no runner may see: where those values came from.
    """

    folder: ExecutionFolder
    run: str
    workflow: str
    environment: Mapping[str, str]
    secrets: Mapping[tuple[str, str], str]
    hidden: frozenset[str] = frozenset()


class LaneProcesses:
    """The containers of one attempt of a lane."""

    def __init__(self, start: Start, surroundings: Surroundings) -> None:
        self.start = start
        self._around = surroundings
        self._lane = surroundings.folder.lane(start.pod)
        self._pod = surroundings.folder.pod(start.pod)
        self._containers = {container.name: container for container in start.lane.containers}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._adopted: set[str] = set()
        self._undecided: dict[str, int | None] = {}
        self._ended: dict[str, Exit] = {}
        self._known = False
        self._mending = False
        self._stopped = False

    @property
    def ended(self) -> bool:
        """Whether all its containers have ended."""
        return len(self._ended) == len(self._containers)

    @property
    def exits(self) -> Mapping[str, Exit]:
        """The containers that have ended, in the order in which they did."""
        return self._ended

    @property
    def closing_code(self) -> int:
        """Exit code of the container that closes the lane, by which Argo judges the pod."""
        return self._ended[CONTAINER_CLOSE].code

    def result(self) -> str | None:
        """Content of the lane's result file; None when there is none."""
        try:
            return self._result_file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateUnavailable(self._result_file, error) from error

    def begin(self) -> None:
        """Start all containers, or take over what an earlier engine has started of them."""
        known = self._lane.exists()
        self._furnish()
        for container in self._containers.values():
            if known and self._came(container):
                self._adopted.add(container.name)
            else:
                self._spawn(container)
        self._known = self._mending = known

    def poll(self) -> list[str]:
        """See which containers have ended since the last call."""
        before = set(self._ended)
        for name, code in self._gone():
            if self._mending and not self._stopped and not self._sure(name):
                self._undecided[name] = code
            else:
                self._end(name, code)
        if self._mending and not self._children and not self._adopted:
            self._mend()
        return [name for name in self._ended if name not in before]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every container that lives; from now on none is started again."""
        self._stopped = True
        for process in self._children.values():
            process.send_signal(number)
        # What an earlier engine started is found by its command line.
        if self._known:
            for pid in _runners_of(self._lane):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    # --- how a container ends

    def _came(self, container: Container) -> bool:
        """Whether a container was started before; the closing one waits for the one before, and does no harm twice."""
        return not container.closes and lock_is_free(self._lock(container)) is not None

    def _gone(self) -> list[tuple[str, int | None]]:
        """What has stopped living, with exit codes of our own children."""
        found: list[tuple[str, int | None]] = []
        for name, process in list(self._children.items()):
            if (code := process.poll()) is not None:
                del self._children[name]
                found.append((name, code if code >= 0 else 128 - code))
        for name in sorted(self._adopted):
            if lock_is_free(self._lock(self._containers[name])) is not False:
                self._adopted.discard(name)
                found.append((name, None))
        return found

    def _sure(self, name: str) -> bool:
        """Whether the end of a container stands even if another one of the lane is to be started again."""
        container = self._containers[name]
        return not container.closes and self._left(container) is not None

    def _mend(self) -> None:
        """Nothing lives any more: start again what died without a result, and what gave up because of that."""
        self._mending = False
        undecided, self._undecided = self._undecided, {}
        if self._stopped or set(undecided) == {CONTAINER_CLOSE}:
            for name, code in undecided.items():
                self._end(name, code)
            return
        for name in undecided:
            # Without its lock file a container counts as not started yet; with a free one it would count as dead.
            self._lock(self._containers[name]).unlink(missing_ok=True)
        for container in self._containers.values():
            if container.name in undecided:
                self._spawn(container)

    def _end(self, name: str, code: int | None) -> None:
        container = self._containers[name]
        if code is None:
            code = self._left(container)
        self._ended[name] = Exit(
            ExitCode.STOPPED if code is None else code, self._message(container), stopped=self._stopped
        )

    def _left(self, container: Container) -> int | None:
        """Exit code of an action's container by the result that it left; None when it left none."""
        result = self._lane_file(container.key)
        return None if result is None else int(exit_code(result.phase, result.reason))

    def _lane_file(self, key: str) -> Result | None:
        path = self._lane / f"{key}{vocabulary.RESULT_SUFFIX}"
        value = read(path)
        try:
            return None if value is None else Result.from_json(value)
        except ValueError as error:
            raise StateDamaged(path, str(error)) from error

    def _message(self, container: Container) -> str:
        try:
            text = self._termination(container).read_bytes()[:_LONGEST_MESSAGE]
        except OSError:
            return ""
        return text.decode(errors="replace").strip()

    # --- folders and processes

    @property
    def _result_file(self) -> Path:
        return self._lane / vocabulary.LANE_RESULT

    def _lock(self, container: Container) -> Path:
        return self._lane / f"{container.key}{vocabulary.LOCK_SUFFIX}"

    def _termination(self, container: Container) -> Path:
        return self._pod / "termination" / container.name

    def _furnish(self) -> None:
        """Lay out what a pod would find mounted."""
        files = {
            self._pod / "about" / vocabulary.ABOUT_RUN: self._around.run,
            self._pod / "about" / vocabulary.ABOUT_WORKFLOW: self._around.workflow,
        }
        if self.start.lane.specs is not None:
            path = self._around.folder.config_map(self.start.lane.specs)
            config_map = read(path)
            if config_map is None:
                raise StateDamaged(path, "is missing")
            files.update({self._pod / "specs" / name: text for name, text in config_map["data"].items()})
        try:
            for folder in (self._lane, self._pod / "specs", self._pod / "about", self._pod / "termination"):
                folder.mkdir(parents=True, exist_ok=True)
            self._around.folder.logs.mkdir(exist_ok=True)
            for path, text in files.items():
                path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StateUnavailable(self._pod, error) from error

    def _spawn(self, container: Container) -> None:
        log = self._around.folder.logs / f"{container.key}.log"
        try:
            with open(log, "ab") as output:
                self._children[container.name] = subprocess.Popen(
                    self._command(container),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._environment(container),
                    start_new_session=True,
                )
        except OSError as error:
            raise StateUnavailable(log, error) from error

    def _command(self, container: Container) -> list[str]:
        # -P: a folder named `runner` where the engine was started must not come before ours.
        return [
            sys.executable,
            "-P",
            "-m",
            runner.__name__,
            *container.args,
            f"--lane={self._lane}",
            f"--about={self._pod / 'about'}",
            f"--specs={self._pod / 'specs'}",
            f"--state={self._around.folder.path}",
            f"--termination-log={self._termination(container)}",
        ]

    def _environment(self, container: Container) -> dict[str, str]:
        around = self._around
        shown = {
            name: value
            for name, value in around.environment.items()
            if name not in around.hidden and not name.startswith(SECRET_ENV_PREFIX)
        }
        shown.setdefault(vocabulary.ENV_PAUSE_POLL, _PAUSE_POLL)
        shown["PYTHONPATH"] = os.pathsep.join(filter(None, [_home_of_runner(), shown.get("PYTHONPATH", "")]))
        shown.update(container.env)
        shown.update({secret.variable: around.secrets[secret.secret, secret.key] for secret in container.secrets})
        return shown


def _home_of_runner() -> str:
    return str(Path(runner.__path__[0]).resolve().parent)


def _runners_of(lane: Path) -> list[int]:
    """Process ids of the runners of a lane, whoever started them."""
    flag = f"--lane={lane}".encode()
    found: list[int] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if flag in words:
            found.append(int(entry.parent.name))
    return found
