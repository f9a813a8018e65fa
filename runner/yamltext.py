"""YAML text → JSON values, read exactly as `kubectl` reads it; the first thing that is wrong ends the reading.

libyaml delivers events and the values are built here: PyYAML's own constructor keeps the last of two equal keys, makes
dates and numbers in base 60 of what `kubectl` takes as text, and overflows the stack on deeply nested input. The
compiler reads manifests by the same rules when it checks them; a test holds the two equal.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

MAX_DEPTH = 100
"""Deepest nesting that is read."""
MAX_ALIASED = 50_000
"""Most values that the aliases of one document may stand for: more is an attack, or a mistake."""

_UNKNOWN_TAG = "the tag is not supported; remove it"
"""Nothing but keys is quoted: what stands in a manifest may be confidential, and the line says where it is."""
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = ("!", _TAG + "str", _TAG + "timestamp")
_TYPED_TAGS: dict[str, tuple[type, ...]] = {
    _TAG + "int": (int,),
    _TAG + "float": (float, int),
    _TAG + "bool": (bool,),
    _TAG + "null": (type(None),),
}
_CONTAINER_TAGS = (None, "!", _TAG + "map", _TAG + "seq")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(["true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"], True),
    **dict.fromkeys(["false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off", "OFF"], False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_INTEGER = re.compile(r"([-+]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_MAX_DIGITS = 400
_MERGE = object()
_NO_KEY = object()


class YamlError(Exception):
    """A text cannot be read.

    Attributes:
        line: the line where, counted from 1.
        number: how many documents that are not empty were complete before it.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.number = 0


class Tree(NamedTuple):
    """A document that is not empty, and the line on which it begins."""

    value: Any
    line: int


class _Open:
    """A mapping or list that is being built."""

    def __init__(self, value: Any, line: int, anchor: str | None) -> None:
        self.value = value
        self.line = line
        self.anchor = anchor
        self.key: Any = _NO_KEY
        self.key_lines: dict[str, int] = {}
        self.merged: list[dict[str, Any]] = []

    @property
    def expects_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is _NO_KEY


def trees(text: str) -> list[Tree]:
    """Read the documents of a stream; empty ones are left out.

    Raises:
        YamlError: something in it is wrong.
    """
    import yaml
    from yaml._yaml import CParser

    builder = _Builder()
    try:
        parser = CParser(text)
        while parser.check_event():
            builder.take(parser.get_event())
    except YamlError as error:
        error.number = len(builder.trees)
        raise
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        wrong = _syntax_error(error, text)
        wrong.number = len(builder.trees)
        raise wrong from error
    return builder.trees


def _syntax_error(error: Any, text: str) -> YamlError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
    if mark is not None:
        # libyaml counts one line more than an unfinished text has.
        return YamlError(min(mark.line, text.rstrip().count("\n")) + 1, f"not valid YAML: {problem}")
    start = getattr(error, "position", None) or getattr(error, "start", None) or 0
    return YamlError(text.count("\n", 0, start) + 1, f"not valid YAML: {problem}")


