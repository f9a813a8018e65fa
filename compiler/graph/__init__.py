"""The intermediate form: a plan with parameters resolved, conditions decided and edges explicit.

`tree` is the form itself, `forward` makes it from a plan, `reverse` from what an earlier run recorded. The emitter
(`compiler.argo`), the fold and the rules read it; none of them looks at a manifest again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compiler.graph.snapshot import Snapshot
    from compiler.graph.tree import Graph


def build(snapshot: Snapshot) -> Graph:
    """Make the graph of a snapshot: forward for an Execute, reverse for a Revert.

    Raises:
        compiler.problems.Refused: the input breaks rules; with all violations at once.
    """
    from compiler.graph.forward import forward_graph
    from compiler.graph.reverse import reverse_graph

    return forward_graph(snapshot) if snapshot.revert is None else reverse_graph(snapshot)
