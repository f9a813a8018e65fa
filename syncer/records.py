"""DRActionRecords as the fold and the decisions read them: plain dicts with `spec` and `state`, by action key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.model.names import LABEL_FINAL
from compiler.model.phases import RecordPhase

Record = Mapping[str, Any]
Records = Mapping[str, Record]

BAD = frozenset({RecordPhase.FAILED, RecordPhase.UNKNOWN})
"""Phases of a record that count as a failure."""


def state_of(record: Record) -> Mapping[str, Any]:
    """State of a record; empty when it has none."""
    return record.get("state") or {}


def is_final(record: Record) -> bool:
    """Whether a record is of an execution whose end is recorded, so that nothing will happen to it any more."""
    return LABEL_FINAL in ((record.get("metadata") or {}).get("labels") or {})


def is_started(state: Mapping[str, Any]) -> bool:
    """Whether an action has begun and not ended, as far as its record knows."""
    return bool(state.get("phase", RecordPhase.STARTED) == RecordPhase.STARTED)


def generation_of(state: Mapping[str, Any]) -> tuple[int, int]:
    """Epoch and run that acted last."""
    return state.get("epoch") or 1, state.get("run") or 1


def is_stale(state: Mapping[str, Any], generation: tuple[int, int] | None) -> bool:
    """Whether a later epoch or run will act again: all that Succeeded stands, the rest is tried again."""
    if generation is None or state.get("phase") == RecordPhase.SUCCEEDED:
        return False
    return generation_of(state) < generation


def takeovers(before: Record, after: Record) -> int:
    """How many times another pod has taken an action over from one that was lost, between two states of its record."""
    return max(_attempt(after) - _attempt(before), 0)


def _attempt(record: Record) -> int:
    return int((state_of(record).get("holder") or {}).get("attempt") or 0)


def has_taken_effect(state: Mapping[str, Any]) -> bool:
    """Whether something may have been sent or written."""
    return bool(state.get("sent") or state.get("before") or state.get("after"))


def by_key(records: Iterable[Record]) -> dict[str, Record]:
    """Order records by the key of their action."""
    return {record["spec"]["key"]: record for record in records}
