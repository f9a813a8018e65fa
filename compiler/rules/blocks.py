"""The configuration blocks of actions: each type asks for its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from compiler.graph.text import placeholders
from compiler.model.actions import (
    BLOCK_ATTRIBUTES,
    GlobalizationAction,
    HelmChartAction,
    JobAction,
    KubernetesResourceAction,
    LocalizationAction,
    SubscriptionAction,
)
from compiler.model.phases import ActionType, ClusterExecutionMode, Operation
from compiler.problems import Violation
from compiler.rules import http, resource
from compiler.rules.metadata import is_object_name
from compiler.rules.site import Site

_WHOLE_SPEC = frozenset({Operation.CREATE, Operation.APPLY, Operation.REPLACE})
_ANY_SPEC = _WHOLE_SPEC | {Operation.PATCH}
_RESTART_POLICIES = ("Never", "OnFailure")


def type_unsupported(site: Site) -> Iterator[Violation]:
    """An action is of one of the known types."""
    if site.type is None:
        yield site.error(("type",), f"unsupported action type '{site.action.type}'")


def block_missing(site: Site) -> Iterator[Violation]:
    """An action has the block of its type."""
    if site.type is not None and site.block is None:
        yield site.error((), f"{site.type} configuration is required")


def block_ignored(site: Site) -> Iterator[Violation]:
    """A block of another type than the action's does nothing."""
    if site.type is None:
        return
    given = site.action.model_fields_set
    for other in ActionType:
        attribute = BLOCK_ATTRIBUTES[other]
        if other is not site.type and attribute in given and getattr(site.action, attribute) is not None:
            yield site.warning((other.block,), f"the block {other.block} is ignored: the action is of type {site.type}")


def block_incomplete(site: Site) -> Iterator[Violation]:
    """The block has what its type and operation ask for."""
    if site.type is not None and site.block is not None:
        yield from _CHECKS[site.type](site, site.block)


def _http(site: Site, block: Any) -> Iterator[Violation]:
    for path, message in http.faults(block):
        yield site.error((ActionType.HTTP.block, *path), message)


def _job(site: Site, block: JobAction) -> Iterator[Violation]:
    """The API server refuses such a Job only when the action runs."""
    template = block.template.spec.get("template")
    pod = template.get("spec") if isinstance(template, dict) else None
    path = (ActionType.JOB.block, "template", "spec")
    if not isinstance(pod, dict) or not pod.get("containers"):
        message = "Job.Template.Spec is the spec of a Job: the pod's, with containers, belongs to template.spec in it"
        yield site.error(path, message)
    elif pod.get("restartPolicy") not in _RESTART_POLICIES:
        message = f"Job.Template.Spec.Template.Spec.RestartPolicy must be {' or '.join(_RESTART_POLICIES)}"
        yield site.error((*path, "template", "spec", "restartPolicy"), message)


def _names(site: Site, kind: ActionType, fields: Sequence[tuple[str, str, str | None]]) -> Iterator[Violation]:
    """Check the fields that say which object is meant, given as API name, name in messages and text."""
    for name, shown, text in fields:
        if not text:
            yield site.error((kind.block, name), f"{kind}.{shown} is required")
        elif next(placeholders(text), None) is None and not is_object_name(text):
            yield site.error((kind.block, name), f'{kind}.{shown} "{text}" is not a valid name of an object')


def _localization(site: Site, block: LocalizationAction) -> Iterator[Violation]:
    kind = ActionType.LOCALIZATION
    yield from _names(site, kind, (("name", "Name", block.name), ("namespace", "Namespace", block.namespace)))
    yield from _overrides(site, kind, block)


def _globalization(site: Site, block: GlobalizationAction) -> Iterator[Violation]:
    kind = ActionType.GLOBALIZATION
    yield from _names(site, kind, (("name", "Name", block.name),))
    yield from _overrides(site, kind, block)


def _overrides(site: Site, kind: ActionType, block: LocalizationAction | GlobalizationAction) -> Iterator[Violation]:
    operation = block.operation
    if block.spec is None:
        yield from _spec_missing(site, kind, operation)
    elif operation in _WHOLE_SPEC:
        feed = block.spec.feed
        if feed is None or not (feed.api_version and feed.kind and feed.name):
            message = f"{kind}.Spec.Feed (apiVersion, kind, name) is required when operation={operation}"
            yield site.error((kind.block, "spec", "feed"), message)


def _spec_missing(site: Site, kind: ActionType, operation: Operation) -> Iterator[Violation]:
    if operation in _ANY_SPEC:
        yield site.error((kind.block, "spec"), f"{kind}.Spec is required when operation={operation}")


def _helm_chart(site: Site, block: HelmChartAction) -> Iterator[Violation]:
    kind = ActionType.HELM_CHART
    yield from _names(site, kind, (("name", "Name", block.name), ("namespace", "Namespace", block.namespace)))
    spec, operation = block.spec, block.operation
    if spec is None:
        yield from _spec_missing(site, kind, operation)
        return
    if operation not in _WHOLE_SPEC:
        return
    required = (
        ("repo", "Repo", spec.repo),
        ("chart", "Chart", spec.chart),
        ("targetNamespace", "TargetNamespace", spec.target_namespace),
    )
    for name, shown, text in required:
        if not text:
            yield site.error((kind.block, "spec", name), f"{kind}.Spec.{shown} is required when operation={operation}")


def _subscription(site: Site, block: SubscriptionAction) -> Iterator[Violation]:
    kind = ActionType.SUBSCRIPTION
    yield from _names(site, kind, (("name", "Name", block.name),))
    spec, operation = block.spec, block.operation
    per_cluster = site.action.cluster_execution_mode is ClusterExecutionMode.PER_CLUSTER
    if spec is None:
        yield from _spec_missing(site, kind, operation)
        if per_cluster and operation is Operation.DELETE:
            message = f"without {kind}.Spec only the child Subscriptions that earlier runs have recorded are deleted"
            yield site.warning((kind.block, "spec"), message)
    elif operation in _WHOLE_SPEC:
        for name, members, one in (("feeds", spec.feeds, "feed"), ("subscribers", spec.subscribers, "subscriber")):
            if not members:
                message = f"{kind}.Spec.{name.capitalize()} is required (at least one {one})"
                yield site.error((kind.block, "spec", name), message)


def _kubernetes_resource(site: Site, block: KubernetesResourceAction) -> Iterator[Violation]:
    kind = ActionType.KUBERNETES_RESOURCE
    path = (kind.block, "manifest")
    if not block.manifest:
        yield site.error(path, f"{kind}.Manifest is required")
        return
    for fault in resource.faults(block.manifest):
        yield site.error(path, f"{kind}.Manifest is not valid: {fault}")


_CHECKS: dict[ActionType, Callable[[Site, Any], Iterator[Violation]]] = {
    ActionType.HTTP: _http,
    ActionType.JOB: _job,
    ActionType.LOCALIZATION: _localization,
    ActionType.GLOBALIZATION: _globalization,
    ActionType.HELM_CHART: _helm_chart,
    ActionType.SUBSCRIPTION: _subscription,
    ActionType.KUBERNETES_RESOURCE: _kubernetes_resource,
}

RULES = (type_unsupported, block_missing, block_ignored, block_incomplete)
