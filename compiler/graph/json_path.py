r"""The path to a value inside an object, as kubectl's `-o jsonpath` reads it.

    {.status.podIP}                                     a field
    {.metadata.annotations['example.com/site']}         a key with dots; also written example\.com/site
    {.spec.ports[0].port}   {.items[-1]}   {[0:2]}      items of a list
    {.status.conditions[?(@.type=="Ready")].status}     those items for which a comparison holds
    {.spec.ports[*].port}   {..image}                   all members; a name at any depth (once in a path)
    tcp://{.spec.clusterIP}:{.spec.ports[0].port}       text around values

Braces may be left out around a path alone. `range` and `end`, which make reports, are not known: a parameter is one
value. Own, because no package that we use has it.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

_FIELD = re.compile(r"(?:\\.|[^\s.,\[\]$@{}()\\=<>!])+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(?![\w.])")
_WORD = re.compile(r"[a-z]+")
_SLICE = re.compile(r"\s*(-?\d+)?\s*(:)?\s*(-?\d+)?\s*(?::\s*(-?\d+)?\s*)?(?=[,\]])")
_QUOTED = re.compile(r"""\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)")\s*""")
_COMPARISON = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*")
_ESCAPE = re.compile(r"\\(.)")
_DEEPEST = 20
_MOST_VALUES = 1000

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LITERALS = {"true": True, "false": False, "null": None}

Step = Callable[[Any], Iterator[Any]]
"""From a value to what one part of a path finds in it. Raises LookupError when that must be there and is not."""


class JsonPathError(ValueError):
    """The text is no path that is known."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path that was read.

    Attributes:
        parts: text that stands as it is, and paths.
    """

    parts: tuple[str | tuple[Step, ...], ...]

    def find(self, value: Any) -> str:
        """Text of what it leads to; several values are separated by spaces, what is no text is written as JSON.

        Raises:
            LookupError: a field or an item is missing.
        """
        return "".join(
            part if isinstance(part, str) else " ".join(map(_text, _all(part, value))) for part in self.parts
        )


def parse(text: str) -> JsonPath:
    """Read a path.

    Raises:
        JsonPathError: the text is no path; the message says what is wrong.
    """
    text = text.strip()
    if text and "{" not in text and "}" not in text:
        text = f"{{{text}}}" if text.startswith((".", "[", "$", "@")) else f"{{.{text}}}"
    parts: list[str | tuple[Step, ...]] = []
    reader = _Reader(text)
    while not reader.ended:
        literal = reader.until("{")
        if "}" in literal:
            raise JsonPathError('"}" without "{"')
        if literal:
            parts.append(literal)
        if reader.take("{"):
            parts.append(reader.block())
    if all(isinstance(part, str) for part in parts):
        raise JsonPathError("it leads nowhere; write for example {.status.podIP}")
    return JsonPath(tuple(parts))


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self.text)

    def until(self, end: str) -> str:
        place = self.text.find(end, self.at)
        start, self.at = self.at, len(self.text) if place < 0 else place
        return self.text[start : self.at]

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def skip_spaces(self) -> None:
        while not self.ended and self.text[self.at].isspace():
            self.at += 1

    def fail(self, expected: str) -> JsonPathError:
        rest = self.text[self.at : self.at + 20]
        return JsonPathError(f'expected {expected} at "{rest}"' if rest else f"it ends where {expected} is expected")

    def block(self) -> str | tuple[Step, ...]:
        self.skip_spaces()
        quoted = self.match(_QUOTED)
        found: str | tuple[Step, ...] = _unquoted(quoted) if quoted else self.path(0)
        self.skip_spaces()
        if not self.take("}"):
            raise self.fail('"}"')
        return found

    def path(self, depth: int) -> tuple[Step, ...]:
        if depth > _DEEPEST:
            raise JsonPathError(f"conditions are nested deeper than {_DEEPEST} levels")
        rooted = self.take("$") or self.take("@")
        steps: list[Step] = []
        while True:
            if self.take(".."):
                if _descend in steps:
                    raise JsonPathError('".." can stand in a path once')
                steps += [_descend, self.field(sought=True)]
            elif self.text.startswith(".[", self.at):
                self.at += 1
            elif self.take("."):
                at_end = self.ended or self.text[self.at] in " }"
                if at_end and not steps:
                    return ()
                steps.append(self.field(sought=False))
            elif self.take("["):
                steps.append(self.brackets(depth))
            elif steps or rooted:
                return tuple(steps)
            else:
                raise self.fail("a path such as .status.podIP")

    def field(self, *, sought: bool) -> Step:
        if self.take("*"):
            return _members
        found = self.match(_FIELD)
        if found is None:
            raise self.fail("the name of a field")
        return partial(_field, _ESCAPE.sub(r"\1", found.group()), sought)

    def brackets(self, depth: int) -> Step:
        self.skip_spaces()
        if self.take("?("):
            step = self.condition(depth)
            self.skip_spaces()
            if not self.take(")"):
                raise self.fail('")"')
        elif self.take("*"):
            step = _members
        else:
            picks = [self.pick()]
            while self.take(","):
                picks.append(self.pick())
            step = picks[0] if len(picks) == 1 else partial(_union, picks)
        self.skip_spaces()
        if not self.take("]"):
            raise self.fail('"]"')
        return step

    def pick(self) -> Step:
        quoted = self.match(_QUOTED)
        if quoted is not None:
            return partial(_field, _unquoted(quoted), False)
        found = self.match(_SLICE)
        if found is None or not found.group().strip():
            raise self.fail("an index, a key in quotes, * or ?( )")
        start, is_slice, end, stride = found.groups()
        if is_slice is None:
            return partial(_item, int(start))
        if stride is not None and int(stride) <= 0:
            raise JsonPathError("the step of a slice must be above 0")
        return partial(_items, slice(*(None if bound is None else int(bound) for bound in (start, end, stride))))

    def condition(self, depth: int) -> Step:
        left = self.operand(depth)
        compared = self.match(_COMPARISON)
        if compared is None:
            return partial(_present, left)
        return partial(_compared, _OPERATORS[compared.group(1)], left, self.operand(depth))

    def operand(self, depth: int) -> Step:
        self.skip_spaces()
        quoted = self.match(_QUOTED)
        if quoted is not None:
            return partial(_constant, _unquoted(quoted))
        number = self.match(_NUMBER)
        if number is not None:
            return partial(_constant, json.loads(number.group()))
        word = self.match(_WORD)
        if word is not None and word.group() in _LITERALS:
            return partial(_constant, _LITERALS[word.group()])
        if word is not None:
            self.at = word.start()
            raise self.fail("a value in quotes or a path that begins with @")
        return partial(_walk, self.path(depth + 1))


