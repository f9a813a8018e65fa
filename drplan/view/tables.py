"""Lists as tables, in the columns and the style of kubectl."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from drplan.view.outline import is_paused, phase_of, revert_of
from drplan.view.text import clean, pad, width
from drplan.view.times import age, seconds_of, short_duration

Object = Mapping[str, Any]
Column = tuple[str, Callable[[Object, datetime], str]]

_BETWEEN = "   "
_NOTHING = "<none>"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; the last column may be of any length."""
    cells = [list(headings), *([clean(cell) or _NOTHING for cell in row] for row in rows)]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        _BETWEEN.join(pad(cell, cells) for cell, cells in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def executions(objects: Iterable[Object], *, now: datetime, wide: bool = False, undriven: Collection[str] = ()) -> str:
    """A table of executions.

    Args:
        objects: the DRPlanExecutions, in the order of the table.
        now: the time, for ages.
        wide: whether to show Workflow and message, too.
        undriven: names of those that have not ended and that no engine runs.
    """
    columns = _with_notes(_COLUMNS, undriven)
    return _of(objects, (*columns, *_WIDE) if wide else columns, now)


def history(objects: Iterable[Object], *, now: datetime, wide: bool = False, undriven: Collection[str] = ()) -> str:
    """A table of the executions of one plan, with what reverted them or what they reverted instead of the plan."""
    columns = _with_notes([column for column in _COLUMNS if column is not _PLAN], undriven)
    return _of(objects, (*columns, _REVERT, *((_REASON, *_WIDE) if wide else ())), now)


def _with_notes(columns: Sequence[Column], undriven: Collection[str]) -> tuple[Column, ...]:
    noted: Column = (_PHASE[0], lambda each, _: _phase(each, undriven))
    return tuple(noted if column is _PHASE else column for column in columns)


def _phase(each: Object, undriven: Collection[str]) -> str:
    phase = phase_of(each.get("status") or {})
    notes = [] if phase.terminal or not is_paused(each) else ["paused"]
    if (each.get("metadata") or {}).get("name") in undriven:
        notes.append("no engine")
    return f"{phase} ({', '.join(notes)})" if notes else phase


def _of(objects: Iterable[Object], columns: Sequence[Column], now: datetime) -> str:
    rows = ([show(each, now) for _, show in columns] for each in objects)
    return table([heading for heading, _ in columns], rows)


def _spec(field: str) -> Callable[[Object, datetime], str]:
    return lambda each, _: (each.get("spec") or {}).get(field) or ""


def _status(field: str) -> Callable[[Object, datetime], str]:
    return lambda each, _: (each.get("status") or {}).get(field) or ""


def _duration(each: Object, now: datetime) -> str:
    status = each.get("status") or {}
    phase = phase_of(status)
    end = None if phase.terminal else now
    seconds = seconds_of(status.get("duration"), status.get("startTime"), status.get("completionTime"), now=end)
    return short_duration(seconds)


def _age(each: Object, now: datetime) -> str:
    created = (each.get("metadata") or {}).get("creationTimestamp") or (each.get("status") or {}).get("startTime")
    return age(created, now)


def _revert(each: Object, _: datetime) -> str:
    spec, status = each.get("spec") or {}, each.get("status") or {}
    reverted = status.get("revertedBy") or {}
    if reverted.get("name"):
        return revert_of(reverted)
    return f"reverts {spec['revertExecutionRef']}" if spec.get("revertExecutionRef") else ""


_PLAN: Column = ("PLAN", _spec("planRef"))
_PHASE: Column = ("PHASE", lambda each, _: phase_of(each.get("status") or {}))
_COLUMNS: tuple[Column, ...] = (
    ("NAME", lambda each, _: (each.get("metadata") or {}).get("name") or ""),
    _PLAN,
    ("OPERATION", _spec("operationType")),
    ("MODE", _spec("mode")),
    _PHASE,
    ("PROGRESS", _status("progress")),
    ("DURATION", _duration),
    ("AGE", _age),
)
_REVERT: Column = ("REVERT", _revert)
_REASON: Column = ("REASON", _spec("reason"))
_WIDE: tuple[Column, ...] = (
    ("WORKFLOW", lambda each, _: ((each.get("status") or {}).get("workflowRef") or {}).get("name") or ""),
    ("MESSAGE", _status("message")),
)
