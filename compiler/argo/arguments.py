"""The runner's command line in a compiled Workflow, for both forms of lanes."""

from __future__ import annotations

from compiler.argo.lanes import Lane
from compiler.graph.tree import Action
from compiler.model.names import local_key

RESULT_BYTES = 16 * 1024
"""Most bytes of a lane's result; `budget` lowers it in large plans."""

DIRECTION_REVERT = "--direction=revert"
_LIMIT = "--limit="


def inline(action: Action, text: str, *, revert: bool) -> list[str]:
    """Arguments of an action whose spec travels with them."""
    return [action.key, *_direction(revert), *_undo(action), f"--spec={text}"]


def by_reference(prefix: str, action_key: str, *, revert: bool) -> list[str]:
    """Arguments of an action whose spec is mounted.

    Args:
        prefix: key of the use, or what Argo replaces by it.
        action_key: local key of the action.
        revert: whether it belongs to a revert.
    """
    return [f"{prefix}.{action_key}", *_direction(revert), f"--spec-ref={action_key}"]


def close(prefix: str, lane: Lane) -> list[str]:
    """Arguments of the container that closes a lane; the limit of its result comes last."""
    return [prefix, "--close", f"--members={','.join(lane.keys)}", result_limit(RESULT_BYTES)]


def result_limit(limit: int) -> str:
    """The argument that limits a lane's result."""
    return f"{_LIMIT}{limit}"


def spec_key(action: Action) -> str:
    """Key of an action's spec in the ConfigMap of its use."""
    return local_key(action.key)


def _direction(revert: bool) -> list[str]:
    return [DIRECTION_REVERT] if revert else []


def _undo(action: Action) -> list[str]:
    return [] if action.undo is None else [f"--undo={action.undo}"]
