"""What `helmfile build` printed, as a tree in which every value still has its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.manifests import Problem, reader
from compiler.manifests.problem import MISSING_POSITION
from compiler.manifests.sources import Source, Undecodable, check_characters, collect, decode
from compiler.problems import Path, Severity
from drplan.errors import InputProblem


@dataclass(frozen=True, slots=True)
class Place:
    """A value, and where it stands.

    Attributes:
        value: the value; None where there is none.
        file: its file.
        mark: line and column.
        marks: those of its members.
    """

    value: Any
    file: str
    mark: reader.Mark
    marks: reader.Marks | None

    def member(self, key: str) -> Place:
        """The value of a key."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return self._below(found, key)

    def items(self) -> Iterator[Place]:
        """The items of a list; of anything else none."""
        for index, item in enumerate(self.value if isinstance(self.value, list) else ()):
            yield self._below(item, index)

    def text(self, key: str) -> str:
        """The text of a key; empty where there is none."""
        found = self.member(key).value
        return found if isinstance(found, str) else ""

    def at(self, path: Path) -> Place:
        """The value at a path."""
        place = self
        for step in path:
            place = place.member(step) if isinstance(step, str) else list(place.items())[step]
        return place

    def problem(self, message: str, severity: Severity = Severity.ERROR) -> Problem:
        """Say that something is wrong here."""
        return Problem(self.file, *self.mark, "", "", severity, message)

    def _below(self, value: Any, step: str | int) -> Place:
        mark, marks = (self.marks or {}).get(step, (self.mark, None))
        return Place(value, self.file, mark, marks)


def read_state(path: str) -> list[Place]:
    """Read the documents of a file, or of `-`, standard input.

    Raises:
        InputProblem: it cannot be read.
    """
    return [place for source in collect([path]) for place in parse_state(source)]


def parse_state(source: Source) -> Sequence[Place]:
    """Read the documents of a text.

    Raises:
        InputProblem: it is no YAML.
    """
    if source.content is None:
        raise InputProblem(str(Problem.of_file(source.file, f"cannot read: {source.fault}")))
    try:
        text = decode(source.content)
        check_characters(text)
    except Undecodable as error:
        raise InputProblem(str(_flaw(source.file, error.mark, str(error)))) from None
    trees, flaws = reader.read(text)
    found = [flaw for tree in trees for flaw in tree.flaws if not flaw.warning] + flaws
    if found:
        raise InputProblem(str(_flaw(source.file, flaw.mark, flaw.message)) for flaw in found)
    return [Place(tree.value, source.file, tree.mark, tree.marks) for tree in trees if tree.value is not None]


def _flaw(file: str, mark: reader.Mark = MISSING_POSITION, message: str = "") -> Problem:
    return Problem(file, *mark, "", "", Severity.ERROR, message)
