"""What the local engine can refuse or fail with; each error knows the exit code of the command that meets it.

EngineError                     (a DrplanError)
├── InputRefused            the request cannot be served as it is; nothing was started
│   ├── PlanBusy            another execution of the plan is not terminal
│   ├── NotFound            no such plan or execution in the state folder
│   ├── NotAllowed          the execution is not in a state in which this can be done
│   ├── TypesNotSupported   the plan has actions that need a cluster
│   ├── SecretsMissing      values of secrets are not in the environment
│   ├── SettingsWrong       settings in the environment cannot be read
│   └── UnknownForm         the Workflow has a form that this engine does not know
├── EngineRunning           another process runs this execution
└── StateUnavailable        the state folder cannot be read or written
    └── StateDamaged        a file in it is not what it should be
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from drplan.errors import DrplanError, Exit

Typed = Callable[[str, str], str]
"""Writes a command about an execution as it has to be typed."""


def plainly(command: str, execution: str) -> str:
    """Write a command for somebody who uses the default state folder and namespace."""
    return f"drplan {command} {execution}"


class EngineError(DrplanError):
    """Root of the errors of this package."""

    def told(self, _typed: Typed) -> str:
        """What is wrong, with the commands to go on with as they have to be typed."""
        return str(self)


class InputRefused(EngineError):
    """The request cannot be served as it is; nothing was started."""


class PlanBusy(InputRefused):
    """Another execution of the plan is not terminal."""

    def __init__(self, plan: str, execution: str) -> None:
        self.plan = plan
        self.execution = execution
        super().__init__(self.told(plainly))

    def told(self, typed: Typed) -> str:
        """What is wrong, and how to wait, go on or end it."""
        return (
            f"plan {self.plan}: execution {self.execution} is not finished; wait for it, "
            f"go on with `{typed('resume', self.execution)}` or end it with `{typed('cancel', self.execution)}`"
        )


class NotFound(InputRefused):
    """There is no such plan or execution in the state folder."""

    def __init__(self, what: str, name: str, folder: Path) -> None:
        self.name = name
        super().__init__(f"{what} {name} is not in {folder}; is --state or --namespace another one?")


class NotAllowed(InputRefused):
    """The execution is not in a state in which this can be done."""


class TypesNotSupported(InputRefused):
    """The plan has actions of types that need a cluster."""

    def __init__(self, actions: Sequence[tuple[str, str, str]]) -> None:
        self.actions = tuple(actions)
        listed = "\n".join(f"  {key} {name}: {kind}" for key, name, kind in actions)
        super().__init__(
            f"the local engine runs HTTP actions only; these need a cluster, nothing was started:\n{listed}"
        )


class SecretsMissing(InputRefused):
    """Values of secrets are not in the environment."""

    def __init__(self, variables: Sequence[tuple[str, str, str]]) -> None:
        self.variables = tuple(variables)
        listed = "\n".join(f"  {variable}  (key {key} of Secret {secret})" for variable, secret, key in variables)
        super().__init__(f"secrets come from the environment here; set these, nothing was started:\n{listed}")


class SettingsWrong(InputRefused):
    """Settings in the environment cannot be read."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join((*problems, "nothing was started")))


class UnknownForm(InputRefused):
    """The Workflow has a form that this engine does not know."""

    def __init__(self, place: str, problem: str) -> None:
        self.place = place
        super().__init__(f"Workflow, {place}: {problem}; the local engine runs only what this compiler emits")


class EngineRunning(EngineError):
    """Another process runs this execution."""

    def __init__(self, execution: str) -> None:
        self.execution = execution
        super().__init__(self.told(plainly))

    def told(self, typed: Typed) -> str:
        """What is wrong, and how to look at it or stop it."""
        return (
            f"execution {self.execution} is being run by another process; "
            f"look at it with `{typed('watch', self.execution)}`, stop it with `{typed('cancel', self.execution)}`"
        )


class StateUnavailable(EngineError):
    """The state folder cannot be read or written."""

    code = Exit.OUT_OF_REACH

    def __init__(self, path: Path, cause: OSError) -> None:
        self.path = path
        super().__init__(f"{path}: {cause.strerror or cause}; the state folder must be readable and writable")


class StateDamaged(StateUnavailable):
    """A file in the state folder is not what it should be."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path = path
        EngineError.__init__(self, f"{path}: {problem}; restore the file, or start again with another state folder")
