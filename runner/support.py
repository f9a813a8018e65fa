"""What this runner can do at all, checked when it starts, before anything in its lane has run.

A mistake that is found here is an error of configuration: no record is made, and the lane's other actions learn of it
at once, so that a failover does not stop half way at an action that could never have run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from runner import holes
from runner import vocabulary as words
from runner.actions import blocks, call
from runner.spec import Spec, SpecError
from runner.vocabulary import ActionType

if TYPE_CHECKING:
    from runner.acting import Acting
    from runner.record import Object, Outcome


class Performer(Protocol):
    """The module of an action type."""

    def perform(self, block: Mapping[str, Any], acting: Acting) -> Outcome:
        """Do what a filled block says."""

    def undo(self, block: Mapping[str, Any], acting: Acting, forward: Object) -> Outcome:
        """Undo what an action did, from the record of that action; type HTTP has no such function.

        Args:
            block: the block of the action, its holes empty.
            acting: the frame.
            forward: the record.
        """


class _Type(NamedTuple):
    module: str
    check: Callable[[Mapping[str, Any]], None]


_TYPES = {
    ActionType.HTTP: _Type("runner.actions.http", call.check),
    ActionType.JOB: _Type("runner.actions.job", blocks.check_job),
    ActionType.LOCALIZATION: _Type("runner.actions.localization", blocks.check_localization),
    ActionType.GLOBALIZATION: _Type("runner.actions.globalization", blocks.check_globalization),
    ActionType.HELM_CHART: _Type("runner.actions.helm_chart", blocks.check_helm_chart),
    ActionType.SUBSCRIPTION: _Type("runner.actions.subscription", blocks.check_subscription),
    ActionType.KUBERNETES_RESOURCE: _Type("runner.actions.resource", blocks.check_resource),
}


def check(spec: Spec, environment: Mapping[str, str]) -> None:
    """Check that an action can be done.

    Args:
        spec: what is to be done.
        environment: environment variables, where secrets are.

    Raises:
        SpecError: it cannot.
    """
    _TYPES[spec.type].check(spec.block)
    holes.check(spec)
    unset = [variable for variable in spec.secrets if variable not in environment]
    if unset:
        raise SpecError(f"environment variable {unset[0]} with the value of a Secret is not set")
    if spec.type is not ActionType.HTTP:
        _check_server(spec.type, environment)
    elif spec.undo and not spec.rollback:
        raise SpecError("an HTTP action can only be undone by a custom rollback, and this spec is none")


def secrets(spec: Spec, environment: Mapping[str, str]) -> list[str]:
    """Values of the secrets that a spec has holes for."""
    return [environment[variable] for variable in spec.secrets]


def performer(kind: ActionType) -> Performer:
    """Return the module of a type; imported only now, because a waiting runner needs none of it."""
    return cast("Performer", import_module(_TYPES[kind].module))


def _check_server(kind: ActionType, environment: Mapping[str, str]) -> None:
    account = environment.get(words.ENV_SERVICE_ACCOUNT) or words.SERVICE_ACCOUNT_MOUNT
    if not environment.get(words.ENV_API_HOST) or not os.path.exists(
        os.path.join(account, words.SERVICE_ACCOUNT_TOKEN)
    ):
        raise SpecError(
            f"type {kind} needs a Kubernetes API server; set {words.ENV_API_HOST} and {words.ENV_API_PORT}, and "
            f"{words.ENV_SERVICE_ACCOUNT} to a folder with token and ca.crt, or run the plan in a cluster"
        )
