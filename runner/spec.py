"""What an action's container is told to do: one JSON object, decided by the compiler, read here without defaults.

Holes are the places that only the runner can fill (outputs of earlier actions, secrets); see `runner.holes`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from runner import vocabulary as words
from runner.vocabulary import ActionType, DependsOnPolicy, WorkflowFailurePolicy

_BLOCKS = {
    ActionType.HTTP: "http",
    ActionType.JOB: "job",
    ActionType.LOCALIZATION: "localization",
    ActionType.GLOBALIZATION: "globalization",
    ActionType.HELM_CHART: "helmChart",
    ActionType.SUBSCRIPTION: "subscription",
    ActionType.KUBERNETES_RESOURCE: "resource",
}
_ABOUT_ITS_PLACE = ("earlier", "undo")
_Value = TypeVar("_Value")


class SpecError(Exception):
    """A spec is not what a compiler of this version writes, or asks for what this runner cannot do."""


class Output(NamedTuple):
    """A part of a hole: an output of an earlier action of the same workflow use."""

    action: str
    path: str


class Secret(NamedTuple):
    """A part of a hole: an environment variable with the value of a Secret."""

    variable: str


class Hole(NamedTuple):
    """A place in the spec (JSON pointer), and what is put together there."""

    at: str
    parts: tuple[str | Output | Secret, ...]


class Retry(NamedTuple):
    """How often and after what waits a transient failure is tried again."""

    limit: int
    interval: float
    multiplier: float


class Spec(NamedTuple):
    """An action as its runner knows it.

    Attributes:
        raw: the whole object as received.
        name: name of the action.
        type: its type.
        operation: operation of a resource type, method of an HTTP action.
        after: last segments of the keys of its predecessors.
        earlier: those of `after` and of output holes that lie in an earlier lane.
        policy: failure policy of the workflow.
        needs: what the predecessors must have come to.
        timeout: seconds for everything from its turn on.
        retry: what is done about transient failures.
        idempotent: whether it may be done again after an unknown outcome.
        rollback: whether it is a custom rollback.
        undo: name of the forward record that is undone, when the arguments cannot carry it.
        holes: what is filled before it runs.
    """

    raw: Mapping[str, Any]
    name: str
    type: ActionType
    operation: str
    after: tuple[str, ...]
    earlier: tuple[str, ...]
    policy: WorkflowFailurePolicy
    needs: DependsOnPolicy
    timeout: float
    retry: Retry
    idempotent: bool
    rollback: bool
    undo: str
    holes: tuple[Hole, ...]

    @property
    def block_name(self) -> str:
        """Name of the field that configures its type."""
        return _BLOCKS[self.type]

    @property
    def block(self) -> Mapping[str, Any]:
        """What configures its type."""
        block: Mapping[str, Any] = self.raw[self.block_name]
        return block

    @property
    def namespace(self) -> str:
        """Namespace of the plan."""
        return str(self.raw.get("namespace") or "")

    @property
    def wait_ready(self) -> bool:
        """Whether it ends only when what it made is ready."""
        return bool(self.raw.get("waitReady"))

    @property
    def secrets(self) -> list[str]:
        """Environment variables that its holes ask for."""
        return [part.variable for hole in self.holes for part in hole.parts if isinstance(part, Secret)]


def parse(text: str) -> Spec:
    """Read a spec.

    Raises:
        SpecError: it is wrong; the message names the field.
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise SpecError(f"the spec is no JSON: {error}") from error
    if not isinstance(raw, dict) or raw.get("v") != words.FORMAT_VERSION:
        raise SpecError(f"the spec is not of version {words.FORMAT_VERSION}; use runner and compiler of one release")
    kind = ActionType(_one_of(raw, "type", [member.value for member in ActionType]))
    _field(raw, _BLOCKS[kind], dict)
    return Spec(
        raw=raw,
        name=_field(raw, "name", str),
        type=kind,
        operation=str(raw.get("operation") or ""),
        after=_texts(raw, "after"),
        earlier=_texts(raw, "earlier"),
        policy=WorkflowFailurePolicy(_one_of(raw, "policy", [member.value for member in WorkflowFailurePolicy])),
        needs=DependsOnPolicy(_one_of(raw, "needs", [member.value for member in DependsOnPolicy])),
        timeout=_positive(raw, "timeout"),
        retry=_retry(_field(raw, "retry", dict)),
        idempotent=_field(raw, "idempotent", bool),
        rollback=_field(raw, "rollback", bool),
        undo=str(raw.get("undo") or ""),
        holes=tuple(_hole(value) for value in raw.get("holes") or ()),
    )


def spec_hash(raw: Mapping[str, Any]) -> str:
    """Hash of what a spec asks for, whatever lane its predecessors lie in and whichever way it came."""
    import hashlib

    kept = {name: value for name, value in raw.items() if name not in _ABOUT_ITS_PLACE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _field(raw: Mapping[str, Any], name: str, kind: type[_Value]) -> _Value:
    value = raw.get(name)
    if not isinstance(value, kind):
        raise SpecError(f"field {name} of the spec should be of type {kind.__name__}")
    return value


def _one_of(raw: Mapping[str, Any], name: str, known: list[str]) -> str:
    value = raw.get(name)
    if not isinstance(value, str) or value not in known:
        raise SpecError(f"field {name} of the spec is {value!r}; known are {', '.join(known)}")
    return value


def _texts(raw: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = raw.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SpecError(f"field {name} of the spec should be a list of texts")
    return tuple(value)


def _positive(raw: Mapping[str, Any], name: str) -> float:
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise SpecError(f"field {name} of the spec should be a number over 0")
    return float(value)


def _retry(raw: Mapping[str, Any]) -> Retry:
    limit = _field(raw, "limit", int)
    interval = raw.get("interval")
    if limit < 0 or isinstance(interval, bool) or not isinstance(interval, int | float) or interval < 0:
        raise SpecError("field retry of the spec should have a limit and an interval of 0 or more")
    return Retry(limit=limit, interval=float(interval), multiplier=_positive(raw, "multiplier"))


def _hole(raw: object) -> Hole:
    if not isinstance(raw, dict):
        raise SpecError("a hole of the spec should be an object")
    return Hole(at=_field(raw, "at", str), parts=tuple(_part(part) for part in _field(raw, "parts", list)))


def _part(raw: object) -> str | Output | Secret:
    if isinstance(raw, str):
        return raw
    if isinstance(raw, dict) and "output" in raw:
        return Output(action=_field(raw, "output", str), path=_field(raw, "path", str))
    if isinstance(raw, dict) and str(raw.get("secret", "")).startswith(words.SECRET_ENV_PREFIX):
        return Secret(_field(raw, "secret", str))
    raise SpecError("a part of a hole should be a text, an output or a secret")
