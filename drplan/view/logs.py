"""Logs of actions: whose are meant by what was asked for, and their lines as they grow, each with its action first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drplan.view.outline import Level, Node, Outline
from drplan.view.text import clean, pad, width

_CHUNK = 1 << 20


def chosen(outline: Outline, wanted: str | None) -> list[Node]:
    """What is meant by a key or a name: actions, and the workflow uses whose closing logs something, too.

    Args:
        outline: the execution.
        wanted: a key, or the name of an action, a workflow or a stage; None for everything.

    Returns:
        Actions and workflow uses, these behind their actions; empty when nothing is meant.
    """
    if wanted is None:
        roots = list(outline.stages)
    else:
        nodes = [node for node in outline.walk() if node.level is not Level.CLUSTER]
        roots = [node for node in nodes if node.key == wanted] or [node for node in nodes if node.name == wanted]
    return [node for root in roots for node in _speakers(root)]


def _speakers(node: Node) -> Iterator[Node]:
    if node.level is Level.ACTION:
        yield node
        return
    for child in node.children:
        yield from _speakers(child)
    if node.level is Level.WORKFLOW:
        yield node


@dataclass(slots=True)
class Tail:
    """The lines of a file that grows.

    Attributes:
        path: the file; it need not exist yet.
        offset: where reading goes on.
        rest: the start of a line that has no end yet.
    """

    path: Path
    offset: int = 0
    rest: bytes = b""

    def lines(self, *, last: bool = False) -> Iterator[str]:
        """New lines.

        Args:
            last: whether a line without an end is one, too.
        """
        for line in self._new():
            yield line.decode(errors="replace")
        if last and self.rest:
            rest, self.rest = self.rest, b""
            yield rest.decode(errors="replace")

    def _new(self) -> Iterator[bytes]:
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                while chunk := file.read(_CHUNK):
                    self.offset += len(chunk)
                    *lines, self.rest = (self.rest + chunk).split(b"\n")
                    yield from lines
        except FileNotFoundError:
            return


def prefixes(nodes: list[Node]) -> dict[str, str]:
    """What stands in front of the lines of each node, by key; all of the same width."""
    labels = {node.key: f"{node.key} {node.name}" for node in nodes}
    widest = max(map(width, labels.values()), default=0)
    return {key: f"{pad(label, widest)} | " for key, label in labels.items()}


def shown(text: str, node: Node) -> str:
    """A line without what its prefix says already."""
    named = rf"(\S+) {re.escape(node.key)}(?: {re.escape(node.name)})?: "
    return clean(re.sub(rf"\A{named}", r"\1 ", text))
