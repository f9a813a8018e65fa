"""Tables of the fields of the models: name, type, default and the text below the attribute.

A type that has a table of its own, on whatever page, is a link to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from pkgutil import iter_modules
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

import compiler.model
from compiler.crds.structural import attribute_texts
from compiler.model.base import Model
from docs.markdown import code, table

_PLAIN = {str: "string", bool: "boolean", int: "integer", float: "number", Any: "any value"}


def models() -> dict[str, type[Model]]:
    """All models of the API, by name."""
    found: dict[str, type[Model]] = {}
    for module in iter_modules(compiler.model.__path__):
        for value in vars(import_module(f"{compiler.model.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, Model):
                found[value.__name__] = value
    return found


def fields_table(model: type[Model], places: Mapping[str, str]) -> str:
    """Return the table of a model's fields.

    Args:
        model: the model.
        places: where the table of a model is, by the model's name.
    """
    model.model_rebuild()
    texts = attribute_texts(model)
    rows = [
        (code(field.alias or name), _type(field.annotation, places), _default(field), texts[name])
        for name, field in model.model_fields.items()
    ]
    return table(("Field", "Type", "Default", "Meaning"), rows)


def _type(annotation: Any, places: Mapping[str, str]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], places)
    if origin in (Union, UnionType):
        return " or ".join(_type(member, places) for member in arguments if member is not NoneType)
    if origin is Literal:
        return _values(str(getattr(member, "value", member)) for member in arguments)
    if origin is list:
        return f"list of {_type(arguments[0], places)}"
    if origin is dict:
        return "object" if arguments[1] is Any else f"map of {_type(arguments[1], places)}"
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    if issubclass(annotation, Enum):
        return _values(str(member.value) for member in annotation)
    named = next((base.__name__ for base in annotation.__mro__ if base.__name__ in places), "")
    return f"[{named}]({places[named]})" if named else annotation.__name__


def _values(values: Any) -> str:
    return ", ".join(code(value) for value in values)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ([], {}) or isinstance(value, Model):
        return ""
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(str(value.value if isinstance(value, Enum) else value))
