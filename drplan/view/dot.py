"""A graph in the DOT language of Graphviz: stages and workflow uses as clusters, actions as nodes.

An edge of DOT goes from node to node, so one between clusters has an action of each at its ends and says by `ltail` and
`lhead` which clusters it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compiler.graph.tree import Action, Graph, Stage, WorkflowUse
from compiler.model.phases import Phase
from drplan.view import drawing

_INDENT = "  "


def draw(graph: Graph) -> str:
    """Write the digraph."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield "digraph plan {"
    yield f"{_INDENT}label={quote(drawing.title(graph))};"
    yield f"{_INDENT}compound=true;"
    yield f"{_INDENT}node [shape=box];"
    for stage in graph.stages:
        yield from _stage(stage)
    anchors = _anchors(graph)
    for edge in drawing.edges(graph):
        yield f"{_INDENT}{_edge(edge, anchors)}"
    yield "}"


def _stage(stage: Stage) -> Iterator[str]:
    yield f"{_INDENT}subgraph {quote(cluster(stage.key))} {{"
    yield f"{_INDENT * 2}label={quote(drawing.stage_title(stage))};"
    if not stage.workflows:
        yield f"{_INDENT * 2}{_anchor(stage.key)}"
    for use in stage.workflows:
        yield from _use(use)
    yield f"{_INDENT}}}"


def _use(use: WorkflowUse) -> Iterator[str]:
    yield f"{_INDENT * 2}subgraph {quote(cluster(use.key))} {{"
    yield f"{_INDENT * 3}label={quote(drawing.use_title(use))};"
    if not use.actions:
        yield f"{_INDENT * 3}{_anchor(use.key)}"
    for action in use.actions:
        yield f"{_INDENT * 3}{_action(action)}"
    yield f"{_INDENT * 2}}}"


def _action(action: Action) -> str:
    attributes = f"label={quote(*drawing.action_lines(action))}"
    if action.decided is not None:
        attributes += ", style=dashed"
        if action.decided.phase is not Phase.SKIPPED:
            attributes += ", color=red"
    return f"{quote(action.key)} [{attributes}];"


def _anchor(key: str) -> str:
    """A node for a cluster that has none."""
    return f"{quote(key)} [style=invis, shape=point];"


def _anchors(graph: Graph) -> Mapping[str, tuple[str, str]]:
    """For each cluster its first and its last node."""
    ends: dict[str, tuple[str, str]] = {}
    for stage in graph.stages:
        for use in stage.workflows:
            keys = [action.key for action in use.actions] or [use.key]
            ends[use.key] = (keys[0], keys[-1])
        uses = [ends[use.key] for use in stage.workflows] or [(stage.key, stage.key)]
        ends[stage.key] = (uses[0][0], uses[-1][1])
    return ends


def _edge(edge: drawing.Edge, anchors: Mapping[str, tuple[str, str]]) -> str:
    attributes = [f"label={quote(edge.label)}"] if edge.label else []
    if edge.before in anchors:
        attributes += [f"ltail={quote(cluster(edge.before))}", f"lhead={quote(cluster(edge.after))}"]
    tail = anchors[edge.before][1] if edge.before in anchors else edge.before
    head = anchors[edge.after][0] if edge.after in anchors else edge.after
    return f"{quote(tail)} -> {quote(head)}{' [' + ', '.join(attributes) + ']' if attributes else ''};"


def cluster(key: str) -> str:
    """Name of the cluster of a stage or a workflow use."""
    return f"cluster_{key}"


def quote(*lines: str) -> str:
    """Write lines as one quoted string that means only itself."""
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for line in lines)
    return '"' + "\\n".join(escaped) + '"'
