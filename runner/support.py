"""What this runner can do at all, checked when it starts, before anything in its lane has run.

A mistake that is found here is an error of configuration: no record is made, and the lane's other actions learn of it
at once, so that a failover does not stop half way at an action that could never have run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from runner import holes
from runner.actions import call
from runner.spec import Spec, SpecError
from runner.vocabulary import ActionType

if TYPE_CHECKING:
    from runner.acting import Acting
    from runner.record import Outcome

    Perform = Callable[[Mapping[str, Any], Acting], Outcome]

_CHECKS = {ActionType.HTTP: call.check}
_PERFORMERS = {ActionType.HTTP: "runner.actions.http"}


def check(spec: Spec, environment: Mapping[str, str]) -> None:
    """Check that an action can be done.

    Args:
        spec: what is to be done.
        environment: environment variables, where secrets are.

    Raises:
        SpecError: it cannot.
    """
    if spec.type not in _CHECKS:
        raise SpecError(f"action type {spec.type} is not supported by this runner")
    _CHECKS[spec.type](spec.block)
    holes.check(spec)
    unset = [variable for variable in spec.secrets if variable not in environment]
    if unset:
        raise SpecError(f"environment variable {unset[0]} with the value of a Secret is not set")
    if spec.undo and spec.type is ActionType.HTTP and not spec.rollback:
        raise SpecError("an HTTP action can only be undone by a custom rollback, and this spec is none")


def secrets(spec: Spec, environment: Mapping[str, str]) -> list[str]:
    """Values of the secrets that a spec has holes for."""
    return [environment[variable] for variable in spec.secrets]


def performer(kind: ActionType) -> Perform:
    """Return what performs a type; imported only now, because a waiting runner needs none of it."""
    perform: Perform = import_module(_PERFORMERS[kind]).perform
    return perform
