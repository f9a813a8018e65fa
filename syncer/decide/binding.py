"""Whose a Workflow is that has the name which an execution needs: its own, the one before it, or somebody else's.

A name says nothing: whoever may create Workflows may take it. Only the one that the fence is bound to, or the one that
was made for this epoch of this execution, may be gone on with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compiler.model.names import ANNOTATION_SNAPSHOT_HASH, LABEL_EPOCH, LABEL_EXECUTION_UID
from syncer.decide.fence import Fence
from syncer.nodes import Workflow


def own_workflow(found: Workflow | None, execution: Mapping[str, Any]) -> tuple[Workflow | None, str]:
    """The Workflow of an execution, and what is in its way: a Workflow of its name that is another's.

    Args:
        found: the Workflow that has the name.
        execution: the execution.

    Returns:
        The Workflow, None when there is none; and what is wrong with the one that has its name, empty when nothing is.
    """
    if found is None:
        return None, ""
    bound = _uid_bound_to(execution)
    if bound:
        # One that came after it is a copy, and dealt with as any other copy.
        return (found if found.metadata.uid == bound else None), ""
    problem = _difference(found, execution)
    if not problem:
        return found, ""
    where = f"{found.metadata.namespace}/{found.metadata.name}"
    return None, f"Argo Workflow {where} {problem}; delete it, and the execution goes on"


def _uid_bound_to(execution: Mapping[str, Any]) -> str:
    """Uid of the Workflow that an execution is bound to; empty as long as there is none."""
    adopted = (execution.get("spec") or {}).get("adoptWorkflow") or {}
    shown = (execution.get("status") or {}).get("workflowRef") or {}
    fence = Fence.of(execution)
    if fence is None:
        return str(shown.get("uid") or adopted.get("uid") or "")
    return fence.workflow_uid or str((adopted.get("uid") or "") if fence.epoch == 1 else "")


def _difference(found: Workflow, execution: Mapping[str, Any]) -> str:
    """What tells a Workflow from the one that this epoch of an execution needs; empty when it is that one."""
    labels, annotations = found.metadata.labels or {}, found.metadata.annotations or {}
    fence = Fence.of(execution)
    epoch = fence.epoch if fence is not None else 1
    kept = (execution.get("status") or {}).get("snapshotRef") or {}
    if labels.get(LABEL_EXECUTION_UID) != execution["metadata"]["uid"]:
        return "has the name that is needed and belongs to something else"
    if labels.get(LABEL_EPOCH) != str(epoch):
        return f"has the name that is needed and was made for another epoch than {epoch}"
    # How it was compiled may differ, after an update of the syncer or of its configuration; what it runs may not.
    if annotations.get(ANNOTATION_SNAPSHOT_HASH) != kept.get("hash"):
        return "has the name that is needed and was made from other manifests"
    return ""
