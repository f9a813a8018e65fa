"""YAML text → plain values and the place of every one of them; what is wrong becomes a flaw, never an exception.

libyaml's C parser delivers events, and the values are built here. Neither PyYAML's constructor nor its composer can be
used: the one keeps the last of two equal keys silently and makes dates and numbers of what `kubectl` takes as text, the
other overflows the C stack on deeply nested input. Building from events with an explicit stack needs no recursion, sees
every alias where it stands, and costs less than composing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml
from yaml._yaml import CParser

from compiler.manifests import scalars

MAX_DEPTH: Final = 100
"""Deepest nesting that is read; the API server refuses custom resources long before."""
MAX_ALIASED: Final = 50_000
"""Most values that the aliases of one document may stand for: more is an attack, or a mistake."""

Mark = tuple[int, int]
Marks = dict[Any, tuple[Mark, Any]]
"""Places of the members of a mapping or list: by key or index, with those of the member's own members (or None)."""

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({"!", _TAG + "str", _TAG + "timestamp"})
_TYPED_TAGS: dict[str, tuple[type, ...]] = {
    _TAG + "int": (int,),
    _TAG + "float": (float, int),
    _TAG + "bool": (bool,),
    _TAG + "null": (type(None),),
}
_CONTAINER_TAGS = frozenset({None, "!", _TAG + "map", _TAG + "seq"})
_MERGE: Final = object()
_DROPPED: Final = object()
_NO_KEY: Final = object()


class Flaw(NamedTuple):
    """Something wrong with the text itself, at a 1-based line and column."""

    mark: Mark
    message: str
    warning: bool = False


@dataclass(slots=True)
class Tree:
    """One document: its value, and where the value and its members stand."""

    value: Any
    mark: Mark
    marks: Marks | None
    flaws: list[Flaw] = field(default_factory=list)


