"""Which rights the runner uses for the actions of a graph: verb by verb what it asks the API server for.

Every object is read before it is changed. A name restricts what it can: `create` and `list` cannot be restricted, and
a name that only a run can tell restricts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from compiler.graph.snapshot import DEFAULT_NAMESPACE, Snapshot
from compiler.graph.tree import Action, Graph
from compiler.manifests import reader
from compiler.manifests.sources import Undecodable, check_characters
from compiler.model.names import local_key
from compiler.model.phases import ActionType, ClusterExecutionMode, Operation
from drplan.rights.kinds import Kinds, Resource
from drplan.rights.reverted import UNKNOWN, filled, manifest_parameters, runs_of

EVERYWHERE = ""
"""In place of a namespace: of cluster-scoped objects, or of any namespace."""

_CLUSTERNET = "apps.clusternet.io/v1alpha1"
_CLUSTERS = "clusters.clusternet.io/v1beta1"
_DEPLOYER = "child-cluster-deployer"
_CLUSTERNET_USER = "clusternet"
_IN_FEEDS = (("apps.clusternet.io", "HelmChart"), ("apps.clusternet.io", "Manifest"))
_SECRET = ("", "secrets")
_SAID = "known only when it runs"
_RBAC = "rbac.authorization.k8s.io"


class Verb(StrEnum):
    """Verbs of RBAC that a runner uses, in the order in which rules list them."""

    GET = "get"
    LIST = "list"
    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"
    IMPERSONATE = "impersonate"


_UNRESTRICTED = (Verb.LIST, Verb.CREATE)
_FORWARD: Mapping[Operation, tuple[Verb, ...]] = {
    Operation.CREATE: (Verb.GET, Verb.CREATE),
    Operation.APPLY: (Verb.GET, Verb.CREATE, Verb.PATCH),
    Operation.PATCH: (Verb.GET, Verb.PATCH),
    Operation.REPLACE: (Verb.GET, Verb.CREATE, Verb.DELETE),
    Operation.DELETE: (Verb.GET, Verb.DELETE),
}
_BACK: Mapping[Operation, tuple[Verb, ...]] = {
    Operation.CREATE: (Verb.GET, Verb.DELETE),
    Operation.APPLY: (Verb.GET, Verb.PATCH, Verb.DELETE),
    Operation.PATCH: (Verb.GET, Verb.PATCH),
    Operation.REPLACE: (Verb.GET, Verb.CREATE, Verb.DELETE),
    Operation.DELETE: (Verb.GET, Verb.CREATE),
}
_KINDS = {
    ActionType.LOCALIZATION: "Localization",
    ActionType.GLOBALIZATION: "Globalization",
    ActionType.HELM_CHART: "HelmChart",
    ActionType.SUBSCRIPTION: "Subscription",
}


class Right(NamedTuple):
    """A verb on a resource.

    Attributes:
        namespace: where it holds; `EVERYWHERE` for cluster-scoped objects, and for those of any namespace.
        group: API group of the resource.
        resource: its name in rules.
        verb: the verb.
        name: the only object that it is for; empty for all.
    """

    namespace: str
    group: str
    resource: str
    verb: Verb
    name: str = ""


@dataclass(slots=True)
class Needs:
    """What the actions of a plan need.

    Attributes:
        plan: name of the plan.
        namespace: its namespace.
        service_account: what its actions run as, in that namespace.
        rights: the rights.
        notes: what has to be said about those of a namespace, by namespace.
        keeps_secrets: whether what Secrets were before is kept, in Secrets.
    """

    plan: str
    namespace: str
    service_account: str
    rights: set[Right] = field(default_factory=set)
    notes: dict[str, list[str]] = field(default_factory=dict)
    keeps_secrets: bool = False


def needs_of(snapshot: Snapshot, kinds: Kinds) -> Needs:
    """List what the actions of a plan need, forward and back.

    Args:
        snapshot: the plan with its workflows; without a mode, in every mode that it knows.
        kinds: what kinds are called.

    Raises:
        compiler.problems.Refused: the plan cannot run.
    """
    runs = runs_of(snapshot)
    collector = _Collector(Needs(snapshot.name, snapshot.namespace, runs[0][0].service_account), kinds)
    for parameter in (parameter for _, parameter in manifest_parameters(snapshot)):
        assert parameter.value_from is not None
        assert parameter.value_from.manifest_ref is not None
        ref = parameter.value_from.manifest_ref
        collector.parameter(ref.model_dump(by_alias=True, exclude_none=True))
    for forward, back in runs:
        collector.run(forward, back)
    return collector.needs


class _Collector:
    def __init__(self, needs: Needs, kinds: Kinds) -> None:
        self.needs = needs
        self._kinds = kinds
        self._fanned_out: set[tuple[str, str]] = set()

    def parameter(self, ref: Mapping[str, Any]) -> None:
        """A value that is read from an object when an execution starts, in the name of the same account."""
        texts = {name: UNKNOWN if "$(" in text or "{{" in text else text for name, text in ref.items()}
        verb = Verb.GET if texts.get("name") else Verb.LIST
        namespace = texts.get("namespace", EVERYWHERE)
        self._object(texts["apiVersion"], texts["kind"], namespace, texts.get("name", ""), [verb])

    def run(self, forward: Graph, back: Graph) -> None:
        """A run of the plan, and its revert."""
        specs = {action.key: filled(action.spec) for action in forward.actions() if action.live}
        undone = [action for action in back.actions() if action.live]
        custom = [filled(action.spec) for action in undone if _is_custom(action)]
        for spec in (*specs.values(), *custom):
            if _fans_out(spec):
                self._fanned_out.add(self._subscription(spec["subscription"]))
        for spec in (*specs.values(), *custom):
            self._action(spec, forward=True)
        for action in undone:
            if not _is_custom(action):
                self._action(specs[action.key], forward=False)

    def _action(self, spec: Mapping[str, Any], *, forward: bool) -> None:
        kind = ActionType(spec["type"])
        if kind is ActionType.HTTP:
            return
        verbs = (_FORWARD if forward else _BACK)[Operation(spec["operation"])]
        if kind is ActionType.JOB:
            self._job(spec, forward=forward)
        elif kind is ActionType.KUBERNETES_RESOURCE:
            self._manifest(spec, verbs)
        elif kind is ActionType.SUBSCRIPTION:
            self._distribution(spec, verbs, forward=forward)
        else:
            block = spec[kind.block]
            self._object(_CLUSTERNET, _KINDS[kind], block.get("namespace") or EVERYWHERE, block["name"], verbs)

    def _job(self, spec: Mapping[str, Any], *, forward: bool) -> None:
        namespace = spec["job"].get("namespace") or DEFAULT_NAMESPACE
        # One that is not done in time, or stands in the way of another try, is deleted forward as well.
        made = [Verb.CREATE] if forward else []
        self._object("batch/v1", "Job", namespace, "", [Verb.GET, *made, Verb.DELETE])
        if forward and spec["waitReady"]:
            self._object("v1", "Pod", namespace, "", [Verb.LIST])

    def _subscription(self, block: Mapping[str, Any]) -> tuple[str, str]:
        return block.get("namespace") or DEFAULT_NAMESPACE, block["name"]

    def _distribution(self, spec: Mapping[str, Any], verbs: Iterable[Verb], *, forward: bool) -> None:
        namespace, name = self._subscription(spec["subscription"])
        # Those that are made a cluster each have names of their own.
        many = _fans_out(spec) or (spec["operation"] == Operation.DELETE and (namespace, name) in self._fanned_out)
        also = [Verb.DELETE] if forward and any((spec.get("hookCleanup") or {}).values()) else []
        self._object(_CLUSTERNET, "Subscription", namespace, "" if many else name, [*verbs, *also])
        if not forward:
            return
        waits = spec["waitReady"] and spec["operation"] != Operation.DELETE
        if waits or _fans_out(spec):
            self._object(_CLUSTERS, "ManagedCluster", EVERYWHERE, "", [Verb.LIST])
        if waits:
            self._arrival(spec)

    def _arrival(self, spec: Mapping[str, Any]) -> None:
        """Looking at what a Subscription has brought to the child clusters."""
        given = spec["subscription"].get("spec") or {}
        feeds = given.get("feeds")
        if feeds or feeds is None or not _fans_out(spec):
            self._object(_CLUSTERNET, "Description", EVERYWHERE, "", [Verb.LIST])
        charts, manifests = ([feed for feed in feeds or () if _is_feed(feed, *kind)] for kind in _IN_FEEDS)
        for feed in manifests:
            self._object(_CLUSTERNET, "Manifest", feed.get("namespace") or EVERYWHERE, feed["name"], [Verb.GET])
        if feeds is None or len(charts) < len(feeds):
            self._object("v1", "Secret", EVERYWHERE, _DEPLOYER, [Verb.GET])
            self._add(Right(EVERYWHERE, "", "users", Verb.IMPERSONATE, _CLUSTERNET_USER))
            self._add(Right(EVERYWHERE, "authentication.k8s.io", "userextras/clusternet-token", Verb.IMPERSONATE))

    def _manifest(self, spec: Mapping[str, Any], verbs: Iterable[Verb]) -> None:
        read = list(_objects(spec["resource"]["manifest"]))
        found = [value for value in read if value is not None]
        if len(found) < len(read):
            self._note(
                self.needs.namespace, f"action {spec['name']}: what its manifest holds is {_SAID}; grant it by hand"
            )
        for value in found:
            self._kinds.learn(value)
        for value in found:
            metadata = value["metadata"]
            api_version, kind = value["apiVersion"], value["kind"]
            if UNKNOWN in api_version or UNKNOWN in kind:
                self._note(self.needs.namespace, f"action {spec['name']}: a kind in it is {_SAID}; grant it by hand")
                continue
            namespace = metadata.get("namespace") or self.needs.namespace
            resource = self._object(api_version, kind, namespace, metadata["name"], verbs)
            if (resource.group, resource.plural) == _SECRET and spec["operation"] != Operation.CREATE:
                self.needs.keeps_secrets = True

    def _object(self, api_version: str, kind: str, namespace: str, name: str, verbs: Iterable[Verb]) -> Resource:
        resource = self._kinds.find(api_version, kind)
        place = namespace if resource.namespaced and UNKNOWN not in namespace else EVERYWHERE
        if UNKNOWN in namespace:
            self._note(place, f"in every namespace: that of {kind} {_shown(name)} is {_SAID}")
        if resource.guessed:
            self._note(
                place, f"guessed: {resource.plural} is the plural of {kind} ({api_version}), and it has a namespace"
            )
        if resource.group == _RBAC:
            self._note(place, f"for {kind} {_shown(name)} also what it grants, or the verbs escalate and bind")
        only = "" if UNKNOWN in name else name
        for verb in verbs:
            restricted = "" if verb in _UNRESTRICTED else only
            self._add(Right(place, resource.group, resource.plural, verb, restricted))
        return resource

    def _add(self, right: Right) -> None:
        self.needs.rights.add(right)

    def _note(self, namespace: str, text: str) -> None:
        notes = self.needs.notes.setdefault(namespace, [])
        if text not in notes:
            notes.append(text)


def _shown(name: str) -> str:
    return "…" if not name or UNKNOWN in name else name


def _is_custom(action: Action) -> bool:
    """Whether a step of a revert is an action as any other: a custom rollback or a hook."""
    return bool(action.spec["rollback"]) or local_key(action.key).startswith("h")


def _fans_out(spec: Mapping[str, Any]) -> bool:
    return bool(spec.get("clusterExecutionMode") == ClusterExecutionMode.PER_CLUSTER)


def _is_feed(feed: Mapping[str, Any], group: str, kind: str) -> bool:
    return (feed["apiVersion"].rpartition("/")[0], feed["kind"]) == (group, kind)


def _objects(manifest: str) -> Iterator[dict[str, Any] | None]:
    """The objects in a manifest; None for what cannot be read before it runs."""
    try:
        check_characters(manifest)
    except Undecodable:
        yield None
        return
    trees, flaws = reader.read(manifest)
    for tree in trees:
        if tree.value is not None:
            yield from _expanded(tree.value)
    if flaws:
        yield None


def _expanded(value: Any) -> Iterator[dict[str, Any] | None]:
    members = value if isinstance(value, dict) else {}
    kind, items, metadata = (members.get(name) for name in ("kind", "items", "metadata"))
    if isinstance(items, list) and str(kind).endswith("List"):
        for item in items:
            yield from _expanded(item)
        return
    name = metadata.get("name") if isinstance(metadata, dict) else None
    readable = all(isinstance(text, str) for text in (kind, name, members.get("apiVersion")))
    yield members if readable else None
