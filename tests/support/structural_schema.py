"""What the API server does with an object and a structural schema: validate, prune and write defaults.

Only the part of it that our CRDs use; rules in CEL are not evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

Schema = Mapping[str, Any]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
_RANGES = {"int32": 2**31, "int64": 2**63}


def violations(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Yield what is wrong with a value, with the path to it."""
    if not _has_type(schema, value):
        yield f"{path}: {value!r} is not of type {schema.get('type', 'int-or-string')}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is not one of {schema['enum']}"
    if isinstance(value, dict):
        yield from _object_violations(schema, value, path)
    elif isinstance(value, list):
        yield from _list_violations(schema, value, path)
    elif isinstance(value, str):
        yield from _text_violations(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number_violations(schema, value, path)


def pruned(schema: Schema, value: Any) -> Any:
    """Return a value without the fields that its schema does not know."""
    if isinstance(value, list) and "items" in schema:
        return [pruned(schema["items"], item) for item in value]
    if not isinstance(value, dict) or ("properties" not in schema and "additionalProperties" not in schema):
        keeps = schema.get("x-kubernetes-preserve-unknown-fields", False) or schema.get("type") != "object"
        return value if keeps or not isinstance(value, dict) else {}
    kept = {}
    for name, field in value.items():
        if name in schema.get("properties", {}):
            kept[name] = pruned(schema["properties"][name], field)
        elif "additionalProperties" in schema:
            kept[name] = pruned(schema["additionalProperties"], field)
        elif schema.get("x-kubernetes-preserve-unknown-fields"):
            kept[name] = field
    return kept


def defaulted(schema: Schema, value: Any) -> Any:
    """Return a value with the defaults of its schema written into it."""
    if isinstance(value, list) and "items" in schema:
        return [defaulted(schema["items"], item) for item in value]
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for name, field in schema.get("properties", {}).items():
        if name not in filled and "default" in field:
            filled[name] = field["default"]
        if name in filled:
            filled[name] = defaulted(field, filled[name])
    return filled


def _has_type(schema: Schema, value: Any) -> bool:
    if schema.get("x-kubernetes-int-or-string"):
        return isinstance(value, int | str) and not isinstance(value, bool)
    if "type" not in schema:
        return True
    if isinstance(value, bool):
        return bool(schema["type"] == "boolean")
    return isinstance(value, _TYPES[schema["type"]])


def _object_violations(schema: Schema, value: dict[str, Any], path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}: is required"
    for name, field in value.items():
        child = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
        if child is not None:
            yield from violations(child, field, f"{path}.{name}")


def _list_violations(schema: Schema, value: list[Any], path: str) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{path}: needs at least {schema['minItems']} items"
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: has more than {schema['maxItems']} items"
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys and len({tuple(item.get(key) for key in keys) for item in value}) < len(value):
        yield f"{path}: two items have the same {', '.join(keys)}"
    for index, item in enumerate(value):
        yield from violations(schema.get("items", {}), item, f"{path}[{index}]")


def _text_violations(schema: Schema, value: str, path: str) -> Iterator[str]:
    if len(value) < schema.get("minLength", 0):
        yield f"{path}: is shorter than {schema['minLength']}"
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{path}: is longer than {schema['maxLength']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if schema.get("format") == "date-time" and not _is_time(value):
        yield f"{path}: {value!r} is no date-time"


def _number_violations(schema: Schema, value: float, path: str) -> Iterator[str]:
    limit = _RANGES.get(schema.get("format", ""))
    if limit is not None and not -limit <= value < limit:
        yield f"{path}: {value} does not fit {schema['format']}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
        yield f"{path}: {value} is too small"
    if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
        yield f"{path}: {value} is too large"


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