class _Abandoned(Exception):
    """The rest of the text cannot be read."""

    def __init__(self, mark: Mark, message: str) -> None:
        self.flaw = Flaw(mark, message)


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being built; the document itself is a frame with neither."""

    mark: Mark
    value: Any
    anchor: str | None
    is_key: bool = False
    marks: Marks = field(default_factory=dict)
    key: Any = _NO_KEY
    key_mark: Mark = (1, 1)
    merged: list[tuple[Any, Marks]] = field(default_factory=list)


def read(text: str, *, first_line: int = 1) -> tuple[list[Tree], list[Flaw]]:
    """Read a stream of documents.

    Args:
        text: the stream, without characters that YAML forbids.
        first_line: line of its file that it starts on.

    Returns:
        The documents that could be read, with their flaws; and what ended the reading before the end of the text.
    """
    trees: list[Tree] = []
    builder = _Builder(first_line)
    try:
        parser = CParser(text)
        while parser.check_event():
            tree = builder.feed(parser.get_event())
            if tree is not None:
                trees.append(tree)
    except yaml.MarkedYAMLError as error:
        return trees, [*builder.flaws, _syntax_flaw(error, text, first_line)]
    except _Abandoned as abandoned:
        return trees, [*builder.flaws, abandoned.flaw]
    return trees, []


class _Builder:
    """Builds one document after another from the events of a parser."""

    def __init__(self, first_line: int) -> None:
        self._line = first_line
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, Marks | None]] = {}
        self._aliased = 0
        self._root: tuple[Any, Mark, Marks | None] | None = None
        self.flaws: list[Flaw] = []

    def feed(self, event: Any) -> Tree | None:
        """Take the next event; returns a document when it is complete."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._open(event, {})
        elif kind is yaml.SequenceStartEvent:
            self._open(event, [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentEndEvent:
            return self._finish()
        return None

    def _mark(self, event: Any) -> Mark:
        mark = event.start_mark
        return self._line + mark.line, mark.column + 1

    def _flaw(self, mark: Mark, message: str, *, warning: bool = False) -> None:
        self.flaws.append(Flaw(mark, message, warning))

    def _finish(self) -> Tree | None:
        root, flaws = self._root, self.flaws
        self._root, self.flaws, self._anchors, self._aliased = None, [], {}, 0
        return None if root is None else Tree(*root, flaws=flaws)

    def _open(self, event: Any, value: Any) -> None:
        mark = self._mark(event)
        if len(self._stack) >= MAX_DEPTH:
            raise _Abandoned(mark, f"nested deeper than {MAX_DEPTH} levels")
        if event.tag not in _CONTAINER_TAGS:
            self._flaw(mark, f"tag {_shown_tag(event.tag)} is not supported; remove it")
        parent = self._stack[-1] if self._stack else None
        is_key = parent is not None and type(parent.value) is dict and parent.key is _NO_KEY
        self._stack.append(_Frame(mark, value, event.anchor, is_key))

    def _close(self) -> None:
        frame = self._stack.pop()
        for value, marks in frame.merged:
            for key, member in value.items():
                if key not in frame.value:
                    frame.value[key] = member
                    frame.marks[key] = marks[key]
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.value, frame.marks)
        if frame.is_key:
            word = "mapping" if type(frame.value) is dict else "list"
            self._flaw(frame.mark, f"a key must be text, not a {word}")
            self._stack[-1].key = _DROPPED
        else:
            self._add(frame.value, frame.mark, frame.marks)

    def _scalar(self, event: Any) -> None:
        parent = self._stack[-1] if self._stack else None
        text, mark = event.value, self._mark(event)
        if parent is not None and type(parent.value) is dict and parent.key is _NO_KEY:
            self._take_key(parent, event, mark)
            return
        value = text if event.style and event.tag is None else self._plain(event, mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, None)
        self._add(value, mark, None)

    def _plain(self, event: Any, mark: Mark) -> scalars.Scalar:
        """Return the value of a scalar that is plain or has a tag."""
        text, tag = event.value, event.tag
        if tag in _TEXT_TAGS:
            return str(text)
        if tag is not None and tag not in _TYPED_TAGS:
            self._flaw(mark, f"tag {_shown_tag(tag)} is not supported; remove it")
            return str(text)
        try:
            value = scalars.resolve(text)
        except scalars.NotFinite as error:
            self._flaw(mark, str(error))
            return str(text)
        if tag is None:
            hint = scalars.surprise(text, value)
            if hint:
                self._flaw(mark, hint, warning=True)
        elif not isinstance(value, _TYPED_TAGS[tag]):
            self._flaw(mark, f'"{_shortened(text)}" is not what its tag {_shown_tag(tag)} says')
        return value

    def _take_key(self, frame: _Frame, event: Any, mark: Mark) -> None:
        if event.value == "<<" and not event.style and event.tag is None:
            frame.key, frame.key_mark = _MERGE, mark
            return
        value = event.value if event.style else self._plain(event, mark)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, None)
        self._set_key(frame, value, event.value, mark)

    def _set_key(self, frame: _Frame, value: Any, text: str, mark: Mark) -> None:
        frame.key, frame.key_mark = _DROPPED, mark
        if value is None:
            self._flaw(mark, "a key must be text, not null")
            return
        key = str(value).lower() if isinstance(value, bool) else text if isinstance(value, float) else str(value)
        if key in frame.value:
            line = frame.marks[key][0][0]
            self._flaw(mark, f'key "{_shortened(key)}" is already set on line {line}; keep one of the two')
            return
        frame.key = key

    def _alias(self, event: Any) -> None:
        mark, name = self._mark(event), event.anchor
        if any(frame.anchor == name for frame in self._stack):
            raise _Abandoned(mark, f'alias "*{name}" stands inside its own anchor')
        if name not in self._anchors:
            raise _Abandoned(mark, f'alias "*{name}" has no anchor "&{name}" before it')
        value, marks = self._anchors[name]
        parent = self._stack[-1] if self._stack else None
        if parent is not None and type(parent.value) is dict and parent.key is _NO_KEY:
            if isinstance(value, (dict, list)):
                self._flaw(mark, f"a key must be text, not a {'mapping' if isinstance(value, dict) else 'list'}")
                parent.key = _DROPPED
            else:
                self._set_key(parent, value, str(value), mark)
            return
        self._add(self._copy(value, depth=len(self._stack), mark=mark), mark, marks)

    def _copy(self, value: Any, *, depth: int, mark: Mark) -> Any:
        """Copy what an alias stands for, so that no two places of a document share an object."""
        self._aliased += 1
        if self._aliased > MAX_ALIASED:
            raise _Abandoned(mark, f"the aliases of this document stand for more than {MAX_ALIASED} values")
        if not isinstance(value, (dict, list)):
            return value
        if depth >= MAX_DEPTH:
            raise _Abandoned(mark, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            return {key: self._copy(member, depth=depth + 1, mark=mark) for key, member in value.items()}
        return [self._copy(member, depth=depth + 1, mark=mark) for member in value]

    def _add(self, value: Any, mark: Mark, marks: Marks | None) -> None:
        """Put a complete value where it belongs."""
        if not self._stack:
            self._root = (value, mark, marks)
            return
        frame = self._stack[-1]
        if type(frame.value) is list:
            frame.marks[len(frame.value)] = (mark, marks)
            frame.value.append(value)
            return
        key, frame.key = frame.key, _NO_KEY
        if key is _MERGE:
            self._merge(frame, value, marks, mark)
        elif key is not _DROPPED:
            frame.value[key] = value
            frame.marks[key] = (frame.key_mark, marks)

    def _merge(self, frame: _Frame, value: Any, marks: Marks | None, mark: Mark) -> None:
        sources = [(value, marks)]
        if isinstance(value, list):
            sources = [(member, (marks or {})[index][1]) for index, member in enumerate(value)]
        for source, places in sources:
            if isinstance(source, dict):
                frame.merged.append((source, places or {}))
            else:
                self._flaw(mark, 'the merge key "<<" needs a mapping, or a list of mappings')


def _shown_tag(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"


_TAB = "a tab cannot indent; use spaces"
_PLAIN_WORDS = {
    "found character that cannot start any token": "a value cannot start with this character; quote the text",
    "found a tab character that violates indentation": _TAB,
    "mapping values are not allowed in this context": 'unexpected ": " here; indent the line, or quote the text',
    "could not find expected ':'": 'expected ": " after this text; is it a key, or wrongly indented?',
    "did not find expected <document start>": "unexpected text after the end of the document",
    "found unexpected end of stream": "the document ends in the middle of a value",
    "did not find expected key": "expected a key here; check the indentation",
    "did not find expected '-' indicator": 'expected a list item ("- ") here; check the indentation',
    "did not find expected node content": "expected a value here",
}


def _syntax_flaw(error: yaml.MarkedYAMLError, text: str, first_line: int) -> Flaw:
    """Say a syntax error in plain words; where the construct began helps more than its name in the grammar."""
    mark, context = error.problem_mark or error.context_mark, error.context_mark
    place = (first_line + mark.line, mark.column + 1) if mark else (first_line, 1)
    if mark and not text[mark.index :].strip():  # libyaml counts a line more than an unfinished text has
        written = text.rstrip()
        place = (first_line + written.count("\n"), len(written) - written.rfind("\n"))
    problem = (error.problem or str(error)).strip()
    is_tab = mark is not None and text[mark.index : mark.index + 1] == "\t"
    message = f"not valid YAML: {_TAB if is_tab else _PLAIN_WORDS.get(problem, problem)}"
    if error.context and context and (first_line + context.line, context.column + 1) < place:
        what = error.context.removeprefix("while parsing ").removeprefix("while scanning ")
        message += f" (in {what} that starts on line {first_line + context.line})"
    return Flaw(place, message)
