"""A graph as a Mermaid flowchart: stages and workflow uses as subgraphs, actions as nodes.

Every character of a label that Mermaid, Markdown or HTML could take for something else is written as an entity, so that
no name can break a drawing or put anything into a page.
"""

from __future__ import annotations

from collections.abc import Iterator

from compiler.graph.tree import Action, Graph, Stage, WorkflowUse
from compiler.model.phases import Phase
from drplan.view import drawing

_SAFE = frozenset(" -_.,/")
_DECIDED = "decided"
_IMPOSSIBLE = "impossible"


def draw(graph: Graph) -> str:
    """Write the flowchart."""
    return "\n".join(_lines(graph)) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    yield "flowchart TB"
    yield f"  %% {escape(drawing.title(graph))}"
    for stage in graph.stages:
        yield from _stage(stage)
    for edge in drawing.edges(graph):
        label = f'|"{edge.label}"|' if edge.label else ""
        yield f"  {node_id(edge.before)} -->{label} {node_id(edge.after)}"
    yield f"  classDef {_DECIDED} stroke-dasharray:4"
    yield f"  classDef {_IMPOSSIBLE} stroke-dasharray:4,stroke:red"


def _stage(stage: Stage) -> Iterator[str]:
    yield f'  subgraph {node_id(stage.key)}["{escape(drawing.stage_title(stage))}"]'
    for use in stage.workflows:
        yield from _use(use)
    yield "  end"


def _use(use: WorkflowUse) -> Iterator[str]:
    yield f'    subgraph {node_id(use.key)}["{escape(drawing.use_title(use))}"]'
    for action in use.actions:
        yield f"      {_action(action)}"
    yield "    end"


def _action(action: Action) -> str:
    label = "<br/>".join(map(escape, drawing.action_lines(action)))
    if action.decided is None:
        return f'{node_id(action.key)}["{label}"]'
    kind = _DECIDED if action.decided.phase is Phase.SKIPPED else _IMPOSSIBLE
    return f'{node_id(action.key)}["{label}"]:::{kind}'


def node_id(key: str) -> str:
    """Id of a stage, a workflow use or an action."""
    return key.replace(".", "_")


def escape(text: str) -> str:
    """Write a text so that it means only itself in a quoted label."""
    return "".join(each if each.isalnum() or each in _SAFE else f"#{ord(each)};" for each in text)
