"""The runner's spec: the JSON that an action's container gets, rendered, with holes for what is not known yet.

    {"v": 1, "name", "stage", "workflow", "namespace", "type", "operation", "after", "policy", "needs", "timeout",
     "retry": {"limit", "interval", "multiplier"}, "idempotent", "waitReady", "rollback", "<block>": {…}, "holes": […]}

`timeout` and `retry.interval` are seconds, `after` holds local keys (`a1`). The runner decides nothing about texts: it
only joins the parts of a hole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.graph.durations import parse_duration
from compiler.graph.facts import Remembered, texts_of
from compiler.graph.parameters import Value
from compiler.graph.text import (
    OutputHole,
    Part,
    Placeholder,
    PlaceholderKind,
    SecretHole,
    hole_parts,
    key_with_a_hole,
    pointer,
    render_value,
)
from compiler.graph.tree import SecretRef
from compiler.model.actions import Action as ActionModel
from compiler.model.names import SECRET_ENV_PREFIX, local_key
from compiler.model.phases import (
    ActionType,
    ClusterExecutionMode,
    DependsOnPolicy,
    HttpMethod,
    Operation,
    WorkflowFailurePolicy,
)
from compiler.problems import ObjectRef, Path, Violation

SPEC_VERSION = 1
DEFAULT_TIMEOUT = 300.0
DEFAULT_JOB_TIMEOUT = 3600.0
DEFAULT_RETRY_LIMIT = 3
DEFAULT_RETRY_INTERVAL = 5.0
DEFAULT_RETRY_MULTIPLIER = 2.0
_SECRET_PLACES = re.compile(r"/http/(url|body|headers/[^/]*)\Z")


@dataclass(frozen=True, slots=True)
class Scope:
    """What the placeholders of one action can name.

    Attributes:
        values: parameters by name.
        builtins: built-ins by name; one that has no value in this run is absent.
        output: gives the part for an output of an action, by action name and path; raises LookupError with the reason.
    """

    values: Mapping[str, Value]
    builtins: Mapping[str, str]
    output: Callable[[str, str], Part]


@dataclass(frozen=True, slots=True)
class Frame:
    """What an action's spec says about its place.

    Attributes:
        stage: name of the stage.
        workflow: name of the workflow.
        namespace: namespace of the plan.
        policy: failure policy of the workflow.
        needs: what the predecessors must have come to.
        rollback: whether it is a custom rollback.
    """

    stage: str
    workflow: str
    namespace: str
    policy: WorkflowFailurePolicy
    needs: DependsOnPolicy
    rollback: bool = False


@dataclass(slots=True)
class _Rendering:
    ref: ObjectRef
    base: Path
    scope: Scope
    violations: list[Violation] = field(default_factory=list)
    secrets: dict[tuple[str, str], SecretRef] = field(default_factory=dict)

    def refuse(self, path: Path, message: str) -> str:
        self.violations.append(Violation(self.ref, (*self.base, *path), message))
        return ""

    def resolve(self, path: Path, found: Placeholder) -> Part:
        match found.kind:
            case PlaceholderKind.PARAMETER:
                return self.parameter(path, found)
            case PlaceholderKind.BUILTIN:
                value = self.scope.builtins.get(found.name)
                return value if value is not None else self.refuse(path, _missing_builtin(found))
            case PlaceholderKind.OUTPUT:
                try:
                    return self.scope.output(found.name, found.path)
                except LookupError as missing:
                    return self.refuse(path, f"{found.text}: {missing.args[0]}")
            case _:
                return self.refuse(
                    path, f"{found.text} is no placeholder; write $(params.name) or $(outputs.action.path)"
                )

    def parameter(self, path: Path, found: Placeholder) -> Part:
        value = self.scope.values.get(found.name)
        if value is None:
            return self.refuse(
                path,
                f'{found.text}: parameter "{found.name}" has no value; '
                "set it in the workflow's parameters, in globalParams, in the stage or in the execution",
            )
        if isinstance(value.content, str):
            return value.content
        if not _SECRET_PLACES.match(pointer(path)):
            return self.refuse(
                path,
                f'{found.text}: parameter "{found.name}" is a Secret, which only url, headers and body of an HTTP '
                "action can take",
            )
        return SecretHole(value.content.name, value.content.key)

    def variable(self, hole: SecretHole) -> SecretRef:
        key = (hole.name, hole.key)
        if key not in self.secrets:
            self.secrets[key] = SecretRef(hole.name, hole.key, f"{SECRET_ENV_PREFIX}{len(self.secrets) + 1}")
        return self.secrets[key]


def _missing_builtin(found: Placeholder) -> str:
    return f"{found.text} has no value in this run; give the execution spec.{found.name}"


@dataclass(frozen=True, slots=True)
class Specified:
    """A spec and what came with it.

    Attributes:
        spec: the spec, without `after`.
        operation: operation or HTTP method.
        secrets: Secrets that its holes name.
        sources: local keys of the actions whose outputs its holes name.
        violations: what is wrong; the spec is meaningless when there are any.
    """

    spec: dict[str, Any]
    operation: str
    secrets: tuple[SecretRef, ...]
    sources: tuple[str, ...]
    violations: tuple[Violation, ...]


def specify(action: ActionModel, *, ref: ObjectRef, path: Path, frame: Frame, scope: Scope) -> Specified:
    """Render one action.

    Args:
        action: the action, or a custom rollback.
        ref: the object that it stands in.
        path: where in that object.
        frame: its place.
        scope: what its placeholders can name.
    """
    rendering = _Rendering(ref, path, scope)
    name = action.type.block
    model = action.block
    if model is None:
        rendering.refuse((), _block_missing(action))
        return Specified({}, "", (), (), tuple(rendering.violations))
    block = model.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    operation = _operation(action)
    block["method" if action.type is ActionType.HTTP else "operation"] = operation
    if action.type is ActionType.JOB:
        del block["operation"]
    rendered = _render(rendering, name, block)
    spec = {
        "v": SPEC_VERSION,
        "name": action.name,
        "stage": frame.stage,
        "workflow": frame.workflow,
        "namespace": frame.namespace,
        "type": action.type,
        "operation": operation,
        "policy": frame.policy,
        "needs": frame.needs,
        **_timing(rendering, action),
        "idempotent": _idempotent(action),
        "waitReady": action.type is ActionType.JOB if action.wait_ready is None else action.wait_ready,
        "rollback": frame.rollback,
        **rendered,
    }
    if action.type is not ActionType.HTTP:
        spec.update(_cluster_options(action))
    sources = tuple(
        dict.fromkeys(part["output"] for hole in spec["holes"] for part in hole["parts"] if _is_output(part))
    )
    return Specified(spec, operation, tuple(rendering.secrets.values()), sources, tuple(rendering.violations))


_NOTHING = Scope({}, {}, OutputHole)


def faults(action: ActionModel, *, ref: ObjectRef, path: Path, scope: Scope | None) -> Iterable[Violation]:
    """What `specify` says is wrong with an action, without rendering it.

    Args:
        action: the action.
        ref: the object that it stands in.
        path: where in that object.
        scope: what its placeholders can name; None when everything that it names is known to be there.
    """
    rendering = _Rendering(ref, path, scope or _NOTHING)
    name = action.type.block
    model = action.block
    if model is None:
        rendering.refuse((), _block_missing(action))
        return rendering.violations
    for text in texts_of(model).texts if scope is not None else ():
        at = (name, *text.path)
        parts = [rendering.resolve(at, each) for each in text.placeholders if each.kind is not PlaceholderKind.ESCAPE]
        if text.is_key and not all(isinstance(part, str) for part in parts):
            rendering.refuse((name,), key_with_a_hole(text.text))
            break
    for at, message in _timing_faults(action):
        rendering.refuse(at, message)
    return rendering.violations


def _find_timing_faults(action: ActionModel) -> tuple[tuple[Path, str], ...]:
    rendering = _Rendering(_NOWHERE, (), _NOTHING)
    _timing(rendering, action)
    return tuple((found.path, found.message) for found in rendering.violations)


_NOWHERE = ObjectRef("", "", "")
_timing_faults: Callable[[ActionModel], tuple[tuple[Path, str], ...]] = Remembered(_find_timing_faults)


def _block_missing(action: ActionModel) -> str:
    return f"action '{action.name}': the block {action.type.block} is missing"


def _is_output(part: Any) -> bool:
    return isinstance(part, dict) and "output" in part


def _render(rendering: _Rendering, name: str, block: dict[str, Any]) -> dict[str, Any]:
    def resolve(path: Path, found: Placeholder) -> Part:
        return rendering.resolve((name, *path), found)

    try:
        rendered = render_value(block, resolve)
    except ValueError as problem:
        rendering.refuse((name,), str(problem))
        return {name: {}, "holes": []}
    holes = [
        {"at": pointer((name, *path)), "parts": hole_parts(parts, rendering.variable)} for path, parts in rendered.holes
    ]
    return {name: rendered.value, "holes": holes}


def _timing(rendering: _Rendering, action: ActionModel) -> dict[str, Any]:
    retry = action.retry_policy
    try:
        timeout = parse_duration(action.timeout) if action.timeout else _default_timeout(action)
        interval = parse_duration(retry.interval) if retry and retry.interval else DEFAULT_RETRY_INTERVAL
        multiplier = float(retry.backoff_multiplier) if retry and retry.backoff_multiplier else DEFAULT_RETRY_MULTIPLIER
    except ValueError as problem:
        rendering.refuse((), f"action '{action.name}': {problem}")
        return {}
    if timeout <= 0:
        rendering.refuse(("timeout",), f"action '{action.name}': timeout must be positive")
    limit = retry.limit if retry and retry.limit is not None else DEFAULT_RETRY_LIMIT
    return {"timeout": timeout, "retry": {"limit": limit, "interval": interval, "multiplier": multiplier}}


def _default_timeout(action: ActionModel) -> float:
    if action.type is not ActionType.JOB or action.job is None:
        return DEFAULT_TIMEOUT
    deadline = action.job.template.spec.get("activeDeadlineSeconds")
    return float(deadline) if isinstance(deadline, (int, float)) and deadline > 0 else DEFAULT_JOB_TIMEOUT


def _operation(action: ActionModel) -> str:
    if action.type is ActionType.HTTP:
        return str((action.http and action.http.method) or HttpMethod.GET)
    if action.type is ActionType.JOB:
        return str(Operation.CREATE)
    block = action.block
    return str(getattr(block, "operation", None) or Operation.CREATE)


def _idempotent(action: ActionModel) -> bool:
    if action.type is not ActionType.HTTP or action.http is None:
        return True
    return bool(action.http.idempotent) or HttpMethod(_operation(action)).idempotent


def _cluster_options(action: ActionModel) -> dict[str, Any]:
    options: dict[str, Any] = {}
    per_cluster = action.cluster_execution_mode is ClusterExecutionMode.PER_CLUSTER
    # A Subscription that is not waited for is made once: there is nothing to tell of each cluster.
    if per_cluster and (action.wait_ready or _operation(action) == Operation.DELETE):
        options["clusterExecutionMode"] = ClusterExecutionMode.PER_CLUSTER
    if action.hook_cleanup is not None:
        options["hookCleanup"] = action.hook_cleanup.model_dump(by_alias=True, exclude_none=True)
    return options


def with_after(spec: Mapping[str, Any], after: tuple[str, ...]) -> dict[str, Any]:
    """Put the predecessors into a spec, as local keys."""
    return {**spec, "after": [local_key(key) for key in after]}
