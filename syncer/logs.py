"""Logs as one JSON object a line, each with what is being worked on.

What is worked on is set once, where it begins, and is in every line that is written meanwhile, whoever writes it.
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

_context: ContextVar[dict[str, str]] = ContextVar("log_context")
_LEVELS = {"WARNING": "warn", "CRITICAL": "error"}


class JsonFormatter(logging.Formatter):
    """Formats a record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, str] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _LEVELS.get(record.levelname, record.levelname.lower()),
            "logger": record.name,
            "message": record.getMessage(),
            **_context.get({}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def start(level: str = "INFO", *, stream: TextIO | None = None) -> None:
    """Log from now on, to standard error unless another stream is given."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


@contextmanager
def working_on(**what: str) -> Iterator[None]:
    """Put what is being worked on into every line."""
    token = _context.set({**_context.get({}), **what})
    try:
        yield
    finally:
        _context.reset(token)


def reconcile_id() -> str:
    """A new id for one look at one key."""
    return uuid.uuid4().hex[:12]
