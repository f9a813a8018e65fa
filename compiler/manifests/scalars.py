"""What a plain YAML scalar means: exactly what `kubectl` takes it for.

`kubectl` reads YAML 1.1 by way of Go: `yes` and `on` are booleans and `0644` is octal, but `12:30:00` is no number in
base 60, a date stays text, and `1e3` and `08` are numbers. PyYAML differs in all of those, so its resolver is not used.
Quoted and block scalars are text and never come here.
"""

from __future__ import annotations

import math
import re

_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_OLD_TRUE = ("y", "Y", "yes", "Yes", "YES", "on", "On", "ON")
_OLD_FALSE = ("n", "N", "no", "No", "NO", "off", "Off", "OFF")
_NULL = ("", "~", "null", "Null", "NULL")

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(_TRUE + _OLD_TRUE, True),
    **dict.fromkeys(_FALSE + _OLD_FALSE, False),
    **dict.fromkeys(_NULL),
}
_SURPRISING_WORDS = frozenset(_OLD_TRUE + _OLD_FALSE)
_NOT_FINITE = frozenset(f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")) | frozenset(
    (".nan", ".NaN", ".NAN")
)
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)\Z")
_OCTAL = re.compile(r"[-+]?0[0-7]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_MAX_DIGITS = 400
"""More digits than any float has: what is longer is infinite for every reader of JSON."""

Scalar = str | int | float | bool | None


class NotFinite(ValueError):
    """The scalar is a number that JSON, and so the API server, has no text for."""

    def __init__(self, text: str) -> None:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        super().__init__(f'"{shown}" is a number that JSON cannot hold; quote it if it is meant as text')


def resolve(text: str) -> Scalar:
    """Return the value of a plain scalar.

    Raises:
        NotFinite: it is infinite, not a number, or too large.
    """
    if not text:
        return None
    first = text[0]
    if first.isalpha() or first == "~":
        return _WORDS.get(text, text)
    if first not in "+-.0123456789":
        return text
    return _number(text)


def surprise(text: str, value: Scalar) -> str | None:
    """Return a hint when a plain scalar is read as something that its writer may not have meant."""
    if text in _SURPRISING_WORDS:
        return f'"{text}" is read as {"true" if value else "false"}, as kubectl does; quote it to keep the text'
    if isinstance(value, int) and _OCTAL.match(text) and value != int(text):
        return f'"{text}" is read as the octal number {value}, as kubectl does; quote it to keep the text'
    return None


def finite_integer(text: str) -> int:
    """Read a decimal integer; the hook of the JSON reader.

    Raises:
        NotFinite: it has more digits than any reader of JSON takes.
    """
    if len(text) > _MAX_DIGITS:
        raise NotFinite(text)
    return int(text)


def finite_float(text: str) -> float:
    """Read a decimal fraction; the hook of the JSON reader.

    Raises:
        NotFinite: it is too large.
    """
    value = float(text)
    if not math.isfinite(value):
        raise NotFinite(text)
    return value


def _number(text: str) -> Scalar:
    if text in _NOT_FINITE:
        raise NotFinite(text)
    digits = text.replace("_", "")
    match = _INTEGER.match(digits)
    if match:
        return _integer(sign=match.group(1), digits=match.group(2))
    if not _FLOAT.match(digits if text[0] != "." else text):
        return text
    if digits.lstrip("+-").isdigit():
        return finite_integer(digits)  # such as 08: no octal number, so kubectl takes it as a decimal one
    return finite_float(digits)


def _integer(*, sign: str, digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise NotFinite(sign + digits)
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    value = int(digits, 8) if octal else int(digits, 0)
    return -value if sign == "-" else value
