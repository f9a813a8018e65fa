"""A bed's API server, asked as administrator: what a test prepares, changes behind a runner's back, and looks at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import urllib3
import yaml

from bed.certificates import ADMIN
from bed.client import Bed

Object = dict[str, Any]

GROUP = "dr.bkbcs.tencent.com"
AGENT = "drplan-tests"
"""Requests of this agent are not a runner's, whatever service account they are made with."""

_PLACES = {
    "ClusterRole": ("/apis/rbac.authorization.k8s.io/v1", "clusterroles"),
    "ClusterRoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "clusterrolebindings"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "CustomResourceDefinition": ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
    "DRActionRecord": (f"/apis/{GROUP}/v1alpha1", "dractionrecords"),
    "DRPlan": (f"/apis/{GROUP}/v1alpha1", "drplans"),
    "DRPlanExecution": (f"/apis/{GROUP}/v1alpha1", "drplanexecutions"),
    "DRWorkflow": (f"/apis/{GROUP}/v1alpha1", "drworkflows"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Description": ("/apis/apps.clusternet.io/v1alpha1", "descriptions"),
    "Gadget": ("/apis/tests.drplan.local/v1", "gadgets"),
    "Globalization": ("/apis/apps.clusternet.io/v1alpha1", "globalizations"),
    "HelmChart": ("/apis/apps.clusternet.io/v1alpha1", "helmcharts"),
    "Job": ("/apis/batch/v1", "jobs"),
    "Localization": ("/apis/apps.clusternet.io/v1alpha1", "localizations"),
    "ManagedCluster": ("/apis/clusters.clusternet.io/v1beta1", "managedclusters"),
    "Manifest": ("/apis/apps.clusternet.io/v1alpha1", "manifests"),
    "Namespace": ("/api/v1", "namespaces"),
    "Pod": ("/api/v1", "pods"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
    "Secret": ("/api/v1", "secrets"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "Subscription": ("/apis/apps.clusternet.io/v1alpha1", "subscriptions"),
    "Workflow": ("/apis/argoproj.io/v1alpha1", "workflows"),
    "WorkflowTemplate": ("/apis/argoproj.io/v1alpha1", "workflowtemplates"),
}
_NOT_FOUND = 404
_FIRST_ERROR = 400
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"


class Administrator:
    """May do everything. An answer that is an error fails the test, but for `get`: what does not exist is None."""

    def __init__(self, bed: Bed) -> None:
        authority = bed.authority
        self.bed = bed
        self._pool = urllib3.connection_from_url(
            f"https://127.0.0.1:{bed.state.port}",
            maxsize=8,
            ca_certs=str(authority.ca),
            cert_file=str(authority.certificate(ADMIN)),
            key_file=str(authority.key(ADMIN)),
            timeout=60.0,
        )

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Read an object; None when it does not exist."""
        return self._ask("GET", path_of(kind, namespace, name), missing=True)

    def list(self, kind: str, namespace: str) -> list[Object]:
        """Read all objects of a kind in a namespace."""
        items: list[Object] = self.ask("GET", path_of(kind, namespace))["items"]
        return items

    def create(self, value: Mapping[str, Any], *, namespace: str = "") -> Object:
        """Create an object and return it as stored."""
        return self.ask("POST", path_of(value["kind"], namespace), value)

    def merge(self, kind: str, namespace: str, name: str, patch: Mapping[str, Any], *, part: str = "") -> Object:
        """Change an object, or a part of it such as `/status`, by a merge patch."""
        return self.ask("PATCH", path_of(kind, namespace, name) + part, patch, content_type=_MERGE)

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object."""
        self.ask("DELETE", path_of(kind, namespace, name))

    def ask(
        self, method: str, path: str, value: Mapping[str, Any] | None = None, *, content_type: str = "application/json"
    ) -> Object:
        """Ask anything else."""
        answer = self._ask(method, path, value, content_type=content_type)
        assert answer is not None
        return answer

    def stream(self, path: str, *, seconds: float) -> urllib3.BaseHTTPResponse:
        """Ask for something that is answered bit by bit, such as a watch; whoever asks closes the answer."""
        return self._pool.urlopen(
            "GET", path, headers={"User-Agent": AGENT}, preload_content=False, timeout=seconds, pool_timeout=None
        )

    def define(self, folder: Path) -> None:
        """Apply the definitions of kinds in a folder, and wait until they are served."""
        definitions = [yaml.load(path.read_text(), yaml.CSafeLoader) for path in sorted(folder.glob("*.yaml"))]
        for definition in definitions:
            name = definition["metadata"]["name"]
            path = path_of("CustomResourceDefinition", "", name) + f"?fieldManager={AGENT}&force=true"
            self.ask("PATCH", path, definition, content_type=_APPLY)
        for definition in definitions:
            until(lambda name=definition["metadata"]["name"]: self._served(name), f"{definition['metadata']['name']}")

    def _served(self, name: str) -> bool:
        found = self.get("CustomResourceDefinition", "", name) or {}
        conditions: Iterable[Object] = found.get("status", {}).get("conditions") or ()
        if not any(each["type"] == "Established" and each["status"] == "True" for each in conditions):
            return False
        spec = found["spec"]
        path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}?limit=1"
        try:
            # Established it is while its store is still being made: until then it is answered 429.
            return self.ask("GET", path) is not None
        except AssertionError:
            return False

    def _ask(
        self,
        method: str,
        path: str,
        value: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        missing: bool = False,
    ) -> Object | None:
        body = None if value is None else json.dumps(value)
        headers = {"Content-Type": content_type, "User-Agent": AGENT}
        answer = self._pool.urlopen(method, path, body=body, headers=headers)
        if missing and answer.status == _NOT_FOUND:
            return None
        if answer.status >= _FIRST_ERROR:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.data.decode(errors='replace')}")
        found: Object = json.loads(answer.data)
        return found


def path_of(kind: str, namespace: str, name: str = "") -> str:
    """Path of an object, or of all of a kind."""
    root, plural = _PLACES[kind]
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{within}/{plural}" + (f"/{name}" if name else "")


def until(condition: Callable[[], object], what: str, *, seconds: float = 30.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.01)
