"""Which resource a kind is: its plural name and whether it has a namespace, as the API server tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from runner.kube.answers import NotServed
from runner.kube.objects import DEFINITION, Object, ref_of

_CLUSTER_SCOPE = "Cluster"


class Resource(NamedTuple):
    """A resource.

    Attributes:
        api_version: version and group of its kind.
        plural: its name in paths.
        namespaced: whether its objects have a namespace.
    """

    api_version: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Path of an object, or of all in a namespace; without a namespace of all there are."""
        path = group_path(self.api_version)
        if self.namespaced and namespace:
            path += f"/namespaces/{quote(namespace, safe='')}"
        path += f"/{self.plural}"
        return f"{path}/{quote(name, safe='')}" if name else path


def group_path(api_version: str) -> str:
    """Path below which the kinds of a version of a group are."""
    return f"{'/apis' if '/' in api_version else '/api'}/{quote(api_version)}"


class Kinds:
    """The kinds of an API server; what was found once is not asked again."""

    def __init__(self, ask: Callable[[str, str], Object]) -> None:
        """Prepare; nothing is asked yet.

        Args:
            ask: reads a path; gets what that is about, for messages; raises `KubeError`.
        """
        self._ask = ask
        self._known: dict[tuple[str, str], Resource] = {}

    def resource(self, api_version: str, kind: str) -> Resource:
        """Return the resource of a kind.

        Raises:
            NotServed: there is none.
            KubeError: that could not be found out.
        """
        if (api_version, kind) not in self._known:
            try:
                listed = self._ask(group_path(api_version), f"look for kind {kind} in {api_version}")
            except NotServed:
                listed = {}
            self._known.update(_resources(api_version, listed))
        try:
            return self._known[api_version, kind]
        except KeyError:
            message = f"there is no kind {kind} in apiVersion {api_version}; is its CustomResourceDefinition installed?"
            raise NotServed(message) from None

    def expect(self, obj: Mapping[str, Any]) -> None:
        """Learn the kinds that a CustomResourceDefinition defines, before they are served."""
        if ref_of(obj).group_kind == DEFINITION:
            spec = obj.get("spec") or {}
            names = spec.get("names") or {}
            for version in spec.get("versions") or ():
                api_version = f"{spec.get('group')}/{version.get('name')}"
                found = Resource(api_version, str(names.get("plural")), spec.get("scope") != _CLUSTER_SCOPE)
                self._known.setdefault((api_version, str(names.get("kind"))), found)


def _resources(api_version: str, listed: Mapping[str, Any]) -> dict[tuple[str, str], Resource]:
    return {
        (api_version, each["kind"]): Resource(api_version, each["name"], bool(each.get("namespaced")))
        for each in listed.get("resources") or ()
        if "/" not in each["name"]
    }
