"""A release of a helmfile → its plan: a HelmChart with its values, distributed to clusters, and its hooks as Jobs.

Each moment of helmfile's hooks is a stage. What comes before must succeed for the release to be touched; what comes
after runs however the release ended, as with helmfile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compiler.manifests import to_yaml
from compiler.model.clusternet import OverridePolicy, OverrideType
from compiler.model.phases import (
    ActionType,
    DependsOnPolicy,
    Mode,
    Operation,
    PlanFailurePolicy,
)
from drplan.errors import InputProblem
from drplan.generate import parts
from drplan.generate.clusternet import (
    API_VERSION,
    KIND_HELM_CHART,
    manifest_of,
    resource_block,
    subscription_block,
    without_content,
)
from drplan.generate.helmfile import Command, Event, Release
from drplan.generate.literal import inexpressible, literal, literal_value
from drplan.generate.parts import (
    DEFAULT_TIMEOUT,
    FEED_NAMESPACE,
    HOOK_IMAGE,
    IN_FEED_NAMESPACE,
    IN_TARGET_NAMESPACE,
    TARGET_NAMESPACE,
    WITH_HOOK_IMAGE,
    Generated,
    Object,
    Wishes,
)

STAGE = "execute"
_HERE = parts.only_in(Mode.INSTALL, Mode.UPGRADE)
_AWAY = parts.only_in(Mode.DELETE)
_PRIORITY = 600
"""Priority of the values: over those of the chart's own Globalizations, whose default is 500."""


def plan_sync(release: Release, wishes: Wishes, *, hook_image: str | None) -> Generated:
    """Make the plan of a release.

    Args:
        release: the release.
        wishes: what the user wants.
        hook_image: image in which the commands of its hooks run.

    Raises:
        InputProblem: the release has hooks and there is no image for them, or its values cannot be in a plan.
    """
    _refuse(release, hook_image)
    params = {FEED_NAMESPACE: wishes.namespace, TARGET_NAMESPACE: release.namespace}
    params |= {HOOK_IMAGE: hook_image} if hook_image and release.commands else {}
    stages = [event for event in Event if any(command.event is event for command in release.commands)]
    names = [*(event.value for event in stages if event is not Event.POSTSYNC), STAGE]
    names += [Event.POSTSYNC.value] if Event.POSTSYNC in stages else []
    workflows = {
        name: parts.workflow(wishes, name, list(_actions(name, release, wishes)), params=params, why=_purpose(name))
        for name in names
    }
    policy = PlanFailurePolicy.CONTINUE if Event.POSTSYNC in stages else PlanFailurePolicy.STOP
    why = f"Auto-generated from Helmfile release: {release.name}"
    return Generated(
        plan=parts.plan(wishes, list(_stages(names, wishes)), params=params, why=why, policy=policy),
        workflows=workflows,
        executions=parts.executions(wishes),
        warnings=release.warnings,
    )


def _refuse(release: Release, hook_image: str | None) -> None:
    if release.commands and not hook_image:
        raise InputProblem(f"release {release.name} has hooks: say with --hook-image in which image they run")
    held = {"values": release.values, "hooks": [[each.command, *each.args] for each in release.commands]}
    problems = [
        f'release {release.name}, {path[0]}: "{text}" would be a parameter of the plan, and nothing can escape it'
        for path, text in inexpressible(held)
    ]
    if problems:
        raise InputProblem(problems)


def _purpose(stage: str) -> str:
    return "Chart, values and Subscription of the release" if stage == STAGE else f"Hooks of event {stage}"


def _stages(names: Sequence[str], wishes: Wishes) -> Iterator[Object]:
    """The stages, one behind the other: only what comes after the release runs behind a failure."""
    for before, name in zip((None, *names), names, strict=False):
        if len(names) == 1 or before is None:
            yield parts.stage(wishes, name, why=_purpose(name))
        else:
            policy = DependsOnPolicy.FINISHED if name == Event.POSTSYNC else DependsOnPolicy.SUCCEEDED
            fields = {"dependsOn": [before], "dependsOnPolicy": policy}
            yield parts.stage(wishes, name, why=_purpose(name), **fields)


def _actions(stage: str, release: Release, wishes: Wishes) -> Iterator[Object]:
    if stage == STAGE:
        yield from _release(release, wishes)
        return
    commands = [command for command in release.commands if command.event == stage]
    for command in commands:
        yield from _hook(command, release, wishes)
    for command in commands:
        yield from _hook_away(command, release, wishes)


