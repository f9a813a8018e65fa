"""Rights for the runner's service account in tests, besides those that it always has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.vocabulary import RUNNER_SERVICE_ACCOUNT
from support.api_admin import Administrator, path_of, until

GROUP = "rbac.authorization.k8s.io"
NAME = "drplan-runner-actions"

Rule = Mapping[str, Any]


def rule(resource: str, *verbs: str) -> Rule:
    """A rule for a resource, written as `jobs.batch`."""
    plural, _, group = resource.partition(".")
    return {"apiGroups": [group], "resources": [plural], "verbs": list(verbs)}


def grant(administrator: Administrator, *rules: Rule, to: str, namespace: str = "", name: str = NAME) -> None:
    """Grant rules in a namespace, and wait until they are in force.

    Args:
        administrator: the API server.
        rules: the rules.
        to: namespace of the runner's service account.
        namespace: namespace in which they hold, when it is not that one.
        name: what the Role is called, for one beside another.
    """
    within = namespace or to
    name = f"{name}-{to}"
    role = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": {"name": name}, "rules": list(rules)}
    binding = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": RUNNER_SERVICE_ACCOUNT, "namespace": to}],
    }
    for value in (role, binding):
        administrator.create(value, namespace=within)
    await_rules(administrator, rules, to=to, namespace=within)


def await_rules(administrator: Administrator, rules: Iterable[Rule], *, to: str, namespace: str) -> None:
    """Wait until rules that were granted are in force."""
    for each in rules:
        for resource in each["resources"]:
            for verb in each["verbs"]:
                name = next(iter(each.get("resourceNames") or ()), "")
                asked = {"group": each["apiGroups"][0], "resource": resource, "verb": verb, "name": name}
                until(
                    lambda asked=asked: _allowed(administrator, {**asked, "namespace": namespace}, to),
                    f"{verb} {resource} in {namespace}",
                )


def _allowed(administrator: Administrator, attributes: Mapping[str, str], to: str) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{to}:{RUNNER_SERVICE_ACCOUNT}",
            "resourceAttributes": attributes,
        },
    }
    made = administrator.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(made["status"]["allowed"])


def revoke(administrator: Administrator, *, to: str, namespace: str) -> None:
    """Take back what was granted in a namespace that stays."""
    for kind in ("RoleBinding", "Role"):
        administrator.ask("DELETE", path_of(kind, namespace, f"{NAME}-{to}"))
