"""What the fields of a model hold, read from its annotations: for finding unknown fields and for lenient reading."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from compiler.model.base import Model


class Shape(NamedTuple):
    """What a value is.

    Attributes:
        type: `str`, `int`, `bool`, `list`, `dict`, a model, an enum, or `object` when anything goes.
        item: what the members of a list or mapping are.
        choices: the values of an enum that are allowed here.
    """

    type: type
    item: Shape | None = None
    choices: tuple[Any, ...] = ()


ANYTHING = Shape(object)


class Field(NamedTuple):
    """A field of a model.

    Attributes:
        attribute: its name in Python.
        shape: what it holds.
        required: whether it has no default.
    """

    attribute: str
    shape: Shape
    required: bool


@lru_cache(maxsize=256)
def fields_of(model: type[Model]) -> Mapping[str, Field]:
    """Return the fields of a model by their API names."""
    return {
        info.alias or name: Field(name, shape_of(info.annotation), info.is_required())
        for name, info in model.model_fields.items()
    }


def keeps_unknown(model: type[Model]) -> bool:
    """Whether a model has fields that it does not name."""
    return model.model_config.get("extra") == "allow"


def shape_of(annotation: Any) -> Shape:
    """Read an annotation."""
    if annotation is Any:
        return ANYTHING
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shape_of(arguments[0])
    if origin is Union or origin is types.UnionType:
        members = [argument for argument in arguments if argument is not type(None)]
        return shape_of(members[0]) if len(members) == 1 else ANYTHING
    if origin is Literal:
        return Shape(type(arguments[0]), choices=arguments)
    if origin is list:
        return Shape(list, shape_of(arguments[0]))
    if origin is dict:
        return Shape(dict, shape_of(arguments[1]))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Shape(annotation, choices=tuple(annotation))
    return Shape(annotation) if isinstance(annotation, type) else ANYTHING
