"""What makes an action wrong beside its block: timing, condition, hooks, and its way back.

The rules take a `Site`, because they hold for a custom `rollback` as well, which is an action of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from compiler.graph import conditions
from compiler.graph.durations import parse_duration
from compiler.graph.text import PlaceholderKind
from compiler.model.phases import CLUSTERNET_TYPES, ActionType, ClusterExecutionMode, HttpMethod, Operation
from compiler.problems import Violation
from compiler.rules import blocks
from compiler.rules.site import Site, block_placeholders

_HELM_HOOKS: Final = tuple(
    f"{time}-{event}" for event in ("install", "upgrade", "delete", "rollback") for time in ("pre", "post")
)
_NEVER_READY: Final = (ActionType.HTTP, ActionType.GLOBALIZATION)
_NOT_IN_ROLLBACK: Final = (("when", "when"), ("depends_on", "dependsOn"), ("rollback", "rollback"))

SiteRule = Callable[[Site], Iterable[Violation]]


def timeout_invalid(site: Site) -> Iterator[Violation]:
    """A timeout is a positive duration."""
    if not site.action.timeout:
        return
    try:
        seconds = parse_duration(site.action.timeout)
    except ValueError as fault:
        yield site.error(("timeout",), f"invalid timeout: {fault}")
        return
    if seconds <= 0:
        yield site.error(("timeout",), "invalid timeout: timeout must be positive")


def retry_invalid(site: Site) -> Iterator[Violation]:
    """Retries have a duration and a factor of at least one between them."""
    retry = site.action.retry_policy
    for field, fault in (
        ("limit", "limit must not be negative" if retry.limit < 0 else ""),
        ("interval", _interval_fault(retry.interval)),
        ("backoffMultiplier", _multiplier_fault(retry.backoff_multiplier)),
    ):
        if fault:
            yield site.error(("retryPolicy", field), f"invalid retry policy: {fault}")


def _interval_fault(text: str) -> str:
    try:
        return f"retry interval {text} must not be negative" if text and parse_duration(text) < 0 else ""
    except ValueError as fault:
        return f"invalid retry interval {text}: {fault}"


def _multiplier_fault(text: str) -> str:
    if not text:
        return ""
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not math.isfinite(factor):
        return f'invalid backoff multiplier {text}: write a decimal number such as "2.0"'
    return f"backoff multiplier must be >= 1.0, got {factor:g}" if factor < 1 else ""


def when_invalid(site: Site) -> Iterator[Violation]:
    """A condition parses."""
    when = site.action.when
    if when and when.strip():
        try:
            conditions.parse(when)
        except ValueError as fault:
            yield site.error(("when",), str(fault))


def hook_type_unknown(site: Site) -> Iterator[Violation]:
    """Hook types are those of Helm; the two of a rollback change what a revert does."""
    hook = site.action.hook_type
    if hook and hook not in _HELM_HOOKS:
        yield site.warning(("hookType",), f'hookType "{hook}" changes nothing; known are {", ".join(_HELM_HOOKS)}')


def only_for_subscriptions(site: Site) -> Iterator[Violation]:
    """Acting in each cluster is for Subscriptions, and cleaning up after a hook does nothing elsewhere."""
    if site.type in (None, ActionType.SUBSCRIPTION):
        return
    mode = site.action.cluster_execution_mode
    if mode is ClusterExecutionMode.PER_CLUSTER:
        message = f"clusterExecutionMode={mode} is for type {ActionType.SUBSCRIPTION} only, not {site.type}"
        yield site.error(("clusterExecutionMode",), message)
    if site.action.hook_cleanup is not None:
        yield site.warning(("hookCleanup",), f"hookCleanup has no effect on type {site.type}")


def per_cluster_not_waited_for(site: Site) -> Iterator[Violation]:
    """A Subscription acts in each cluster only to wait there; deleting one deletes its children in any case."""
    if site.type is not ActionType.SUBSCRIPTION or getattr(site.block, "operation", None) is Operation.DELETE:
        return
    mode = site.action.cluster_execution_mode
    if mode is ClusterExecutionMode.PER_CLUSTER and not site.action.wait_ready:
        message = f"clusterExecutionMode={mode} has no effect without waitReady: the Subscription acts once"
        yield site.warning(("clusterExecutionMode",), message)


def nothing_to_wait_for(site: Site) -> Iterator[Violation]:
    """An HTTP call and a Globalization have no readiness."""
    if site.action.wait_ready and site.type in _NEVER_READY:
        yield site.warning(("waitReady",), f"waitReady has no effect on type {site.type}")


def way_back(site: Site) -> Iterator[Violation]:
    """Without a custom rollback a created object is deleted on revert; a changing call has no way back."""
    if site.is_rollback or site.is_rollback_hook or site.action.rollback is not None:
        return
    if site.type is ActionType.HTTP:
        method = getattr(site.block, "method", None)
        if not (isinstance(method, HttpMethod) and method.safe):
            yield site.warning((), "no rollback defined, a revert cannot undo this HTTP call")
    elif _is_deleted_on_revert(site):
        yield site.warning((), "no custom rollback defined, will use automatic rollback (delete resource)")


def _is_deleted_on_revert(site: Site) -> bool:
    operation = getattr(site.block, "operation", None)
    if site.type is ActionType.KUBERNETES_RESOURCE:
        return operation in (Operation.CREATE, Operation.APPLY)
    return site.type is ActionType.JOB or (site.type in CLUSTERNET_TYPES and operation is Operation.CREATE)


def placeholders_malformed(site: Site) -> Iterator[Violation]:
    """What begins like a placeholder of ours is one."""
    for path, found in block_placeholders(site):
        if found.kind is PlaceholderKind.MALFORMED:
            message = f"{found.text} is no placeholder; write $(params.name) or $(outputs.action.path)"
            yield site.error(path, message)


def rollback_restrictions(site: Site) -> Iterator[Violation]:
    """A custom rollback runs in the place of its action, unconditionally."""
    if not site.is_rollback:
        return
    for attribute, field in _NOT_IN_ROLLBACK:
        if getattr(site.action, attribute):
            yield site.error((field,), f"{field} is not allowed in a rollback")


RULES: tuple[SiteRule, ...] = (
    *blocks.RULES,
    timeout_invalid,
    retry_invalid,
    when_invalid,
    hook_type_unknown,
    only_for_subscriptions,
    per_cluster_not_waited_for,
    nothing_to_wait_for,
    way_back,
    placeholders_malformed,
    rollback_restrictions,
)
