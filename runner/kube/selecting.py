"""Label selectors of Kubernetes, decided here for objects that were read already. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_SET_OPERATORS: dict[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
}
_PRESENCE_OPERATORS: dict[str, Callable[[str | None], bool]] = {
    "Exists": lambda value: value is not None,
    "DoesNotExist": lambda value: value is None,
}


class SelectorError(Exception):
    """A selector is none that Kubernetes would take."""


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Tell whether labels match a LabelSelector; no selector matches none, an empty one all.

    As in Kubernetes `NotIn` also matches where there is no such label.

    Raises:
        SelectorError: the selector is wrong, whether or not what is wrong matters for these labels.
    """
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    # All are looked at, so that a wrong selector never depends on the labels.
    met = [_met(expression, labels) for expression in selector.get("matchExpressions") or []]
    return all(labels.get(key) == value for key, value in wanted.items()) and all(met)


def _met(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression.get("key"), expression.get("operator"), expression.get("values") or []
    if not key:
        raise SelectorError("an expression of the label selector has no key")
    if operator in _SET_OPERATORS:
        if not values:
            raise SelectorError(f"operator {operator} of the label selector needs values for {key}")
        return _SET_OPERATORS[operator](labels.get(key), values)
    if operator in _PRESENCE_OPERATORS:
        if values:
            raise SelectorError(f"operator {operator} of the label selector takes no values for {key}")
        return _PRESENCE_OPERATORS[operator](labels.get(key))
    known = ", ".join((*_SET_OPERATORS, *_PRESENCE_OPERATORS))
    raise SelectorError(f"operator {operator} of the label selector for {key} is unknown; known are {known}")
