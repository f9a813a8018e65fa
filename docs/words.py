"""Tables of the words of the API: phases, reasons, conditions, exit codes, labels and annotations, rules."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from enum import Enum, IntEnum
from importlib import import_module
from typing import Any

from compiler.crds.definitions import CATEGORY, KINDS
from compiler.model import names
from compiler.model.phases import ConditionReason, ConditionType
from docs import meanings
from docs.markdown import code, table

_CONDITIONS = {
    names.KIND_PLAN: meanings.PLAN_CONDITIONS,
    names.KIND_WORKFLOW: meanings.WORKFLOW_CONDITIONS,
    names.KIND_EXECUTION: meanings.EXECUTION_CONDITIONS,
}
_ONLY_IN_CLUSTER = " *(cluster)*"


class MeaningError(Exception):
    """The words of the code and their meanings do not match."""


def enum_table(name: str) -> str:
    """Return the table of an enum: its values and what they mean."""
    enums = {kind.__name__: kind for kind in meanings.ENUMS}
    kind = enums[name]
    texts = meanings.ENUMS[kind]
    _check(name, known=list(kind), explained=texts)
    head = "Exit code" if issubclass(kind, IntEnum) else "Value"
    return table((head, "Meaning"), [(code(str(member.value)), texts[member]) for member in kind])


def condition_table(kind: str) -> str:
    """Return the table of the conditions of a kind."""
    rows = [
        (code(each), meanings.CONDITIONS[each], _listed(when_true), _listed(when_false))
        for each, (when_true, when_false) in _CONDITIONS[kind].items()
    ]
    return table(("Type", "True means", "Reasons when True", "Reasons when False"), rows)


def reason_table(kind: str) -> str:
    """Return the table of the reasons that conditions of a kind have."""
    _check(ConditionType.__name__, known=list(ConditionType), explained=meanings.CONDITIONS)
    _check(ConditionReason.__name__, known=list(ConditionReason), explained=meanings.REASONS)
    used = {reason for reasons in _CONDITIONS[kind].values() for group in reasons for reason in group}
    rows = [
        (code(reason), text + (_ONLY_IN_CLUSTER if reason in meanings.IN_CLUSTER_ONLY else ""))
        for reason, text in meanings.REASONS.items()
        if reason in used
    ]
    return table(("Reason", "Meaning"), rows)


def label_table() -> str:
    """Return the table of the labels."""
    return _marks("LABEL_", meanings.LABELS, "Label")


def annotation_table() -> str:
    """Return the table of the annotations."""
    return _marks("ANNOTATION_", meanings.ANNOTATIONS, "Annotation")


def kind_table() -> str:
    """Return the table of the kinds."""
    rows = [
        (
            f"[{kind.name}]({kind.name.lower()}.md)",
            code(kind.plural),
            code(kind.short_name),
            ", ".join(column.name for column in kind.columns if not column.priority),
        )
        for kind in KINDS
    ]
    return table(("Kind", "Plural", "Short", "Columns of `kubectl get`"), rows) + f"\n\nCategory: `{CATEGORY}`."


def rule_table(kind: str) -> str:
    """Return the table of the rules for a kind, by the first sentence of each rule's docstring."""
    rules = import_module(f"compiler.rules.{kind}").RULES
    rows = [(code(rule.__name__.replace("_", " ")), _first_sentence(rule)) for rule in rules]
    return table(("Rule", "What should hold"), rows)


def _marks(prefix: str, texts: Mapping[str, tuple[str, str]], head: str) -> str:
    known = [
        value
        for name, value in vars(names).items()
        if name.startswith(prefix) and isinstance(value, str) and value != names.ANNOTATION_TRUE
    ]
    _check(head, known=known, explained=texts)
    rows = [(code(name), *texts[name]) for name in known]
    return table((head, "On", "Value"), rows)


def _listed(reasons: Collection[ConditionReason]) -> str:
    return ", ".join(code(reason) for reason in reasons)


def _first_sentence(function: Any) -> str:
    text = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    if not text:
        raise MeaningError(f"{function.__module__}.{function.__name__} has no docstring; its first paragraph is shown")
    return text


def _check(name: str, *, known: Collection[str | Enum], explained: Mapping[Any, object]) -> None:
    missing = [str(word) for word in known if word not in explained]
    stale = [str(word) for word in explained if word not in known]
    if missing or stale:
        raise MeaningError(
            f"{name}: without a meaning: {', '.join(missing) or 'none'}; "
            f"meanings without a word: {', '.join(stale) or 'none'}; change docs/meanings.py"
        )
