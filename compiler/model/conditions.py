"""Parts of a status that several kinds have: conditions, phases as stored, references to objects by uid."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from compiler.model.base import Int64, Model, Time
from compiler.model.phases import OLD_CANCELLED, ConditionStatus, Phase


def _read_phase(value: Any) -> Any:
    return Phase.read(value) if isinstance(value, str) else value


def _read_cancelled(value: Any) -> Any:
    return Phase.CANCELLED.value if value == OLD_CANCELLED else value


StoredPhase = Annotated[
    Phase,
    BeforeValidator(_read_phase),
    WithJsonSchema({"type": "string", "enum": [*(phase.value for phase in Phase), OLD_CANCELLED]}),
]
"""A phase as stored: the older controller's `Canceled` is read as `Cancelled`."""

StoredPhaseText = Annotated[str, BeforeValidator(_read_cancelled)]
"""A phase where the older CRDs had no list of them: any text is read, `Canceled` as `Cancelled`."""

CONDITIONS = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
"""Schema keys of a list of conditions: at most one of each type."""


class Condition(Model):
    """One aspect of an object's state."""

    type: str = Field(max_length=316)
    """What the condition is about, for example `Ready` or `Complete`."""
    status: ConditionStatus
    """Whether it is so: `True`, `False`, or `Unknown` until it is decided."""
    reason: str = Field(min_length=1, max_length=1024)
    """Why, as one CamelCase word for programs."""
    message: str = Field(max_length=32768)
    """Why, as a sentence for people."""
    observed_generation: Int64 | None = Field(default=None, ge=0)
    """The `metadata.generation` that this was decided for."""
    last_transition_time: Time
    """When `status` last changed."""


class UidReference(Model):
    """A reference to one very object, not to whatever has its name later."""

    name: str | None = None
    """Name of the object."""
    uid: str | None = None
    """Uid of the object."""


class RevertedBy(UidReference):
    """The revert that undid an execution, or tried to."""

    phase: StoredPhase | None = None
    """Phase of the revert. Only a Succeeded one ends the matter; after a Failed one the revert may be repeated."""
    time: Time | None = None
    """When the revert ended."""
