"""Rights → the Roles that grant them, the bindings, and what has to be said about them, as YAML."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from compiler.manifests import to_yaml
from compiler.model.names import APP_NAME, LABEL_APP_NAME, LABEL_APP_PART_OF, RUNNER_SECRETS_ROLE, label_value
from drplan.rights.needs import EVERYWHERE, Needs, Right, Verb

RUNNER_ACTIONS_ROLE = "drplan-runner-actions"
_GROUP = "rbac.authorization.k8s.io"
_API_VERSION = f"{_GROUP}/v1"
_SECRETS_RULE = {"apiGroups": [""], "resources": ["secrets"], "verbs": [str(Verb.GET), str(Verb.CREATE)]}

Object = dict[str, Any]


def write(needs: Needs) -> str:
    """Write everything that grants what a plan needs."""
    plan = f"{needs.namespace}/{needs.plan}"
    head = f"# Plan {plan}: what service account {needs.service_account} needs, forward and back"
    if not (needs.rights or needs.notes):
        return f"{head}: nothing besides what every runner may.\n"
    documents = [_document(needs, namespace) for namespace in _namespaces(needs)]
    documents += [_opt_in(needs)] if needs.keeps_secrets else []
    return f"{head}.\n" + "---\n".join(documents)


def _namespaces(needs: Needs) -> list[str]:
    """Where something is granted: the plan's namespace first, the whole cluster last."""
    found = {right.namespace for right in needs.rights} | set(needs.notes)
    return sorted(found, key=lambda namespace: (namespace == EVERYWHERE, namespace != needs.namespace, namespace))


def _document(needs: Needs, namespace: str) -> str:
    notes = "".join(f"# {note}\n" for note in needs.notes.get(namespace, ()))
    granted = rules(right for right in needs.rights if right.namespace == namespace)
    return notes + (to_yaml(_objects(needs, namespace, _name(needs, namespace), granted)) if granted else "")


def _name(needs: Needs, namespace: str) -> str:
    """Name of a Role: no other plan that is granted something there has the same."""
    owner = needs.plan if namespace == needs.namespace else f"{needs.namespace}-{needs.plan}"
    return f"{RUNNER_ACTIONS_ROLE}-{owner}"


def _objects(needs: Needs, namespace: str, name: str, granted: Sequence[Object]) -> list[Object]:
    kind = "Role" if namespace else "ClusterRole"
    labels = {LABEL_APP_NAME: APP_NAME, LABEL_APP_PART_OF: label_value(needs.plan)}
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": labels}
    account = {"kind": "ServiceAccount", "name": needs.service_account, "namespace": needs.namespace}
    return [
        {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "rules": list(granted)},
        {
            "apiVersion": _API_VERSION,
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": name},
            "subjects": [account],
        },
    ]


def _opt_in(needs: Needs) -> str:
    """The Role that lets what Secrets were before be kept; commented out, because it opens every Secret."""
    text = to_yaml(_objects(needs, needs.namespace, RUNNER_SECRETS_ROLE, [_SECRETS_RULE]))
    why = (
        f"The plan changes Secrets. What they were before is kept in Secrets of namespace {needs.namespace}, with this "
        "Role alone;\nwithout it such an action fails before it changes anything. It lets the runner read every Secret "
        "of that namespace.\n\n"
    )
    return "".join(f"# {line}".rstrip() + "\n" for line in (why + text).splitlines())


def rules(rights: Iterable[Right]) -> list[Object]:
    """Put rights into rules, as few as say the same; sorted."""
    by_resource: dict[tuple[str, str], set[tuple[str, Verb]]] = defaultdict(set)
    for right in rights:
        by_resource[right.group, right.resource].add((right.name, right.verb))
    return [rule for (group, resource), given in sorted(by_resource.items()) for rule in _rules(group, resource, given)]


def _rules(group: str, resource: str, given: set[tuple[str, Verb]]) -> Iterator[Object]:
    of_all = {verb for name, verb in given if not name}
    by_name: dict[str, set[Verb]] = defaultdict(set)
    for name, verb in given:
        if name and verb not in of_all:
            by_name[name].add(verb)
    by_verbs: dict[tuple[Verb, ...], list[str]] = defaultdict(list)
    for name in sorted(by_name):
        by_verbs[_sorted(by_name[name])].append(name)
    if of_all:
        yield _rule(group, resource, _sorted(of_all))
    for verbs, names in by_verbs.items():
        yield {**_rule(group, resource, verbs), "resourceNames": names}


def _rule(group: str, resource: str, verbs: Iterable[Verb]) -> Object:
    return {"apiGroups": [group], "resources": [resource], "verbs": [str(verb) for verb in verbs]}


def _sorted(verbs: Iterable[Verb]) -> tuple[Verb, ...]:
    order = list(Verb)
    return tuple(sorted(verbs, key=order.index))
