"""Values that parameters take from objects of the cluster (`valueFrom.manifestRef`), read when an execution starts.

They are read with the rights of the service account that the actions run as: whoever can write a plan sees by it what
its actions could see anyway, and nothing else. A Secret is never read: `secretKeyRef` is for those.

Parameters of the plan see the built-ins and the mode, those of the execution the plan's values as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from compiler.graph.json_path import JsonPathError
from compiler.graph.json_path import parse as parse_json_path
from compiler.graph.parameters import RESERVED_MODE, parameter_id, resolved_parameters
from compiler.graph.snapshot import Snapshot
from compiler.graph.text import Placeholder, PlaceholderKind, render
from compiler.graph.uses import builtins
from compiler.model.names import RUNNER_SERVICE_ACCOUNT
from compiler.model.parameters import ManifestRef, Parameter
from compiler.model.phases import ConditionReason, Mode, ParameterSource, Select
from syncer.decide.outcome import Refuse
from syncer.kube.client import PAGE, Client, Selection
from syncer.kube.errors import Forbidden, Invalid, NotFound
from syncer.kube.resources import Key, Resource

VALUE_BYTES = 16 * 1024
"""Most bytes of a value: it stands in the status, and in every action that uses it."""

_SECRET = "Secret"
_FIELD_SYNTAX = re.compile(r"[\\,=]")
_ESCAPED = r"\\\g<0>"
_CANNOT_IMPERSONATE = "cannot impersonate"


class Unresolved(Exception):
    """A parameter cannot be read, and trying again would not help before something changes."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A `manifestRef` whose texts are rendered.

    Attributes:
        namespace: where to look; empty for all namespaces.
        name: name of the object; empty for any.
        selector: label selector; empty for any.
    """

    namespace: str
    name: str
    selector: str


class _Meta(msgspec.Struct, rename="camel"):
    creation_timestamp: str = ""


class _Created(msgspec.Struct):
    metadata: _Meta


class ManifestValues:
    """Reads them.

    Args:
        client: the API server, with rights to impersonate the service accounts of runners.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, snapshot: Snapshot) -> Mapping[str, str] | Refuse:
        """Read all of an execution: for a Revert only its own, because those of its plan are the target's.

        Returns:
            Values by `parameter_id`, or why the execution cannot start.
        """
        values = dict(_recorded(snapshot))
        for source, where, parameters in _layers(snapshot):
            known = _known(snapshot, values) if source is ParameterSource.EXECUTION else _basics(snapshot)
            for parameter in parameters:
                reference = parameter.value_from.manifest_ref if parameter.value_from is not None else None
                if reference is None:
                    continue
                try:
                    values[parameter_id(source, parameter.name)] = await self._read(snapshot, reference, known)
                except Unresolved as problem:
                    message = f'resolving {where} params: resolving param "{parameter.name}": {problem}'
                    return Refuse(ConditionReason.INVALID_PARAMETERS, message)
        return values

    async def _read(self, snapshot: Snapshot, reference: ManifestRef, known: Mapping[str, str]) -> str:
        if reference.kind == _SECRET:
            raise Unresolved("a Secret cannot be read into a parameter; use secretKeyRef")
        rendered = _render(reference, known, {**builtins(snapshot, "", "", ""), **_basics(snapshot)})
        account = Key(snapshot.namespace, snapshot.plan.spec.service_account_name or RUNNER_SERVICE_ACCOUNT)
        objects = _Objects(self._client.as_service_account(account), account)
        resource = await objects.resource(reference)
        found = await objects.find(resource, rendered, select=reference.select)
        return extract(reference.json_path, found)


class _Objects:
    """Objects as a service account sees them."""

    def __init__(self, client: Client, account: Key) -> None:
        self._client = client
        self._account = account

    async def resource(self, reference: ManifestRef) -> Resource:
        """How the server serves the kind of a reference."""
        group, _, version = reference.api_version.rpartition("/")
        kind = f"mapping GVK {group}/{version}, Kind={reference.kind}"
        try:
            found = await self._client.resource(reference.api_version, reference.kind)
        except (NotFound, Invalid):
            found = None
        except Forbidden as problem:
            raise self._refused(kind, problem) from problem
        if found is None:
            raise Unresolved(f"{kind}: the API server has no such kind")
        return found

    async def find(self, resource: Resource, reference: Reference, *, select: Select) -> Any:
        """The object that a reference means."""
        called = f"{resource.group}/{resource.version}, Resource={resource.plural}"
        place = "/".join((called, *((reference.namespace,) if resource.namespaced else ()), reference.name))
        if reference.name and (reference.namespace or not resource.namespaced):
            found = await self._get(resource, reference, f"get {place}")
        else:
            step = f"list {called} in {reference.namespace}"
            found = await self._list(resource, reference, step, select=select)
        if not found:
            raise Unresolved(f'no resource found for {place} (selector="{reference.selector}")')
        return msgspec.json.decode(found[0])

    async def _get(self, resource: Resource, reference: Reference, step: str) -> list[bytes]:
        key = Key(reference.namespace if resource.namespaced else "", reference.name)
        try:
            return [(await self._client.get(resource, key)).body]
        except NotFound:
            return []
        except Forbidden as problem:
            raise self._refused(step, problem) from problem

    async def _list(self, resource: Resource, reference: Reference, step: str, *, select: Select) -> list[bytes]:
        selection = Selection(
            resource,
            reference.namespace if resource.namespaced else "",
            labels=reference.selector,
            fields=f"metadata.name={_FIELD_SYNTAX.sub(_ESCAPED, reference.name)}" if reference.name else "",
        )
        found: list[bytes] = []
        try:
            async for page in self._client.list(selection, page=1 if select is Select.ANY else PAGE):
                # Of many objects never more than a page are kept.
                found = [choose([*found, *map(bytes, page.items)], select)] if found or page.items else []
                if found and select is Select.ANY:
                    break
        except Forbidden as problem:
            raise self._refused(step, problem) from problem
        except Invalid as problem:
            raise Unresolved(f'{step}: {problem.message} (selector="{reference.selector}")') from problem
        return found

    def _refused(self, step: str, problem: Forbidden) -> Unresolved:
        if _CANNOT_IMPERSONATE in problem.message:
            return Unresolved(
                f"{step}: objects are read with the rights of service account {self._account}, which the syncer may "
                "not impersonate; grant it that, or give the parameter a value"
            )
        return Unresolved(f"{step}: {problem.message}; grant it to service account {self._account}")


