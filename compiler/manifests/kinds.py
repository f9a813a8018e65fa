"""Our kinds and the models that read them; each model is imported only when an object of its kind is there."""

from __future__ import annotations

from compiler.model.base import Model
from compiler.model.names import KIND_EXECUTION, KIND_PLAN, KIND_RECORD, KIND_WORKFLOW


def model_of(kind: str) -> type[Model]:
    """Return the model of one of our kinds.

    Raises:
        LookupError: it is none of them.
    """
    if kind == KIND_PLAN:
        from compiler.model.plan import DRPlan

        return DRPlan
    if kind == KIND_WORKFLOW:
        from compiler.model.workflow import DRWorkflow

        return DRWorkflow
    if kind == KIND_EXECUTION:
        from compiler.model.execution import DRPlanExecution

        return DRPlanExecution
    if kind == KIND_RECORD:
        from compiler.model.record import DRActionRecord

        return DRActionRecord
    raise LookupError(f"{kind} is not one of our kinds")
