"""Reading an object whose shape is broken as far as that goes, so that all its other faults are found as well.

What is missing where the model demands it, or is of the wrong type, becomes empty: the empty text, list or mapping, or
the default. A value that is none of an enum's stays the text that it is.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, TypeVar, cast

from compiler.model.base import Model
from compiler.rules.fields import Field, Shape, fields_of, keeps_unknown

ModelType = TypeVar("ModelType", bound=Model)

_ABSENT: Any = object()


def read(model: type[ModelType], value: Any) -> ModelType:
    """Read what can be read; the result has every attribute of the model, though perhaps none of its guarantees."""
    given = value if isinstance(value, dict) else {}
    known = fields_of(model)
    values: dict[str, Any] = {}
    for name, field in known.items():
        read_value = _ABSENT if given.get(name) is None else _read(field.shape, given[name])
        if read_value is _ABSENT and field.required:
            read_value = _empty(field)
        if read_value is not _ABSENT:
            values[field.attribute] = read_value
    if keeps_unknown(model):
        values.update({name: member for name, member in given.items() if name not in known})
    return cast("ModelType", model.model_construct(**values))


def _read(shape: Shape, value: Any) -> Any:
    """Read a value; `_ABSENT` when it is of another type."""
    if shape.type is object:
        return value
    if issubclass(shape.type, Model):
        return read(shape.type, value)
    if issubclass(shape.type, Enum):
        return next((choice for choice in shape.choices if choice.value == value), _text_or_absent(value))
    if shape.type is list and isinstance(value, list):
        item = shape.item or Shape(object)
        return [member for member in (_read_item(item, member) for member in value) if member is not _ABSENT]
    if shape.type is dict and isinstance(value, dict):
        item = shape.item or Shape(object)
        read_values = {key: _read(item, member) for key, member in value.items()}
        return {key: member for key, member in read_values.items() if member is not _ABSENT}
    exact = type(value) is shape.type
    return value if exact and shape.type not in (list, dict) else _ABSENT


def _read_item(shape: Shape, value: Any) -> Any:
    """Read an item of a list; one of the wrong type is kept as an empty one, so that the others keep their indexes."""
    read_value = _read(shape, value)
    return "" if read_value is _ABSENT and shape.type is str else read_value


def _text_or_absent(value: Any) -> Any:
    return value if isinstance(value, str) else _ABSENT


def _empty(field: Field) -> Any:
    kind = field.shape.type
    if kind is object:
        return None
    if issubclass(kind, Model):
        return read(kind, {})
    return "" if issubclass(kind, Enum) else kind()