def choose(found: Sequence[bytes], select: Select) -> bytes:
    """The one of several objects that counts.

    Raises:
        Unresolved: there are several, and only one is wanted.
    """
    if len(found) > 1 and select is Select.SINGLE:
        raise Unresolved(f"expected single match, got {len(found)}")
    if select is Select.ANY:
        return found[0]
    by_age = sorted(found, key=lambda each: msgspec.json.decode(each, type=_Created).metadata.creation_timestamp)
    return by_age[0] if select is Select.FIRST else by_age[-1]


def extract(path: str, found: Any) -> str:
    """The text at a path in an object.

    Raises:
        Unresolved: there is none.
    """
    try:
        text = parse_json_path(path).find(found).strip()
    except JsonPathError as problem:
        raise Unresolved(f'invalid jsonPath expression "{path}": {problem}') from problem
    except LookupError as problem:
        raise Unresolved(f'jsonPath execution failed for "{path}": {problem.args[0]}') from problem
    if not text:
        raise Unresolved(f'jsonPath "{path}" returned empty value')
    size = len(text.encode())
    if size > VALUE_BYTES:
        raise Unresolved(f'jsonPath "{path}" returned {size // 1024} KiB, a parameter takes {VALUE_BYTES // 1024} KiB')
    return text


def _layers(snapshot: Snapshot) -> Iterable[tuple[ParameterSource, str, Sequence[Parameter]]]:
    """The lists of parameters that can take values from objects, and what messages call them."""
    if snapshot.revert is not None:
        yield ParameterSource.EXECUTION, "revert execution", snapshot.execution.params
        return
    yield ParameterSource.PLAN, "plan global", snapshot.plan.spec.global_params
    yield ParameterSource.EXECUTION, "execution", snapshot.execution.params


def _recorded(snapshot: Snapshot) -> Iterable[tuple[str, str]]:
    """What a Revert takes over: the values of the plan as its target has read them."""
    if snapshot.revert is not None:
        read = snapshot.revert.snapshot.manifest_values
        for parameter in snapshot.plan.spec.global_params:
            key = parameter_id(ParameterSource.PLAN, parameter.name)
            if key in read:
                yield key, read[key]


def _basics(snapshot: Snapshot) -> dict[str, str]:
    mode = Mode.ROLLBACK.lower() if snapshot.revert is not None else snapshot.execution.mode
    return {RESERVED_MODE: mode} if mode else {}


def _known(snapshot: Snapshot, values: Mapping[str, str]) -> dict[str, str]:
    """Values that a parameter of an execution can use: those of the plan, or of the target; never a Secret's."""
    plan_alone = Snapshot(plan=snapshot.plan, workflows={}, manifest_values=values)
    earlier = snapshot.revert.snapshot if snapshot.revert is not None else plan_alone
    found = {each["name"]: each["value"] for each in resolved_parameters(earlier) if "value" in each}
    return {**found, **_basics(snapshot)}


def _render(reference: ManifestRef, known: Mapping[str, str], names: Mapping[str, str]) -> Reference:
    def value(found: Placeholder) -> str:
        if found.kind is PlaceholderKind.PARAMETER and found.name in known:
            return known[found.name]
        if found.kind is PlaceholderKind.BUILTIN and names.get(found.name):
            return names[found.name]
        raise LookupError(f'failed to resolve "{found.text}": it has no value here')

    def rendered(field: str, text: str | None) -> str:
        if not text:
            return ""
        try:
            made = "".join(str(part) for part in render(text, value))
        except LookupError as problem:
            raise Unresolved(f"rendering {field}: {problem.args[0]}") from problem
        if not made:
            # To leave it out would widen the search to objects that nobody meant.
            raise Unresolved(f'rendering {field}: "{text}" is empty')
        return made

    return Reference(
        namespace=rendered("namespace", reference.namespace),
        name=rendered("name", reference.name),
        selector=rendered("labelSelector", reference.label_selector),
    )
