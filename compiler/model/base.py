"""What all models share: the base classes, the scalar types and the metadata of an object.

The models are for typed reading of manifests and are the source of the CRDs. They are as lenient as the API server:
unknown fields are ignored, and a field that is `null` is absent. They are as strict as the API server where that
protects a failover: a number is not read from a text, nor a text from a number.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic.alias_generators import to_camel

PRESERVE_UNKNOWN = "x-kubernetes-preserve-unknown-fields"
"""Schema key that tells the API server to keep fields that the schema does not name."""


def unwritten(schema: dict[str, Any]) -> None:
    """Take the default out of a schema: absent means the same, so stored objects need not carry it."""
    schema.pop("default", None)


def _passed_through(schema: dict[str, Any]) -> None:
    """Let a schema keep unknown fields and write no defaults."""
    schema[PRESERVE_UNKNOWN] = True
    for field in schema.get("properties", {}).values():
        unwritten(field)


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """Return the schema key for rules in CEL, each given with the message of its violation."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


Flag = Annotated[bool, Strict(), Field(json_schema_extra=unwritten)]
"""A boolean for which absent means false; the API server writes no default."""

Switch = Annotated[bool, Strict()]
"""A boolean whose default, if it has one, the API server writes."""

Integer = Annotated[int, Strict()]
"""A whole number of any size."""

Int32 = Annotated[int, Strict(), Field(json_schema_extra={"format": "int32"})]
"""A whole number of 32 bits."""

Int64 = Annotated[int, Strict(), Field(json_schema_extra={"format": "int64"})]
"""A whole number of 64 bits."""

Count = Annotated[int, Strict(), Field(json_schema_extra=unwritten)]
"""A counter for which absent means zero; the API server writes no default."""

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A time as RFC 3339 text, kept as it was written."""

OpenObject = dict[str, Any]
"""An object whose fields are not ours to know."""


class Model(BaseModel):
    """Base of every model: camelCase names outside, snake_case attributes inside.

    The text below each attribute is its description in the CRD. The generator reads it from the source; pydantic's
    `use_attribute_docstrings` would do that at every import and cost more than everything else in these modules.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        frozen=False,
        defer_build=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        """Drop fields that are null, as the API server does before it writes defaults."""
        if isinstance(value, dict) and None in value.values():
            return {name: field for name, field in value.items() if field is not None}
        return value

    @classmethod
    def read(cls, value: Any) -> Self:
        """Read plain JSON values, by the API's names only: the attribute names are for constructing in Python.

        Raises:
            pydantic.ValidationError: the value does not have the shape of this model.
        """
        return cls.model_validate(value, by_name=False)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that were given, under their API names, as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class PassedThrough(Model):
    """Base of objects that another controller defines and that we hand on.

    Fields that we do not know are kept, and the API server writes no defaults into them: the other controller's own CRD
    does that for a new object, and in a patch a default that nobody wrote would overwrite what is there.
    """

    model_config = ConfigDict(extra="allow", json_schema_extra=_passed_through)


class ObjectMeta(Model):
    """Metadata of an object; fields of Kubernetes that are not listed here are kept."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    """Name of the object, unique for its kind in its namespace."""
    namespace: str | None = None
    """Namespace of the object."""
    uid: str | None = None
    """Identity of this very object; one of the same name that is created later has another."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels, for selecting."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations, for everything else."""
    generation: Int64 | None = None
    """Number of the version of the spec."""
    resource_version: str | None = None
    """Opaque version of the stored object, for compare-and-swap."""
    creation_timestamp: Time | None = None
    """When the object was created."""
    deletion_timestamp: Time | None = None
    """When its deletion was asked for."""
    finalizers: list[str] = Field(default_factory=list)
    """What must be done before the object goes."""
    owner_references: list[OpenObject] = Field(default_factory=list)
    """Objects with which this one is deleted."""