def _all(steps: Sequence[Step], value: Any) -> list[Any]:
    found = list(islice(_walk(steps, value), _MOST_VALUES + 1))
    if len(found) > _MOST_VALUES:
        raise LookupError(f"it leads to more than {_MOST_VALUES} values")
    return found


def _walk(steps: Sequence[Step], value: Any) -> Iterator[Any]:
    """All that a path leads to."""
    if not steps:
        yield value
        return
    for member in steps[0](value):
        yield from _walk(steps[1:], member)


def _field(name: str, sought: bool, value: Any) -> Iterator[Any]:
    """A field; one that is sought at any depth may be missing."""
    if isinstance(value, Mapping) and name in value:
        yield value[name]
    elif not sought:
        raise LookupError(f"{name} is not found")


def _members(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    yield value
    for member in _members(value):
        yield from _descend(member)


def _item(index: int, value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        raise LookupError(f"[{index}] is not found, there is no list")
    if not -len(value) <= index < len(value):
        raise LookupError(f"array index out of bounds: index {index}, length {len(value)}")
    yield value[index]


def _items(bounds: slice, value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        raise LookupError("a slice is not found, there is no list")
    yield from value[bounds]


def _union(steps: Sequence[Step], value: Any) -> Iterator[Any]:
    for step in steps:
        yield from step(value)


def _constant(constant: Any, _: Any) -> Iterator[Any]:
    yield constant


def _present(operand: Step, value: Any) -> Iterator[Any]:
    yield from (member for member in _members(value) if _found(operand, member))


def _compared(compare: Callable[[Any, Any], bool], left: Step, right: Step, value: Any) -> Iterator[Any]:
    yield from (
        member
        for member in _members(value)
        if any(_holds(compare, one, other) for one in _found(left, member) for other in _found(right, member))
    )


def _found(operand: Step, value: Any) -> list[Any]:
    """What an operand of a condition leads to; nothing when it is missing."""
    try:
        return list(islice(operand(value), _MOST_VALUES))
    except LookupError:
        return []


def _holds(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool:
    """Whether a comparison holds; values of different types are only ever unequal."""
    if _kind(left) is not _kind(right):
        return compare is operator.ne
    try:
        return compare(left, right)
    except TypeError:
        return False


def _kind(value: Any) -> type:
    return float if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _unquoted(match: re.Match[str]) -> str:
    return _ESCAPE.sub(r"\1", match.group(1) if match.group(1) is not None else match.group(2))
