"""Text → documents: the objects of a stream, each with the place of every value and, for our kinds, its typed reading.

A stream is cut at its `---` lines before it is parsed, so that one broken document does not hide the others. `List`
objects are expanded; their items keep their places.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from compiler.manifests import jsontext, reader
from compiler.manifests.problem import MISSING_POSITION, Problem
from compiler.manifests.sources import Source, Undecodable, check_characters, decode
from compiler.model.names import API_VERSION, GROUP, KIND_EXECUTION, KIND_PLAN, KIND_RECORD, KIND_WORKFLOW
from compiler.problems import ObjectRef, Path, Severity

if TYPE_CHECKING:
    from pydantic import ValidationError

    from compiler.model.base import Model

DEFAULT_NAMESPACE = "default"
KINDS = (KIND_PLAN, KIND_WORKFLOW, KIND_EXECUTION, KIND_RECORD)
"""Our own kinds, which have typed readings."""

_CUT = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)


class Document:
    """One object of a stream.

    Attributes:
        value: its plain JSON values.
        file: file as given by the user, `-` for standard input.
        ref: kind, namespace (`default` when it has none) and name.
    """

    def __init__(self, value: dict[str, Any], file: str, places: _Places, base: Path = ()) -> None:
        self.value = value
        self.file = file
        self._places = places
        self._base = base
        metadata = value.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        self.ref = ObjectRef(
            _text(value.get("kind")), _text(metadata.get("namespace")) or DEFAULT_NAMESPACE, _text(metadata.get("name"))
        )

    @classmethod
    def of_object(cls, value: dict[str, Any]) -> Document:
        """Take an object that stands in no file; nothing of it has a place."""
        return cls(value, "", _Nowhere())

    @property
    def ours(self) -> bool:
        """Whether it is of one of our kinds."""
        return self.value.get("apiVersion") == API_VERSION and self.ref.kind in KINDS

    def position(self, path: Path) -> tuple[int, int]:
        """Return the 1-based line and column of the closest existing ancestor of a path.

        A field stands where its key does, an item of a list where the item begins.
        """
        return self._places.position((*self._base, *path))

    def problem(self, path: Path, message: str, severity: Severity = Severity.ERROR) -> Problem:
        """Say that something is wrong at a path."""
        line, column = self.position(path)
        return Problem(self.file, line, column, self.ref.kind, self.ref.name, severity, message)

    @cached_property
    def reading(self) -> Model | ValidationError | None:
        """Typed reading of an object of our kinds, or what is wrong with its shape; None for any other object."""
        if not self.ours:
            return None
        from pydantic import ValidationError

        from compiler.manifests.kinds import model_of

        try:
            return model_of(self.ref.kind).read(self.value)
        except ValidationError as error:
            return error


class _Places(Protocol):
    """Places of the values of one tree."""

    def position(self, path: Path) -> tuple[int, int]: ...


class _Nowhere:
    def position(self, _: Path) -> tuple[int, int]:
        return MISSING_POSITION


class _YamlPlaces(NamedTuple):
    mark: reader.Mark
    marks: reader.Marks | None

    def position(self, path: Path) -> tuple[int, int]:
        place, marks = self.mark, self.marks
        for step in path:
            if not marks or step not in marks:
                break
            place, marks = marks[step]
        return place


class _JsonPlaces(NamedTuple):
    text: str
    offset: int

    def position(self, path: Path) -> tuple[int, int]:
        return jsontext.mark(self.text, jsontext.find(self.text, self.offset, path))


class Parsed:
    """What one file holds: its objects, and what is wrong with its text."""

    def __init__(self, *problems: Problem) -> None:
        self.documents: list[Document] = []
        self.problems = list(problems)

    def add(self, file: str, value: Any, places: _Places, flaws: Sequence[reader.Flaw] = ()) -> None:
        """Take one tree of the file: an object, a List of objects, or something that is none."""
        found = list(_objects(value, file, places))
        known = [document for document in found if isinstance(document, Document)]
        self.documents.extend(known)
        self.problems.extend(problem for problem in found if isinstance(problem, Problem))
        only = known[0].ref if len(known) == 1 else ObjectRef("", "", "")
        foreign = bool(known) and not any(document.value.get("apiVersion") == API_VERSION for document in known)
        for flaw in flaws:
            if not (flaw.warning and foreign):
                severity = Severity.WARNING if flaw.warning else Severity.ERROR
                self.problems.append(Problem(file, *flaw.mark, only.kind, only.name, severity, flaw.message))


def parse_source(source: Source) -> Parsed:
    """Parse a file that was read, or report why it was not."""
    if source.content is None:
        return Parsed(Problem.of_file(source.file, f"cannot read: {source.fault}"))
    try:
        text = decode(source.content)
    except Undecodable as error:
        return Parsed(Problem(source.file, *error.mark, "", "", Severity.ERROR, str(error)))
    return parse_text(text, source.file)


def parse_text(text: str, file: str) -> Parsed:
    """Parse the text of a file."""
    parsed = Parsed()
    values = jsontext.read(text)
    if values is not None:
        for value, offset in values:
            parsed.add(file, value, _JsonPlaces(text, offset))
        return parsed
    try:
        check_characters(text)
    except Undecodable as error:
        parsed.problems.append(Problem(file, *error.mark, "", "", Severity.ERROR, str(error)))
        return parsed
    for first_line, chunk in _chunks(text):
        trees, flaws = reader.read(chunk, first_line=first_line)
        for tree in trees:
            if tree.value is not None or tree.flaws:
                parsed.add(file, tree.value, _YamlPlaces(tree.mark, tree.marks), tree.flaws)
        parsed.problems.extend(
            Problem(file, *flaw.mark, "", "", Severity.WARNING if flaw.warning else Severity.ERROR, flaw.message)
            for flaw in flaws
        )
    return parsed


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Cut a stream before each of its `---` lines; with the line that each part starts on.

    Directives (`%YAML 1.1`) stand before the `---` of their document: a stream that has any is left whole.
    """
    if _DIRECTIVE.search(text):
        yield 1, text
        return
    line, start = 1, 0
    for match in _CUT.finditer(text):
        if match.start() > start:
            yield line, text[start : match.start()]
            line += text.count("\n", start, match.start())
            start = match.start()
    yield line, text[start:]


