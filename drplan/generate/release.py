"""A rendered release → its plan: one workflow that installs, upgrades and deletes it, hooks and all.

The order is Helm's: definitions of kinds, hooks before, objects, hooks after, one thing at a time. What Clusternet
distributes it takes from the hub, so the workflow puts it there first, unless that is somebody else's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from compiler.manifests import Problem
from compiler.model.phases import ActionType, Mode, Operation
from compiler.problems import Severity
from drplan.errors import InputProblem
from drplan.generate import parts
from drplan.generate.chart import Chart, HookUse, Resource
from drplan.generate.clusternet import feed, has_manifest, manifest, resource_block, subscription_block, without_content
from drplan.generate.credentials import credentials, shown
from drplan.generate.helm import DeletePolicy, Hook
from drplan.generate.literal import inexpressible
from drplan.generate.parts import DEFAULT_TIMEOUT, FEED_NAMESPACE, IN_FEED_NAMESPACE, Generated, Object, Wishes

STAGE_WITH_MODES = "install"
STAGE = "execute"
_HERE = parts.only_in(Mode.INSTALL, Mode.UPGRADE)
_AWAY = parts.only_in(Mode.DELETE)
_ROLLBACK = (Hook.PRE_ROLLBACK, Hook.POST_ROLLBACK)
_FORWARD = (Hook.PRE_INSTALL, Hook.PRE_UPGRADE, Hook.POST_INSTALL, Hook.POST_UPGRADE)


def plan_release(chart: Chart, wishes: Wishes, *, publish: bool) -> Generated:
    """Make the plan of a rendered release.

    Args:
        chart: the release.
        wishes: what the user wants.
        publish: whether the plan puts the objects into the hub; otherwise they are there already.

    Raises:
        InputProblem: an object holds a text that a plan cannot hold.
    """
    copied = [resource for resource in _everything(chart) if is_copied(resource)] if publish else []
    _refuse_inexpressible(copied)
    with_modes = publish or bool(chart.hooks) or any(resource.stays for resource in chart.resources)
    stage = STAGE_WITH_MODES if with_modes else STAGE
    actions = list(_Actions(chart, wishes, publish=publish, with_modes=with_modes).listed())
    why = f"Auto-generated from Helm template: {wishes.name}"
    params = {FEED_NAMESPACE: wishes.namespace}
    missing = [resource for resource in _everything(chart) if not is_copied(resource)] if publish else []
    return Generated(
        plan=parts.plan(wishes, [parts.stage(wishes, stage, why=_purpose(stage))], params=params, why=why),
        workflows={stage: parts.workflow(wishes, stage, actions, params=params, why=_purpose(stage))},
        executions=parts.executions(wishes),
        warnings=(*chart.warnings, *_warnings(chart, copied, missing)),
        secrets=tuple(manifest(resource) for resource in missing if resource.is_secret and has_manifest(resource)),
    )


def is_copied(resource: Resource) -> bool:
    """Whether a plan may hold an object: never a Secret, which everybody who reads the plan would read."""
    return not resource.is_secret and has_manifest(resource)


def _purpose(stage: str) -> str:
    if stage == STAGE:
        return "Simplified workflow for main resources without hooks"
    return "Unified workflow for install/upgrade hooks and main resources"


class _Actions:
    """Lists the actions of the workflow."""

    def __init__(self, chart: Chart, wishes: Wishes, *, publish: bool, with_modes: bool) -> None:
        self.chart = chart
        self.wishes = wishes
        self.publish = publish
        self.with_modes = with_modes
        self.definitions = [resource for resource in chart.resources if resource.is_definition]
        self.kept = [resource for resource in chart.resources if resource.stays and not resource.is_definition]
        self.main = [resource for resource in chart.resources if not resource.stays]
        self.names = _hook_names(chart)

    def listed(self) -> Iterator[Object]:
        yield from self.published(
            "publish-objects", [*self.chart.resources, *_objects(self.chart.of(*_FORWARD))], _HERE
        )
        yield from self.distributed("crds", self.definitions, wait=True)
        yield from self.hooks(Hook.PRE_INSTALL, Hook.PRE_UPGRADE)
        yield from self.distributed("kept", self.kept, wait=self.wishes.wait)
        yield from self.distributed("", self.main, wait=self.wishes.wait)
        yield from self.hooks(Hook.POST_INSTALL, Hook.POST_UPGRADE)
        yield from self.deleted()
        for hook in _ROLLBACK:
            yield from self.published(f"publish-{hook}-hooks", _objects(self.chart.of(hook)), None, hookType=hook)
            yield from self.hooks(hook)

    def deleted(self) -> Iterator[Object]:
        hooks = _objects(self.chart.of(Hook.PRE_DELETE, Hook.POST_DELETE))
        yield from self.published("publish-delete-hooks", hooks, _AWAY)
        yield from self.hooks(Hook.PRE_DELETE)
        if self.main and self.with_modes:
            yield {
                "name": f"delete{parts.SUBSCRIPTION_SUFFIX}",
                "type": ActionType.SUBSCRIPTION,
                "when": _AWAY,
                "waitReady": True,
                "timeout": self.timeout,
                "subscription": self.subscription(Operation.DELETE, self.wishes.name + parts.SUBSCRIPTION_SUFFIX),
            }
        yield from self.hooks(Hook.POST_DELETE)
        copied = [without_content(manifest(resource)) for resource in self.main if is_copied(resource)]
        if copied and self.publish:
            yield _on_hub("withdraw-objects", Operation.DELETE, copied, when=_AWAY)

    @property
    def timeout(self) -> str:
        return self.wishes.timeout or DEFAULT_TIMEOUT

    def published(self, name: str, resources: Iterable[Resource], when: str | None, **fields: str) -> Iterator[Object]:
        """Put objects into the hub."""
        copied = [manifest(resource) for resource in _once(resources) if is_copied(resource)]
        if copied and self.publish:
            yield _on_hub(name, Operation.APPLY, copied, **({"when": when} if when else {}), **fields)

    def distributed(self, part: str, resources: Sequence[Resource], *, wait: bool) -> Iterator[Object]:
        """Distribute objects of the release."""
        if not resources:
            return
        infix = f"-{part}" if part else ""
        name = f"{self.wishes.name}{infix}{parts.SUBSCRIPTION_SUFFIX}"
        yield {
            "name": f"create{infix}{parts.SUBSCRIPTION_SUFFIX}",
            "type": ActionType.SUBSCRIPTION,
            **({"when": _HERE} if self.with_modes else {}),
            **({"waitReady": True, "timeout": self.timeout} if wait else {}),
            "subscription": self.subscription(Operation.APPLY, name, [feed(resource) for resource in resources]),
        }

    def hooks(self, *hooks: Hook) -> Iterator[Object]:
        for use in self.chart.of(*hooks):
            yield self.hook(use)

    def hook(self, use: HookUse) -> Object:
        """Run a hook in each cluster, and clean up after it as the chart says."""
        name = self.names[use.resource]
        policies = use.policies
        cleanup = {
            "beforeCreate": True,
            "onSuccess": DeletePolicy.SUCCEEDED in policies,
            "onFailure": DeletePolicy.FAILED in policies,
        }
        # Helm never deletes the definition of a kind for its hook: all objects of that kind would go with it.
        operation, cleaned = (Operation.APPLY, {}) if use.resource.is_definition else (Operation.CREATE, cleanup)
        return {
            "name": f"{name}-{use.hook}",
            "type": ActionType.SUBSCRIPTION,
            **({} if use.hook in _ROLLBACK else {"when": parts.only_in(use.hook.mode)}),
            "timeout": self.timeout,
            **parts.each_cluster(use.hook, **cleaned),
            "subscription": self.subscription(operation, f"{name}-sub", [feed(use.resource)]),
        }

    def subscription(self, operation: Operation, name: str, feeds: Iterable[Object] = ()) -> Object:
        clusters = self.wishes.clusters
        return subscription_block(operation, name, namespace=IN_FEED_NAMESPACE, feeds=feeds, clusters=clusters)


def _on_hub(name: str, operation: Operation, objects: Iterable[Object], **fields: str) -> Object:
    return {
        "name": name,
        "type": ActionType.KUBERNETES_RESOURCE,
        **fields,
        ActionType.KUBERNETES_RESOURCE.block: resource_block(operation, objects),
    }


def _objects(uses: Iterable[HookUse]) -> list[Resource]:
    return [use.resource for use in uses]


def _once(resources: Iterable[Resource]) -> list[Resource]:
    return list(dict.fromkeys(resources))


def _everything(chart: Chart) -> list[Resource]:
    return _once([*chart.resources, *_objects(chart.hooks)])


def _hook_names(chart: Chart) -> dict[Resource, str]:
    """Name each hook's object, with as much beside its name as keeps it apart from the others."""
    hooks = _once(_objects(chart.hooks))
    names: dict[Resource, str] = {}
    for resource in hooks:
        others = [other for other in hooks if other is not resource and other.name == resource.name]
        more = [resource.kind.lower()] if others else []
        if any(other.kind == resource.kind for other in others):
            more += [part for part in (resource.namespace, resource.group.replace(".", "-")) if part]
        names[resource] = "-".join([resource.name, *more])
    return names