class _Builder:
    """Builds one document after another from the events of a parser, with a stack of its own."""

    def __init__(self) -> None:
        import yaml

        self.trees: list[Tree] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Any] = {}
        self._aliased = 0
        self._root: Tree | None = None
        self._takers = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: lambda event: self._open(event, {}),
            yaml.SequenceStartEvent: lambda event: self._open(event, []),
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentEndEvent: self._finish,
        }

    def take(self, event: Any) -> None:
        """Take the next event."""
        taker = self._takers.get(type(event))
        if taker is not None:
            taker(event)

    def _finish(self, _: Any) -> None:
        if self._root is not None and self._root.value is not None:
            self.trees.append(self._root)
        self._root, self._anchors, self._aliased = None, {}, 0

    def _open(self, event: Any, value: Any) -> None:
        line = _line(event)
        if len(self._stack) >= MAX_DEPTH:
            raise YamlError(line, f"nested deeper than {MAX_DEPTH} levels")
        if event.tag not in _CONTAINER_TAGS:
            raise YamlError(line, _UNKNOWN_TAG)
        if self._expects_key:
            raise YamlError(line, f"a key must be text, not a {_shape(value)}")
        self._stack.append(_Open(value, line, event.anchor))

    def _close(self, _: Any) -> None:
        closed = self._stack.pop()
        for source in closed.merged:
            closed.value.update({key: value for key, value in source.items() if key not in closed.value})
        if closed.anchor is not None:
            self._anchors[closed.anchor] = closed.value
        self._add(closed.value, closed.line)

    def _scalar(self, event: Any) -> None:
        line = _line(event)
        is_text = bool(event.style) and event.tag is None
        if self._expects_key and event.value == "<<" and not event.style and event.tag is None:
            self._stack[-1].key = _MERGE
            return
        value = event.value if is_text or (self._expects_key and event.style) else _plain(event, line)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        if self._expects_key:
            self._set_key(value, event.value, line)
        else:
            self._add(value, line)

    def _alias(self, event: Any) -> None:
        line, name = _line(event), event.anchor
        if any(opened.anchor == name for opened in self._stack):
            raise YamlError(line, "an alias stands inside its own anchor")
        if name not in self._anchors:
            raise YamlError(line, "an alias has no anchor before it; quote it if it is meant as text")
        value = self._anchors[name]
        if not self._expects_key:
            self._add(self._copy(value, depth=len(self._stack), line=line), line)
        elif isinstance(value, (dict, list)):
            raise YamlError(line, f"a key must be text, not a {_shape(value)}")
        else:
            self._set_key(value, str(value), line)

    def _copy(self, value: Any, *, depth: int, line: int) -> Any:
        """Copy what an alias stands for, so that no two places of a document share an object."""
        self._aliased += 1
        if self._aliased > MAX_ALIASED:
            raise YamlError(line, f"the aliases of this document stand for more than {MAX_ALIASED} values")
        if isinstance(value, (dict, list)) and depth >= MAX_DEPTH:
            raise YamlError(line, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            return {key: self._copy(member, depth=depth + 1, line=line) for key, member in value.items()}
        if isinstance(value, list):
            return [self._copy(member, depth=depth + 1, line=line) for member in value]
        return value

    @property
    def _expects_key(self) -> bool:
        return bool(self._stack) and self._stack[-1].expects_key

    def _set_key(self, value: Any, text: str, line: int) -> None:
        opened = self._stack[-1]
        if value is None:
            raise YamlError(line, "a key must be text, not null")
        key = str(value).lower() if isinstance(value, bool) else text if isinstance(value, float) else str(value)
        if key in opened.value:
            raise YamlError(line, f'key "{key[:60]}" is already set on line {opened.key_lines[key]}')
        opened.key_lines[key] = line
        opened.key = key

    def _add(self, value: Any, line: int) -> None:
        """Put a complete value where it belongs."""
        if not self._stack:
            self._root = Tree(value, line)
            return
        opened = self._stack[-1]
        if isinstance(opened.value, list):
            opened.value.append(value)
            return
        key, opened.key = opened.key, _NO_KEY
        if key is not _MERGE:
            opened.value[key] = value
            return
        for source in value if isinstance(value, list) else [value]:
            if not isinstance(source, dict):
                raise YamlError(line, 'the merge key "<<" needs a mapping, or a list of mappings')
            opened.merged.append(source)


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


def _shape(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "list"


def _plain(event: Any, line: int) -> Any:
    """Return the value of a scalar that is plain or has a tag."""
    text, tag = event.value, event.tag
    if tag in _TEXT_TAGS:
        return text
    if tag is not None and tag not in _TYPED_TAGS:
        raise YamlError(line, _UNKNOWN_TAG)
    value = _resolve(text, line)
    if tag is not None and not isinstance(value, _TYPED_TAGS[tag]):
        raise YamlError(line, "a value is not what its tag says")
    return value


def _resolve(text: str, line: int) -> Any:
    """Return the value of a plain scalar: YAML 1.1 by way of Go."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    is_integer = _INTEGER.match(digits) is not None
    is_float = not is_integer and _FLOAT.match(text if text[0] == "." else digits) is not None
    if not is_integer and not is_float and not _NOT_FINITE.match(text):
        return text
    value = _integer(digits) if is_integer else _decimal(digits) if is_float else math.inf
    if value is None or not math.isfinite(value):
        raise YamlError(line, "a number that JSON cannot hold; quote it if it is meant as text")
    return value


def _integer(digits: str) -> int | None:
    if len(digits) > _MAX_DIGITS:
        return None
    bare = digits.lstrip("+-")
    octal = len(bare) > 1 and bare[0] == "0" and bare[1].isdigit()
    value = int(bare, 8) if octal else int(bare, 0)
    return -value if digits[0] == "-" else value


def _decimal(digits: str) -> float | int | None:
    if not digits.lstrip("+-").isdigit():
        return float(digits)
    return int(digits) if len(digits) <= _MAX_DIGITS else None  # such as 08: no octal number, so a decimal one