def _objects(value: Any, file: str, places: _Places, base: Path = ()) -> Iterator[Document | Problem]:
    """The objects of a tree: itself, or the items of a List."""
    if not isinstance(value, dict):
        line, column = places.position(base)
        message = f"not a Kubernetes object but {_described(value)}: expected apiVersion, kind and metadata"
        yield Problem(file, line, column, "", "", Severity.ERROR, message)
        return
    kind, items = value.get("kind"), value.get("items")
    if isinstance(kind, str) and kind.endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _objects(item, file, places, (*base, "items", index))
        return
    document = Document(value, file, places, base)
    yield document
    yield from _misidentified(document)


def _misidentified(document: Document) -> Iterable[Problem]:
    """What is wrong with the apiVersion and kind of an object."""
    value = document.value
    unnamed = [key for key in ("apiVersion", "kind") if not isinstance(value.get(key), str) or not value[key]]
    if unnamed:
        message = f"{' and '.join(unnamed)} {'is' if len(unnamed) == 1 else 'are'} required: what object is this?"
        return [document.problem((unnamed[0],), message)]
    version, kind = value["apiVersion"], document.ref.kind
    if version == API_VERSION and kind not in KINDS:
        return [document.problem(("kind",), f'unknown kind "{kind}" of {GROUP}; known are {", ".join(KINDS)}')]
    if version != API_VERSION and (kind in KINDS or version.partition("/")[0] == GROUP):
        return [document.problem(("apiVersion",), f'unknown apiVersion "{version}" of {kind}; write {API_VERSION}')]
    return []


def _described(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "text"
    return "empty" if value is None else f"the value {value!r}".lower()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
