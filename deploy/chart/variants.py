"""The settings that change the objects in kind, each with what it is in the chart's values; and what is a mere value.

In a variant every mere value is a mark (`value`, `number`, `block`, `optional`), which becomes an action of Helm when
all is text.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from drplan.install.kustomize import Object
from drplan.install.render import CONFIG_MAP, KIND_DEPLOYMENT, KIND_NAMESPACE, render
from drplan.install.settings import Settings, Webhooks

Variant = tuple[Any, ...]
"""A value of each of `CHOICES`."""

Identity = tuple[str, str, str]


def value(expression: str) -> str:
    """Mark a text."""
    return f"VALUE({expression})"


def number(expression: str) -> str:
    """Mark what is no text."""
    return f"NUMBER({expression})"


def block(expression: str) -> str:
    """Mark a mapping or list."""
    return f"BLOCK({expression})"


def optional(expression: str) -> str:
    """Mark a mapping or list whose key is left out when it is empty."""
    return f"OPTIONAL({expression})"


def more(expression: str) -> tuple[str, str]:
    """Mark keys beside others: a key with its value."""
    return f"MORE({expression})", ""


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that changes objects in kind.

    Attributes:
        setting: its name among the settings.
        values: what it can be, as far as that makes a difference.
        expression: where the chart has it.
    """

    setting: str
    values: tuple[Any, ...]
    expression: str

    def condition(self, allowed: Collection[Any]) -> str:
        """An expression of Helm that holds when the choice is one of these."""
        if isinstance(self.values[0], Webhooks):
            if len(allowed) == 1:
                return f'eq {self.expression} "{next(iter(allowed))}"'
            (other,) = set(self.values) - set(allowed)
            return f'ne {self.expression} "{other}"'
        (only,) = allowed
        return self.expression if only else f"not {self.expression}"


CHOICES = (
    Choice("webhooks", tuple(Webhooks), ".Values.webhooks"),
    Choice("replicas", (1, 2), "(gt (int .Values.replicas) 1)"),
    Choice("watch_namespace", ("", value(".Values.watchNamespace")), ".Values.watchNamespace"),
    Choice("network_policies", (False, True), ".Values.networkPolicies"),
    Choice("priority_class", ("", value(".Values.priorityClassName")), ".Values.priorityClassName"),
)


def variants() -> dict[Variant, dict[Identity, Object]]:
    """The objects of every variant, less the namespace, which Helm makes itself."""
    made = {}
    for variant in itertools.product(*(choice.values for choice in CHOICES)):
        chosen: Mapping[str, Any] = {choice.setting: given for choice, given in zip(CHOICES, variant, strict=True)}
        settings = Settings(
            namespace=value(".Release.Namespace"),
            image=value(".Values.image"),
            log_level=value(".Values.logLevel"),
            **chosen,
        )
        objects = (each for each in render(settings) if each["kind"] != KIND_NAMESPACE)
        made[variant] = {identity(each): _with_values(each) for each in objects}
    return made


def runners() -> Iterator[Object]:
    """The objects of a namespace of plans, inside of a `range` over such namespaces."""
    own = len(render(Settings()))
    yield from render(Settings(runner_namespaces=(value("."),)))[own:]


def identity(each: Object) -> Identity:
    """Kind, namespace and name of an object."""
    return each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]


def _with_values(each: Object) -> Object:
    """Put in what the chart lets its users say beyond the settings."""
    if each["kind"] == KIND_DEPLOYMENT:
        spec = each["spec"]
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        spec["replicas"] = number(".Values.replicas")
        spec["template"]["metadata"]["annotations"] = optional(".Values.podAnnotations")
        container["imagePullPolicy"] = value(".Values.imagePullPolicy")
        container["resources"] = block(".Values.resources")
        for key in ("imagePullSecrets", "nodeSelector", "tolerations", "affinity"):
            pod[key] = optional(f".Values.{key}")
    elif each["metadata"]["name"] == CONFIG_MAP:
        key, nothing = more(".Values.runner")
        pull_policy = value(".Values.imagePullPolicy")
        # Whatever else there is are values of the chart by default.
        each["data"] = {"image": each["data"]["image"], "imagePullPolicy": pull_policy, key: nothing}
    return each
