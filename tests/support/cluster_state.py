"""Everything that a cluster keeps, for comparing what it was with what it is.

before = State(api)
...                              # a plan runs, and its revert
assert before.differences() == []

What the system writes by itself is left out, and so is what a run leaves of itself: its execution, records, Workflow
and pods. Contents are compared without what the API server and controllers set: uids, versions, times, statuses.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError

from compiler.model.names import GROUP, KIND_RECORD
from support.argo_runs import Api
from support.differential import differences

Object = dict[str, Any]

_BY_THE_SYSTEM = frozenset(
    {
        *("componentstatuses", "endpoints", "endpointslices", "events", "leases", "nodes", "csinodes"),
        *("ipaddresses", "flowschemas"),
    }
)
_OF_RUNS = frozenset({"pods", "workflows", "workflowtaskresults", "drplanexecutions", "dractionrecords"})
_SECRETS = "secrets"
_BY_THE_SERVER = frozenset({"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"})


class State:
    """The cluster as it was when this was made. Of a namespace that was being deleted then nothing counts."""

    def __init__(self, api: Api) -> None:
        self._api = api
        namespaces = api.call("GET", "/api/v1/namespaces")["items"]
        self._leaving = {each["metadata"]["name"] for each in namespaces if "deletionTimestamp" in each["metadata"]}
        self._before = self._now()

    def differences(self) -> list[str]:
        """Where the cluster is another one now."""
        now = self._now()
        return [
            text
            for place in sorted(self._before.keys() | now.keys())
            for text in differences(self._before.get(place), now.get(place), place, names=("before", "now"))
        ]

    def _now(self) -> dict[str, Object]:
        return {
            f"{plural} {metadata.get('namespace', '')}/{metadata['name']}": _content(each)
            for plural, each in everything(self._api, without=_BY_THE_SYSTEM | _OF_RUNS)
            if (metadata := each["metadata"]) and not self._is_leaving(plural, metadata) and not _of_a_record(each)
        }

    def _is_leaving(self, plural: str, metadata: Mapping[str, Any]) -> bool:
        return (metadata["name"] if plural == "namespaces" else metadata.get("namespace")) in self._leaving


def everything(api: Api, *, without: frozenset[str]) -> Iterator[tuple[str, Object]]:
    """All objects with the plurals of their kinds, less those of some plurals."""
    groups = [f"/apis/{each['preferredVersion']['groupVersion']}" for each in api.call("GET", "/apis")["groups"]]
    for root in ("/api/v1", *groups):
        # A kind whose definition is being deleted is still listed for a moment.
        for kind in (api.find(root) or {"resources": ()})["resources"]:
            if "list" in kind["verbs"] and "/" not in kind["name"] and kind["name"] not in without:
                yield from ((kind["name"], each) for each in _all(api, f"{root}/{kind['name']}"))


def _all(api: Api, path: str) -> list[Object]:
    while True:
        try:
            return list((api.find(path) or {"items": ()})["items"])
        except HTTPError as problem:
            # While the API server gets ready for a kind that was just defined.
            if problem.code != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            time.sleep(0.2)


def written_by_runs(api: Api) -> str:
    """All that can be read of a cluster but its Secrets, and what every container of the namespace's runs has said."""
    texts = [json.dumps(each) for _, each in everything(api, without=frozenset({_SECRETS}))]
    for pod in api.call("GET", f"{api.core}/pods")["items"]:
        for container in [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]:
            path = f"{api.core}/pods/{pod['metadata']['name']}/log?container={container['name']}"
            texts.append(api.text("GET", path))
    return "\n".join(texts)


def _content(obj: Object) -> Object:
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _BY_THE_SERVER}
    return {**{name: value for name, value in obj.items() if name != "status"}, "metadata": metadata}


def _of_a_record(obj: Mapping[str, Any]) -> bool:
    owners = obj["metadata"].get("ownerReferences") or ()
    return any(each["kind"] == KIND_RECORD and each["apiVersion"].startswith(f"{GROUP}/") for each in owners)
