"""Fields that no model names: the API server drops them, so whoever wrote one believes something that is not so.

One that is almost a known name is a slip that changes what runs (`dependOn`) and is refused; any other is a warning, as
manifests for the older controller may carry fields that never meant anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compiler.manifests import Document
from compiler.manifests.kinds import model_of
from compiler.model.actions import Action
from compiler.model.base import Model
from compiler.problems import Path, Severity, Violation
from compiler.rules.fields import Shape, fields_of, keeps_unknown
from compiler.rules.words import closest, dotted

_NOT_WRITTEN_BY_USERS = "status"
_ROLLBACK = "rollback"


def unknown_fields(document: Document) -> Iterator[Violation]:
    """Every field of an object that its kind does not have: an error next to a known name, else a warning."""
    for path, names in _unknown(model_of(document.ref.kind), document.value, ()):
        near = closest(str(path[-1]), names)
        hint = f'; did you mean "{near}"?' if near else ""
        severity = Severity.ERROR if near else Severity.WARNING
        yield Violation(document.ref, path, f'unknown field "{dotted(path)}"{hint}', severity)


def _unknown(model: type[Model], value: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    if not isinstance(value, dict):
        return
    known = fields_of(model)
    for name, member in value.items():
        if name in known:
            if not (path == () and name == _NOT_WRITTEN_BY_USERS):
                shape = Shape(Action) if model is Action and name == _ROLLBACK else known[name].shape
                yield from _inside(shape, member, (*path, name))
        elif not keeps_unknown(model):
            yield (*path, name), list(known)


def _inside(shape: Shape, value: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    if issubclass(shape.type, Model):
        yield from _unknown(shape.type, value, path)
    elif shape.item is not None and issubclass(shape.item.type, Model) and isinstance(value, list):
        for index, member in enumerate(value):
            yield from _unknown(shape.item.type, member, (*path, index))
