"""The blocks of the types that act on Kubernetes objects, checked. Light enough to be read before the turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.spec import SpecError
from runner.vocabulary import Operation

_OF_OBJECTS = (Operation.CREATE, Operation.APPLY, Operation.PATCH, Operation.DELETE)


def check_resource(block: Mapping[str, Any]) -> None:
    """Check the block of a KubernetesResource; holes may still be empty, so the manifest is not read.

    Raises:
        SpecError: a field is wrong.
    """
    check_operation(block, "resource")
    if not isinstance(block.get("manifest"), str):
        raise SpecError("field resource.manifest of the spec should be a text")


def check_job(block: Mapping[str, Any]) -> None:
    """Check the block of a Job; what its template says is for the API server to judge.

    Raises:
        SpecError: a field is wrong.
    """
    template = block.get("template")
    if not isinstance(template, dict) or not isinstance(template.get("spec"), dict):
        raise SpecError("field job.template.spec of the spec should be an object")


def check_localization(block: Mapping[str, Any]) -> None:
    """Check the block of a Localization; raises as `check_resource` does."""
    _check_clusternet(block, "localization")
    _check_text(block, "localization", "namespace")


def check_globalization(block: Mapping[str, Any]) -> None:
    """Check the block of a Globalization; raises as `check_resource` does."""
    _check_clusternet(block, "globalization")


def check_helm_chart(block: Mapping[str, Any]) -> None:
    """Check the block of a HelmChart; raises as `check_resource` does."""
    _check_clusternet(block, "helmChart")
    _check_text(block, "helmChart", "namespace")


def check_subscription(block: Mapping[str, Any]) -> None:
    """Check the block of a Subscription; raises as `check_resource` does."""
    _check_clusternet(block, "subscription", replace=True)


def _check_clusternet(block: Mapping[str, Any], name: str, *, replace: bool = False) -> None:
    check_operation(block, name, replace=replace)
    _check_text(block, name, "name")
    if block["operation"] != Operation.DELETE and not isinstance(block.get("spec"), dict):
        raise SpecError(f"field {name}.spec of the spec should be an object, unless the operation is Delete")


def _check_text(block: Mapping[str, Any], name: str, field: str) -> None:
    if not isinstance(block.get(field), str):
        raise SpecError(f"field {name}.{field} of the spec should be a text")


def check_operation(block: Mapping[str, Any], name: str, *, replace: bool = False) -> None:
    """Check the operation of a block.

    Args:
        block: the block.
        name: its name.
        replace: whether Replace is one that its type knows.

    Raises:
        SpecError: it is none that the type knows.
    """
    known = [*_OF_OBJECTS, Operation.REPLACE] if replace else list(_OF_OBJECTS)
    if block.get("operation") not in [operation.value for operation in known]:
        wrong = block.get("operation")
        raise SpecError(f"field {name}.operation of the spec is {wrong!r}; known are {', '.join(known)}")
