"""Parameters: what a workflow declares and what plan, stage and execution give.

Precedence from low to high: default of the workflow, `globalParams` of the plan, `params` of the workflow use, `params`
of the execution.
"""

from __future__ import annotations

from compiler.model.base import Flag, Model
from compiler.model.phases import ParameterType, Select


class ManifestRef(Model):
    """A value that is read from an object of the cluster."""

    api_version: str
    """API version of the object, for example `apps/v1`."""
    kind: str
    """Kind of the object. A Secret is refused: use `secretKeyRef`."""
    namespace: str | None = None
    """Namespace of the object; absent, objects of all namespaces are matched. Placeholders are rendered."""
    name: str | None = None
    """Name of the object. Excludes `labelSelector`. Placeholders are rendered."""
    label_selector: str | None = None
    """Label selector as text, for example `app=mysql,role!=backup`. Excludes `name`. Placeholders are rendered."""
    json_path: str
    """JSONPath to the value, as in kubectl: `{.status.podIP}`. An empty result is an error."""
    select: Select = Select.LAST
    """Which object counts when several match: the newest (`Last`), the oldest (`First`), the first one of the list
    (`Any`), or none, so that more than one match is an error (`Single`)."""


class SecretKeyRef(Model):
    """A key of a Secret in the namespace of the plan."""

    name: str
    """Name of the Secret."""
    key: str
    """Key in the Secret's data."""


class ValueFrom(Model):
    """Where a parameter gets its value from instead of `value`; one of the fields."""

    manifest_ref: ManifestRef | None = None
    """Read from an object, once, when the execution starts, with the rights of the plan's service account. The value is
    kept in `status.resolvedParams`, and a revert uses the kept one. Allowed in `globalParams` of a plan and in `params`
    of an execution."""
    secret_key_ref: SecretKeyRef | None = None
    """Read from a Secret, by the container that needs it. Such a parameter may be used in url, headers and body of HTTP
    actions only; its value is in no manifest, status, record, log or report."""


class Parameter(Model):
    """A named text. `$(params.<name>)` in an action stands for it."""

    name: str
    """Name of the parameter: a letter, then letters, digits, `-` and `_`. `mode` is reserved."""
    type: ParameterType = ParameterType.STRING
    """What the text must read as; checked before anything runs."""
    required: Flag = False
    """Whether an execution without a value for this parameter is refused before anything runs."""
    value: str | None = None
    """The value. Excludes `valueFrom`. Ignored in the parameters that a DRWorkflow declares: they have `default`."""
    default: str | None = None
    """The value where nothing else gives one."""
    description: str | None = None
    """What the parameter is for."""
    value_from: ValueFrom | None = None
    """Where the value comes from instead of `value`."""
