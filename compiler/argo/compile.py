"""Compile a decided graph: lay it out, choose the form of its lanes, fit it into Argo's limit, name it, check it.

    graph ─► layout, identity ─► named lanes ─(too large)─► generic lanes ─► limits of results ─► name, hash ─► lint

Deterministic: the same graph, execution and configuration give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.argo import arguments, describe
from compiler.argo.budget import METADATA_BYTES, budget, check
from compiler.argo.config import COMPILER_VERSION, RunnerConfig
from compiler.argo.encoding import sha256, size
from compiler.argo.identity import ExecutionRef, Identity
from compiler.argo.layout import Layout, lay_out
from compiler.argo.lint import lint
from compiler.argo.node_ids import free_name
from compiler.argo.spec_text import spec_text
from compiler.graph.tree import Graph
from compiler.model.names import (
    ANNOTATION_COMPILED_HASH,
    ANNOTATION_COMPILER_VERSION,
    ANNOTATION_SNAPSHOT_HASH,
    ARGO_API_VERSION,
    KIND_ARGO_TEMPLATE,
    KIND_ARGO_WORKFLOW,
    template_name,
    workflow_name,
)
from compiler.problems import InternalError

INLINE_SPEC_BYTES = 16 * 1024
INLINE_SPECS_BYTES = 200 * 1024
INLINE_WORKFLOW_BYTES = 400 * 1024
"""Up to these sizes (a spec, all specs, the Workflow) lanes are named and specs are inline."""

_LEAST_CONTAINER_BYTES = 250
"""No container is smaller, so that a large plan need not be written out to know that it does not fit inline."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a graph compiles to.

    Attributes:
        objects: everything to create, in order: ConfigMaps first, the Workflow or WorkflowTemplate last.
        name: name of the Workflow or WorkflowTemplate.
        hash: SHA-256 of all objects, which the last one carries as an annotation.
    """

    objects: list[dict[str, Any]]
    name: str
    hash: str

    @property
    def workflow(self) -> dict[str, Any]:
        """The Workflow or WorkflowTemplate."""
        return self.objects[-1]

    @property
    def config_maps(self) -> list[dict[str, Any]]:
        """What must exist before it."""
        return self.objects[:-1]


def compile_workflow(
    graph: Graph,
    *,
    execution: ExecutionRef | None = None,
    epoch: int = 1,
    config: RunnerConfig | None = None,
    snapshot_hash: str = "",
) -> Compiled:
    """Compile the Workflow of a run.

    Args:
        graph: what to run.
        execution: the execution that it runs for; without one, or without its uid, the Workflow is adoptable.
        epoch: 1 for the first run of the execution, one more for every retry.
        config: the platform's configuration.
        snapshot_hash: hash of the snapshot that the graph was made from.

    Raises:
        NothingToRun: no action of the graph is live.
        PlanTooLarge: the Workflow and the status of a run would not fit.
    """
    config = config or RunnerConfig()
    layout = lay_out(graph)
    identity = Identity.of(graph, execution, epoch=epoch)
    *config_maps, spec = _fitting(layout, identity=identity, config=config)

    def named(suffix: str) -> str:
        return workflow_name(
            graph.plan, revert=graph.revert, identity=identity.digest, epoch=identity.epoch, suffix=suffix
        )

    metadata = {
        "name": free_name(spec, named),
        "namespace": graph.namespace,
        "labels": identity.workflow_labels(graph),
        "annotations": _annotations(layout, snapshot_hash),
    }
    workflow = {"apiVersion": ARGO_API_VERSION, "kind": KIND_ARGO_WORKFLOW, "metadata": metadata, "spec": spec}
    return _finished([*config_maps, workflow], limit=config.workflow_bytes)


def compile_template(graph: Graph, *, config: RunnerConfig | None = None) -> Compiled:
    """Compile the WorkflowTemplate of a plan, for the mode of the graph.

    Argo makes Workflows of it that carry the label by which they are adopted. Their names, and so their node ids, are
    not known here.

    Args:
        graph: what to run, with the plan's own values.
        config: the platform's configuration.

    Raises:
        NothingToRun: no action of the graph is live.
        PlanTooLarge: the Workflow and the status of a run would not fit.
    """
    config = config or RunnerConfig()
    layout = lay_out(graph)
    identity = Identity.of(graph, None)
    annotations = _annotations(layout, "")
    made = {"labels": identity.workflow_labels(graph), "annotations": annotations}
    *config_maps, spec = _fitting(layout, identity=identity, config=config, workflow_metadata=made)
    metadata = {
        "name": template_name(graph.plan, graph.mode),
        "namespace": graph.namespace,
        "labels": identity.labels(graph),
        "annotations": dict(annotations),
    }
    template = {"apiVersion": ARGO_API_VERSION, "kind": KIND_ARGO_TEMPLATE, "metadata": metadata, "spec": spec}
    return _finished([*config_maps, template], limit=config.workflow_bytes)


def _fitting(
    layout: Layout,
    *,
    identity: Identity,
    config: RunnerConfig,
    workflow_metadata: Mapping[str, Mapping[str, str]] | None = None,
) -> list[dict[str, Any]]:
    """ConfigMaps and spec in the form in which they fit, the spec last."""
    from compiler.argo.assemble import Whole, workflow_spec
    from compiler.argo.generic import GenericForm
    from compiler.argo.named import NamedForm
    from compiler.argo.pods import Containers

    whole = Whole(layout, identity, config, workflow_metadata)
    texts = _texts(layout)
    if _may_be_inline(texts):
        spec = workflow_spec(whole, NamedForm(layout, texts, Containers(config)))
        if METADATA_BYTES + size(spec) <= INLINE_WORKFLOW_BYTES:
            _limit_results(layout, spec, limit=config.workflow_bytes)
            return [spec]
    form = GenericForm(layout, identity, texts | _texts_with_undo(layout), Containers(config))
    spec = workflow_spec(whole, form)
    _limit_results(layout, spec, limit=config.workflow_bytes)
    return [*form.config_maps(), spec]


def _texts(layout: Layout) -> dict[str, str]:
    """The spec of every live action as text, by key."""
    return {
        action.key: spec_text(action.spec, earlier=lane.earlier.get(action.key, ()))
        for _, lane in layout.lanes()
        for action in lane.members
    }


def _texts_with_undo(layout: Layout) -> dict[str, str]:
    """The specs of what undoes something, as generic lanes have them: shared arguments cannot name a record."""
    return {
        action.key: spec_text(action.spec, earlier=lane.earlier.get(action.key, ()), undo=action.undo)
        for _, lane in layout.lanes()
        for action in lane.members
        if action.undo is not None
    }


def _may_be_inline(texts: Mapping[str, str]) -> bool:
    sizes = [len(text) for text in texts.values()]
    return (
        max(sizes) <= INLINE_SPEC_BYTES
        and sum(sizes) <= INLINE_SPECS_BYTES
        and sum(sizes) + len(sizes) * _LEAST_CONTAINER_BYTES <= INLINE_WORKFLOW_BYTES
    )


def _limit_results(layout: Layout, spec: Mapping[str, Any], *, limit: int) -> None:
    """Put the limits of results in, which are known only once the size of the rest is; none gets longer by it."""
    found = budget(layout, object_bytes=METADATA_BYTES + size(spec), limit=limit)
    check(layout, found)
    for template in spec["templates"]:
        if "containerSet" in template:
            close, *actions = template["containerSet"]["containers"]
            close["args"][-1] = arguments.result_limit(found.result_limit(len(actions)))


def _annotations(layout: Layout, snapshot_hash: str) -> dict[str, str]:
    annotations = {**describe.title_and_description(layout), ANNOTATION_COMPILER_VERSION: COMPILER_VERSION}
    if snapshot_hash:
        annotations[ANNOTATION_SNAPSHOT_HASH] = snapshot_hash
    return annotations


def _finished(objects: list[dict[str, Any]], *, limit: int) -> Compiled:
    """Put the hash of everything on the last object, and on what Argo makes of it, and check that object."""
    found = sha256(objects)
    last = objects[-1]
    last["metadata"]["annotations"][ANNOTATION_COMPILED_HASH] = found
    if "workflowMetadata" in last["spec"]:
        last["spec"]["workflowMetadata"]["annotations"][ANNOTATION_COMPILED_HASH] = found
    problems = lint(last, limit=limit)
    if problems:
        raise InternalError(f"the compiled {last['kind']} is wrong: {'; '.join(problems)}")
    return Compiled(objects, last["metadata"]["name"], found)
