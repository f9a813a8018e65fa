"""JSON schema as pydantic makes it → structural schema as the API server accepts it.

A structural schema has no references, no alternatives and a type at every node. What has no structural form raises
`SchemaError`: a model must not be weaker in the cluster than it reads.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from compiler.model.base import PRESERVE_UNKNOWN

Schema = dict[str, Any]

INT_OR_STRING = "x-kubernetes-int-or-string"
LIST_TYPE = "x-kubernetes-list-type"
_DEFINITIONS = "#/$defs/"
_KEPT = (
    "description",
    "type",
    "format",
    "default",
    "enum",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "x-kubernetes-validations",
    LIST_TYPE,
    "x-kubernetes-list-map-keys",
    INT_OR_STRING,
    PRESERVE_UNKNOWN,
)
"""Keys that a structural schema may have, in the order in which they are written."""
_DROPPED = {"title", "$defs"}


class SchemaError(Exception):
    """A model says something that a structural schema cannot."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """Return the structural schema of a model, with the texts below its attributes as descriptions."""
    schema = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_Described)
    return _Converter(schema.get("$defs", {})).convert(schema, where=model.__name__)


def make_lists_atomic(schema: Schema) -> None:
    """Make every list of a schema that says nothing else one value, so that `managedFields` stays small."""
    if schema.get("type") == "array":
        schema.setdefault(LIST_TYPE, "atomic")
    children = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for child in children:
        if isinstance(child, dict):
            make_lists_atomic(child)


class _Described(GenerateJsonSchema):
    """Pydantic's generator, with the text below each attribute as the description of its field."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        model = schema["cls"]
        texts = attribute_texts(model)
        for name, field in model.model_fields.items():
            made["properties"][field.alias or name]["description"] = texts[name]
        return made


def attribute_texts(model: type[BaseModel]) -> Mapping[str, str]:
    """Return the texts below the attributes of a model and its bases, each as one line.

    Raises:
        SchemaError: an attribute has none.
    """
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            texts |= _texts_of(_class_body(base))
    missing = sorted(set(model.model_fields) - set(texts))
    if missing:
        raise SchemaError(f"{model.__name__}: no text below {', '.join(missing)}; add one, it becomes the description")
    return texts


def _class_body(model: type) -> list[ast.stmt]:
    definition = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    return definition.body if isinstance(definition, ast.ClassDef) else []


def _texts_of(body: list[ast.stmt]) -> dict[str, str]:
    texts = {}
    for statement, following in pairwise(body):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            texts[statement.target.id] = " ".join(str(following.value.value).split())
    return texts


@dataclass(frozen=True)
class _Converter:
    """Converts the nodes of one schema.

    Attributes:
        definitions: what references refer to, by name.
    """

    definitions: Mapping[str, Schema]

    def convert(self, schema: Schema, *, where: str, inside: tuple[str, ...] = ()) -> Schema:
        """Convert a node and all below it.

        Args:
            schema: the node.
            where: its path, for messages.
            inside: names of the definitions that it lies in.
        """
        node, inside = self._inlined(schema, where=where, inside=inside)
        node = self._without_alternatives(node, where=where)
        _rewrite_bounds(node)
        _rewrite_constant(node)
        _rewrite_any_value(node)
        if "description" in node:
            node["description"] = _as_paragraphs(node["description"])
        if "properties" in node:
            node["properties"] = {
                name: self.convert(child, where=f"{where}.{name}", inside=inside)
                for name, child in node["properties"].items()
            }
        for key in ("items", "additionalProperties"):
            if key in node:
                node[key] = self.convert(node[key], where=f"{where}[]", inside=inside)
        unknown = sorted(set(node) - set(_KEPT) - _DROPPED)
        if unknown:
            raise SchemaError(f"{where}: {', '.join(unknown)} has no structural form; change the model")
        return {key: node[key] for key in _KEPT if key in node}

    def _inlined(self, schema: Schema, *, where: str, inside: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Put in what a node refers to, also behind a choice of it or null; what stands beside the reference wins."""
        node = dict(schema)
        if node.get("default", ...) is None:
            del node["default"]
        while True:
            present = [choice for choice in node.pop("anyOf", ()) if choice != {"type": "null"}]
            if len(present) == 1:
                node = {**present[0], **node}
            elif present:
                node["anyOf"] = present
            if "$ref" not in node:
                return node, inside
            name = str(node.pop("$ref")).removeprefix(_DEFINITIONS)
            if name in inside:
                raise SchemaError(f"{where}: {name} contains itself; make this field an open object")
            node, inside = {**self.definitions[name], **node}, (*inside, name)

    def _without_alternatives(self, node: Schema, *, where: str) -> Schema:
        """Turn the one choice that has a structural form, a whole number or a text, into it."""
        if "anyOf" not in node:
            return node
        if sorted(str(choice) for choice in node["anyOf"]) != ["{'type': 'integer'}", "{'type': 'string'}"]:
            raise SchemaError(f"{where}: a choice of shapes has no structural form; change the model")
        return {INT_OR_STRING: True, **{key: value for key, value in node.items() if key != "anyOf"}}


def _rewrite_bounds(node: Schema) -> None:
    """Write an exclusive bound as a bound and a mark, as OpenAPI 3.0 does."""
    for bound, mark in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if mark in node:
            node[bound], node[mark] = node[mark], True


def _rewrite_constant(node: Schema) -> None:
    """Write a constant as the only value of an enum."""
    if "const" in node:
        node["enum"] = [node.pop("const")]


def _rewrite_any_value(node: Schema) -> None:
    """Let an object or value of any shape keep what it has."""
    additional = node.get("additionalProperties")
    if isinstance(additional, bool):
        del node["additionalProperties"]
    if additional is True or not ({"type", INT_OR_STRING} & node.keys()):
        node[PRESERVE_UNKNOWN] = True


def _as_paragraphs(text: str) -> str:
    """Undo the line breaks of the source, but not the paragraphs."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
