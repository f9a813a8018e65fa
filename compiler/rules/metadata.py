"""Names of objects, as the API server demands them (RFC 1123)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from compiler.problems import Violation
from compiler.rules.base import Context, Object, error

MAX_NAME = 253
MAX_NAMESPACE = 63
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")
_NAMESPACE = re.compile(rf"{_LABEL}\Z")


def is_object_name(text: str) -> bool:
    """Whether an object can be called that."""
    return len(text) <= MAX_NAME and _NAME.match(text) is not None


def name_missing(obj: Object, _: Context) -> Iterator[Violation]:
    """An object has a name, or a `generateName` that the API server makes one from."""
    generated = (obj.metadata.model_extra or {}).get("generateName")
    if not obj.metadata.name and not generated:
        yield error(obj, ("metadata", "name"), "metadata.name is required")


def name_invalid(obj: Object, _: Context) -> Iterator[Violation]:
    """Names of objects are lower-case DNS names."""
    name, namespace = obj.metadata.name or "", obj.metadata.namespace or ""
    if name and not is_object_name(name):
        yield error(
            obj,
            ("metadata", "name"),
            f'metadata.name "{name}" is not valid: use lower-case letters, digits, "-" and ".", begin and end with a '
            f"letter or digit, at most {MAX_NAME} characters",
        )
    if namespace and (len(namespace) > MAX_NAMESPACE or not _NAMESPACE.match(namespace)):
        yield error(
            obj,
            ("metadata", "namespace"),
            f'metadata.namespace "{namespace}" is not valid: use lower-case letters, digits and "-", begin and end '
            f"with a letter or digit, at most {MAX_NAMESPACE} characters",
        )


RULES = (name_missing, name_invalid)
