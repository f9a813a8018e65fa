"""The `depends` text of a DAG task: read once, evaluated over the results of the tasks that it names.

Understood are the forms that the compiler emits: `x.Succeeded`, several results of tasks joined by `||` and `&&` (which
binds tighter) and parentheses. A bare name, `!`, `Daemoned` and the results of loops mean something in Argo and are
refused here. As in Argo a task is decided only when everything that it names has ended; it is omitted when its text is
then false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class TaskResult(StrEnum):
    """How a task ended, in the words of `depends`."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERRORED = "Errored"
    SKIPPED = "Skipped"
    OMITTED = "Omitted"


@dataclass(frozen=True, slots=True)
class Is:
    """A task has ended with a result."""

    task: str
    result: TaskResult


@dataclass(frozen=True, slots=True)
class Junction:
    """Several conditions of which all, or at least one, must hold."""

    conditions: tuple[Condition, ...]
    every: bool


Condition = Is | Junction

_TOKEN = re.compile(r"\s*(?:(?P<task>[A-Za-z0-9][-A-Za-z0-9]*)\.(?P<result>[A-Za-z]+)|(?P<sign>\|\||&&|[()]))")


@dataclass(frozen=True, slots=True)
class Depends:
    """A `depends` text that was understood.

    Attributes:
        text: as written.
        condition: what it says.
        tasks: the tasks that it names, in order, without repetition.
    """

    text: str
    condition: Condition
    tasks: tuple[str, ...]

    def met(self, results: Mapping[str, TaskResult]) -> bool | None:
        """Whether it holds; None as long as a task that it names has not ended."""
        if any(task not in results for task in self.tasks):
            return None
        return _holds(self.condition, results)


def parse(text: str) -> Depends:
    """Read a `depends` text.

    Raises:
        ValueError: it has a form that is not understood; the message says where.
    """
    reader = _Reader(text)
    condition = reader.disjunction()
    reader.end()
    return Depends(text, condition, tuple(dict.fromkeys(_named(condition))))


def _holds(condition: Condition, results: Mapping[str, TaskResult]) -> bool:
    if isinstance(condition, Is):
        return results[condition.task] is condition.result
    verdicts = (_holds(part, results) for part in condition.conditions)
    return all(verdicts) if condition.every else any(verdicts)


def _named(condition: Condition) -> list[str]:
    if isinstance(condition, Is):
        return [condition.task]
    return [task for part in condition.conditions for task in _named(part)]


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def disjunction(self) -> Condition:
        return self._joined("||", self._conjunction, every=False)

    def end(self) -> None:
        if self._text[self._at :].strip():
            raise self._error("not understood")

    def _conjunction(self) -> Condition:
        return self._joined("&&", self._primary, every=True)

    def _joined(self, sign: str, part: Callable[[], Condition], *, every: bool) -> Condition:
        parts = [part()]
        while self._take(sign):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(tuple(parts), every)

    def _primary(self) -> Condition:
        if self._take("("):
            inner = self.disjunction()
            if not self._take(")"):
                raise self._error("`)` is missing")
            return inner
        match = _TOKEN.match(self._text, self._at)
        if match is None or match["task"] is None:
            raise self._error("expected `task.Result`")
        try:
            result = TaskResult(match["result"])
        except ValueError:
            raise self._error(f"result {match['result']} is not one of {', '.join(TaskResult)}") from None
        self._at = match.end()
        return Is(match["task"], result)

    def _take(self, sign: str) -> bool:
        match = _TOKEN.match(self._text, self._at)
        if match is None or match["sign"] != sign:
            return False
        self._at = match.end()
        return True

    def _error(self, problem: str) -> ValueError:
        at = len(self._text) - len(self._text[self._at :].lstrip())
        return ValueError(f"depends {self._text!r}, character {at + 1}: {problem}")
