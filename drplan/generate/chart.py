"""Rendered manifests of a release → its objects and hooks, and what of it no plan can carry.

What Helm would do decides: hooks run by weight, then by name; a test never runs by itself; a hook that Helm does not
know is left out. Nothing is left out silently.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.manifests import Document, Problem
from compiler.problems import Path, Severity
from drplan.errors import InputProblem
from drplan.generate import helm
from drplan.generate.helm import DeletePolicy, Hook
from drplan.rights.kinds import DEFINITION, Kinds, plural

_SECRET = ("", "Secret")
_ANNOTATIONS = ("metadata", "annotations")
_INTEGER = re.compile(r"[+-]?\d+\Z")


@dataclass(frozen=True, slots=True)
class Resource:
    """An object of the chart.

    Attributes:
        api_version: its API version.
        kind: its kind.
        plural: what the API calls its kind.
        namespace: where it is; empty for one of the cluster.
        name: its name.
        document: where it stands, and what it is.
    """

    api_version: str
    kind: str
    plural: str
    namespace: str
    name: str
    document: Document

    @property
    def group(self) -> str:
        """API group."""
        return self.api_version.rpartition("/")[0]

    @property
    def is_secret(self) -> bool:
        """Whether its content is secret."""
        return (self.group, self.kind) == _SECRET

    @property
    def is_definition(self) -> bool:
        """Whether it defines a kind that others may be of."""
        return (self.group, self.kind) == DEFINITION

    @property
    def stays(self) -> bool:
        """Whether it stays when the release is deleted."""
        return self.is_definition or _annotations(self.document).get(helm.ANNOTATION_RESOURCE_POLICY) == helm.KEEP

    def warn(self, path: Path, message: str) -> Problem:
        """Say something about it."""
        return self.document.problem(path, f"{self.kind} {self.name}: {message}", Severity.WARNING)


@dataclass(frozen=True, slots=True)
class HookUse:
    """An object that a hook runs, at one of its moments."""

    resource: Resource
    hook: Hook
    weight: int
    policies: frozenset[DeletePolicy]


@dataclass(frozen=True, slots=True)
class Chart:
    """A release as it was rendered.

    Attributes:
        resources: its objects, in the order in which they stand.
        hooks: its hooks, in the order in which Helm runs them.
        warnings: what is not carried over.
    """

    resources: tuple[Resource, ...]
    hooks: tuple[HookUse, ...]
    warnings: tuple[Problem, ...]

    def of(self, *hooks: Hook) -> list[HookUse]:
        """The hooks of some moments, in order."""
        return [use for hook in hooks for use in self.hooks if use.hook is hook]


def read_chart(documents: Sequence[Document], *, namespace: str, cluster_scoped: Collection[str] = ()) -> Chart:
    """Decide what each object of a release is.

    Args:
        documents: the objects.
        namespace: namespace of the release, for objects that name none.
        cluster_scoped: kinds without a namespace that only the user knows, as `Kind.group`.

    Raises:
        InputProblem: an object has no name, stands twice, or nothing is left to make a plan of.
    """
    kinds = Kinds([*(document.value for document in documents), *map(_definition, cluster_scoped)])
    reader = _Reader(namespace, kinds)
    for document in documents:
        reader.read(document)
    if reader.errors:
        raise InputProblem(map(str, reader.errors))
    if not reader.resources and not reader.hooks:
        told = [str(warning) for warning in reader.warnings]
        raise InputProblem([*told, "the release has no object that a plan could carry: there is nothing to make"])
    hooks = sorted(reader.hooks, key=lambda use: (list(Hook).index(use.hook), use.weight, use.resource.name))
    return Chart(tuple(reader.resources), tuple(hooks), tuple(reader.warnings))


class _Reader:
    def __init__(self, namespace: str, kinds: Kinds) -> None:
        self.namespace = namespace
        self.kinds = kinds
        self.resources: list[Resource] = []
        self.hooks: list[HookUse] = []
        self.warnings: list[Problem] = []
        self.errors: list[Problem] = []
        self._seen: dict[tuple[str, ...], Document] = {}

    def read(self, document: Document) -> None:
        resource = self.identified(document)
        if resource is None:
            return
        text = _annotations(document).get(helm.ANNOTATION_HOOK)
        moments = [word.strip().lower() for word in text.split(",")] if isinstance(text, str) else None
        if moments is None:
            self.resources.append(resource)
            return
        known = [Hook(word) for word in dict.fromkeys(moments) if word in frozenset(Hook)]
        for word in moments:
            if word not in frozenset(Hook):
                self.warnings.append(_not_run(resource, word))
        if known:
            weight, policies = self.weight(resource), frozenset(self.policies(resource))
            self.hooks += [HookUse(resource, hook, weight, policies) for hook in known]

    def identified(self, document: Document) -> Resource | None:
        metadata = document.value.get("metadata")
        members = metadata if isinstance(metadata, dict) else {}
        name, given = members.get("name"), members.get("namespace")
        if not isinstance(name, str) or not name:
            self.errors.append(document.problem(("metadata", "name"), "metadata.name is required: give it one"))
            return None
        api_version, kind = document.value["apiVersion"], document.value["kind"]
        found = self.kinds.find(api_version, kind)
        namespace = (given or self.namespace) if found.namespaced else ""
        resource = Resource(api_version, kind, found.plural, str(namespace), name, document)
        identity = (resource.group, kind, resource.namespace, name)
        if identity in self._seen:
            line, column = self._seen[identity].position(())
            message = (
                f"{kind} {name} stands already at {self._seen[identity].file}:{line}:{column}; keep one of the two"
            )
            self.errors.append(document.problem((), message))
            return None
        self._seen[identity] = document
        if found.guessed and not given:
            message = (
                f"taken for one with a namespace, because nothing defines its kind; "
                f"if it has none: --cluster-scoped {kind}.{found.group}"
            )
            self.warnings.append(resource.warn(("kind",), message))
        return resource

    def weight(self, resource: Resource) -> int:
        text = _annotations(resource.document).get(helm.ANNOTATION_WEIGHT, "0")
        if _INTEGER.match(str(text)):
            return int(text)
        path = (*_ANNOTATIONS, helm.ANNOTATION_WEIGHT)
        self.warnings.append(resource.warn(path, f'hook weight "{text}" is no whole number: 0 is taken, as Helm does'))
        return 0

    def policies(self, resource: Resource) -> Iterator[DeletePolicy]:
        annotations = _annotations(resource.document)
        path = (*_ANNOTATIONS, helm.ANNOTATION_DELETE_POLICY)
        for word in str(annotations.get(helm.ANNOTATION_DELETE_POLICY) or DeletePolicy.BEFORE_CREATION).split(","):
            try:
                yield DeletePolicy(word.strip().lower())
            except ValueError:
                message = f'hook delete policy "{word.strip()}" is not known, and left out'
                self.warnings.append(resource.warn(path, message))
        if annotations.get(helm.ANNOTATION_LOG_POLICY):
            path = (*_ANNOTATIONS, helm.ANNOTATION_LOG_POLICY)
            self.warnings.append(resource.warn(path, "a plan has no log policy of hooks: it is left out"))


def _not_run(resource: Resource, word: str) -> Problem:
    path = (*_ANNOTATIONS, helm.ANNOTATION_HOOK)
    if word in helm.TESTS:
        return resource.warn(path, "a test, which only `helm test` runs: left out")
    return resource.warn(path, f'hook "{word}" is none that Helm runs: left out')


def _annotations(document: Document) -> dict[str, Any]:
    metadata = document.value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def _definition(named: str) -> dict[str, Any]:
    """Say of a kind, as a CustomResourceDefinition would, that it has no namespace."""
    kind, _, group = named.partition(".")
    spec = {"group": group, "scope": "Cluster", "names": {"kind": kind, "plural": plural(kind)}}
    return {"apiVersion": f"{DEFINITION[0]}/v1", "kind": DEFINITION[1], "spec": spec}