def _refuse_inexpressible(resources: Iterable[Resource]) -> None:
    problems = [
        resource.document.problem(
            path,
            f'{resource.kind} {resource.name}: "{text}" would be a parameter of the plan, and nothing can escape it; '
            "write it another way in the chart, or put the objects into the hub yourself and use --feeds-only",
        )
        for resource in resources
        for path, text in inexpressible(resource.document.value)
    ]
    if problems:
        raise InputProblem(map(str, problems))


def _warnings(chart: Chart, copied: Iterable[Resource], missing: Iterable[Resource]) -> Iterator[Problem]:
    for resource in chart.resources:
        if resource.stays:
            why = "because it defines a kind" if resource.is_definition else "as its resource policy says"
            yield resource.warn((), f"stays in mode Delete, {why}")
    for resource in missing:
        why = "no Manifest can have its name" if not has_manifest(resource) else "a Secret is in no plan"
        hint = " (--secrets writes what to apply)" if has_manifest(resource) else ""
        yield resource.warn((), f"{why}: put it into the hub yourself{hint}")
    for resource in copied:
        for path in credentials(resource.document.value):
            message = f"{shown(path)} looks like a credential, and stands in the plan as plain text"
            yield resource.document.problem(path, f"{resource.kind} {resource.name}: {message}", Severity.WARNING)
