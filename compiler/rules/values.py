"""Entries of parameter lists: what is wrong with each by itself, wherever it stands.

Plan, stage, workflow and execution word the same faults a little differently; `Wording` holds the differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from compiler.graph.json_path import JsonPathError
from compiler.graph.json_path import parse as parse_json_path
from compiler.graph.parameters import RESERVED_MODE, type_problem
from compiler.graph.text import PlaceholderKind, placeholders
from compiler.model.names import PARAMETER_NAME
from compiler.model.parameters import ManifestRef, Parameter, ValueFrom
from compiler.model.phases import Select
from compiler.problems import Path, Severity

Finding = tuple[Path, str, Severity]
"""A path inside the list, a message and a severity."""

_SECRET = "Secret"
"""A kind that is refused in every group: other API servers show Secrets of their clusters in groups of their own."""


class Wording(NamedTuple):
    """How the messages about one list of parameters are worded.

    Attributes:
        prefix: name of the list in messages.
        nameless: message for an entry without a name.
        quote: what stands around the name in the message about a duplicate.
        reads_objects: whether its entries may take values from objects.
        declares: whether it declares parameters instead of giving values.
    """

    prefix: str
    nameless: str = "name is required"
    quote: str = "'"
    reads_objects: bool = True
    declares: bool = False


def findings(parameters: Sequence[Parameter], wording: Wording) -> Iterator[Finding]:
    """Say what is wrong with the entries of a list."""
    seen: set[str] = set()
    for index, parameter in enumerate(parameters):
        label, name = f"{wording.prefix}[{index}]", parameter.name
        if not name:
            yield (index, "name"), f"{label}: {wording.nameless}", Severity.ERROR
            continue
        yield from _name(name, index, label)
        if name in seen:
            duplicate = f"duplicate parameter name {wording.quote}{name}{wording.quote}"
            yield (index, "name"), f"{label}: {duplicate}", Severity.ERROR
        seen.add(name)
        for path, message, severity in _value(parameter, wording):
            yield (index, *path), f"{label}({name}){message}", severity


def _name(name: str, index: int, label: str) -> Iterator[Finding]:
    if name == RESERVED_MODE:
        message = f'{label}: parameter name "{name}" is reserved; use spec.mode field instead'
        yield (index, "name"), message, Severity.ERROR
    elif not PARAMETER_NAME.match(name):
        message = f'{label}: parameter name "{name}" must match [a-zA-Z][a-zA-Z0-9_-]*'
        yield (index, "name"), message, Severity.ERROR


def _value(parameter: Parameter, wording: Wording) -> Iterator[Finding]:
    source = parameter.value_from
    if parameter.value and source is not None:
        yield ("valueFrom",), ": value and valueFrom are mutually exclusive", Severity.ERROR
    if wording.declares and parameter.value is not None:
        yield ("value",), ": a workflow declares a default, not a value; write default", Severity.WARNING
    if source is not None:
        yield from _source(source, wording)
    for field, text in (("value", parameter.value), ("default", parameter.default)):
        if text is None:
            continue
        problem = type_problem(text, parameter.type)
        if problem:
            yield (field,), f": {problem}", Severity.ERROR
        if any(found.kind is not PlaceholderKind.ESCAPE for found in placeholders(text)):
            yield (field,), f": {field} holds a placeholder, but values are not rendered", Severity.WARNING


def _source(source: ValueFrom, wording: Wording) -> Iterator[Finding]:
    path = ("valueFrom",)
    given = [reference for reference in (source.manifest_ref, source.secret_key_ref) if reference is not None]
    if len(given) != 1:
        word = "exactly one of" if given else "one of"
        yield path, f".valueFrom: give {word} manifestRef and secretKeyRef", Severity.ERROR
    secret = source.secret_key_ref
    if secret is not None:
        for field, text in (("name", secret.name), ("key", secret.key)):
            if not text:
                yield (*path, "secretKeyRef", field), f".valueFrom.secretKeyRef: {field} is required", Severity.ERROR
    if source.manifest_ref is not None:
        for (field, message), severity in _manifest(source.manifest_ref, wording):
            place = (*path, "manifestRef", field) if field else (*path, "manifestRef")
            yield place, f".valueFrom.manifestRef: {message}", severity


def _manifest(reference: ManifestRef, wording: Wording) -> Iterator[tuple[tuple[str, str], Severity]]:
    """Yield the field, the message and the severity of what is wrong with a `manifestRef`."""
    if not wording.reads_objects:
        allowed = "globalParams of a plan and params of an execution"
        yield ("", f"only {allowed} can take values from objects"), Severity.ERROR
    required = (("apiVersion", reference.api_version), ("kind", reference.kind), ("jsonPath", reference.json_path))
    for field, text in required:
        if not text:
            yield (field, f"{field} is required"), Severity.ERROR
    if reference.json_path:
        try:
            parse_json_path(reference.json_path)
        except JsonPathError as fault:
            yield ("jsonPath", f'invalid jsonPath expression "{reference.json_path}": {fault}'), Severity.ERROR
    if reference.name and reference.label_selector:
        yield ("labelSelector", "name and labelSelector are mutually exclusive"), Severity.ERROR
    if not reference.name and not reference.label_selector and reference.kind:
        yield ("", f"neither name nor labelSelector: any {reference.kind} matches"), Severity.WARNING
    if str(reference.select) not in {str(member) for member in Select}:
        yield ("select", f'select must be one of Last/First/Single/Any, got "{reference.select}"'), Severity.ERROR
    if reference.kind == _SECRET:
        yield ("kind", "a Secret cannot be read into a parameter; use secretKeyRef"), Severity.ERROR
