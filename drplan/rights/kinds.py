"""What the kinds of objects are called in rules of RBAC, and whether they have a namespace.

Kubernetes' own kinds and Clusternet's are known here, those that a CustomResourceDefinition defines from there. Of any
other kind the plural is guessed as Kubernetes' own are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")
_CLUSTER_SCOPE = "Cluster"

_NAMESPACED: Mapping[str, str] = {
    "": "Binding ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController "
    "ResourceQuota Secret Service ServiceAccount",
    "apps": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
    "authorization.k8s.io": "LocalSubjectAccessReview",
    "autoscaling": "HorizontalPodAutoscaler",
    "batch": "CronJob Job",
    "coordination.k8s.io": "Lease",
    "discovery.k8s.io": "EndpointSlice",
    "events.k8s.io": "Event",
    "networking.k8s.io": "Ingress NetworkPolicy",
    "policy": "PodDisruptionBudget",
    "rbac.authorization.k8s.io": "Role RoleBinding",
    "resource.k8s.io": "ResourceClaim ResourceClaimTemplate",
    "storage.k8s.io": "CSIStorageCapacity",
    "apps.clusternet.io": "Base Description FeedInventory HelmChart HelmRelease Localization Manifest Subscription",
    "clusters.clusternet.io": "ManagedCluster",
}
_OF_THE_CLUSTER: Mapping[str, str] = {
    "": "ComponentStatus Namespace Node PersistentVolume",
    "admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingAdmissionPolicy "
    "ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
    "apiextensions.k8s.io": "CustomResourceDefinition",
    "apiregistration.k8s.io": "APIService",
    "authentication.k8s.io": "SelfSubjectReview TokenReview",
    "authorization.k8s.io": "SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview",
    "certificates.k8s.io": "CertificateSigningRequest",
    "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
    "networking.k8s.io": "IPAddress IngressClass ServiceCIDR",
    "node.k8s.io": "RuntimeClass",
    "rbac.authorization.k8s.io": "ClusterRole ClusterRoleBinding",
    "resource.k8s.io": "DeviceClass ResourceSlice",
    "scheduling.k8s.io": "PriorityClass",
    "storage.k8s.io": "CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass",
    "apps.clusternet.io": "Globalization",
    "clusters.clusternet.io": "ClusterRegistrationRequest",
}
_IRREGULAR = {"Endpoints": "endpoints"}


class Resource(NamedTuple):
    """What a kind is called in rules.

    Attributes:
        group: its API group.
        plural: its name in rules.
        namespaced: whether its objects have a namespace.
        guessed: whether that is only likely.
    """

    group: str
    plural: str
    namespaced: bool
    guessed: bool = False


class Kinds:
    """The kinds that are known.

    Args:
        definitions: CustomResourceDefinitions; other objects are not looked at.
    """

    def __init__(self, definitions: Iterable[Mapping[str, Any]] = ()) -> None:
        self._known = {
            (group, kind): Resource(group, plural(kind), namespaced)
            for namespaced, table in ((True, _NAMESPACED), (False, _OF_THE_CLUSTER))
            for group, kinds in table.items()
            for kind in kinds.split()
        }
        for definition in definitions:
            self.learn(definition)

    def learn(self, definition: Mapping[str, Any]) -> None:
        """Learn the kind of a CustomResourceDefinition, if that is what it is."""
        group = str(definition.get("apiVersion") or "").partition("/")[0]
        spec = definition.get("spec")
        if (group, definition.get("kind")) != DEFINITION or not isinstance(spec, dict):
            return
        names = spec.get("names")
        if isinstance(names, dict) and names.get("plural"):
            key = (str(spec.get("group")), str(names.get("kind")))
            self._known[key] = Resource(key[0], str(names["plural"]), spec.get("scope") != _CLUSTER_SCOPE)

    def find(self, api_version: str, kind: str) -> Resource:
        """Return what a kind is called; guessed when it is not known."""
        group = api_version.rpartition("/")[0]
        known = self._known.get((group, kind))
        return known or Resource(group, plural(kind), namespaced=True, guessed=True)

    def known(self) -> Iterable[tuple[str, str]]:
        """Group and kind of all that are known."""
        return self._known.keys()


def plural(kind: str) -> str:
    """Make the plural of a kind as Kubernetes does."""
    if kind in _IRREGULAR:
        return _IRREGULAR[kind]
    word = kind.lower()
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return f"{word}es"
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2:-1] not in "aeiou" else f"{word}s"
