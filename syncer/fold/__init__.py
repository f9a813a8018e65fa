"""From what is known of a run (graph, Argo Workflow, records, previous status) to the status of its DRPlanExecution.

`fold` is the whole of it. The way through: `evidence` gathers, `actions` and `causes` settle each action, `rollup` and
`verdict` say what the parts make of the whole, `messages` puts it into words, `render` and `conditions` write it down.
"""

from syncer.fold.status import fold, refused, waiting

__all__ = ["fold", "refused", "waiting"]
