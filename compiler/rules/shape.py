"""What pydantic says about the shape of an object, in words for people who never heard of pydantic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from compiler.problems import ObjectRef, Path, Violation
from compiler.rules.words import dotted, listed, what_it_is

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

ABSENT_TYPES = frozenset({"missing", "too_short", "string_too_short", "enum", "literal_error"})
"""Errors that a rule may report in its own words at the same place."""

_CHOICE = re.compile(r"'([^']*)'")


def violations(error: ValidationError, ref: ObjectRef, value: Any, base: Path = ()) -> Iterator[tuple[str, Violation]]:
    """Say what is wrong with the shape of an object, each with pydantic's type of the error.

    Args:
        error: what pydantic found.
        ref: the object.
        value: the value that was read.
        base: where in the object that value stands.
    """
    for detail in error.errors(include_url=False):
        path = _existing(detail, value)
        yield detail["type"], Violation(ref, (*base, *path), f"{dotted((*base, *path))} {_sentence(detail)}")


def _existing(detail: ErrorDetails, value: Any) -> Path:
    """The place of an error without the steps that pydantic adds for its own purposes."""
    path: list[str | int] = []
    for position, step in enumerate(detail["loc"]):
        if _has(value, step):
            value = value[step]
        elif detail["type"] != "missing" or position != len(detail["loc"]) - 1:
            continue
        path.append(step)
    return tuple(path)


def _has(value: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(value, list) and step < len(value)
    return isinstance(value, dict) and step in value


def _sentence(detail: ErrorDetails) -> str:
    value, context = detail["input"], detail.get("ctx", {})
    say = _SENTENCES.get(detail["type"])
    return say(value, context) if say else f"is not valid: {detail['msg'][:1].lower()}{detail['msg'][1:]}"


def _must_be(what: str) -> Callable[[Any, dict[str, Any]], str]:
    return lambda value, _: f"must be {what}, not {what_it_is(value)}"


def _text(value: Any, _: dict[str, Any]) -> str:
    quoted = f'; quote it: "{str(value).lower() if isinstance(value, bool) else value}"'
    return f"must be text, not {what_it_is(value)}{quoted if isinstance(value, (bool, int, float)) else ''}"


def _choice(value: Any, context: dict[str, Any]) -> str:
    choices = _CHOICE.findall(str(context.get("expected", "")))
    shown = f'"{value}"' if isinstance(value, str) else what_it_is(value)
    return f"must be {listed(choices)}, not {shown}"


def _pattern(value: Any, context: dict[str, Any]) -> str:
    if "oci" in str(context.get("pattern")):
        return f'must begin with http://, https:// or oci://; "{value}" does not'
    return f'is "{value}", which does not match {context.get("pattern")}'


_SENTENCES: dict[str, Callable[[Any, dict[str, Any]], str]] = {
    "missing": lambda _, __: "is required",
    "string_too_short": lambda _, __: "must not be empty",
    "too_short": lambda _, __: "must not be empty",
    "too_long": lambda _, context: f"has more than {context['max_length']} items",
    "string_type": _text,
    "int_type": _must_be("a whole number"),
    "bool_type": _must_be("true or false"),
    "list_type": _must_be("a list"),
    "dict_type": _must_be("a mapping"),
    "model_type": _must_be("a mapping"),
    "model_attributes_type": _must_be("a mapping"),
    "enum": _choice,
    "literal_error": _choice,
    "greater_than_equal": lambda value, context: f"must be at least {context['ge']}, not {value}",
    "less_than_equal": lambda value, context: f"must be at most {context['le']}, not {value}",
    "string_pattern_mismatch": _pattern,
}