def _release(release: Release, wishes: Wishes) -> Iterator[Object]:
    """The release itself; mode Delete is inferred from these, in reverse."""
    feed = {
        "apiVersion": API_VERSION,
        "kind": KIND_HELM_CHART,
        "namespace": IN_FEED_NAMESPACE,
        "name": literal(release.name),
    }
    version = {"version": literal(release.version)} if release.version else {}
    spec = {
        "repo": literal(release.repo),
        "chart": literal(release.chart),
        **version,
        "targetNamespace": IN_TARGET_NAMESPACE,
        **release.options,
    }
    block = {"operation": Operation.APPLY, "name": release.name, "namespace": IN_FEED_NAMESPACE, "spec": spec}
    yield {"name": "apply-helmchart", "type": ActionType.HELM_CHART, ActionType.HELM_CHART.block: block}
    if release.values:
        yield {
            "name": "apply-globalization",
            "type": ActionType.GLOBALIZATION,
            ActionType.GLOBALIZATION.block: _values(release, feed),
        }
    waited = {"waitReady": True, "timeout": _timeout(release.options, wishes)} if wishes.wait else {}
    yield {
        "name": f"apply{parts.SUBSCRIPTION_SUFFIX}",
        "type": ActionType.SUBSCRIPTION,
        **waited,
        ActionType.SUBSCRIPTION.block: _subscription(
            Operation.APPLY, f"{release.name}{parts.SUBSCRIPTION_SUFFIX}", wishes, [feed]
        ),
    }


def _values(release: Release, feed: Object) -> Object:
    """Values as overrides of the chart. The object has no namespace, so its name says whose values it holds."""
    override = {
        "name": "override-values",
        "type": OverrideType.HELM,
        "value": literal(to_yaml([release.values])),
    }
    spec = {
        "overridePolicy": OverridePolicy.APPLY_NOW,
        "priority": _PRIORITY,
        "feed": feed,
        "overrides": [override],
    }
    return {"operation": Operation.APPLY, "name": f"{IN_FEED_NAMESPACE}.{release.name}", "spec": spec}


def _timeout(options: Mapping[str, Any], wishes: Wishes) -> str:
    seconds = options.get("timeoutSeconds")
    return wishes.timeout or (f"{seconds}s" if seconds else DEFAULT_TIMEOUT)


def _subscription(operation: Operation, name: str, wishes: Wishes, feeds: Sequence[Object] = ()) -> Object:
    return subscription_block(operation, name, namespace=IN_FEED_NAMESPACE, feeds=feeds, clusters=wishes.clusters)


def _hook_name(command: Command, release: Release) -> str:
    return f"{release.name}-{command.event}-hook-{command.order}"


def _hook(command: Command, release: Release, wishes: Wishes) -> Iterator[Object]:
    """Put the Job of a hook into the hub, and let it run in each cluster."""
    name = _hook_name(command, release)
    job = _job(name, command)
    feed = {"apiVersion": job["apiVersion"], "kind": job["kind"], "namespace": IN_TARGET_NAMESPACE, "name": name}
    yield {
        "name": f"create-{name}-manifest",
        "type": ActionType.KUBERNETES_RESOURCE,
        "when": _HERE,
        ActionType.KUBERNETES_RESOURCE.block: resource_block(Operation.APPLY, [manifest_of(job, plural="jobs")]),
    }
    yield {
        "name": f"apply-{name}{parts.SUBSCRIPTION_SUFFIX}",
        "type": ActionType.SUBSCRIPTION,
        "when": _HERE,
        "timeout": wishes.timeout or DEFAULT_TIMEOUT,
        **parts.each_cluster(beforeCreate=True, onSuccess=False, onFailure=False),
        ActionType.SUBSCRIPTION.block: _subscription(
            Operation.APPLY, f"{name}{parts.SUBSCRIPTION_SUFFIX}", wishes, [feed]
        ),
    }


def _hook_away(command: Command, release: Release, wishes: Wishes) -> Iterator[Object]:
    """Take away in mode Delete what a hook has left behind."""
    name = _hook_name(command, release)
    yield {
        "name": f"delete-{name}{parts.SUBSCRIPTION_SUFFIX}",
        "type": ActionType.SUBSCRIPTION,
        "when": _AWAY,
        "waitReady": True,
        ActionType.SUBSCRIPTION.block: _subscription(Operation.DELETE, f"{name}{parts.SUBSCRIPTION_SUFFIX}", wishes),
    }
    gone = without_content(manifest_of(_job(name, command), plural="jobs"))
    yield {
        "name": f"delete-{name}-manifest",
        "type": ActionType.KUBERNETES_RESOURCE,
        "when": _AWAY,
        ActionType.KUBERNETES_RESOURCE.block: resource_block(Operation.DELETE, [gone]),
    }


def _job(name: str, command: Command) -> Object:
    """The Job of a hook. It stays when it is done: one that removed itself could not be seen to have ended."""
    container = {
        "name": "hook",
        "image": WITH_HOOK_IMAGE,
        "command": [literal(command.command)],
        "args": literal_value(list(command.args)),
    }
    pod = {"restartPolicy": "Never", "containers": [container]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": IN_TARGET_NAMESPACE},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }
