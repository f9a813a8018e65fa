"""Put a Workflow's spec together: templates, and what the whole Workflow has once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hera.workflows import models

from compiler.argo.config import RunnerConfig
from compiler.argo.dags import dag_templates
from compiler.argo.forms import Form
from compiler.argo.identity import Identity
from compiler.argo.layout import Layout
from compiler.argo.pods import pod_security, volumes
from compiler.model.names import ENTRYPOINT, MUTEX_PREFIX, PARAMETER_RUN

POD_KEPT_FOR = "24h"
"""How long the pods, and so the logs, of a Workflow that succeeded are kept."""

_FIRST = ("name", "metadata", "entrypoint", "template", "depends", "image", "command", "args")
_LAST = ("podSpecPatch", "volumes", "containerSet", "tasks", "containers", "templates")
_RANK = {name: rank for rank, name in enumerate(_FIRST, -len(_FIRST))} | {
    name: rank for rank, name in enumerate(_LAST, 1)
}


@dataclass(frozen=True, slots=True)
class Whole:
    """What a spec is made for.

    Attributes:
        layout: what is compiled.
        identity: whose Workflow it is.
        config: the platform's configuration.
        workflow_metadata: labels and annotations that Argo gives to every Workflow made of a WorkflowTemplate.
    """

    layout: Layout
    identity: Identity
    config: RunnerConfig
    workflow_metadata: Mapping[str, Mapping[str, str]] | None = None


def workflow_spec(whole: Whole, form: Form) -> dict[str, Any]:
    """Make the spec of a Workflow or a WorkflowTemplate, its lanes written in one form."""
    graph = whole.layout.graph
    made = whole.workflow_metadata
    spec = models.WorkflowSpec(
        entrypoint=ENTRYPOINT,
        arguments=models.Arguments(
            parameters=[models.Parameter(name=PARAMETER_RUN, value=whole.identity.run_parameter(graph))]
        ),
        service_account_name=graph.service_account,
        workflow_metadata=models.WorkflowMetadata.model_validate(made) if made else None,
        pod_metadata=models.Metadata(labels=whole.identity.labels(graph)),
        synchronization=models.Synchronization(mutexes=[models.Mutex(name=f"{MUTEX_PREFIX}{graph.plan}")]),
        pod_gc=models.PodGC(strategy="OnWorkflowSuccess", delete_delay_duration=POD_KEPT_FOR),
        ttl_strategy=models.TTLStrategy(seconds_after_completion=whole.config.ttl_seconds),
        security_context=pod_security(),
        pod_spec_patch=whole.config.pod_spec_patch_text(),
        volumes=volumes(),
        templates=[*dag_templates(whole.layout, form), *form.templates()],
    )
    return readable(spec.model_dump(by_alias=True, exclude_none=True))


def readable(value: Mapping[str, Any]) -> dict[str, Any]:
    """Put the fields of an object, and of all objects in it, in the order in which people look for them."""
    return {name: _readable(value[name]) for name in sorted(value, key=_rank)}


def _rank(name: str) -> int:
    return _RANK.get(name, 0)


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return readable(value)
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return value
