"""What can be said about an installation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NAMESPACE = "drplan-system"
"""Namespace of the syncer in the files of `deploy/`."""
WATCHED = "drplan-plans"
"""Namespace of the plans in the component that is about one namespace only."""
IMAGE = "drplan-runner:0.1.0"
"""Image of syncer and runner in the files of `deploy/`."""


class Webhooks(StrEnum):
    """Whether plans and executions are reviewed before they are stored, and who makes the certificate for that."""

    SELF_SIGNED = "self-signed"
    CERT_MANAGER = "cert-manager"
    NONE = "none"


class Component(StrEnum):
    """A folder of `deploy/components`."""

    CERT_MANAGER = "cert-manager"
    NO_WEBHOOKS = "no-webhooks"
    HA = "ha"
    NETWORK_POLICIES = "network-policies"
    NAMESPACED = "namespaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of an installation.

    Attributes:
        namespace: namespace of the syncer.
        image: image of syncer and runner.
        replicas: how many syncers there are; with more than one they are spread, and drained one at a time.
        webhooks: who makes the certificate for the webhooks, if there are any.
        watch_namespace: the only namespace whose plans are carried out; empty for all.
        network_policies: whether the syncer's traffic is restricted.
        priority_class: PriorityClass of the syncer; empty for the cluster's default.
        log_level: what the syncer logs.
        runner_namespaces: namespaces in which the runner's account and rights are made.
    """

    namespace: str = NAMESPACE
    image: str = IMAGE
    replicas: int = 1
    webhooks: Webhooks = Webhooks.SELF_SIGNED
    watch_namespace: str = ""
    network_policies: bool = False
    priority_class: str = ""
    log_level: str = "info"
    runner_namespaces: tuple[str, ...] = ()

    @property
    def components(self) -> list[Component]:
        """The components that these settings need, in an order in which they can be built."""
        chosen = {
            Component.CERT_MANAGER: self.webhooks is Webhooks.CERT_MANAGER,
            Component.NO_WEBHOOKS: self.webhooks is Webhooks.NONE,
            Component.HA: self.replicas > 1,
            Component.NETWORK_POLICIES: self.network_policies,
            Component.NAMESPACED: bool(self.watch_namespace),
        }
        return [component for component, wanted in chosen.items() if wanted]
