"""What a workflow says whatever run it is in: its placeholders, the parameters that it names, who runs before whom.

Finding that out costs as much as all rules together, and plans, executions and rules ask for it again and again. It is
found once for a workflow that was read, and forgotten with it; a workflow is never changed after it was read.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from compiler.graph import order
from compiler.graph.text import Placeholder, PlaceholderKind, in_value, placeholders
from compiler.model.base import Model
from compiler.model.workflow import DRWorkflow
from compiler.problems import Path

ModelType = TypeVar("ModelType", bound=Model)
Found = TypeVar("Found")

_IN_CONDITION = re.compile(r"params\.([A-Za-z][A-Za-z0-9_-]*)")


class Remembered(Generic[ModelType, Found]):
    """A function of models that are not changed any more, whose values are remembered as long as the models live.

    A value must not hold on to its model.

    Args:
        function: the function.
    """

    def __init__(self, function: Callable[[ModelType], Found]) -> None:
        self._function = function
        self._known: dict[int, tuple[weakref.ref[ModelType], Found]] = {}

    def __call__(self, model: ModelType) -> Found:
        """The value for a model."""
        identity = id(model)
        known = self._known.get(identity)
        if known is not None and known[0]() is model:
            return known[1]
        found = self._function(model)

        def forget(reference: weakref.ref[ModelType]) -> None:
            kept = self._known.get(identity)
            if kept is not None and kept[0] is reference:
                del self._known[identity]

        self._known[identity] = weakref.ref(model, forget), found
        return found


@dataclass(frozen=True, slots=True)
class Text:
    """A text with placeholders in the block of an action.

    Attributes:
        path: where in the block; a key of a mapping has the path of its value.
        text: the text.
        is_key: whether it is a key of a mapping.
        placeholders: its placeholders in order, escapes included.
    """

    path: Path
    text: str
    is_key: bool
    placeholders: tuple[Placeholder, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts with placeholders in the block of an action, in the order in which they are rendered.

    Attributes:
        texts: the texts.
        parameters: names of all parameters in them.
        builtins: names of all built-ins in them.
        simple: whether parameters, built-ins and escapes are all there is, and none is in a key.
    """

    texts: tuple[Text, ...]
    parameters: frozenset[str]
    builtins: frozenset[str]
    simple: bool

    @classmethod
    def of(cls, block: Model) -> Texts:
        """Find them."""
        value = block.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)
        texts = tuple(_texts_in(value, ()))
        found = [each for text in texts for each in text.placeholders]
        kinds = {each.kind for each in found}
        return cls(
            texts,
            frozenset(each.name for each in found if each.kind is PlaceholderKind.PARAMETER),
            frozenset(each.name for each in found if each.kind is PlaceholderKind.BUILTIN),
            kinds <= _SIMPLE and not any(text.is_key for text in texts),
        )


_SIMPLE = {PlaceholderKind.PARAMETER, PlaceholderKind.BUILTIN, PlaceholderKind.ESCAPE}


def _texts_in(value: Any, path: Path) -> Iterator[Text]:
    if isinstance(value, str):
        found = tuple(placeholders(value))
        if found:
            yield Text(path, value, False, found)
    elif isinstance(value, Mapping):
        for key, member in value.items():
            found = tuple(placeholders(key))
            if found:
                yield Text((*path, key), key, True, found)
            yield from _texts_in(member, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, member in enumerate(value):
            yield from _texts_in(member, (*path, index))


texts_of: Callable[[Model], Texts] = Remembered(Texts.of)
"""The texts with placeholders in a block."""


def _names(workflow: DRWorkflow) -> frozenset[str]:
    declared = {parameter.name for parameter in workflow.spec.parameters or ()}
    actions = [action.model_dump(by_alias=True, exclude_unset=True) for action in workflow.spec.actions]
    used = {found.name for _, found in in_value(actions) if found.kind is PlaceholderKind.PARAMETER}
    for action in actions:
        used.update(_IN_CONDITION.findall(action.get("when") or ""))
    return frozenset(declared | used)


known_names: Callable[[DRWorkflow], frozenset[str]] = Remembered(_names)
"""Names of the parameters that a workflow declares or uses, its conditions and rollbacks included."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """Which members have run before a member, by name: sets of indexes as the bits of numbers.

    Attributes:
        before: for each member those that have run before it.
        indexes: indexes of the members of a name, as a rule one.
    """

    before: Sequence[int]
    indexes: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, names: Sequence[str], after: Sequence[Sequence[int]]) -> Earlier:
        """Find them.

        Args:
            names: names of the members.
            after: for each the indexes of those that it waits for; they form no cycle.
        """
        before = [0] * len(after)
        for index in order.topological(after):
            for earlier in after[index]:
                before[index] |= before[earlier] | 1 << earlier
        indexes: dict[str, list[int]] = {}
        for index, name in enumerate(names):
            indexes.setdefault(name, []).append(index)
        return cls(before, indexes)

    def find(self, index: int, name: str) -> int | None:
        """Index of the last member of a name that has run before a member; None when none has."""
        before = self.before[index]
        return next((each for each in reversed(self.indexes.get(name, ())) if before >> each & 1), None)

    def last(self, name: str) -> int | None:
        """Index of the last member of a name; None when there is none."""
        found = self.indexes.get(name, ())
        return found[-1] if found else None
